/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Walks and entries in words.
 * Keeps: an explanation changes nothing: it walks with VMMU_NO_AD and looks at no cache.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <vmmu/explain.h>

#include "../silicon/entry.h"
#include "vm.h"

int vmmu_explain(struct vmmu_cpu *cpu, vmmu_gva_t gva, uint32_t access, enum vmmu_explain_what what,
		 vmmu_step_fn *step, void *ctx, struct vmmu_walk *out)
{
	struct vmmu_mem_ops ops = slot_mem_ops;
	struct walk_opts o = { .step = step, .step_ctx = ctx };
	const struct vmmu_hw *hw = &cpu->silicon.hw;

	if (what == VMMU_EXPLAIN_GUEST) {
		ops.ctx = cpu->vm;
		o.ops = &ops;
		hw = &cpu->soft;
	}
	return walk(walk_any, hw, &o, cpu_linear(cpu, gva.v), access | VMMU_NO_AD, out);
}

const char *vmmu_explain_level(const struct vmmu_fmt *fmt, unsigned level)
{
	static const char *const plain[] = { "?", "PTE", "PDE", "PDPTE", "PML4E", "PML5E" };
	static const char *const npt[] = { "?", "nPTE", "nPDE", "nPDPTE", "nPML4E", "nPML5E" };
	static const char *const ept[] = { "?",		"EPT PTE",   "EPT PDE",
					   "EPT PDPTE", "EPT PML4E", "EPT PML5E" };

	if (level > VMMU_LEVELS)
		level = 0;
	switch (fmt->style) {
	case VMMU_STYLE_NPT:
		return npt[level];
	case VMMU_STYLE_EPT:
		return ept[level];
	default:
		return plain[level];
	}
}

struct text {
	char *buf;
	size_t len;
	int at;
};

static void __attribute__((format(printf, 2, 3))) add(struct text *t, const char *fmt, ...)
{
	size_t used = (size_t)t->at < t->len ? (size_t)t->at : t->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->buf ? t->buf + used : NULL, t->len - used, fmt, ap);
	va_end(ap);
	t->at += n > 0 ? n : 0;
}

static void add_bit(struct text *t, uint64_t e, uint64_t mask, const char *name)
{
	if (e & mask)
		add(t, " %s", name);
}

/* An EPT entry has R, W and X; an x86 entry has P, RW or RO, and U or S. */
static void add_rights(struct text *t, const struct vmmu_fmt *f, uint64_t absent, uint64_t e)
{
	if (f->r) {
		add(t, " %c%c%c", e & f->r ? 'R' : '-', e & f->w ? 'W' : '-', e & f->x ? 'X' : '-');
		return;
	}
	add(t, " P");
	if (absent & f->w)
		return;
	add(t, " %s", e & f->w ? "RW" : "RO");
	add(t, " %s", e & f->u ? "U" : "S");
}

int vmmu_explain_entry(const struct vmmu_fmt *f, unsigned level, uint64_t e, char *buf, size_t len)
{
	struct text t = { buf, len, 0 };
	uint64_t absent;
	unsigned leaf;

	if (len)
		buf[0] = 0;
	if (!level || level > f->top) {
		add(&t, "no level %u in %s", level, f->name);
		return t.at;
	}
	if (!(e & f->present)) {
		add(&t, "not present");
		return t.at;
	}
	leaf = entry_is_leaf(f, level, e);
	absent = entry_absent(f, level, leaf);
	add(&t, "0x%llx",
	    (unsigned long long)(leaf ? entry_output(f, level, e, 0) : entry_table(f, e)));
	add_rights(&t, f, absent, e);
	add_bit(&t, e, f->accessed & ~absent, "A");
	if (leaf)
		add_bit(&t, e, f->dirty, "D");
	add_bit(&t, e, f->x & f->invert & ~absent, "NX");
	if (!leaf)
		return t.at;
	add_bit(&t, e, f->global, "G");
	if (level > 1)
		add(&t, " %s", level == 3 ? "1G" : f->entry_bytes == 4 ? "4M" : "2M");
	if (f->bad_memtype)
		add(&t, " type %u", (unsigned)(e >> f->memtype_shift & 7));
	if (entry_pkey(f, e))
		add(&t, " key %u", entry_pkey(f, e));
	return t.at;
}

static const char *reason(const struct vmmu_walk *w)
{
	switch (w->status) {
	case VMMU_WALK_NONCANON:
		return "the address is not canonical";
	case VMMU_WALK_NP:
		return "the entry is not present";
	case VMMU_WALK_RSVD:
		return "reserved bits are set in the entry";
	case VMMU_WALK_MISCONFIG:
		return "the EPT entry is misconfigured";
	case VMMU_WALK_PERM:
		return "the rights of all levels together forbid this access";
	case VMMU_WALK_NOMEM:
		return "the address is not memory";
	case VMMU_WALK_ABSENT:
		return "the host has not given this page yet";
	default:
		return "the tables kept changing";
	}
}

static void add_rwxu(struct text *t, unsigned rights)
{
	add(t, "%c%c%c%c", rights & VMMU_R ? 'r' : '-', rights & VMMU_W ? 'w' : '-',
	    rights & VMMU_X ? 'x' : '-', rights & VMMU_U ? 'u' : '-');
}

int vmmu_explain_walk(const struct vmmu_walk *w, char *buf, size_t len)
{
	struct text t = { buf, len, 0 };

	if (len)
		buf[0] = 0;
	if (w->status == VMMU_WALK_OK) {
		add(&t, "gpa 0x%llx, hpa 0x%llx, rights ", (unsigned long long)w->gpa.v,
		    (unsigned long long)w->hpa.v);
		add_rwxu(&t, w->rights);
		add(&t, ", %u references", w->refs);
		return t.at;
	}
	if (w->dim == 2) {
		add(&t, "nested dimension, level %u, gpa 0x%llx (", w->nlevel,
		    (unsigned long long)w->gpa.v);
		if (w->table)
			add(&t, "the guest's level-%u table", w->table);
		else
			add(&t, "the final address");
		add(&t, "): %s; %s 0x%llx", reason(w),
		    w->info & (VMMU_NPF_FINAL | VMMU_NPF_TABLE) ? "EXITINFO1" : "qualification",
		    (unsigned long long)w->info);
	} else if (w->status == VMMU_WALK_NOMEM || w->status == VMMU_WALK_ABSENT) {
		add(&t, "table at 0x%llx: %s", (unsigned long long)w->gpa.v, reason(w));
	} else if (w->status == VMMU_WALK_NONCANON) {
		add(&t, "#GP: %s", reason(w));
	} else {
		add(&t, "#PF, error code 0x%x, level %u: %s", w->code, w->level, reason(w));
	}
	add(&t, ", after %u references", w->refs);
	return t.at;
}
