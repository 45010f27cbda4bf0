/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model of a CPU's translation hardware: counts that add up, configurations that are refused,
 * and what it tells of its contents.
 * Not here: what each structure keeps (test_silicon.c, test_silicon_caches.c).
 */
#include "silicon_rig.h"

/* ---- sums --------------------------------------------------------------------------------------
 */

static void big_model(void)
{
	add_tlb(1, VMMU_TLB_DATA, VMMU_TLB_4K, 2, 4);
	add_tlb(1, VMMU_TLB_DATA, VMMU_TLB_2M | VMMU_TLB_1G, 1, 4);
	add_tlb(1, VMMU_TLB_CODE, VMMU_TLB_4K, 4, 2);
	add_tlb(2, BOTH, VMMU_TLB_4K | VMMU_TLB_2M, 8, 2);
	m.tlb[3].latency = 7;
	m.tlb[3].replace = VMMU_REPLACE_RANDOM;
	m.links[1] = (struct vmmu_cache_shape){ 2, 2 };
	m.links[2] = m.links[3] = (struct vmmu_cache_shape){ 1, 2 };
	m.nested_links[1] = (struct vmmu_cache_shape){ 2, 2 };
	m.nested_tlb_replace = VMMU_REPLACE_FIFO;
	nested_tlb_of(4, 1);
	entries_of(2, 1, 16);
	m.entries.shape.ways = 8;
	add_cache(4, 2, 4);
	add_cache(16, 4, 12);
	add_cache(64, 4, 40);
	m.data_accesses = 1;
}

static void sums_hold(void)
{
	struct vmmu_stats st = { .size = sizeof(st) };
	uint64_t refs = 0, near = 0, cycles = 0, hits = 0;
	unsigned g, n;

	vmmu_get_stats(vm, &st);
	stats();
	for (g = 0; g <= VMMU_LEVELS; g++) {
		for (n = 0; n <= VMMU_LEVELS; n++) {
			refs += s.cell[g][n].refs;
			near += s.cell[g][n].near;
			cycles += s.cell[g][n].cycles;
		}
		hits += s.nested_hits[g];
		t_true(s.nested_hits[g] <= s.nested_looks[g]);
	}
	t_eq(refs, st.walk_refs);
	t_eq(near + s.cache_hits[0] + s.cache_hits[1] + s.cache_hits[2] + s.memory, refs);
	t_eq(cycles + hits * m.nested_tlb_latency, s.walk_cycles);
	t_eq(near * 2 + s.cache_hits[0] * 4 + s.cache_hits[1] * 12 + s.cache_hits[2] * 40 +
		     s.memory * 1000,
	     cycles);
	t_eq(s.walks[0] + s.walks[1], st.event[VMMU_EV_WALK]);
	t_eq(s.tlb_cycles, s.tlb_hits[3] * 7);
	t_true(refs > 1000 && near && s.memory && s.cache_hits[2] && s.tlb_hits[3] &&
	       s.link_hits[1]);
}

/* Pages of all sizes, and entries whose A and D bits are clear. */
static void begin_mix(void)
{
	unsigned i;

	begin(4);
	for (i = 0; i < 64; i++) {
		map(GIB + i * 68 * KIB, 256 * MIB + i * 4 * KIB, 1);
		map(4 * GIB + i * 2 * MIB, 512 * MIB + i * 2 * MIB, 2);
		*entry_at(TABLES, GIB, 4) &= ~(uint64_t)0x20;
	}
	map(64 * GIB, GIB, 3);
	for (i = 0; i < 0x40000; i += 8)
		if (i % 40 == 0)
			*(uint64_t *)(void *)(ram + TABLES + i) &= ~(uint64_t)0x60;
}

static void mixed_accesses(unsigned n)
{
	uint64_t x = 88172645463325252u;
	uint64_t at[3];
	unsigned i;

	for (i = 0; i < n; i++) {
		chance(&x);
		at[0] = GIB + (x >> 8 & 63) * 68 * KIB;
		at[1] = 4 * GIB + (x >> 8 & 63) * 2 * MIB + (x >> 20 & 511) * 4 * KIB;
		at[2] = 64 * GIB + (x >> 8 & 255) * 4 * MIB;
		touch(at[(x >> 40) % 3], (uint32_t)((x >> 50) % 3));
		if (x >> 56 == 0)
			t_eq(vmmu_set_cr3(cpu, TABLES), VMMU_OK);
		if (x >> 56 == 1)
			t_eq(vmmu_invlpg(cpu, vmmu_gva(at[0])), VMMU_OK);
	}
}

Test(sums, every_reference_is_in_one_cell_and_one_level)
{
	static const struct vmmu_backend *const be[] = { &vmmu_native, &vmmu_shadow,
							 &vmmu_nested_npt, &vmmu_nested_ept };
	unsigned i, flush;

	for (i = 0; i < 4; i++) {
		for (flush = 0; flush < 2; flush++) {
			begin_mix();
			big_model();
			m.exits_flush = (uint8_t)flush;
			start(be[i], 4 * KIB);
			mixed_accesses(4000);
			sums_hold();
			vmmu_clear_stats(vm);
			t_eq(stats()->walk_cycles, 0);
			mixed_accesses(4000);
			sums_hold();
			end();
		}
	}
}

/* ---- what no CPU can be
 * --------------------------------------------------------------------------- */

/* The reason names the structure, and no VM is made of it. */
static void refused(const char *word)
{
	struct vmmu_range range = { 0, RAM };
	struct vmmu_native_config native = { &range, 1, GIB };
	struct vmmu_config c = { .size = sizeof(c),
				 .backend = &vmmu_native,
				 .backend_config = &native };
	const char *why = vmmu_silicon_wrong(&m);
	struct vmmu *made = NULL;

	t_check(why && strstr(why, word), "\"%s\" does not say \"%s\"", why ? why : "(right)",
		word);
	c.base = ram;
	c.silicon = &m;
	t_eq(vmmu_create(&c, &made), VMMU_EINVAL);
	t_true(!made);
}

static void begin_big(void)
{
	begin(4);
	big_model();
	t_true(!vmmu_silicon_wrong(&m));
}

Test(wrong, tlbs)
{
	static const struct vmmu_cache_shape bad[] = { { 3, 4 },    { 0, 0 }, { 4, 0 },
						       { 0, 4 },    { 6, 1 }, { 32768, 2 },
						       { 256, 256 } };
	unsigned i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		begin_big();
		m.tlb[3].shape = bad[i];
		refused("a TLB needs ways");
	}
	begin_big();
	m.nr_tlbs = VMMU_TLBS + 1;
	refused("too many TLBs");
	begin_big();
	m.tlb[1].level = 0;
	refused("level is 1 or 2");
	m.tlb[1].level = 3;
	refused("level is 1 or 2");
	begin_big();
	m.tlb[0].serves = 0;
	refused("serves data");
	m.tlb[0].serves = 4;
	refused("serves data");
	begin_big();
	m.tlb[0].sizes = 0;
	refused("holds pages");
	m.tlb[0].sizes = 8;
	refused("holds pages");
	begin_big();
	m.tlb[2].replace = VMMU_REPLACE_RANDOM + 1;
	refused("replacement");
}

Test(wrong, walk_caches)
{
	static const struct vmmu_cache_shape bad[] = { { 3, 4 }, { 4, 0 }, { 0, 4 }, { 256, 256 } };
	unsigned i, level;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		for (level = 0; level < VMMU_LEVELS; level++) {
			begin_big();
			m.links[level] = bad[i];
			refused("links");
			begin_big();
			m.nested_links[level] = bad[i];
			refused("links");
		}
		begin_big();
		m.nested_tlb = bad[i];
		refused("nested TLB");
		begin_big();
		m.entries.shape = bad[i];
		refused("entry cache");
	}
	begin_big();
	m.nested_tlb_replace = VMMU_REPLACE_RANDOM + 1;
	refused("nested TLB");
	begin_big();
	m.entries.replace = VMMU_REPLACE_RANDOM + 1;
	refused("entry cache");
}

Test(wrong, lines_of_the_entry_cache)
{
	unsigned line;

	for (line = 0; line < 256; line++) {
		begin_big();
		m.entries.line = (uint8_t)line;
		if (line == 8 || line == 16 || line == 32 || line == 64)
			t_true(!vmmu_silicon_wrong(&m));
		else
			refused("line");
		m.entries.shape = (struct vmmu_cache_shape){ 0, 0 };
		t_true(!vmmu_silicon_wrong(&m));
	}
}

Test(wrong, data_caches)
{
	begin_big();
	m.cache[1].sets = 0;
	refused("data cache");
	m.cache[1].sets = 3;
	refused("data cache");
	m.cache[1].sets = 1u << 25;
	refused("data cache");
	begin_big();
	m.cache[2].ways = 0;
	refused("data cache");
	begin_big();
	m.nr_caches = VMMU_DATA_CACHES + 1;
	refused("data caches at most");
	begin_big();
	m.walk_from = 4;
	refused("walks begin");
	m.walk_from = 3;
	t_true(!vmmu_silicon_wrong(&m));
}

Test(wrong, model_beside_the_short_way_of_saying_it)
{
	struct vmmu_range range = { 0, RAM };
	struct vmmu_native_config native = { &range, 1, GIB };
	const struct vmmu_config right = { .size = sizeof(right),
					   .backend = &vmmu_native,
					   .backend_config = &native,
					   .silicon = &m };
	struct vmmu_config c;

	begin_big();
	c = right;
	c.base = ram;
	c.l1 = (struct vmmu_tlb_geometry){ 4, 4 };
	t_eq(vmmu_create(&c, &vm), VMMU_EINVAL);
	c = right;
	c.base = ram;
	c.pwc_entries = 1;
	t_eq(vmmu_create(&c, &vm), VMMU_EINVAL);
	c = right;
	c.base = ram;
	c.nested_entries = 1;
	t_eq(vmmu_create(&c, &vm), VMMU_EINVAL);
	c = right;
	c.base = ram;
	m.size = 0;
	t_eq(vmmu_create(&c, &vm), VMMU_EINVAL);
	m.size = sizeof(m);
	t_eq(vmmu_create(&c, &vm), VMMU_OK);
	vmmu_destroy(vm);
	vm = NULL;
}

/* Statistics of a caller that was built with an older, shorter struct. */
Test(wrong, statistics_stay_within_the_size_that_is_given)
{
	struct vmmu_silicon_stats small;

	begin_pages(4);
	start(&vmmu_native, 0);
	read_page(A);
	memset(&small, 0xaa, sizeof(small));
	small.size = offsetof(struct vmmu_silicon_stats, walks);
	vmmu_get_silicon(cpu, &small);
	t_eq(small.size, offsetof(struct vmmu_silicon_stats, walks));
	t_eq(small.tlb_misses, 1);
	t_eq(small.walks[0], 0xaaaaaaaaaaaaaaaa);
	end();
}

/* ---- what is cached, told ------------------------------------------------------ */

struct heard {
	unsigned nr[4]; /* by enum vmmu_cached_in */
	struct vmmu_cached last[4];
};

static void hear(void *ctx, const struct vmmu_cached *e)
{
	struct heard *h = ctx;

	h->nr[e->in]++;
	h->last[e->in] = *e;
}

static struct heard hear_all(void)
{
	struct heard h;

	memset(&h, 0, sizeof(h));
	vmmu_each_cached(cpu, hear, &h);
	return h;
}

Test(silicon, each_cached_entry_is_told)
{
	struct heard h;

	begin(4);
	m.tlb[0] = (struct vmmu_tlb_model){ .shape = { 1, 4 },
					    .level = 1,
					    .serves = VMMU_TLB_DATA | VMMU_TLB_CODE,
					    .sizes = VMMU_TLB_4K | VMMU_TLB_2M };
	m.nr_tlbs = 1;
	m.links[1] = (struct vmmu_cache_shape){ 1, 4 };
	m.nested_links[1] = (struct vmmu_cache_shape){ 1, 4 };
	m.nested_tlb = (struct vmmu_cache_shape){ 1, 32 };
	map(0x5000, 0x123000, 1);
	start(&vmmu_nested_npt, 4 * KIB);
	h = hear_all();
	t_eq(h.nr[VMMU_IN_TLB], 0);
	touch(0x5008, VMMU_READ);
	vmmu_hw_flush(cpu);
	touch(0x5008, VMMU_READ);
	h = hear_all();
	t_eq(h.nr[VMMU_IN_TLB], 1);
	t_eq(h.last[VMMU_IN_TLB].ia, 0x5000);
	t_eq(h.last[VMMU_IN_TLB].gpa, 0x123000);
	t_eq(h.last[VMMU_IN_TLB].oa, (uintptr_t)ram + 0x123000);
	t_eq(h.last[VMMU_IN_TLB].shift, 12);
	t_eq(h.last[VMMU_IN_TLB].rights, VMMU_RWXU);
	t_eq(h.nr[VMMU_IN_LINKS], 1);
	t_eq(h.last[VMMU_IN_LINKS].ia, 0);
	t_eq(h.last[VMMU_IN_LINKS].level, 1);
	t_eq(h.last[VMMU_IN_LINKS].shift, 21);
	t_true(h.nr[VMMU_IN_NESTED_LINKS] >= 1);
	t_true(h.nr[VMMU_IN_NESTED_TLB] >= 5);
	t_eq(h.last[VMMU_IN_NESTED_TLB].gpa, h.last[VMMU_IN_NESTED_TLB].ia);
	t_eq(h.last[VMMU_IN_NESTED_TLB].oa, (uintptr_t)ram + h.last[VMMU_IN_NESTED_TLB].ia);
	t_eq(vmmu_invlpg(cpu, vmmu_gva(0x5000)), VMMU_OK);
	h = hear_all();
	t_eq(h.nr[VMMU_IN_TLB], 0);
	end();
}

Test(silicon, told_where_nothing_is_modelled_there_is_nothing)
{
	struct heard h;

	begin(4);
	map(0x5000, 0x123000, 1);
	start(&vmmu_native, 4 * KIB);
	touch(0x5008, VMMU_READ);
	h = hear_all();
	t_eq(h.nr[VMMU_IN_TLB] + h.nr[VMMU_IN_LINKS] + h.nr[VMMU_IN_NESTED_TLB], 0);
	end();
}
