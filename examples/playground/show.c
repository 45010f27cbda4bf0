/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state of the engine as JSON.
 * Not here: the commands (play.c).
 * Keeps: host pointers are never shown, so that every host tells the same.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#define TABLES 40u	 /* of the guest's that are shown */
#define RANGES 4096u	 /* of a map */
#define LOOKS (1u << 21) /* entries that making a map looks at */

/* ---- text ----------------------------------------------------------------------------- */

static int make_room(struct text *t, size_t more)
{
	size_t room = t->room ? t->room : 4096;
	char *at;

	while (room < t->len + more + 1)
		room *= 2;
	if (room == t->room)
		return 0;
	at = realloc(t->at, room);
	if (!at)
		return -1;
	t->at = at;
	t->room = room;
	return 0;
}

void put(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (t->failed || n < 0 || make_room(t, (size_t)n)) {
		t->failed = 1;
		return;
	}
	va_start(ap, fmt);
	vsnprintf(t->at + t->len, t->room - t->len, fmt, ap);
	va_end(ap);
	t->len += (size_t)n;
}

void put_string(struct text *t, const char *s)
{
	put(t, "\"");
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			put(t, "\\%c", c);
		else if (c < 32 || c > 126)
			put(t, "\\u%04x", c);
		else
			put(t, "%c", c);
	}
	put(t, "\"");
}

static void put_hex(struct text *t, const char *name, uint64_t v)
{
	put(t, "\"%s\":\"0x%llx\",", name, (unsigned long long)v);
}

/* The comma behind the last goes. */
static void close_with(struct text *t, const char *end)
{
	if (t->len && t->at && t->at[t->len - 1] == ',')
		t->len--;
	put(t, "%s", end);
}

/* ---- walks ------------------------------------------------------------------------------ */

static void show_step(struct text *t, const struct vmmu_step *s)
{
	const struct vmmu_fmt_level *lv = &s->fmt->lv[s->level];
	unsigned index = (unsigned)(s->ia >> lv->shift) & ((1u << lv->bits) - 1);
	char text[128];

	vmmu_explain_entry(s->fmt, s->level, s->entry, text, sizeof(text));
	put(t, "{\"dim\":%u,\"level\":%u,\"table\":%u,\"leaf\":%u,", s->dim, s->level, s->table,
	    s->leaf);
	put_hex(t, "ia", s->ia);
	put_hex(t, "pa", s->pa);
	put_hex(t, "entry", s->entry);
	put(t, "\"name\":\"%s[%u]\",\"text\":", vmmu_explain_level(s->fmt, s->level), index);
	put_string(t, text);
	put(t, "},");
}

/* ---- events ---------------------------------------------------------------------------- */

/* In words, with a and b as <vmmu/event.h> has them. */
static const char *event_words(enum vmmu_event ev)
{
	switch (ev) {
	case VMMU_EV_EXIT_CR_WRITE:
		return "exit: the guest writes CR%llu = 0x%llx, which the hypervisor intercepts";
	case VMMU_EV_EXIT_INVLPG:
		return "exit: INVLPG of 0x%llx, which the hypervisor intercepts";
	case VMMU_EV_EXIT_GUEST_PF:
		return "exit: a page fault at 0x%llx turns out to be the guest's own";
	case VMMU_EV_EXIT_SHADOW_MISS:
		return "exit: the shadow has nothing for 0x%llx yet; the hypervisor walks the "
		       "guest's tables";
	case VMMU_EV_EXIT_PT_WRITE:
		return "exit: a store to the write-protected table entry at gpa 0x%llx";
	case VMMU_EV_EXIT_NPF:
		return "exit: nested page fault, the host maps nothing (or too little) at gpa "
		       "0x%llx";
	case VMMU_EV_EXIT_EPT_VIOLATION:
		return "exit: EPT violation, the host maps nothing (or too little) at gpa 0x%llx";
	case VMMU_EV_EXIT_EPT_MISCONFIG:
		return "exit: EPT misconfiguration at gpa 0x%llx";
	case VMMU_EV_EXIT_MMIO:
		return "exit: gpa 0x%llx is no memory, a device has to answer";
	case VMMU_EV_EXIT_DIRTY_LOG:
		return "exit: the first store to gpa 0x%llx since the dirty log was read";
	case VMMU_EV_WALK:
		return "the CPU walks for 0x%llx, entries read: %llu";
	case VMMU_EV_SW_WALK:
		return "the hypervisor walks the guest's tables for 0x%llx in software: %llu "
		       "entries";
	case VMMU_EV_GUEST_FAULT:
		return "the guest gets a page fault at 0x%llx, error code 0x%llx";
	case VMMU_EV_TLB_FLUSH:
		return "the TLB is flushed (%llu: 0 all, 1 one page)";
	case VMMU_EV_MAP:
		return "the hypervisor maps 0x%llx with the entry 0x%llx";
	case VMMU_EV_ZAP:
		return "the hypervisor takes away what mapped 0x%llx, the entry 0x%llx";
	case VMMU_EV_PROTECT:
		return "the hypervisor write-protects 0x%llx, the entry was 0x%llx";
	case VMMU_EV_SPLIT:
		return "a large mapping at 0x%llx is split, level %llu";
	case VMMU_EV_TABLE_ALLOC:
		return "the hypervisor takes a table page at hpa 0x%llx, level %llu";
	case VMMU_EV_TABLE_FREE:
		return "the hypervisor frees the table page at hpa 0x%llx, level %llu";
	case VMMU_EV_RECLAIM:
		return "the hypervisor reclaims %llu table pages";
	case VMMU_EV_SHADOW_PAGE:
		return "a shadow page is made for the guest's table at gpa 0x%llx, level %llu; "
		       "that table is write-protected now";
	case VMMU_EV_SHADOW_ZAP:
		return "the shadow page of the guest's table at gpa 0x%llx goes, level %llu";
	case VMMU_EV_UNSYNC:
		return "the guest's table at gpa 0x%llx goes out of sync: its stores run free from "
		       "here";
	case VMMU_EV_SYNC:
		return "the guest's table at gpa 0x%llx is compared again: %llu entries had "
		       "changed";
	case VMMU_EV_FLOOD:
		return "the frame at gpa 0x%llx is stored to again and again: it is no table any "
		       "more";
	case VMMU_EV_PREFETCH:
		return "beside 0x%llx, %llu neighbours are filled at once";
	case VMMU_EV_SMALL_PAGE:
		return "gpa 0x%llx gets a smaller page than asked for, level %llu";
	case VMMU_EV_HOST_ASK:
		return "the hypervisor asks its host for the page at gpa 0x%llx";
	default:
		return "0x%llx 0x%llx";
	}
}
static int event_text(const struct happened *h, char *buf, size_t len)
{
	return snprintf(buf, len, event_words(h->event), (unsigned long long)h->a,
			(unsigned long long)h->b);
}

static void show_event(struct text *t, const struct happened *h)
{
	char words[256], why[256];

	event_text(h, words, sizeof(words));
	put(t, "{\"key\":\"%s\",\"exit\":%s,\"text\":", vmmu_event_key(h->event),
	    h->event < VMMU_NR_EXITS ? "true" : "false");
	put_string(t, words);
	if (h->event == VMMU_EV_WALK && h->nr_steps) {
		vmmu_explain_walk(&h->walk, why, sizeof(why));
		put(t, ",\"refs\":%llu,\"done\":%s,\"why\":", (unsigned long long)h->b,
		    h->walk.status == VMMU_WALK_OK ? "true" : "false");
		put_string(t, why);
		put(t, ",\"steps\":[");
		for (unsigned i = 0; i < h->nr_steps; i++)
			show_step(t, &h->step[i]);
		close_with(t, "]");
	}
	put(t, "},");
}

/* ---- what is cached ---------------------------------------------------------------------- */

struct cached {
	struct text *t;
	const struct machine *m;
	uint8_t in;
};

static uint64_t canonical(const struct machine *m, uint64_t gva)
{
	const struct vmmu_fmt *f = vmmu_be_guest(m->cpu)->fmt;
	unsigned spare = f && f->canonical ? 64u - f->canonical : 0;

	return (uint64_t)((int64_t)(gva << spare) >> spare);
}

/* Whether the tables say something else now.  What is cached for others is not looked at. */
static int is_stale(const struct machine *m, const struct vmmu_cached *e)
{
	uint64_t mask = ~((1ull << e->shift) - 1), gva = canonical(m, e->ia);
	struct vmmu_walk w;

	if (e->in == VMMU_IN_NESTED_TLB)
		return vmmu_walk_nested(m->hw, NULL, vmmu_gpa(e->ia), VMMU_READ | VMMU_NO_AD, &w) !=
			       VMMU_WALK_OK ||
		       (w.hpa.v & mask) != e->oa;
	if (e->in != VMMU_IN_TLB || (!e->global && e->pcid != m->hw->pcid))
		return 0;
	vmmu_explain(m->cpu, vmmu_gva(gva), VMMU_READ, VMMU_EXPLAIN_GUEST, NULL, NULL, &w);
	if (w.status != VMMU_WALK_OK && w.status != VMMU_WALK_PERM)
		return 1;
	return (w.gpa.v & mask) != e->gpa || (e->rights & ~w.rights & VMMU_RWXU);
}

static void show_cached(void *ctx, const struct vmmu_cached *e)
{
	struct cached *c = ctx;
	int gva = e->in == VMMU_IN_TLB || e->in == VMMU_IN_LINKS;

	if (e->in != c->in)
		return;
	put(c->t, "{\"shift\":%u,\"level\":%u,\"global\":%u,\"pcid\":%u,\"stale\":%s,", e->shift,
	    e->level, e->global, e->pcid, is_stale(c->m, e) ? "true" : "false");
	put_hex(c->t, "ia", gva ? canonical(c->m, e->ia) : e->ia);
	put_hex(c->t, "gpa", e->gpa);
	put_hex(c->t, "oa", e->oa);
	put(c->t, "\"rights\":\"%c%c%c%c\"},", e->rights & VMMU_R ? 'r' : '-',
	    e->rights & VMMU_W ? 'w' : '-', e->rights & VMMU_X ? 'x' : '-',
	    e->rights & VMMU_U ? 'u' : '-');
}

static void show_caches(struct text *t, const struct machine *m)
{
	static const char *const name[] = { "tlb", "pwc", "npwc", "ntlb" };
	struct cached c = { t, m, 0 };

	put(t, "\"caches\":{");
	for (c.in = 0; c.in < 4; c.in++) {
		put(t, "\"%s\":[", name[c.in]);
		vmmu_each_cached(m->cpu, show_cached, &c);
		close_with(t, "],");
	}
	close_with(t, "},");
}

/* ---- a machine --------------------------------------------------------------------------- */

static void show_fault(struct text *t, const struct vmmu_fault *f)
{
	static const struct {
		const char *name, *set, *clear;
	} bits[] = {
		{ "P", "the page is present, the rights forbid it", "nothing is mapped there" },
		{ "W/R", "a write", "a read" },
		{ "U/S", "by the user", "by the supervisor" },
		{ "RSVD", "a reserved bit is set in an entry", "no reserved bit is set" },
		{ "I/D", "an instruction fetch", "not an instruction fetch" },
		{ "PK", "a protection key forbids it", "no protection key's doing" },
	};

	put(t, "\"fault\":{\"vector\":%u,\"level\":%u,\"code\":%u,", f->vector, f->level, f->code);
	put_hex(t, "cr2", f->cr2);
	put(t, "\"bits\":[");
	for (unsigned i = 0; i < sizeof(bits) / sizeof(*bits); i++) {
		unsigned set = f->code >> i & 1;

		put(t, "{\"name\":\"%s\",\"set\":%s,\"text\":\"%s\"},", bits[i].name,
		    set ? "true" : "false", set ? bits[i].set : bits[i].clear);
	}
	close_with(t, "]},");
}

static void show_outcome(struct text *t, const struct play *p, const struct machine *m)
{
	const struct vmmu_xlat *x = &m->xlat;
	struct vmmu_walk w;
	char why[256];

	if (p->act != ACT_ACCESS)
		return;
	put(t, "\"outcome\":\"%s\",",
	    m->status == VMMU_OK      ? "ok"
	    : m->status == VMMU_FAULT ? "fault"
	    : m->status == VMMU_MMIO  ? "mmio"
				      : "error");
	if (m->status == VMMU_OK || m->status == VMMU_MMIO)
		put_hex(t, "gpa", x->gpa.v);
	if (m->status == VMMU_OK)
		put(t, "\"page\":%u,", x->guest_shift);
	if (m->status < 0) {
		put(t, "\"why\":");
		put_string(t, vmmu_strerror(m->status));
		put(t, ",");
	}
	if (m->status != VMMU_FAULT)
		return;
	show_fault(t, &x->fault);
	vmmu_explain(m->cpu, vmmu_gva(p->gva), p->access, VMMU_EXPLAIN_GUEST, NULL, NULL, &w);
	vmmu_explain_walk(&w, why, sizeof(why));
	put(t, "\"why\":");
	put_string(t, why);
	put(t, ",");
}

static void show_numbers(struct text *t, const struct play *p, const char *machine, const char *all)
{
	static const char *const what[] = { "refs", "walks", "exits", "hits", "sw" };
	char name[64];

	put(t, "\"%s\":{", *all ? all : "last");
	for (unsigned i = 0; i < sizeof(what) / sizeof(*what); i++) {
		snprintf(name, sizeof(name), "%s.%s%s", machine, all, what[i]);
		put(t, "\"%s\":%lld,", what[i], play_number(p, name));
	}
	put(t, "\"events\":{");
	for (unsigned i = 0; i < VMMU_NR_EVENTS; i++) {
		long long n;

		snprintf(name, sizeof(name), "%s.%s%s", machine, all, vmmu_event_key(i));
		n = play_number(p, name);
		if (n)
			put(t, "\"%s\":%lld,", vmmu_event_key(i), n);
	}
	close_with(t, "}},");
}

/* How often each reference of the grid was read, by guest level and nested level. */
static void show_cells(struct text *t, const struct machine *m)
{
	struct vmmu_silicon_stats s = { .size = sizeof(s) };

	vmmu_get_silicon(m->cpu, &s);
	put(t, "\"cells\":[");
	for (unsigned g = 0; g <= VMMU_LEVELS; g++)
		for (unsigned n = 0; n <= VMMU_LEVELS; n++) {
			uint64_t refs = s.cell[g][n].refs - m->silicon_before.cell[g][n].refs;

			if (refs)
				put(t, "[%u,%u,%llu],", g, n, (unsigned long long)refs);
		}
	close_with(t, "],");
	put(t, "\"nested_tlb\":[");
	for (unsigned g = 0; g <= VMMU_LEVELS; g++)
		put(t, "[%llu,%llu],",
		    (unsigned long long)(s.nested_looks[g] - m->silicon_before.nested_looks[g]),
		    (unsigned long long)(s.nested_hits[g] - m->silicon_before.nested_hits[g]));
	close_with(t, "],");
}

static void show_machine(struct play *p, unsigned n)
{
	const char *const *name = play_machine;
	struct machine *m = &p->machine[n];
	struct text *t = &p->json;

	put(t, "{\"name\":\"%s\",\"status\":%d,\"most\":%u,", name[n], m->status,
	    vmmu_walk_max_refs(m->hw));
	show_outcome(t, p, m);
	show_numbers(t, p, name[n], "");
	show_numbers(t, p, name[n], "all");
	show_cells(t, m);
	show_caches(t, m);
	put(t, "\"lost\":%u,\"events\":[", m->lost);
	for (unsigned i = 0; i < m->nr_happened; i++)
		show_event(t, &m->happened[i]);
	close_with(t, "]},");
}

static void show_shadow_page(void *ctx, const struct vmmu_shadow_page *s)
{
	struct text *t = ctx;

	put(t, "{\"level\":%u,\"direct\":%u,\"unsync\":%u,\"quadrant\":%u,\"root\":%u,\"live\":%u,",
	    s->level, s->direct, s->unsync, s->quadrant, s->root, s->live);
	put_hex(t, "gpa", s->gpa.v);
	put_hex(t, "hpa", s->hpa.v);
	put(t, "\"rights\":\"%c%c%c\"},", s->rights & VMMU_W ? 'w' : '-',
	    s->rights & VMMU_X ? 'x' : '-', s->rights & VMMU_U ? 'u' : '-');
}

/* ---- the guest's tables ------------------------------------------------------------------ */

struct tables {
	struct text *t;
	const struct play *p;
	const struct vmmu_paging *pg;
	struct {
		uint64_t gpa;
		unsigned level;
	} seen[TABLES];
	unsigned nr;
};

static void want_table(struct tables *x, uint64_t gpa, unsigned level)
{
	for (unsigned i = 0; i < x->nr; i++)
		if (x->seen[i].gpa == gpa && x->seen[i].level == level)
			return;
	if (x->nr == TABLES || gpa >= x->p->ram_bytes)
		return;
	x->seen[x->nr].gpa = gpa;
	x->seen[x->nr++].level = level;
}

/* Letters of the bits that are set, and of those that this entry has. */
static void show_bits(struct text *t, const struct vmmu_fmt *f, unsigned level, int leaf,
		      uint64_t e)
{
	const struct {
		char letter;
		uint64_t bit;
	} bits[] = {
		{ 'P', f->present },
		{ 'W', f->w },
		{ 'U', f->u },
		{ 'X', f->x & f->invert },
		{ 'A', f->accessed },
		{ 'D', leaf ? f->dirty : 0 },
		{ 'S', f->lv[level].leaf == VMMU_LEAF_BIT ? f->leaf_bit : 0 },
		{ 'G', leaf ? f->global : 0 },
	};
	char has[16] = "", set[16] = "";

	for (unsigned i = 0, h = 0, s = 0; i < sizeof(bits) / sizeof(*bits); i++) {
		uint64_t bit = bits[i].bit & ~f->lv[level].absent[leaf];

		if (!bit)
			continue;
		has[h++] = bits[i].letter;
		if (e & bit)
			set[s++] = bits[i].letter;
	}
	put(t, "\"has\":\"%s\",\"set\":\"%s\",", has, set);
}

static void show_entry(struct tables *x, uint64_t at, unsigned level, unsigned index, uint64_t e)
{
	static const char *const kind[] = { "none", "reserved", "link", "leaf", "mmio" };
	const struct vmmu_fmt *f = x->pg->fmt;
	struct vmmu_entry d;
	char text[128];

	vmmu_paging_entry(x->pg, level, e, &d);
	vmmu_explain_entry(f, level, e, text, sizeof(text));
	put(x->t, "{\"i\":%u,\"kind\":\"%s\",", index, kind[d.kind]);
	put_hex(x->t, "at", at);
	put_hex(x->t, "raw", e);
	put_hex(x->t, "address", e & f->addr);
	show_bits(x->t, f, level, d.kind == VMMU_ENTRY_LEAF || level == 1, e);
	if (f->pkey_shift)
		put(x->t, "\"key\":%u,", (unsigned)(e >> f->pkey_shift & 15));
	put(x->t, "\"text\":");
	put_string(x->t, text);
	put(x->t, "},");
	if (d.kind == VMMU_ENTRY_LINK && !x->p->is_core)
		want_table(x, d.oa, level - 1);
}

static void show_table(struct tables *x, uint64_t gpa, unsigned level)
{
	const struct vmmu_fmt *f = x->pg->fmt;
	unsigned nr = 1u << f->lv[level].bits;

	put(x->t, "{\"level\":%u,\"entries_in_all\":%u,\"bytes\":%u,\"shift\":%u,\"name\":\"%s\",",
	    level, nr, f->entry_bytes, f->lv[level].shift, vmmu_explain_level(f, level));
	put_hex(x->t, "gpa", gpa);
	put(x->t, "\"entries\":[");
	for (unsigned i = 0; i < nr; i++) {
		uint64_t at = gpa + (uint64_t)i * f->entry_bytes;
		uint64_t e = ram_entry(x->p, at, f->entry_bytes);

		if (e)
			show_entry(x, at, level, i, e);
	}
	close_with(x->t, "]},");
}

static void want_step(void *ctx, const struct vmmu_step *s)
{
	struct tables *x = ctx;
	uint64_t size = (uint64_t)s->fmt->entry_bytes << s->fmt->lv[s->level].bits;

	want_table(x, s->pa & ~(size - 1), s->level);
}

/* All of a small guest's; of a real one's those that the last access went through. */
static void show_guest(struct play *p)
{
	const struct vmmu_paging *pg = guest_paging(p);
	struct tables x = { .t = &p->json, .p = p, .pg = pg };
	struct vmmu_walk w;
	struct vmmu_regs r;

	if (!pg->fmt) {
		put(&p->json, "\"format\":\"\",\"tables\":[],");
		return;
	}
	vmmu_get_regs(p->machine[NATIVE].cpu, &r);
	put(&p->json, "\"format\":\"%s\",\"top\":%u,\"tables\":[", pg->fmt->name, pg->fmt->top);
	want_table(&x, pg->ctl & VMMU_PG_PDPTES ? r.cr3 & 0xffffffe0 : pg->root, pg->fmt->top);
	if (p->is_core && p->act == ACT_ACCESS)
		vmmu_explain(p->machine[NATIVE].cpu, vmmu_gva(p->gva), p->access,
			     VMMU_EXPLAIN_GUEST, want_step, &x, &w);
	for (unsigned i = 0; i < x.nr; i++)
		show_table(&x, x.seen[i].gpa, x.seen[i].level);
	close_with(&p->json, "],");
}

/* ---- all of it ------------------------------------------------------------------------------ */

static const char *mode_name(const struct vmmu_regs *r)
{
	if (!(r->cr0 & VMMU_CR0_PG))
		return r->cr0 & VMMU_CR0_PE ? "no paging" : "real mode";
	if (r->efer & VMMU_EFER_LMA)
		return r->cr4 & VMMU_CR4_LA57 ? "5-level" : "4-level";
	return r->cr4 & VMMU_CR4_PAE ? "PAE" : "32-bit";
}

static void show_regs(struct play *p)
{
	struct text *t = &p->json;
	struct vmmu_regs r;

	vmmu_get_regs(p->machine[NATIVE].cpu, &r);
	put(t, "\"mode\":\"%s\",\"regs\":{", mode_name(&r));
	put_hex(t, "cr0", r.cr0);
	put_hex(t, "cr2", r.cr2);
	put_hex(t, "cr3", r.cr3);
	put_hex(t, "cr4", r.cr4);
	put_hex(t, "efer", r.efer);
	put_hex(t, "pkru", r.pkru);
	put(t, "\"WP\":%u,\"SMEP\":%u,\"SMAP\":%u,\"PGE\":%u,\"PCIDE\":%u,\"PKE\":%u,\"NXE\":%u},",
	    !!(r.cr0 & VMMU_CR0_WP), !!(r.cr4 & VMMU_CR4_SMEP), !!(r.cr4 & VMMU_CR4_SMAP),
	    !!(r.cr4 & VMMU_CR4_PGE), !!(r.cr4 & VMMU_CR4_PCIDE), !!(r.cr4 & VMMU_CR4_PKE),
	    !!(r.efer & VMMU_EFER_NXE));
}

static void show_with(struct play *p)
{
	const struct switches *w = &p->with;

	put(&p->json,
	    "\"with\":{\"tlb\":%u,\"pwc\":%u,\"ntlb\":%u,\"nested\":\"%s\",\"host\":\"%s\","
	    "\"shadow\":\"%s\"},",
	    w->tlb, w->pwc, w->nested_tlb, w->ept ? "ept" : "npt", w->large ? "2M" : "4K",
	    !w->shadow_off			? "all"
	    : w->shadow_off & VMMU_SHADOW_CACHE ? "vtlb"
						: "trap");
}

/* The three give the guest the same answers. */
static int agree(const struct play *p)
{
	const struct machine *m = p->machine;

	for (unsigned i = 1; p->act == ACT_ACCESS && i < NR_MACHINES; i++) {
		if (m[i].status != m[0].status)
			return 0;
		if (m[0].status == VMMU_FAULT &&
		    memcmp(&m[i].xlat.fault, &m[0].xlat.fault, sizeof(m[i].xlat.fault)))
			return 0;
		if (m[0].status != VMMU_FAULT && m[i].xlat.gpa.v != m[0].xlat.gpa.v)
			return 0;
	}
	return 1;
}

static void show_swapped(struct play *p)
{
	put(&p->json, "\"swapped\":[");
	for (uint64_t f = 0; f < p->ram_bytes / VMMU_PAGE_SIZE; f++)
		if (p->swapped[f])
			put(&p->json, "\"0x%llx\",", (unsigned long long)(f * VMMU_PAGE_SIZE));
	close_with(&p->json, "],");
}

void show_state(struct play *p)
{
	static const char types[] = "rwx?";
	struct text *t = &p->json;

	put(t, "{\"ok\":%s,\"error\":", p->error[0] ? "false" : "true");
	put_string(t, p->error);
	if (!p->machine[NESTED].vm) {
		put(t, ",\"machines\":[]}");
		return;
	}
	put(t, ",\"preset\":\"%s\",\"core\":%s,\"ram_hpa\":\"0x%llx\",", p->preset,
	    p->is_core ? "true" : "false", RAM_HPA);
	if (p->trace.bytes)
		put(t, "\"trace\":{\"at\":%llu,\"of\":%llu,\"differ\":%llu},",
		    (unsigned long long)p->trace.at, (unsigned long long)p->trace.nr,
		    (unsigned long long)p->trace.differ);
	put_hex(t, "ram", p->ram_bytes);
	put_hex(t, "free", p->next_free);
	put_hex(t, "sample", p->sample);
	show_regs(p);
	show_with(p);
	put(t, "\"act\":\"%s\",\"agree\":%s,",
	    p->act == ACT_ACCESS  ? "access"
	    : p->act == ACT_OTHER ? "other"
				  : "none",
	    agree(p) ? "true" : "false");
	if (p->act == ACT_ACCESS) {
		put_hex(t, "gva", p->gva);
		put(t, "\"type\":\"%c\",\"who\":\"%c\",", types[p->access & VMMU_TYPE_MASK],
		    p->access & VMMU_USER ? 'u'
		    : p->access & VMMU_AC ? 'a'
					  : 's');
	}
	put(t, "\"machines\":[");
	for (unsigned i = 0; i < NR_MACHINES; i++)
		show_machine(p, i);
	close_with(t, "],\"shadow\":[");
	vmmu_shadow_each_page(p->machine[SHADOW].vm, show_shadow_page, t);
	close_with(t, "],");
	show_swapped(p);
	show_guest(p);
	close_with(t, "}");
}

/* ---- stories ------------------------------------------------------------------------------- */

static void show_question(struct text *t, const struct story_question *q)
{
	put(t, "{\"ask\":");
	put_string(t, q->ask);
	put(t, ",\"proof\":");
	put_string(t, q->proof ? q->proof : "");
	put(t, ",\"number\":");
	put_string(t, q->number ? q->number : "");
	put(t, ",\"because\":");
	put_string(t, q->because);
	put(t, ",\"option\":[");
	for (unsigned i = 0; i < 4 && q->option[i]; i++) {
		put_string(t, q->option[i]);
		put(t, ",");
	}
	close_with(t, "]}");
}

void show_stories(struct play *p)
{
	struct text *t = &p->json;

	put(t, "{\"ok\":true,\"stories\":[");
	for (unsigned i = 0; i < nr_stories; i++) {
		put(t, "{\"name\":\"%s\",\"title\":", stories[i].name);
		put_string(t, stories[i].title);
		put(t, ",\"scenes\":[");
		for (const struct story_scene *s = stories[i].scene; s->say; s++) {
			put(t, "{\"say\":");
			put_string(t, s->say);
			put(t, ",\"commands\":");
			put_string(t, s->commands);
			put(t, "},");
		}
		close_with(t, "],\"question\":");
		show_question(t, &stories[i].question);
		put(t, "},");
	}
	close_with(t, "]}");
}

/* ---- the map of an address space ------------------------------------------------------------ */

struct map {
	struct text *t;
	const struct play *p;
	const struct vmmu_paging *pg;
	uint64_t first, next; /* of the range in hand; next: where it would go on */
	unsigned shift, rights, nr, looks;
	int open;
};

static void end_range(struct map *m)
{
	if (m->open && m->nr < RANGES) {
		put(m->t, "[\"0x%llx\",\"0x%llx\",%u,%u],", (unsigned long long)m->first,
		    (unsigned long long)(m->next - 1), m->shift, m->rights);
		m->nr++;
	}
	m->open = 0;
}

static void map_leaf(struct map *m, uint64_t gva, unsigned shift, unsigned rights)
{
	if (m->open && (gva != m->next || shift != m->shift || rights != m->rights))
		end_range(m);
	if (!m->open) {
		m->open = 1;
		m->first = gva;
		m->shift = shift;
		m->rights = rights;
	}
	m->next = gva + (1ull << shift);
}

/* A table may be reached in more ways than anybody can look at: both limits end it. */
static void map_table(struct map *m, uint64_t gpa, unsigned level, uint64_t gva, unsigned rights)
{
	const struct vmmu_fmt *f = m->pg->fmt;
	unsigned shift = f->lv[level].shift;

	for (unsigned i = 0; i < 1u << f->lv[level].bits; i++) {
		uint64_t at = gva + ((uint64_t)i << shift);
		struct vmmu_entry e;

		if (m->looks == LOOKS || m->nr == RANGES)
			return;
		m->looks++;
		vmmu_paging_entry(
			m->pg, level,
			ram_entry(m->p, gpa + (uint64_t)i * f->entry_bytes, f->entry_bytes), &e);
		if (level == f->top && f->canonical)
			at = canonical(&m->p->machine[NATIVE], at);
		if (e.kind == VMMU_ENTRY_LEAF)
			map_leaf(m, at, shift, rights & e.rights);
		else if (e.kind == VMMU_ENTRY_LINK && e.oa < m->p->ram_bytes)
			map_table(m, e.oa, level - 1, at, rights & e.rights);
	}
}

/* [first, last, log2 of the page size, rights: 1 R, 2 W, 4 X, 8 U] of each run of equal pages. */
void show_map(struct play *p)
{
	const struct vmmu_paging *pg = guest_paging(p);
	struct map m = { .t = &p->json, .p = p, .pg = pg };
	struct vmmu_regs r;

	vmmu_get_regs(p->machine[NATIVE].cpu, &r);
	put(&p->json, "{\"ok\":true,\"ranges\":[");
	if (pg->fmt)
		map_table(&m, pg->ctl & VMMU_PG_PDPTES ? r.cr3 & 0xffffffe0 : pg->root,
			  pg->fmt->top, 0, VMMU_RWXU);
	end_range(&m);
	close_with(&p->json, "]");
	put(&p->json, ",\"whole\":%s,\"bits\":%u}",
	    m.looks == LOOKS || m.nr == RANGES ? "false" : "true",
	    pg->fmt && pg->fmt->canonical ? pg->fmt->canonical : 32);
}

/* ---- without JSON ---------------------------------------------------------------------------- */

const char *const play_machine[PLAY_MACHINES] = { "native", "shadow", "nested" };

/* Which steps of the only walk of a command were not read: a bitmap. */
static uint64_t known_steps(const struct machine *m, const struct happened *h)
{
	struct vmmu_silicon_stats s = { .size = sizeof(s) };
	uint64_t known = 0;

	vmmu_get_silicon(m->cpu, &s);
	for (unsigned i = 0; i < h->nr_steps; i++) {
		const struct vmmu_step *v = &h->step[i];
		unsigned g = v->dim == 2 ? v->table : v->level, n = v->dim == 2 ? v->level : 0;

		if (s.cell[g][n].refs == m->silicon_before.cell[g][n].refs)
			known |= 1ull << i;
	}
	return known;
}

int play_walk(const struct play *p, unsigned machine, struct play_walk *out)
{
	const struct machine *m = &p->machine[machine];
	const struct happened *last = NULL;
	unsigned walks = 0;

	for (unsigned i = 0; i < m->nr_happened; i++) {
		if (m->happened[i].event != VMMU_EV_WALK || !m->happened[i].nr_steps)
			continue;
		last = &m->happened[i];
		walks++;
	}
	if (!last)
		return 0;
	*out = (struct play_walk){ last->step, last->nr_steps, (unsigned)last->b, &last->walk, 0 };
	if (walks == 1 && out->refs < out->nr)
		out->known = known_steps(m, last);
	return 1;
}

int play_event(const struct play *p, unsigned machine, unsigned n, char *buf, size_t len)
{
	const struct machine *m = &p->machine[machine];

	return n < m->nr_happened ? event_text(&m->happened[n], buf, len) : 0;
}

int play_outcome(const struct play *p, unsigned machine, char *buf, size_t len)
{
	const struct machine *m = &p->machine[machine];
	struct vmmu_walk w;
	char why[200];

	if (p->act != ACT_ACCESS || !m->vm)
		return 0;
	if (m->status == VMMU_OK)
		return snprintf(buf, len, "gpa 0x%llx", (unsigned long long)m->xlat.gpa.v);
	if (m->status == VMMU_MMIO)
		return snprintf(buf, len, "no memory at gpa 0x%llx: a device answers",
				(unsigned long long)m->xlat.gpa.v);
	if (m->status != VMMU_FAULT)
		return snprintf(buf, len, "%s", vmmu_strerror(m->status));
	vmmu_explain(m->cpu, vmmu_gva(p->gva), p->access, VMMU_EXPLAIN_GUEST, NULL, NULL, &w);
	vmmu_explain_walk(&w, why, sizeof(why));
	return snprintf(buf, len, "%s", why);
}

int play_guest(const struct play *p, char *buf, size_t len)
{
	struct vmmu_regs r;

	if (!p->machine[NESTED].vm)
		return 0;
	vmmu_get_regs(p->machine[NATIVE].cpu, &r);
	return snprintf(buf, len, "%s, CR3 0x%llx", mode_name(&r), (unsigned long long)r.cr3);
}

const char *play_presets(void)
{
	return preset_names();
}
