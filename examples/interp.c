/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A complete small machine: an interpreter of an invented instruction set.  Every fetch, load and
 * store goes through the library.  Its guest has demand paging: a user program faults, and a
 * handler, which is guest code as well, edits the page tables and returns.  The program runs on
 * each backend and cannot tell which one.  docs/embedding.md explains it step by step.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "interp_guest.h"
#include "native.h"
#include <vmmu/nested.h>
#include <vmmu/shadow.h>

/* ---- the machine -------------------------------------------------------------------------- */

struct machine {
	struct vmmu *vm;
	struct vmmu_cpu *cpu;
	uint64_t reg[2][8]; /* [0]: supervisor, [1]: user */
	uint64_t pc, saved_pc;
	unsigned user;
	unsigned long long done, faults;
};

static void die(struct vmmu *vm, const char *what, int status)
{
	fprintf(stderr, "%s: %s %s\n", what, vmmu_strerror(status), vm ? vmmu_reason(vm) : "");
	exit(1);
}

static void enter_handler(struct machine *m, uint64_t entry)
{
	m->saved_pc = m->pc;
	m->pc = entry;
	m->user = 0;
}

static int device(uint64_t gpa, const void *data, uint32_t type)
{
	uint64_t value;

	if (type != VMMU_WRITE || gpa < DEVICE)
		return 0;
	memcpy(&value, data, 8);
	printf("  device: at %llu: 0x%llx\n", (unsigned long long)(gpa - DEVICE),
	       (unsigned long long)value);
	return 1;
}

/* doc: copy */
/* Copies `n` bytes from or to a translated address.  A store to a page table goes through the
 * library. */
static void copy(struct machine *m, const struct vmmu_xlat *x, void *data, unsigned n,
		 uint32_t type)
{
	if (type != VMMU_WRITE)
		memcpy(data, x->host, n);
	else if (x->trap)
		vmmu_write(m->vm, m->cpu, x->gpa, data, n, NULL);
	else
		memcpy(x->host, data, n);
}
/* end */

/* doc: access */
/* Makes one fetch, load or store of 8 bytes.  0: it faulted, and the guest is in its handler now.
 */
static int access_memory(struct machine *m, uint64_t gva, void *data, uint32_t type)
{
	uint32_t access = type | (m->user ? VMMU_USER : 0);
	void *p = vmmu_host(m->cpu, vmmu_gva(gva), 8, access);
	struct vmmu_xlat x[2];
	unsigned first;
	int st;

	if (p) {
		memcpy(type == VMMU_WRITE ? p : data, type == VMMU_WRITE ? data : p, 8);
		return 1;
	}
	st = vmmu_translate_span(m->cpu, vmmu_gva(gva), 8, access, x, &first);
	switch (st) {
	case VMMU_OK:
		copy(m, &x[0], data, first, type);
		if (first < 8)
			copy(m, &x[1], (char *)data + first, 8 - first, type);
		return 1;
	case VMMU_FAULT:
		m->faults++;
		enter_handler(m, HANDLER);
		return 0;
	case VMMU_MMIO:
		if (first == 8 && device(x[0].gpa.v, data, type))
			return 1;
		break;
	default:
		break;
	}
	die(m->vm, "access", st);
	return 0;
}
/* end */

/* Executes an instruction that accesses no memory.  0: the machine has stopped. */
static int execute(struct machine *m, const struct insn *i)
{
	uint64_t *r = m->reg[m->user], imm = (uint64_t)(int64_t)i->imm;
	struct vmmu_regs regs;
	unsigned a = i->a & 7, b = i->b & 7;

	switch (i->op) {
	case LI:
		r[a] = imm;
		break;
	case ADD:
		r[a] += r[b] + imm;
		break;
	case SHL:
		r[a] <<= imm & 63;
		break;
	case SHR:
		r[a] >>= imm & 63;
		break;
	case OR:
		r[a] |= r[b];
		break;
	case JNZ:
		if (r[a])
			m->pc = (m->user ? PROGRAM : HANDLER) + imm * sizeof(*i);
		break;
	case FROM:
		r[a] = m->reg[1][b];
		break;
	case CR2:
		vmmu_get_regs(m->cpu, &regs);
		r[a] = regs.cr2;
		break;
	case INVLPG:
		vmmu_invlpg(m->cpu, vmmu_gva(r[a]));
		break;
	case TRAP:
		enter_handler(m, ON_TRAP);
		break;
	case RET:
		m->pc = m->saved_pc;
		m->user = 1;
		break;
	default:
		return 0;
	}
	return 1;
}

/* Executes one instruction.  One that faults changes nothing, and is executed again after the
 * handler. */
static int step(struct machine *m)
{
	uint64_t *r = m->reg[m->user], at = m->pc;
	struct insn i;

	if (!access_memory(m, at, &i, VMMU_FETCH))
		return 1;
	if (i.op == LOAD || i.op == STORE) {
		uint64_t gva = r[i.b & 7] + (uint64_t)(int64_t)i.imm;

		if (!access_memory(m, gva, &r[i.a & 7], i.op == STORE ? VMMU_WRITE : VMMU_READ))
			return 1;
	}
	m->done++;
	m->pc = at + sizeof(i);
	return i.op == LOAD || i.op == STORE || execute(m, &i);
}

/* ---- the backends that it runs on ------------------------------------------------------- */

static void tell_exits(const struct machine *m)
{
	struct vmmu_stats stats = { .size = sizeof(stats) };
	unsigned ev;

	printf("  %llu instructions, %llu page faults; exits:", m->done, m->faults);
	vmmu_get_stats(m->vm, &stats);
	for (ev = 0; ev < VMMU_NR_EXITS; ev++)
		if (stats.event[ev])
			printf(" %llu %s", (unsigned long long)stats.event[ev], vmmu_event_key(ev));
	printf("\n");
}

static void run(const struct vmmu_backend *backend, const char *name, uint8_t *ram)
{
	static const struct vmmu_range all = { 0, RAM_BYTES };
	static const struct vmmu_native_config machine_ram = { &all, 1, 4096 };
	const int native = backend == &vmmu_native;
	/* doc: create */
	const struct vmmu_config config = { .size = sizeof(config),
					    .backend = backend,
					    .backend_config = native ? &machine_ram : NULL,
					    .base = native ? ram : NULL };
	const struct vmmu_slot_info slot = {
		.gpa = { 0 }, .size = RAM_BYTES, .pointer = ram, .page_size = 4096
	};
	/* Long mode: CR0.PE, WP and PG, CR4.PAE, EFER.LME and LMA. */
	const struct vmmu_regs regs = {
		.cr0 = 0x80010011, .cr3 = ROOT, .cr4 = 0x20, .efer = 0x500
	};
	struct machine m = { .pc = PROGRAM, .user = 1 };
	int st;

	load_guest(ram);
	st = vmmu_create(&config, &m.vm);
	if (st)
		die(NULL, "create", st);
	st = native ? VMMU_OK : vmmu_slot_add(m.vm, &slot);
	if (st)
		die(m.vm, "memory", st);
	m.cpu = vmmu_cpu(m.vm, 0);
	st = vmmu_set_regs(m.cpu, &regs, 0);
	if (st)
		die(m.vm, "registers", st);
	/* end */
	printf("%s\n", name);
	while (step(&m))
		;
	tell_exits(&m);
	vmmu_destroy(m.vm);
}

int main(void)
{
	void *ram;

	/* A machine without slots needs memory that is aligned to 1G. */
	if (posix_memalign(&ram, 1u << 30, RAM_BYTES))
		return 1;
	run(&vmmu_native, "native", ram);
	run(&vmmu_shadow, "shadow", ram);
	run(&vmmu_nested_npt, "nested-npt", ram);
	run(&vmmu_nested_ept, "nested-ept", ram);
	free(ram);
	return 0;
}
