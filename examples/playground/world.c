/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making the three machines, and what goes on in them during a command.
 * Not here: what a command means (play.c), what a guest looks like (presets.c, core.c).
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

int play_fail(struct play *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p->error, sizeof(p->error), fmt, ap);
	va_end(ap);
	return -1;
}

/* ---- callbacks of the machines ------------------------------------------------------ */

/*
 * What is aligned to pages holds tables, and lies in the machine's own memory, so that its
 * host-physical addresses are the same wherever this runs.
 */
static void *take(void *ctx, size_t size, size_t align)
{
	struct machine *m = ctx;
	size_t n = (size + CHUNK - 1) / CHUNK, i, k;

	if (align < VMMU_PAGE_SIZE) {
		void *p;

		return posix_memalign(&p, align < sizeof(p) ? sizeof(p) : align, size) ? NULL : p;
	}
	for (i = 0; align <= CHUNK && i + n <= NR_CHUNKS; i++) {
		for (k = 0; k < n && !m->chunk[i + k]; k++)
			;
		if (k < n)
			continue;
		memset(&m->chunk[i], 2, n);
		m->chunk[i] = 1;
		return m->memory + i * CHUNK;
	}
	return NULL;
}

static void give(void *ctx, void *p, size_t size)
{
	struct machine *m = ctx;
	uint8_t *at = p;
	size_t n = (size + CHUNK - 1) / CHUNK;

	if (m->memory && at >= m->memory && at < m->memory + RAM_HPA)
		memset(&m->chunk[(size_t)(at - m->memory) / CHUNK], 0, n);
	else
		free(p);
}

static int host_page(void *ctx, vmmu_gpa_t gpa, int write, struct vmmu_host_page *page)
{
	struct machine *m = ctx;
	struct play *p = m->play;
	uint64_t frame = gpa.v / VMMU_PAGE_SIZE, n = (uint64_t)(m - p->machine);
	uint8_t *out = &p->swapped[frame];

	(void)write;
	if (*out & 1u << n) {
		memcpy(m->ram + frame * VMMU_PAGE_SIZE,
		       p->swap + (frame * NR_MACHINES + n) * VMMU_PAGE_SIZE, VMMU_PAGE_SIZE);
		*out &= (uint8_t) ~(1u << n);
	}
	page->pointer = m->ram + (gpa.v & ~(uint64_t)(VMMU_PAGE_SIZE - 1));
	page->size = p->with.large ? 2u << 20 : VMMU_PAGE_SIZE;
	page->writable = 1;
	return 0;
}

static void note_step(void *ctx, const struct vmmu_step *step)
{
	struct happened *h = ctx;

	if (h->nr_steps < STEPS)
		h->step[h->nr_steps++] = *step;
}

/* A walk is done again as it is told, and before anybody repairs what stopped it. */
static void tell(void *ctx, struct vmmu_cpu *cpu, enum vmmu_event ev, uint64_t a, uint64_t b)
{
	struct machine *m = ctx;
	struct happened *h;

	(void)cpu;
	if (m->nr_happened == HAPPENED) {
		m->lost++;
		return;
	}
	h = &m->happened[m->nr_happened++];
	h->event = ev;
	h->a = a;
	h->b = b;
	h->nr_steps = 0;
	if (ev == VMMU_EV_WALK && m->play->walking)
		vmmu_walk2(m->hw, NULL, vmmu_gva(a), m->play->access | VMMU_NO_AD, note_step, h,
			   &h->walk);
}

/* ---- making ------------------------------------------------------------------------- */

static const struct vmmu_silicon *silicon(const struct switches *with)
{
	static struct vmmu_silicon s;

	s = (struct vmmu_silicon){ .size = sizeof(s) };
	if (with->tlb) {
		s.tlb[0] = (struct vmmu_tlb_model){
			.shape = { 1, 8 },
			.level = 1,
			.serves = VMMU_TLB_DATA | VMMU_TLB_CODE,
			.sizes = VMMU_TLB_4K | VMMU_TLB_2M | VMMU_TLB_1G,
		};
		s.nr_tlbs = 1;
	}
	if (with->pwc)
		s.links[0] = (struct vmmu_cache_shape){ 1, 8 };
	if (with->nested_tlb) {
		s.nested_tlb = (struct vmmu_cache_shape){ 1, 8 };
		s.nested_tlb_final = 1;
	}
	return &s;
}

static int start(struct play *p, unsigned n)
{
	struct machine *m = &p->machine[n];
	const struct vmmu_shadow_config shadow = { .size = sizeof(shadow),
						   .off = p->with.shadow_off };
	const struct vmmu_nested_config nested = { .levels = 4 };
	const struct vmmu_slot_info slot = { .size = p->ram_bytes,
					     .page_size = p->with.large ? 2u << 20 : 4096 };
	struct vmmu_config config = {
		.size = sizeof(config),
		.profile = &vmmu_profile_max,
		.cb = { .host_page = host_page,
			.event = tell,
			.alloc = take,
			.free = give,
			.ctx = m },
		.base = n == NATIVE ? m->ram : m->memory,
		.silicon = silicon(&p->with),
	};
	int st;

	if (n == NATIVE) {
		config.backend = &vmmu_native;
		config.backend_config = &p->native;
	} else if (n == SHADOW) {
		config.backend = &vmmu_shadow;
		config.backend_config = &shadow;
		config.max_tables = NR_CHUNKS * 60;
	} else {
		config.backend = p->with.ept ? &vmmu_nested_ept : &vmmu_nested_npt;
		config.backend_config = &nested;
		config.max_tables = NR_CHUNKS * 60;
	}
	m->play = p;
	m->nr_happened = 0;
	m->lost = 0;
	st = vmmu_create(&config, &m->vm);
	if (st)
		return play_fail(p, "the machine cannot be made: %s", vmmu_strerror(st));
	m->cpu = vmmu_cpu(m->vm, 0);
	m->hw = vmmu_be_hw(m->cpu);
	st = n == NATIVE ? VMMU_OK : vmmu_slot_add(m->vm, &slot);
	return st ? play_fail(p, "no memory for the guest: %s", vmmu_strerror(st)) : 0;
}

void world_stop(struct play *p)
{
	for (unsigned i = 0; i < NR_MACHINES; i++) {
		vmmu_destroy(p->machine[i].vm);
		p->machine[i].vm = NULL;
		p->machine[i].cpu = NULL;
	}
}

/* Pages that the host has taken away are lost with the machine that wants them back. */
static void swap_in_all(struct play *p)
{
	for (uint64_t frame = 0; frame < p->ram_bytes / VMMU_PAGE_SIZE; frame++)
		for (unsigned i = 0; p->swapped[frame] && i < NR_MACHINES; i++) {
			struct vmmu_host_page page;

			host_page(&p->machine[i], vmmu_gpa(frame * VMMU_PAGE_SIZE), 0, &page);
		}
}

int world_start(struct play *p, const struct vmmu_regs *regs)
{
	world_stop(p);
	swap_in_all(p);
	p->range = (struct vmmu_range){ 0, p->ram_bytes };
	p->native = (struct vmmu_native_config){ &p->range, 1, 4096 };
	for (unsigned i = 0; i < NR_MACHINES; i++) {
		struct machine *m = &p->machine[i];
		int st;

		if (start(p, i))
			return -1;
		st = vmmu_set_regs(m->cpu, regs, 1);
		if (st)
			return play_fail(p, "no CPU can have these registers: %s",
					 vmmu_reason(m->vm));
	}
	world_mark(p);
	for (unsigned i = 0; i < NR_MACHINES; i++) {
		vmmu_clear_stats(p->machine[i].vm);
		p->machine[i].nr_happened = 0;
	}
	world_mark(p);
	p->act = ACT_NONE;
	return 0;
}

int world_memory(struct play *p, uint64_t bytes)
{
	uint64_t pages = bytes / VMMU_PAGE_SIZE;

	world_stop(p);
	if (bytes > p->arena_bytes) {
		for (unsigned i = 0; i < NR_MACHINES; i++) {
			struct machine *m = &p->machine[i];

			m->memory = memory_get(RAM_HPA + bytes);
			if (!m->memory)
				return play_fail(p, "no room for a guest of %llu MiB, three times",
						 (unsigned long long)(bytes >> 20));
			m->ram = m->memory + RAM_HPA;
		}
		p->swap = memory_get(NR_MACHINES * bytes);
		p->swapped = memory_get(pages);
		if (!p->swap || !p->swapped)
			return play_fail(p, "no room for the pages that a host takes away");
		p->arena_bytes = bytes;
	} else {
		for (unsigned i = 0; i < NR_MACHINES; i++)
			memory_clear(p->machine[i].ram,
				     p->ram_bytes > bytes ? p->ram_bytes : bytes);
		memset(p->swapped, 0, pages);
	}
	for (unsigned i = 0; i < NR_MACHINES; i++)
		memset(p->machine[i].chunk, 0, sizeof(p->machine[i].chunk));
	p->ram_bytes = bytes;
	return 0;
}

void world_mark(struct play *p)
{
	for (unsigned i = 0; i < NR_MACHINES; i++) {
		struct machine *m = &p->machine[i];

		m->before.size = sizeof(m->before);
		m->silicon_before.size = sizeof(m->silicon_before);
		if (m->vm) {
			vmmu_get_stats(m->vm, &m->before);
			vmmu_get_silicon(m->cpu, &m->silicon_before);
		}
		m->nr_happened = 0;
		m->lost = 0;
		m->status = VMMU_OK;
	}
	p->act = ACT_OTHER;
}

/* ---- the guest's memory --------------------------------------------------------------- */

const struct vmmu_paging *guest_paging(const struct play *p)
{
	return vmmu_be_guest(p->machine[NATIVE].cpu);
}

/* Native's is never taken away. */
uint64_t ram_entry(const struct play *p, uint64_t gpa, unsigned bytes)
{
	if (gpa > p->ram_bytes || bytes > p->ram_bytes - gpa)
		return 0;
	return vmmu_be_load(p->machine[NATIVE].ram + gpa, bytes);
}

void ram_poke(struct play *p, uint64_t gpa, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < NR_MACHINES; i++)
		memcpy(p->machine[i].ram + gpa, &value, bytes);
}

int guest_write(struct play *p, uint64_t gpa, const void *bytes, size_t len)
{
	if (gpa > p->ram_bytes || len > p->ram_bytes - gpa)
		return play_fail(p, "0x%llx is no place for %u bytes of the guest's memory",
				 (unsigned long long)gpa, (unsigned)len);
	for (unsigned i = 0; i < NR_MACHINES; i++) {
		struct machine *m = &p->machine[i];

		m->status = vmmu_write(m->vm, m->cpu, vmmu_gpa(gpa), bytes, len, NULL);
	}
	return 0;
}

int guest_store(struct play *p, uint64_t gpa, uint64_t value, unsigned bytes)
{
	if (gpa % bytes)
		return play_fail(p, "0x%llx is no place for %u bytes of the guest's memory",
				 (unsigned long long)gpa, bytes);
	return guest_write(p, gpa, &value, bytes);
}

int guest_access(struct play *p, uint64_t gva, uint32_t access)
{
	p->act = ACT_ACCESS;
	p->gva = gva;
	p->access = access;
	p->walking = 1;
	for (unsigned i = 0; i < NR_MACHINES; i++) {
		struct machine *m = &p->machine[i];

		m->status = vmmu_translate(m->cpu, vmmu_gva(gva), 1, access, &m->xlat);
	}
	p->walking = 0;
	return 0;
}
