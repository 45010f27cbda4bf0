/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is done to every VM and told to the oracle: stores, registers, TLB instructions, and what
 * a host does.
 * Not here: accesses (judge.c).
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "world_priv.h"

/* ---- stores -------------------------------------------------------------------------- */

static int store_in(struct world_vm *v, unsigned cpu, uint64_t gpa, const void *buf, unsigned len,
		    enum world_store how, size_t *done)
{
	void *p;
	int st;

	if (how != STORE_BEGIN_END)
		return vmmu_write(v->vm, how == STORE_CPU ? vmmu_cpu(v->vm, cpu) : NULL,
				  vmmu_gpa(gpa), buf, len, done);
	*done = 0;
	st = vmmu_write_begin(v->vm, vmmu_gpa(gpa), len, &p);
	if (st)
		return st;
	memcpy(p, buf, len);
	*done = len;
	return vmmu_write_end(v->vm, vmmu_cpu(v->vm, cpu), vmmu_gpa(gpa), len);
}

/* Neighbours may be of two slots that lie apart. */
static void put_bytes(struct world *w, uint64_t gpa, const uint8_t *buf, size_t len)
{
	size_t n;

	for (n = 0; n < len; n++)
		*ram_at(w, gpa + n) = buf[n];
	world_wrote(w, gpa, len);
}

void world_store(struct world *w, unsigned cpu, uint64_t gpa, const void *buf, unsigned len,
		 enum world_store how)
{
	struct world_op op = {
		.what = OP_STORE, .cpu = (uint8_t)cpu, .at = gpa, .how = (uint8_t)how, .size = len
	};
	size_t ok = 0, done;
	unsigned i;

	memcpy(op.bytes, buf, len < OP_BYTES ? len : OP_BYTES);
	if (!note(w, &op))
		return;
	while (ok < len && world_is_ram(w, gpa + ok) && !world_is_rom(w, gpa + ok))
		ok++;
	if (how == STORE_BEGIN_END && ok < len)
		ok = 0;
	w->mode = world_mode_of(world_regs(w, cpu));
	world_log(w, "%u store 0x%" PRIx64 " = 0x%" PRIx64 ", %u bytes%s", cpu, gpa,
		  load(buf, len >= 8 ? 8 : 4), len,
		  how == STORE_CPU	? ""
		  : how == STORE_DEVICE ? ", device"
					: ", begin/end");
	for (i = 0; i < w->nr_vms; i++) {
		struct world_vm *v = &w->vm[i];
		int st, want = ok == len ? VMMU_OK : VMMU_MMIO;

		if (is_victim(w, i, SABOTAGE_STORE) || !takes_part(w, i))
			continue;
		st = store_in(v, cpu, gpa, buf, len, how, &done);
		if (st != want || done != ok)
			world_fail(w, v, "a store at 0x%" PRIx64 ": %s, %zu of %u bytes: %s", gpa,
				   vmmu_strerror(st), done, len, vmmu_reason(v->vm));
	}
	if (ok) {
		put_bytes(w, gpa, buf, ok);
		or_note_store(w->or, gpa, ok);
	}
	w->stored = w->seq;
}
/* ---- registers ------------------------------------------------------------------------------ */

static void check_regs(struct world *w, struct world_vm *v, unsigned cpu)
{
	const struct or_regs *o = world_regs(w, cpu);
	struct vmmu_regs r;
	unsigned i;
	bool pae = (o->cr0 & OR_CR0_PG) && (o->cr4 & OR_CR4_PAE) && !(o->efer & OR_EFER_LMA);

	vmmu_get_regs(vmmu_cpu(v->vm, cpu), &r);
	if (r.cr0 != o->cr0 || r.cr3 != o->cr3 || r.cr4 != o->cr4 || r.efer != o->efer ||
	    r.pkru != o->pkru || r.pkrs != o->pkrs)
		world_fail(w, v,
			   "registers cr0 %" PRIx64 " cr3 %" PRIx64 " cr4 %" PRIx64 " efer %" PRIx64
			   ", the oracle has %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64,
			   r.cr0, r.cr3, r.cr4, r.efer, o->cr0, o->cr3, o->cr4, o->efer);
	for (i = 0; i < 4 && pae && !w->orp.pdpte_walk; i++)
		if (r.pdpte[i] != o->pdpte[i])
			world_fail(w, v, "PDPTE %u is 0x%" PRIx64 ", not 0x%" PRIx64, i, r.pdpte[i],
				   o->pdpte[i]);
}

int set_in(struct vmmu_cpu *cpu, enum world_reg reg, uint64_t value)
{
	switch (reg) {
	case SET_CR0:
		return vmmu_set_cr0(cpu, value);
	case SET_CR3:
		return vmmu_set_cr3(cpu, value);
	case SET_CR4:
		return vmmu_set_cr4(cpu, value);
	case SET_EFER:
		return vmmu_set_efer(cpu, value);
	case SET_PKRU:
		vmmu_set_pkru(cpu, (uint32_t)value);
		return VMMU_OK;
	default:
		vmmu_set_pkrs(cpu, (uint32_t)value);
		return VMMU_OK;
	}
}

static enum or_kind set_oracle(struct world *w, unsigned cpu, enum world_reg reg, uint64_t value)
{
	switch (reg) {
	case SET_CR0:
		return or_note_cr0(w->or, cpu, value);
	case SET_CR3:
		return or_note_cr3(w->or, cpu, value);
	case SET_CR4:
		return or_note_cr4(w->or, cpu, value);
	case SET_EFER:
		return or_note_efer(w->or, cpu, value);
	case SET_PKRU:
		world_regs(w, cpu)->pkru = (uint32_t)value;
		return OR_OK;
	default:
		world_regs(w, cpu)->pkrs = (uint32_t)value;
		return OR_OK;
	}
}

bool world_set(struct world *w, unsigned cpu, enum world_reg reg, uint64_t value)
{
	static const char *const name[] = { "cr0", "cr3", "cr4", "efer", "pkru", "pkrs" };
	struct or_regs before = *world_regs(w, cpu);
	const struct or_regs *now = world_regs(w, cpu);
	enum or_kind want;
	unsigned i;

	if (!note(w, &(struct world_op){ .what = OP_SET,
					 .cpu = (uint8_t)cpu,
					 .how = (uint8_t)reg,
					 .value = value }))
		return true;
	want = set_oracle(w, cpu, reg, value);
	w->mode = world_mode_of(world_regs(w, cpu));
	world_log(w, "%u %s = 0x%" PRIx64 "%s", cpu, name[reg], value, want ? " -> #GP" : "");
	/* Other tables, as good as a store to them. */
	if (reg <= SET_EFER)
		w->stored = w->seq;
	if (((before.cr0 ^ now->cr0) & OR_CR0_PG) || ((before.cr4 ^ now->cr4) & OR_CR4_PGE))
		w->flushed[cpu] = w->seq;
	for (i = 0; i < w->nr_vms; i++) {
		struct world_vm *v = &w->vm[i];
		uint64_t its = value;
		int st;

		if (!takes_part(w, i))
			continue;
		if (is_victim(w, i, SABOTAGE_CR3) && reg == SET_CR3 && (before.cr4 & OR_CR4_PCIDE))
			its |= OR_CR3_NOFLUSH;
		st = set_in(vmmu_cpu(v->vm, cpu), reg, its);
		world_walked(v);
		if (st != (want == OR_OK ? VMMU_OK : VMMU_GP))
			world_fail(w, v, "MOV to %s = 0x%" PRIx64 ": %s, the oracle says %s: %s",
				   name[reg], value, vmmu_strerror(st), want ? "#GP" : "ok",
				   vmmu_reason(v->vm));
		check_regs(w, v, cpu);
	}
	return want == OR_OK;
}

static bool pdptes_bad(const struct world *w, const struct or_regs *r)
{
	struct or_regs try = *r;

	/* A MOV to CR3 is what checks them. */
	return or_set_cr3(&try, &w->orp, &w->ormem, r->cr3) != OR_OK;
}

void world_set_all(struct world *w, unsigned cpu, const struct or_regs *regs, bool lib_reads)
{
	bool pae =
		(regs->cr0 & OR_CR0_PG) && (regs->cr4 & OR_CR4_PAE) && !(regs->efer & OR_EFER_LMA);
	struct or_regs r = *regs;
	struct vmmu_regs v;
	unsigned i, k;
	bool bad = pae && pdptes_bad(w, regs);

	if (!note(w,
		  &(struct world_op){
			  .what = OP_ALL, .cpu = (uint8_t)cpu, .how = lib_reads, .regs = *regs }))
		return;
	w->mode = world_mode_of(world_regs(w, cpu));
	world_log(w,
		  "%u set all: cr0 0x%" PRIx64 " cr3 0x%" PRIx64 " cr4 0x%" PRIx64
		  " efer 0x%" PRIx64 "%s",
		  cpu, r.cr0, r.cr3, r.cr4, r.efer, bad ? ", bad" : "");
	/* A CPU that walks them does not look now. */
	if (pae && !bad && !w->orp.pdpte_walk)
		for (k = 0; k < 4; k++)
			r.pdpte[k] = world_read(w, (r.cr3 & 0xffffffe0u) + 8 * k, 8);
	memset(&v, 0, sizeof(v));
	v.cr0 = r.cr0;
	v.cr2 = r.cr2;
	v.cr3 = r.cr3;
	v.cr4 = r.cr4;
	v.efer = r.efer;
	v.pkru = r.pkru;
	v.pkrs = r.pkrs;
	if (!bad && !lib_reads)
		memcpy(v.pdpte, r.pdpte, sizeof(v.pdpte));
	for (i = 0; i < w->nr_vms; i++) {
		int st = vmmu_set_regs(vmmu_cpu(w->vm[i].vm, cpu), &v, lib_reads || bad);

		world_walked(&w->vm[i]);
		if (st != (bad ? VMMU_EINVAL : VMMU_OK))
			world_fail(w, &w->vm[i], "vmmu_set_regs: %s: %s", vmmu_strerror(st),
				   vmmu_reason(w->vm[i].vm));
		if (!bad)
			w->vm[i].cr2[cpu] = r.cr2;
	}
	if (bad)
		return;
	or_note_regs(w->or, cpu, &r);
	w->flushed[cpu] = w->seq;
	for (i = 0; i < w->nr_vms; i++)
		check_regs(w, &w->vm[i], cpu);
}

void world_reset(struct world *w, unsigned cpu)
{
	struct or_regs r = { .cr0 = OR_CR0_ET | OR_CR0_CD | OR_CR0_NW };
	unsigned i;

	if (!note(w, &(struct world_op){ .what = OP_RESET, .cpu = (uint8_t)cpu }))
		return;
	w->mode = world_mode_of(world_regs(w, cpu));
	world_log(w, "%u reset", cpu);
	for (i = 0; i < w->nr_vms; i++) {
		int st = vmmu_reset(vmmu_cpu(w->vm[i].vm, cpu));

		if (st)
			world_fail(w, &w->vm[i], "vmmu_reset: %s", vmmu_strerror(st));
		w->vm[i].cr2[cpu] = 0;
	}
	or_note_regs(w->or, cpu, &r);
	w->flushed[cpu] = w->seq;
	for (i = 0; i < w->nr_vms; i++)
		check_regs(w, &w->vm[i], cpu);
}

/* ---- TLB instructions ------------------------------------------------------- */

void world_invlpg(struct world *w, unsigned cpu, uint64_t gva)
{
	unsigned i;

	if (!note(w, &(struct world_op){ .what = OP_INVLPG, .cpu = (uint8_t)cpu, .at = gva }))
		return;
	w->mode = world_mode_of(world_regs(w, cpu));
	world_log(w, "%u invlpg 0x%" PRIx64, cpu, gva);
	for (i = 0; i < w->nr_vms; i++)
		if (!is_victim(w, i, SABOTAGE_INVLPG) && takes_part(w, i) &&
		    vmmu_invlpg(vmmu_cpu(w->vm[i].vm, cpu), vmmu_gva(gva)))
			world_fail(w, &w->vm[i], "INVLPG failed");
	or_note_invlpg(w->or, cpu, gva);
	for (i = 0; i < w->nr_gvas; i++)
		if ((w->gva[i] ^ gva) < PAGE)
			w->dropped[cpu][i] = w->seq;
}

void world_invpcid(struct world *w, unsigned cpu, unsigned type, unsigned pcid, uint64_t gva)
{
	const struct or_regs *r = world_regs(w, cpu);
	bool lma = r->efer & OR_EFER_LMA;
	bool gp = type > 3 || pcid > 4095 || (type < 2 && pcid && !(r->cr4 & OR_CR4_PCIDE)) ||
		  (type == 0 && lma && !is_canonical(gva, r->cr4 & OR_CR4_LA57 ? 57 : 48));
	unsigned i;

	if (!note(w, &(struct world_op){ .what = OP_INVPCID,
					 .cpu = (uint8_t)cpu,
					 .how = (uint8_t)type,
					 .size = pcid,
					 .at = gva }))
		return;
	w->mode = world_mode_of(world_regs(w, cpu));
	world_log(w, "%u invpcid type %u pcid %u 0x%" PRIx64 "%s", cpu, type, pcid, gva,
		  gp ? " -> #GP" : "");
	for (i = 0; i < w->nr_vms; i++) {
		int st;

		if (is_victim(w, i, SABOTAGE_INVLPG))
			continue;
		st = vmmu_invpcid(vmmu_cpu(w->vm[i].vm, cpu), type, pcid, vmmu_gva(gva));
		if (st != (gp ? VMMU_GP : VMMU_OK))
			world_fail(w, &w->vm[i], "INVPCID: %s", vmmu_strerror(st));
	}
	if (gp)
		return;
	or_note_invpcid(w->or, cpu, type, pcid, gva);
	if (type == VMMU_INVPCID_ALL_GLOBAL)
		w->flushed[cpu] = w->seq;
}

void world_hw_flush(struct world *w, unsigned cpu, unsigned which, uint64_t gva)
{
	unsigned i;

	if (!note(w, &(struct world_op){ .what = OP_FLUSH,
					 .cpu = (uint8_t)cpu,
					 .how = (uint8_t)which,
					 .at = gva }))
		return;
	w->mode = world_mode_of(world_regs(w, cpu));
	world_log(w, "%u host flush %u 0x%" PRIx64, cpu, which, gva);
	for (i = 0; i < w->nr_vms; i++) {
		struct vmmu_cpu *c = vmmu_cpu(w->vm[i].vm, cpu);

		switch (which) {
		case 0:
			vmmu_hw_flush(c);
			break;
		case 1:
			vmmu_hw_invlpga(c, vmmu_gva(gva), 1);
			break;
		case 2:
			vmmu_hw_invvpid(c, (unsigned)(gva >> 12 & 3), 1, vmmu_gva(gva));
			break;
		default:
			vmmu_hw_invept(c, VMMU_INVEPT_ALL, 0);
			break;
		}
	}
}
