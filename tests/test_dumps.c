/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory dumps that libkdumpfile reads: the guest is the one that its ELF core has, whatever the
 * dump is packed with; what is no such dump is refused with a reason.
 * tests/data/dumps has each machine twice, dumped by QEMU.
 */
#include "t.h"

#include "kdump_make.h"
#include "replay/replay.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096u

#define t_says(err, what)                                                                          \
	t_check(strstr((err).text, what), "\"%s\" does not say \"%s\"", (err).text, what)

static void name_of(char path[512], const char *name)
{
	const char *data = getenv("VMMU_TESTDATA");

	t_check(data, "VMMU_TESTDATA is not set");
	snprintf(path, 512, "%s/dumps/%s", data, name);
}

static void open_named(struct core *core, const char *name)
{
	struct err err = { 0 };
	char path[512];

	name_of(path, name);
	t_check(core_open(core, path, &err) == 0, "%s", err.text);
}

/* An unnamed file with these bytes; core_open()'s answer. */
static int open_bytes(struct core *core, const void *bytes, size_t size, struct err *err)
{
	int fd = memfd_create("dump", 0), ret;
	char path[32];

	t_true(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ret = core_open(core, path, err);
	close(fd);
	return ret;
}

Test(dumps, wrong_magic_is_told_with_what_would_be_right)
{
	struct core core;
	struct err err = { 0 };

	t_eq(open_bytes(&core, "KDUMQ   abcdefgh", 16, &err), -1);
	t_says(err, "wrong magic at byte 0: 4b 44 55 4d 51 20 20 20: not a memory dump");
	t_true(strstr(err.hint, "dump-guest-memory"));
	t_eq(open_bytes(&core, "", 0, &err), -1);
	t_says(err, "truncated: 0 bytes");
}

#ifndef HAVE_KDUMP

Test(dumps, without_the_library_the_refusal_says_how_to_get_it)
{
	struct core core;
	struct err err = { 0 };
	char path[512];

	name_of(path, "torture64.kdump.zst");
	t_eq(core_open(&core, path, &err), -1);
	t_eq(err.status, STATUS_INPUT);
	t_says(err, "torture64.kdump.zst: a compressed dump");
	t_true(strstr(err.hint, "Install libkdumpfile-dev"));
	open_named(&core, "torture64.elf.zst");
	core_close(&core);
}

#else

static void same_memory(const struct core *a, const struct core *b)
{
	static const uint8_t zero[PAGE];
	struct ranges in_a = { 0 }, in_b = { 0 };
	struct err err = { 0 };

	t_eq(core_ranges(a, &in_a, "a", &err), 0);
	t_eq(core_ranges(b, &in_b, "b", &err), 0);
	ranges_finish(&in_a);
	ranges_finish(&in_b);
	t_eq(in_a.nr, in_b.nr);
	for (unsigned i = 0; i < in_a.nr; i++) {
		t_eq(in_a.range[i].lo, in_b.range[i].lo);
		t_eq(in_a.range[i].hi, in_b.range[i].hi);
		for (uint64_t at = in_a.range[i].lo; at < in_a.range[i].hi; at += PAGE) {
			uint8_t *p = (uint8_t *)zero, *q = (uint8_t *)zero;

			t_true(core_bytes(a, at, PAGE, &p) % PAGE == 0);
			t_true(core_bytes(b, at, PAGE, &q) % PAGE == 0);
			t_check(memcmp(p, q, PAGE) == 0, "the page at 0x%llx differs",
				(unsigned long long)at);
		}
	}
	ranges_free(&in_a);
	ranges_free(&in_b);
}

static void same_registers(const struct core *a, const struct core *b)
{
	t_eq(a->long_mode, b->long_mode);
	t_eq(a->nr_cpus, b->nr_cpus);
	for (size_t i = 0; i < a->nr_cpus; i++) {
		t_eq(a->cpu[i].known, b->cpu[i].known);
		t_eq(a->cpu[i].regs.cr0, b->cpu[i].regs.cr0);
		t_eq(a->cpu[i].regs.cr2, b->cpu[i].regs.cr2);
		t_eq(a->cpu[i].regs.cr3, b->cpu[i].regs.cr3);
		t_eq(a->cpu[i].regs.cr4, b->cpu[i].regs.cr4);
	}
}

static const char *const machines[] = { "bench64", "torture64", "modes32" };

static void open_both(const char *machine, struct core *elf, struct core *kdump)
{
	char name[64];

	snprintf(name, sizeof(name), "%s.elf.zst", machine);
	open_named(elf, name);
	snprintf(name, sizeof(name), "%s.kdump.zst", machine);
	open_named(kdump, name);
}

Test(dumps, qemu_s_compressed_dump_is_the_machine_of_its_elf_core)
{
	for (unsigned i = 0; i < 3; i++) {
		struct core elf, kdump;

		open_both(machines[i], &elf, &kdump);
		t_eq(kdump.nr_cpus, 1);
		same_registers(&elf, &kdump);
		same_memory(&elf, &kdump);
		core_close(&elf);
		core_close(&kdump);
	}
}

static void make_machine(struct machine *m, const char *machine, const char *kind,
			 const struct backend *backend)
{
	struct machine_options opt = { .backend = backend, .host_page = 4096 };
	struct state_options o = { 0 };
	struct state s;
	struct err err = { 0 };
	char name[64], path[512];

	snprintf(name, sizeof(name), "%s.%s.zst", machine, kind);
	name_of(path, name);
	o.core = path;
	t_check(state_open(&s, &o, &err) == 0, "%s", err.text);
	t_check(state_machine(&s, &opt, m, &err) == 0, "%s", err.text);
	state_close(&s);
}

static struct vmmu_xlat ask(struct machine *m, uint64_t va, uint32_t access, int *status)
{
	struct vmmu_xlat x;

	memset(&x, 0, sizeof(x));
	*status = vmmu_translate(m->cpu, vmmu_gva(va), 1, access, &x);
	return x;
}

/* Every leaf, and an address beside it that may not be mapped. */
static unsigned compare_machines(struct machine *a, struct machine *b)
{
	static const uint32_t access[] = { VMMU_READ | VMMU_AC, VMMU_WRITE | VMMU_USER,
					   VMMU_FETCH };
	struct leaves l = { 0 };
	struct err err = { 0 };
	unsigned n = 0;

	t_check(leaves_find(&l, a, &err) == 0, "%s", err.text);
	for (size_t i = 0; i < l.nr * 2; i++) {
		for (unsigned k = 0; k < 3; k++, n++) {
			uint64_t va = l.va[i / 2] + (i % 2 ? 0x200000 : 0);
			int of_a, of_b;
			struct vmmu_xlat x = ask(a, va, access[k], &of_a);
			struct vmmu_xlat y = ask(b, va, access[k], &of_b);

			t_eq(of_a, of_b);
			t_eq(x.gpa.v, y.gpa.v);
			t_eq(x.guest_rights, y.guest_rights);
			t_eq(x.guest_shift, y.guest_shift);
			t_eq(x.fault.code, y.fault.code);
		}
	}
	leaves_free(&l);
	return n;
}

Test(dumps, both_translate_alike_on_every_backend)
{
	static const unsigned least[] = { 6000, 3000, 40 };

	for (unsigned i = 0; i < 3; i++) {
		for (unsigned k = 0; k < nr_backends; k++) {
			struct machine a, b;
			unsigned n;

			make_machine(&a, machines[i], "elf", &backends[k]);
			make_machine(&b, machines[i], "kdump", &backends[k]);
			n = compare_machines(&a, &b);
			t_check(n > least[i], "%s: only %u translations", machines[i], n);
			machine_close(&a);
			machine_close(&b);
		}
	}
}

/* ---- every form, made from an ELF core ----------------------------------------------------- */

Test(dumps, every_packing_layout_and_order_is_read)
{
	struct core elf;

	open_named(&elf, "modes32.elf.zst");
	for (unsigned i = 0; i < KDUMP_PACKINGS * 4; i++) {
		struct kdump_how how = { .packing = i / 4,
					 .narrow = i & 1,
					 .flattened = (i & 2) != 0,
					 .machine = "i686",
					 .cpu = &elf.cpu[0] };
		struct bytes file = kdump_make(&elf, &how);
		struct core core;
		struct err err = { 0 };

		t_check(open_bytes(&core, file.data, file.size, &err) == 0, "form %u: %s", i,
			err.text);
		same_registers(&elf, &core);
		same_memory(&elf, &core);
		core_close(&core);
		free(file.data);
	}
	core_close(&elf);
}

Test(dumps, an_elf_core_that_is_flattened_is_read)
{
	const char head[32] = "makedumpfile\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\1";
	uint8_t flat[4096 + 16] = { 0 }, end[16];
	struct core elf, core;
	struct bytes file = { 0 };
	struct err err = { 0 };
	char path[512];
	uint8_t *all;

	name_of(path, "modes32.elf.zst");
	t_eq(input_slurp(path, 64 << 20, &file, &err), 0);
	memcpy(flat, head, 31);
	flat[31] = 1;
	for (unsigned i = 0; i < 8; i++)
		flat[4096 + 8 + i] = (uint8_t)(file.size >> (56 - 8 * i));
	memset(end, 0xff, sizeof(end));
	all = malloc(sizeof(flat) + file.size + sizeof(end));
	t_true(all);
	memcpy(all, flat, sizeof(flat));
	memcpy(all + sizeof(flat), file.data, file.size);
	memcpy(all + sizeof(flat) + file.size, end, sizeof(end));
	t_check(open_bytes(&core, all, sizeof(flat) + file.size + sizeof(end), &err) == 0, "%s",
		err.text);
	open_named(&elf, "modes32.elf.zst");
	same_registers(&elf, &core);
	same_memory(&elf, &core);
	core_close(&elf);
	core_close(&core);
	free(file.data);
	free(all);
}

/* ---- what is wrong with a dump --------------------------------------------------------------- */

/* A machine of four pages, with a hole. */
static uint8_t pages[3][PAGE];

static void small_machine(struct core *core)
{
	static struct core_segment segment[2];
	static struct known_regs cpu;

	for (unsigned k = 0; k < 3; k++)
		for (unsigned i = 0; i < 1000; i++)
			pages[k][i] = (uint8_t)(i * 7 + i / 256 + 50 * k + 1);
	segment[0] = (struct core_segment){ 0x1000, 2 * PAGE, pages[0], 2 * PAGE };
	segment[1] = (struct core_segment){ 0x9000, PAGE, pages[2], PAGE };
	cpu = (struct known_regs){ 0 };
	regs_set(&cpu, KNOWN_CR0, 0x80050033);
	regs_set(&cpu, KNOWN_CR3, 0x1000);
	regs_set(&cpu, KNOWN_CR4, 0x20);
	*core = (struct core){ .segment = segment, .nr_segments = 2, .cpu = &cpu, .nr_cpus = 1 };
}

static void refuses(const struct kdump_how *how, const char *what)
{
	struct core made, core;
	struct bytes file;
	struct err err = { 0 };

	small_machine(&made);
	file = kdump_make(&made, how);
	t_check(open_bytes(&core, file.data, file.size, &err) == -1, "it is read: %s", what);
	t_eq(err.status, STATUS_INPUT);
	t_says(err, what);
	free(file.data);
}

Test(dumps, registers_that_are_not_there_are_left_to_the_user)
{
	struct kdump_how how = { .machine = "x86_64" };
	struct core made, core;
	struct bytes file;
	struct err err = { 0 };

	small_machine(&made);
	file = kdump_make(&made, &how);
	t_check(open_bytes(&core, file.data, file.size, &err) == 0, "%s", err.text);
	t_eq(core.nr_cpus, 0);
	t_eq(core.long_mode, 1);
	same_memory(&made, &core);
	core_close(&core);
	free(file.data);
}

Test(dumps, other_machines_are_refused)
{
	refuses(&(struct kdump_how){ .machine = "aarch64" }, "of a machine \"aarch64\"");
	refuses(&(struct kdump_how){ .machine = "x86_64", .block = 65536 },
		"no blocks of 4096 bytes");
}

Test(dumps, part_of_a_split_dump_is_refused)
{
	refuses(&(struct kdump_how){ .machine = "x86_64", .split = 1 }, "--reassemble");
	refuses(&(struct kdump_how){ .machine = "i686", .narrow = 1, .split = 1 }, "--reassemble");
}

/* Cut short at any byte, a dump is refused, or the same if nothing of it was lost. */
static void cut_everywhere(const struct kdump_how *how, unsigned step)
{
	struct core made, core;
	struct bytes file;

	small_machine(&made);
	file = kdump_make(&made, how);
	for (size_t n = 0; n<file.size; n += n> 4096 + 600 && n % PAGE > 600 ? step : 13) {
		struct err err = { 0 };

		if (open_bytes(&core, file.data, n, &err) == 0) {
			same_memory(&made, &core);
			core_close(&core);
			continue;
		}
		t_eq(err.status, STATUS_INPUT);
		t_check(strncmp(err.text, "/proc/self/fd/", 14) == 0, "no name in: %s", err.text);
	}
	free(file.data);
}

Test(dumps, cut_anywhere_is_an_error)
{
	struct core made;

	small_machine(&made);
	for (unsigned i = 0; i < KDUMP_PACKINGS; i++)
		cut_everywhere(
			&(struct kdump_how){ .packing = i, .machine = "x86_64", .cpu = made.cpu },
			211);
	cut_everywhere(&(struct kdump_how){ .machine = "x86_64", .flattened = 1 }, 211);
}

/* The descriptor of the second page: after both headers and both bitmaps, the second of them. */
#define SECOND_DESCRIPTOR (4 * PAGE + 24)

/* What is said then; `n` bytes at `at` are `bytes`. */
static void damage(unsigned packing, size_t at, const void *bytes, size_t n, const char *what)
{
	struct kdump_how how = { .packing = packing, .machine = "x86_64" };
	struct core made, core;
	struct bytes file;
	struct err err = { 0 };

	small_machine(&made);
	file = kdump_make(&made, &how);
	memcpy(file.data + at, bytes, n);
	t_check(open_bytes(&core, file.data, file.size, &err) == -1, "packing %u", packing);
	t_eq(err.status, STATUS_INPUT);
	t_says(err, what);
	free(file.data);
}

Test(dumps, damaged_pages_are_told_with_their_address)
{
	for (unsigned i = 0; i < KDUMP_PACKINGS; i++) {
		damage(i, SECOND_DESCRIPTOR, "\xff\xff\xff\x0f", 4,
		       "truncated: the page at 0x2000 wants ");
		damage(i, SECOND_DESCRIPTOR + 8, "\2\0\0\0", 4, "damaged: the page at 0x2000 ");
		/* libkdumpfile 0.5.1 writes past its buffer then. */
		damage(i, SECOND_DESCRIPTOR + 8, "\1\x10\0\0", 4,
		       "damaged: the page at 0x2000 has 4097 bytes in the file");
	}
	damage(KDUMP_ZSTD, SECOND_DESCRIPTOR, "\0", 1, "cannot be read: libkdumpfile: ");
}

Test(dumps, damaged_flattened_files_are_told_with_their_byte)
{
	struct kdump_how how = { .machine = "x86_64", .flattened = 1 };
	struct core made, core;
	struct bytes file;
	struct err err = { 0 };

	small_machine(&made);
	file = kdump_make(&made, &how);
	file.data[23] = 2;
	t_eq(open_bytes(&core, file.data, file.size, &err), -1);
	t_says(err, "byte 16: a flattened file of type 2, version 1");
	file.data[23] = 1;
	file.data[4096] = 0x40; /* to a place beyond all */
	t_eq(open_bytes(&core, file.data, file.size, &err), -1);
	t_says(err, "byte 4096: a piece of ");
	file.data[4096] = 0;
	t_eq(open_bytes(&core, file.data, file.size - 10, &err), -1);
	t_says(err, "within the head of a piece");
	free(file.data);
}

#endif
