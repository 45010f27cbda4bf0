/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command's readers on bad input, and its replay engine on answers that
 * were changed: what is wrong must be found, and named with its place.
 * Invariant: every negative control has its positive beside it.
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include "input/input.h"
#include "machine/machine.h"
#include "replay/replay.h"
#include "t.h"
#include "base/base.h"

#define t_says(err, what)                                                                          \
	t_check(strstr((err).text, what), "\"%s\" does not say \"%s\"", (err).text, what)

/* An unnamed file with these bytes; its path in `path`. */
static int file_of(const void *bytes, size_t size, char path[32])
{
	int fd = memfd_create("t", 0);

	t_true(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
	snprintf(path, 32, "/proc/self/fd/%d", fd);
	return fd;
}

/* ---- input --------------------------------------------------------------- */

static size_t pack(const void *bytes, size_t size, uint8_t *out, size_t cap)
{
	size_t n = ZSTD_compress(out, cap, bytes, size, 3);

	t_true(!ZSTD_isError(n));
	return n;
}

static ssize_t read_packed(const uint8_t *packed, size_t n, char *out, size_t cap, struct err *err)
{
	struct input *in = input_open_memory("a.zst", packed, n, err);
	ssize_t got = in ? input_full(in, out, cap, err) : -1;

	input_close(in);
	return got;
}

Test(input, zstd_is_unpacked)
{
	uint8_t packed[256];
	char out[64];
	struct err err;
	size_t n = pack("hello, world", 12, packed, sizeof(packed));

	t_eq(read_packed(packed, n, out, sizeof(out), &err), 12);
	t_true(memcmp(out, "hello, world", 12) == 0);
}

Test(input, zstd_cut_short_is_told_with_its_byte)
{
	uint8_t packed[256];
	char out[64];
	struct err err;
	size_t n = pack("hello, world", 12, packed, sizeof(packed));

	t_eq(read_packed(packed, n - 3, out, sizeof(out), &err), -1);
	t_says(err, "a.zst: truncated");
	t_says(err, "byte 18");
}

Test(input, zstd_name_without_zstd_is_told)
{
	char out[8];
	struct err err;

	t_eq(read_packed((const uint8_t *)"plain", 5, out, sizeof(out), &err), -1);
	t_says(err, "a.zst: not zstd: wrong magic at byte 0");
	t_eq(err.status, STATUS_INPUT);
}

/* Six bytes ask for 2 GiB; zstd(1) itself takes 128 MiB unless it is told otherwise. */
Test(input, zstd_window_beyond_all_need_is_refused_with_the_size)
{
	static const uint8_t frame[] = {
		0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x09, 0x00, 0x00, 'x'
	};
	uint8_t most[sizeof(frame)];
	char out[8];
	struct err err = { 0 };

	t_eq(read_packed(frame, sizeof(frame), out, sizeof(out), &err), -1);
	t_says(err, "a.zst: its zstd window is larger than the 128 MiB allowed here");
	memcpy(most, frame, sizeof(frame));
	most[5] = (27 - 10) << 3;
	t_check(read_packed(most, sizeof(most), out, sizeof(out), &err) == 1, "%s", err.text);
}

Test(input, missing_file_is_told)
{
	struct err err;

	t_true(!input_open("/nonexistent/file", &err));
	t_says(err, "/nonexistent/file: No such file");
}

Test(input, line_without_end_is_refused_with_its_number)
{
	size_t size = 1 << 20;
	char *text = malloc(size), *line;
	struct err err;
	struct lines l;

	memset(text, 'x', size);
	memcpy(text, "one\n", 4);
	t_eq(lines_open(&l, input_open_memory("t", text, size, &err), &err), 0);
	t_eq(lines_next(&l, &line, &err), 1);
	t_eq(lines_next(&l, &line, &err), -1);
	t_says(err, "t: line 2: longer than");
	lines_close(&l);
	free(text);
}

/* ---- core ---------------------------------------------------------------- */

struct small_core {
	Elf64_Ehdr eh;
	Elf64_Phdr ph[2];
	Elf64_Nhdr nh;
	char name[8];
	uint32_t version, size;
	uint8_t regs[384];
	uint64_t cr[5], more;
	uint8_t page[64];
} __attribute__((packed));

static struct small_core small_core(void)
{
	struct small_core c;

	memset(&c, 0, sizeof(c));
	memcpy(c.eh.e_ident, ELFMAG, 4);
	c.eh.e_ident[EI_CLASS] = ELFCLASS64;
	c.eh.e_ident[EI_DATA] = ELFDATA2LSB;
	c.eh.e_ident[EI_VERSION] = EV_CURRENT;
	c.eh.e_type = ET_CORE;
	c.eh.e_machine = EM_X86_64;
	c.eh.e_version = EV_CURRENT;
	c.eh.e_ehsize = 8; /* as QEMU writes it */
	c.eh.e_phoff = offsetof(struct small_core, ph);
	c.eh.e_phentsize = sizeof(Elf64_Phdr);
	c.eh.e_phnum = 2;
	c.ph[0] = (Elf64_Phdr){ .p_type = PT_NOTE, .p_offset = offsetof(struct small_core, nh) };
	c.ph[0].p_filesz = offsetof(struct small_core, page) - c.ph[0].p_offset;
	c.ph[1] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_offset = offsetof(struct small_core, page) };
	c.ph[1].p_paddr = 0x5000;
	c.ph[1].p_filesz = sizeof(c.page);
	c.ph[1].p_memsz = 0x2000;
	c.nh = (Elf64_Nhdr){ 5, 440, 0 };
	memcpy(c.name, "QEMU", 5);
	c.version = 1;
	c.size = 440;
	c.cr[0] = 0x80050033;
	c.cr[3] = 0x5000;
	c.cr[4] = 0x20;
	c.page[8] = 0x77;
	return c;
}

static int open_core(const struct small_core *c, size_t size, struct core *core, struct err *err)
{
	char path[32];
	int fd = file_of(c, size, path), ret = core_open(core, path, err);

	close(fd);
	return ret;
}

Test(core, note_and_segment_are_read)
{
	struct small_core c = small_core();
	struct core core;
	struct err err = { 0 };

	t_check(open_core(&c, sizeof(c), &core, &err) == 0, "%s", err.text);
	t_eq(core.nr_cpus, 1);
	t_eq(core.cpu[0].regs.cr0, 0x80050033);
	t_eq(core.cpu[0].regs.cr3, 0x5000);
	t_eq(core.cpu[0].regs.cr4, 0x20);
	t_eq(core.cpu[0].known & KNOWN_EFER, 0);
	t_eq(core.nr_segments, 1);
	t_eq(core.segment[0].gpa, 0x5000);
	t_eq(core.segment[0].bytes, 0x2000);
	t_eq(core.segment[0].data[8], 0x77);
	core_close(&core);
}

Test(core, class_32_is_read)
{
	struct {
		Elf32_Ehdr eh;
		Elf32_Phdr ph;
		uint8_t page[16];
	} c;
	struct core core;
	struct err err = { 0 };
	char path[32];

	memset(&c, 0, sizeof(c));
	memcpy(c.eh.e_ident, ELFMAG "\1\1\1", 7);
	c.eh.e_type = ET_CORE;
	c.eh.e_machine = EM_386;
	c.eh.e_version = EV_CURRENT;
	c.eh.e_ehsize = 8;
	c.eh.e_phoff = sizeof(c.eh);
	c.eh.e_phentsize = sizeof(c.ph);
	c.eh.e_phnum = 1;
	c.ph = (Elf32_Phdr){ .p_type = PT_LOAD, .p_offset = sizeof(c.eh) + sizeof(c.ph) };
	c.ph.p_paddr = 0x3000;
	c.ph.p_filesz = c.ph.p_memsz = sizeof(c.page);
	file_of(&c, sizeof(c), path);
	t_check(core_open(&core, path, &err) == 0, "%s", err.text);
	t_eq(core.long_mode, 0);
	t_eq(core.segment[0].gpa, 0x3000);
	core_close(&core);
}

Test(core, cut_anywhere_is_an_error)
{
	struct small_core c = small_core();

	for (size_t size = 0; size < sizeof(c); size++) {
		struct core core;
		struct err err = { 0 };

		t_check(open_core(&c, size, &core, &err) == -1, "cut at %zu is taken", size);
		t_says(err, "truncated");
		t_eq(err.status, STATUS_INPUT);
	}
}

Test(core, cut_segment_is_told_with_its_place)
{
	struct small_core c = small_core();
	struct core core;
	struct err err;
	char want[64];

	t_eq(open_core(&c, sizeof(c) - 1, &core, &err), -1);
	snprintf(want, sizeof(want), "program header 1 wants 0x40 bytes at byte 0x%zx",
		 offsetof(struct small_core, page));
	t_says(err, want);
}

Test(core, wrong_magic_is_told)
{
	struct small_core c = small_core();
	struct core core;
	struct err err;

	c.eh.e_ident[1] = 'X';
	t_eq(open_core(&c, sizeof(c), &core, &err), -1);
	t_says(err, "wrong magic at byte 0: 7f 58 4c 46");
}

Test(core, program_is_no_core)
{
	struct small_core c = small_core();
	struct core core;
	struct err err;

	c.eh.e_type = ET_EXEC;
	t_eq(open_core(&c, sizeof(c), &core, &err), -1);
	t_says(err, "ELF type 2, not a core");
}

Test(core, other_note_version_is_told)
{
	struct small_core c = small_core();
	struct core core;
	struct err err;

	c.version = 2;
	t_eq(open_core(&c, sizeof(c), &core, &err), -1);
	t_says(err, "QEMU note of vCPU 0");
	t_says(err, "version 2");
}

Test(core, segment_beyond_all_memory_is_told)
{
	struct small_core c = small_core();
	struct core core;
	struct err err;

	c.ph[1].p_paddr = UINT64_MAX - 0xfff;
	t_eq(open_core(&c, sizeof(c), &core, &err), -1);
	t_says(err, "program header 1: memory at 0xfffffffffffff000");
}

/* Each header takes memory and time for all of its notes; so few bytes must not ask for much. */
Test(core, notes_that_headers_share_are_refused)
{
	enum { NR = 1000 };
	struct small_core one = small_core();
	size_t notes = one.ph[0].p_filesz, at = sizeof(one.eh) + NR * sizeof(one.ph[0]);
	uint8_t *c = calloc(1, at + notes);
	struct core core;
	struct err err = { 0 };
	char path[32];

	one.eh.e_phnum = NR;
	memcpy(c, &one.eh, sizeof(one.eh));
	memcpy(c + at, &one.nh, notes);
	one.ph[0].p_offset = at;
	for (size_t i = 0; i < NR; i++)
		memcpy(c + sizeof(one.eh) + i * sizeof(one.ph[0]), &one.ph[0], sizeof(one.ph[0]));
	file_of(c, at + notes, path);
	t_eq(core_open(&core, path, &err), -1);
	t_says(err,
	       "program header 122: its notes and those before it have more bytes than the file");
	free(c);
}

/* Every byte of the headers changed to many values: an error or not, no crash. */
Test(core, garbage_in_headers_is_survived)
{
	static const uint8_t values[] = { 0, 1, 0x7f, 0x80, 0xff };

	for (size_t at = 0; at < offsetof(struct small_core, regs); at++)
		for (unsigned v = 0; v < sizeof(values); v++) {
			struct small_core c = small_core();
			struct core core;
			struct err err;

			((uint8_t *)&c)[at] = values[v];
			if (open_core(&c, sizeof(c), &core, &err) == 0)
				core_close(&core);
		}
}

/* ---- sidecar ------------------------------------------------------------- */

static int open_side(const char *text, struct sidecar *side, struct err *err)
{
	char path[32];
	int fd = file_of(text, strlen(text), path), ret = sidecar_open(side, path, err);

	close(fd);
	return ret;
}

static void refuses(const char *text, const char *what)
{
	struct sidecar side;
	struct err err;

	t_check(open_side(text, &side, &err) == -1, "taken: %s", text);
	t_says(err, what);
	t_eq(err.status, STATUS_INPUT);
}

Test(sidecar, large_numbers_are_not_rounded)
{
	struct sidecar side;
	struct err err = { 0 };
	int ret = open_side("{\"cpus\":[{\"regs\":{\"cr0\":1,\"cr2\":18446612682128756737,"
			    "\"cr3\":\"0xffffffffffffffff\"}}],\"efer\":\"0xd01\","
			    "\"ram\":[{\"gpa\":\"0x1000\",\"size\":8192}]}\n",
			    &side, &err);

	t_check(ret == 0, "%s", err.text);
	t_eq(side.cpu[0].regs.cr2, 18446612682128756737u);
	t_eq(side.cpu[0].regs.cr3, UINT64_MAX);
	t_eq(side.cpu[0].regs.efer, 0xd01);
	t_eq(side.ram.range[0].lo, 0x1000);
	t_eq(side.ram.range[0].hi, 0x3000);
	sidecar_close(&side);
}

Test(sidecar, bad_syntax_is_told_with_its_byte)
{
	refuses("{\"cpus\": x}", "bad JSON at byte 9");
	refuses("{\"cpus\": [", "the text ends too early");
	refuses("", "the text ends too early");
	refuses("[1]", "not an object");
}

Test(sidecar, bad_field_is_named)
{
	refuses("{\"cpus\":[{\"regs\":{\"cr3\":-1}}]}", "cpus[0].regs.cr3: a negative number");
	refuses("{\"cpus\":[{\"regs\":{\"cr3\":1.5}}]}", "cpus[0].regs.cr3: not a whole number");
	refuses("{\"cpus\":[{\"regs\":{\"cr3\":\"0xzz\"}}]}", "cpus[0].regs.cr3: not a hex");
	refuses("{\"cpus\":[{}]}", "cpus[0].regs: missing");
	refuses("{\"cpus\":3}", "cpus: not an array");
	refuses("{\"ram\":[{\"gpa\":0}]}", "ram[0].size: missing");
	refuses("{\"ram\":[{\"gpa\":\"0xffffffffffffffff\",\"size\":4096}]}", "ram[0]: RAM at");
	refuses("{\"contexts\":[{\"cr3\":1,\"gva2gpa\":[[1,2],[3]]}]}",
		"contexts[0].gva2gpa[1]: not a pair");
	refuses("{\"contexts\":[{}]}", "contexts[0].cr3: missing");
	refuses("{\"contexts\":[{\"cr3\":1,\"golden\":\"../x\"}]}", "contexts[0].golden");
}

Test(sidecar, number_that_does_not_fit_is_refused)
{
	refuses("{\"cr3\":18446744073709551616}", "byte 7: a number of more than 64 bits");
	refuses("{\"\\\"\":1,\"x\":100000000000000000000}", "byte 12: a number of more");
	refuses("{\"cr3\":-18446744073709551617}", "cr3: a negative number");
	refuses("{\"cr3\":\"10000000000000000\"}", "cr3: not a hex");
	refuses("{\"cr3\":\" -1\"}", "cr3: not a hex");
	refuses("{\"cr3\":\"+1\"}", "cr3: not a hex");
}

Test(sidecar, zero_byte_does_not_end_the_text)
{
	static const char text[] = "{}\0{";
	struct sidecar side;
	struct err err = { 0 };
	char path[32];

	file_of(text, sizeof(text) - 1, path);
	t_eq(sidecar_open(&side, path, &err), -1);
	t_says(err, "bad JSON at byte 2");
}

static void refuses_ops(const char *text, const char *what)
{
	struct err err = { 0 };
	uint64_t ops;
	char path[32], *unit;

	file_of(text, strlen(text), path);
	t_check(sidecar_ops(path, &ops, &unit, &err) == -1, "taken: %s", text);
	t_says(err, what);
}

Test(sidecar, operations_have_a_number_and_a_name)
{
	refuses_ops("{}", "ops: missing");
	refuses_ops("{\"ops\":0}", "ops: missing, or 0");
	refuses_ops("{\"ops\":1,\"op_unit\":null}", "op_unit: not a name");
	refuses_ops("{\"ops\":1,\"op_unit\":[]}", "op_unit: not a name");
	refuses_ops("{\"ops\":1,\"op_unit\":\"\"}", "op_unit: not a name");
}

/* ---- golden -------------------------------------------------------------- */

Test(golden, bad_line_is_told_with_its_number)
{
	static const char text[] = "0000000000401000: 00000000032ad000 ----A--U-\n"
				   "0000000000402000  32ac000\n";
	struct golden g;
	struct err err;
	char path[32];

	file_of(text, sizeof(text) - 1, path);
	t_eq(golden_load(&g, path, NULL, &err), -1);
	t_says(err, "line 2: not what QEMU prints");
}

Test(golden, lines_are_read)
{
	static const char text[] = "0000000000401000: 80000000032ad000 X-P-A--U-\n";
	struct golden g;
	struct err err = { 0 };
	char path[32];

	file_of(text, sizeof(text) - 1, path);
	t_check(golden_load(&g, path, NULL, &err) == 0, "%s", err.text);
	t_eq(g.nr_lines, 1);
	t_eq(g.line[0].va, 0x401000);
	t_eq(g.line[0].pa, 0x32ad000);
	t_eq(g.line[0].flags, GOLDEN_NX | GOLDEN_LARGE);
	golden_free(&g);
}

/* ---- traces -------------------------------------------------------------- */

struct tape {
	uint8_t bytes[8192];
	size_t size;
};

#define RAM_BYTES 0x200000ull
#define VA 0x400000ull	   /* user, writable, at 0x10000 */
#define VA_RO 0x401000ull  /* supervisor, read-only, at 0x11000 */
#define VA_VGA 0x402000ull /* supervisor, at 0xa0000: no RAM */
#define VA_NONE 0x403000ull

static void rec(struct tape *t, unsigned type, uint64_t arg, uint64_t b)
{
	struct vmmu_trace_record r = { (uint8_t)type, arg, b };

	vmmu_trace_put(t->bytes + t->size, &r);
	t->size += VMMU_TRACE_RECORD_BYTES;
}

static void table(struct tape *t, uint64_t gpa, unsigned level, unsigned index, uint64_t entry)
{
	rec(t, VMMU_TRACE_PTPAGE, gpa, level | 1 << 8);
	rec(t, VMMU_TRACE_PTE, index, entry);
}

static void acc(struct tape *t, uint64_t va, unsigned type, uint64_t gpa, unsigned flags)
{
	rec(t, VMMU_TRACE_ACC, va >> 8 | type, gpa | flags);
}

/* The first 13 records: a 4-level guest with three pages. */
static void begin(struct tape *t)
{
	t->size = VMMU_TRACE_HEADER_BYTES;
	vmmu_trace_put_header(t->bytes, RAM_BYTES);
	rec(t, VMMU_TRACE_CR, 0, 0x80050033);
	rec(t, VMMU_TRACE_CR, 4, 0x20);
	rec(t, VMMU_TRACE_CR, 8, 0xd01);
	table(t, 0x1000, 4, 0, 0x2007);
	table(t, 0x2000, 3, 0, 0x3007);
	table(t, 0x3000, 2, 2, 0x4007);
	rec(t, VMMU_TRACE_PTPAGE, 0x4000, 1 | 2 << 8);
	rec(t, VMMU_TRACE_PTE, 0, 0x10007);
	rec(t, VMMU_TRACE_PTE, 1, 0x11001);
	rec(t, VMMU_TRACE_CR, 3, 0x1000);
}

static void end_with_an_access(struct tape *t)
{
	acc(t, VA, 0, 0x10000, 0);
}

static int replay_on(const struct tape *t, const char *backend, struct result *res, struct err *err)
{
	struct machine_options opt = { .backend = backend_find(backend), .host_page = 4096 };
	struct replay_options ro = { .check = 1000 };
	struct trace trace;
	struct machine m;
	int ret;

	memset(res, 0, sizeof(*res));
	if (trace_open(&trace, input_open_memory("tape", t->bytes, t->size, err), err) < 0)
		return -1;
	ret = replay_machine(&trace, &opt, &m, err);
	if (ret == 0) {
		ret = replay_run(&trace, &m, &ro, res, err);
		machine_close(&m);
	}
	trace_close(&trace);
	return ret;
}

static void breaks(const struct tape *t, const char *what)
{
	for (unsigned i = 0; i < nr_backends; i++) {
		struct result res;
		struct err err = { 0 };

		t_check(replay_on(t, backends[i].name, &res, &err) == -1, "%s takes it: %s",
			backends[i].name, what);
		t_says(err, what);
		t_eq(err.status, STATUS_INPUT);
	}
}

static void mismatches(const struct tape *t, unsigned nr, const char *what)
{
	for (unsigned i = 0; i < nr_backends; i++) {
		struct result res;
		struct err err = { 0 };

		t_check(replay_on(t, backends[i].name, &res, &err) == 0, "%s: %s", backends[i].name,
			err.text);
		t_check(res.mismatches == nr, "%s: %u mismatches, not %u: %s", backends[i].name,
			(unsigned)res.mismatches, nr, res.first[0].text);
		if (nr)
			t_check(strstr(res.first[0].text, what), "%s: \"%s\" does not say \"%s\"",
				backends[i].name, res.first[0].text, what);
	}
}

Test(trace, cut_header_is_told)
{
	struct tape t;

	begin(&t);
	t.size = 9;
	breaks(&t, "tape: truncated: 9 bytes, a trace's header has 16");
}

Test(trace, wrong_magic_is_told)
{
	struct tape t;

	begin(&t);
	end_with_an_access(&t);
	t.bytes[7] = '2';
	breaks(&t, "tape: wrong magic at byte 0");
}

Test(trace, impossible_ram_size_is_told)
{
	struct tape t;

	begin(&t);
	end_with_an_access(&t);
	vmmu_trace_put_header(t.bytes, RAM_BYTES + 1);
	breaks(&t, "tape: byte 8: 0x200001 is no RAM size");
}

Test(trace, cut_record_is_told_with_number_and_byte)
{
	struct tape t;

	begin(&t);
	end_with_an_access(&t);
	end_with_an_access(&t);
	t.size -= 5;
	breaks(&t, "tape: truncated: record 14 at byte 240 has 11 of 16 bytes");
}

Test(trace, cut_among_the_initial_records_is_told)
{
	struct tape t;

	begin(&t);
	t.size = 16 + 5 * 16 + 1;
	breaks(&t, "tape: truncated: record 5 at byte 96 has 1 of 16 bytes");
}

Test(trace, without_an_access_checks_nothing)
{
	struct tape t;

	begin(&t);
	breaks(&t, "nothing to check");
}

Test(trace, table_outside_ram_is_told_with_its_record)
{
	struct tape t;

	begin(&t);
	end_with_an_access(&t);
	table(&t, RAM_BYTES, 1, 0, 0);
	breaks(&t, "tape: record 14 at byte 240: PTPAGE at 0x200000 is outside RAM");
}

Test(trace, table_in_the_vga_hole_is_outside_ram)
{
	struct tape t;

	begin(&t);
	end_with_an_access(&t);
	table(&t, 0xa0000, 1, 0, 0);
	breaks(&t, "PTPAGE at 0xa0000 is outside RAM");
}

Test(trace, store_outside_ram_is_told_with_its_record)
{
	struct tape t;

	begin(&t);
	end_with_an_access(&t);
	rec(&t, VMMU_TRACE_PTW, 0xfffffffffff8, 7);
	breaks(&t, "tape: record 14 at byte 240: PTW at 0xfffffffffff8 is outside RAM");
}

Test(trace, store_across_entries_is_told)
{
	struct tape t;

	begin(&t);
	end_with_an_access(&t);
	rec(&t, VMMU_TRACE_PTW, 0x4004, 7);
	breaks(&t, "PTW at 0x4004 is not on a 8-byte entry");
}

Test(trace, entry_outside_a_group_is_told_with_its_record)
{
	struct tape t;

	begin(&t);
	end_with_an_access(&t);
	rec(&t, VMMU_TRACE_PTE, 0, 7);
	breaks(&t, "tape: record 14 at byte 240: PTE outside a PTPAGE group");
}

Test(trace, group_cut_short_is_told)
{
	struct tape t;

	begin(&t);
	end_with_an_access(&t);
	rec(&t, VMMU_TRACE_PTPAGE, 0x5000, 1 | 2 << 8);
	rec(&t, VMMU_TRACE_PTE, 0, 0);
	breaks(&t, "record 16 at byte 272: the trace ends after 1 of 2 PTE records");
	end_with_an_access(&t);
	breaks(&t, "record 16 at byte 272: another record after 1 of 2 PTE records");
}

Test(trace, index_beyond_a_table_is_told)
{
	struct tape t;

	begin(&t);
	end_with_an_access(&t);
	table(&t, 0x5000, 1, 512, 7);
	breaks(&t, "PTE with index 512 in a table of 512");
}

Test(trace, unknown_register_is_told)
{
	struct tape t;

	begin(&t);
	end_with_an_access(&t);
	rec(&t, VMMU_TRACE_CR, 2, 0);
	breaks(&t, "record 14 at byte 240: CR record of unknown register 2");
}

Test(trace, unknown_types_are_skipped)
{
	struct tape t;

	begin(&t);
	rec(&t, 200, 1, 2);
	end_with_an_access(&t);
	rec(&t, 0, 1, 2);
	rec(&t, 12, 1, 2);
	mismatches(&t, 0, "");
}

Test(trace, initial_registers_that_no_cpu_has_are_told_with_their_record)
{
	struct tape t;

	begin(&t);
	rec(&t, VMMU_TRACE_CR, 0, 1ull << 40);
	end_with_an_access(&t);
	breaks(&t, "tape: record 14 at byte 240: no CPU can have CR0=0x10000000000");
}

/* ---- what QEMU's emulator leaves in captures ---------------------------------- */

/* A tape from a file of tests/data. */
static void tape_of(struct tape *t, const char *name)
{
	const char *data = getenv("VMMU_TESTDATA");
	char path[512];
	FILE *f;

	t_check(data, "VMMU_TESTDATA is not set");
	snprintf(path, sizeof(path), "%s/%s", data, name);
	f = fopen(path, "rb");
	t_check(f, "%s: no such file", path);
	t->size = fread(t->bytes, 1, sizeof(t->bytes), f);
	t_true(t->size > VMMU_TRACE_HEADER_BYTES && t->size < sizeof(t->bytes));
	fclose(f);
}

/* An ORIGIN record before all others. */
static void claim_origin(struct tape *t, uint64_t who)
{
	struct tape was = *t;

	t->size = VMMU_TRACE_HEADER_BYTES;
	rec(t, VMMU_TRACE_ORIGIN, 0, who);
	memcpy(t->bytes + t->size, was.bytes + VMMU_TRACE_HEADER_BYTES,
	       was.size - VMMU_TRACE_HEADER_BYTES);
	t->size += was.size - VMMU_TRACE_HEADER_BYTES;
}

/* Replays without a mismatch on every backend, and this many entries were cleared. */
static void cleared(const struct tape *t, unsigned nr, unsigned accesses)
{
	mismatches(t, 0, "");
	for (unsigned i = 0; i < nr_backends; i++) {
		struct result res;
		struct err err = { 0 };

		t_eq(replay_on(t, backends[i].name, &res, &err), 0);
		t_eq(res.tcg_cleared, nr);
		t_eq(res.accesses, accesses);
	}
}

/* A PAE guest: PDPT at 0x1040, one page at VA; `a` is in the PDPTEs. */
static void begin_pae(struct tape *t, uint64_t a)
{
	t->size = VMMU_TRACE_HEADER_BYTES;
	vmmu_trace_put_header(t->bytes, RAM_BYTES);
	table(t, 0x1040, 3, 0, 0x2001 | a);
	table(t, 0x2000, 2, 2, 0x3067);
	table(t, 0x3000, 1, 0, 0x10067);
	rec(t, VMMU_TRACE_CR, 3, 0x1040);
	rec(t, VMMU_TRACE_CR, 8, 0x800);
	rec(t, VMMU_TRACE_CR, 4, 0x20);
	rec(t, VMMU_TRACE_CR, 0, 0x80050033);
	acc(t, VA, 0, 0x10000, 1);
}

Test(tcg, a_pae_guest_as_qemu_records_it_replays)
{
	struct tape t;

	tape_of(&t, "found/pae-pdpte-accessed.vmt");
	cleared(&t, 3, 5);
	claim_origin(&t, VMMU_TRACE_BY_QEMU);
	cleared(&t, 3, 5);
}

Test(tcg, the_same_by_somebody_else_is_refused)
{
	struct tape t;

	tape_of(&t, "found/pae-pdpte-accessed.vmt");
	claim_origin(&t, VMMU_TRACE_BY_VMMU);
	breaks(&t, "no CPU can have CR0=0x80050033 CR3=0x1000");
	begin_pae(&t, 0);
	claim_origin(&t, VMMU_TRACE_BY_VMMU);
	cleared(&t, 0, 1);
	rec(&t, VMMU_TRACE_PTW, 0x1048, 0x2021);
	rec(&t, VMMU_TRACE_CR, 3, 0x1040);
	breaks(&t, "CR3 = 0x1040: ");
}

/* PTPAGE before the registers are told, in a later group, and stores of any order. */
Test(tcg, every_record_of_a_pdpt_is_cleared)
{
	struct tape t;

	begin_pae(&t, 0x20);
	cleared(&t, 1, 1);
	rec(&t, VMMU_TRACE_PTW, 0x1048, 0x2021);
	rec(&t, VMMU_TRACE_CR, 3, 0x1040);
	acc(&t, VA + 0x40000000, 0, 0x10000, 1);
	table(&t, 0x1080, 3, 1, 0x2021); /* another space's, loaded later */
	rec(&t, VMMU_TRACE_PTW, 0x1080, 0x2021);
	rec(&t, VMMU_TRACE_CR, 3, 0x1080);
	acc(&t, VA, 0, 0x10000, 1);
	acc(&t, VA + 0x40000000, 0, 0x10000, 1);
	cleared(&t, 4, 4);
}

/* Bit 5 of what is not present is software's, and of other tables it is A. */
Test(tcg, nothing_else_is_cleared)
{
	struct tape t;

	begin_pae(&t, 0);
	rec(&t, VMMU_TRACE_PTW, 0x1048, 0x2020);
	rec(&t, VMMU_TRACE_PTW, 0x2010, 0x3067);
	rec(&t, VMMU_TRACE_PTDROP, 0x1040, 3);
	rec(&t, VMMU_TRACE_PTW, 0x10a0, 0x2021); /* its frame, never a PDPT */
	rec(&t, VMMU_TRACE_CR, 3, 0x1040);
	acc(&t, VA, 0, 0x10000, 1);
	cleared(&t, 0, 2);
	begin(&t); /* level 3 of a long-mode guest */
	rec(&t, VMMU_TRACE_PTW, 0x2000, 0x3027);
	end_with_an_access(&t);
	cleared(&t, 0, 1);
}

/* A recorder that saw EFER written and no more has LME without LMA. */
Test(tcg, lma_follows_paging)
{
	struct tape t;

	begin(&t);
	rec(&t, VMMU_TRACE_CR, 8, 0x901);
	end_with_an_access(&t);
	cleared(&t, 0, 1);
}

/* The same in a dump: a core with QEMU's note, or a JSON that names it. */
static int open_pae_dump(struct state *s, int note, const char *json, struct err *err)
{
	struct small_core c = small_core();
	struct state_options o = { 0 };
	char core[32], side[32];

	for (unsigned i = 0; i < 4; i++)
		c.page[8 * i] = 0x21, c.page[8 * i + 1] = 0x20; /* PDPTEs, to 0x2000 */
	if (!note)
		memcpy(c.name, "XXXX", 4);
	regs_set(&o.forced, KNOWN_CR0, 0x80050033);
	regs_set(&o.forced, KNOWN_CR3, 0x5000);
	regs_set(&o.forced, KNOWN_CR4, 0x20);
	regs_set(&o.forced, KNOWN_EFER, 0x800);
	file_of(&c, sizeof(c), core);
	file_of(json, strlen(json), side);
	o.core = core;
	o.regs = side;
	return state_open(s, &o, err);
}

static void dump_is_cleared(int note, const char *json, int is)
{
	for (unsigned i = 0; i < nr_backends; i++) {
		struct machine_options opt = { .backend = &backends[i], .host_page = 4096 };
		struct machine m;
		struct state s;
		struct err err = { 0 };
		int ret;

		t_check(open_pae_dump(&s, note, json, &err) == 0, "%s", err.text);
		t_check(!strstr(s.note, "cleared in 4") == !is, "note: %s", s.note);
		ret = state_machine(&s, &opt, &m, &err);
		t_eq(ret, is ? 0 : -1);
		if (is)
			machine_close(&m);
		else
			t_says(err, "no CPU can have");
		state_close(&s);
	}
}

Test(tcg, dump_is_cleared_if_qemu_made_it)
{
	dump_is_cleared(1, "{}", 1);
	dump_is_cleared(0, "{\"qemu\":\"QEMU emulator version 7.2\"}", 1);
	dump_is_cleared(0, "{}", 0);
}

/* ---- the replay engine's controls ----------------------------------------- */

Test(replay, right_answers_agree)
{
	struct tape t;

	begin(&t);
	acc(&t, VA, 0, 0x10000, 1);
	acc(&t, VA, 1, 0x10000, 1);
	acc(&t, VA, 2, 0x10000, 1);
	acc(&t, VA_RO, 0, 0x11000, 0);
	rec(&t, VMMU_TRACE_FAULT, 7, VA_RO + 0x123); /* a user's write */
	rec(&t, VMMU_TRACE_FAULT, 3, VA_RO);
	rec(&t, VMMU_TRACE_FAULT, 4, VA_NONE + 8);
	rec(&t, VMMU_TRACE_PTW, 0x4018, 0xa0003);
	acc(&t, VA_NONE, 1, 0xa0000, 0x10);
	acc(&t, VA_NONE, 0, ~0xfffull, 0);
	mismatches(&t, 0, "");
}

Test(replay, flipped_gpa_is_found)
{
	struct tape t;

	begin(&t);
	acc(&t, VA, 0, 0x12000, 0);
	mismatches(&t, 1, "record 13: supervisor read of 0x400000: want gpa 0x12000, got gpa");
}

Test(replay, flipped_right_is_found)
{
	struct tape t;

	begin(&t);
	acc(&t, VA_RO, 0, 0x11000, 1);
	mismatches(&t, 1, "record 13: user read of 0x401000: want gpa 0x11000, got #PF code 0005");
	begin(&t);
	acc(&t, VA_RO, 1, 0x11000, 0);
	mismatches(&t, 1, "got #PF code 0003");
}

Test(replay, flipped_mmio_flag_is_found)
{
	struct tape t;

	begin(&t);
	acc(&t, VA, 0, 0x10000, 0x10);
	mismatches(&t, 1, "want mmio 0x10000, got gpa 0x10000");
	begin(&t);
	end_with_an_access(&t);
	rec(&t, VMMU_TRACE_PTW, 0x4018, 0xa0003);
	acc(&t, VA_NONE, 0, 0xa0000, 0);
	mismatches(&t, 1, "want gpa 0xa0000, got mmio 0xa0000");
}

Test(replay, flipped_fault_code_is_found)
{
	struct tape t;

	begin(&t);
	rec(&t, VMMU_TRACE_FAULT, 5, VA_NONE);
	mismatches(&t, 1, "want #PF code 0005 CR2 0x403000, got #PF code 0004");
}

Test(replay, fault_that_does_not_happen_is_found)
{
	struct tape t;

	begin(&t);
	rec(&t, VMMU_TRACE_FAULT, 4, VA);
	mismatches(&t, 1, "want #PF code 0004 CR2 0x400000, got gpa 0x10000");
}

Test(replay, window_bounds_statistics_and_not_checks)
{
	struct tape t;
	struct result res;
	struct err err = { 0 };

	begin(&t);
	acc(&t, VA, 0, 0x10000, 0);
	rec(&t, VMMU_TRACE_MARK, 0, 1);
	rec(&t, VMMU_TRACE_CR, 3, 0x1000);
	acc(&t, VA, 0, 0x10000, 0);
	rec(&t, VMMU_TRACE_COUNT, 40, 50);
	rec(&t, VMMU_TRACE_MARK, 0, 2);
	rec(&t, VMMU_TRACE_CR, 3, 0x1000);
	acc(&t, VA, 0, 0x12000, 0);
	t_check(replay_on(&t, "shadow", &res, &err) == 0, "%s", err.text);
	t_eq(res.accesses, 3);
	t_eq(res.mismatches, 1);
	t_eq(res.stats.event[VMMU_EV_EXIT_CR_WRITE], 1);
	t_eq(res.instructions, 40);
	t_eq(res.guest_accesses, 50);
}

/* ---- machines and states -------------------------------------------------- */

Test(machine, too_small_a_cap_is_refused_with_the_number)
{
	for (unsigned i = 0; i < nr_backends; i++) {
		struct machine_options opt = { .backend = &backends[i],
					       .host_page = 4096,
					       .table_pages = 1 };
		struct ranges ram = { 0 };
		struct machine m;
		struct err err = { 0 };

		if (!backends[i].hypervisor)
			continue;
		t_eq(ranges_pc(&ram, 1 << 20, "", &err), 0);
		t_eq(machine_open(&m, &opt, &ram, &err), -1);
		t_says(err, "needs at least");
		t_eq(err.status, STATUS_USAGE);
	}
}

Test(state, options_win_over_json_and_json_over_the_note)
{
	struct small_core c = small_core();
	struct state_options o = { 0 };
	struct state s;
	struct err err = { 0 };
	char core[32], side[32];
	const char *json = "{\"cpus\":[{\"regs\":{\"cr3\":\"0x6000\",\"cr4\":\"0x30\"}}]}";

	file_of(&c, sizeof(c), core);
	file_of(json, strlen(json), side);
	o.core = core;
	o.regs = side;
	regs_set(&o.forced, KNOWN_CR4, 0x60);
	t_check(state_open(&s, &o, &err) == 0, "%s", err.text);
	t_eq(s.regs.cr0, 0x80050033);
	t_eq(s.regs.cr3, 0x6000);
	t_eq(s.regs.cr4, 0x60);
	t_eq(s.regs.efer, 0xd01); /* guessed, and said so */
	t_check(strstr(s.note, "0xd01"), "note: %s", s.note);
	state_close(&s);
}

Test(state, ram_that_a_core_leaves_out_is_there)
{
	struct small_core c = small_core();
	struct state_options o = { .ram = 1 << 20 };
	struct state s;
	struct err err = { 0 };
	char core[32];

	file_of(&c, sizeof(c), core);
	o.core = core;
	t_check(state_open(&s, &o, &err) == 0, "%s", err.text);
	t_eq(ranges_bytes(&s.ram), 1 << 20);
	state_close(&s);
	o.ram = 0;
	t_check(state_open(&s, &o, &err) == 0, "%s", err.text);
	t_eq(ranges_bytes(&s.ram), 0x2000);
	state_close(&s);
}

/* How many answers of d5 are wrong; `flip`: after changing one golden line. */
static uint64_t check_d5(const struct backend *backend, int flip)
{
	const char *data = getenv("VMMU_TESTDATA");
	struct machine_options opt = { .backend = backend, .host_page = 4096 };
	struct state_options o = { 0 };
	struct state_check check;
	struct result res = { 0 };
	struct machine m;
	struct state s;
	struct err err = { 0 };
	char core[512], json[512];

	t_check(data, "VMMU_TESTDATA is not set");
	snprintf(core, sizeof(core), "%s/d5/d5-x64-early.ptcore.zst", data);
	snprintf(json, sizeof(json), "%s/d5/d5-x64-early.json.zst", data);
	o.core = core;
	o.regs = json;
	t_check(state_open(&s, &o, &err) == 0, "%s", err.text);
	t_check(state_check_open(&check, &s, json, &err) == 0, "%s", err.text);
	if (flip)
		check.golden[0].line[6].pa ^= 0x1000;
	t_check(state_machine(&s, &opt, &m, &err) == 0, "%s", err.text);
	t_check(state_check_run(&check, &m, &res, &err) == 0, "%s", err.text);
	t_true(res.accesses > 5000);
	machine_close(&m);
	state_check_close(&check);
	state_close(&s);
	return res.mismatches;
}

Test(state_check, recorded_answers_agree_and_a_flipped_one_is_found)
{
	for (unsigned i = 0; i < nr_backends; i++) {
		t_eq(check_d5(&backends[i], 0), 0);
		t_eq(check_d5(&backends[i], 1), 1);
	}
}

Test(state_check, context_that_no_cpu_has_is_named)
{
	struct small_core c = small_core();
	struct machine_options opt = { .backend = backend_find("native"), .host_page = 4096 };
	struct state_options o = { .ram = 1 << 20 };
	const char *json = "{\"contexts\":[{\"cr3\":20480},{\"cr3\":\"8000000000000000\"}]}";
	struct state_check check;
	struct result res = { 0 };
	struct machine m;
	struct state s;
	struct err err = { 0 };
	char core[32], side[32];

	file_of(&c, sizeof(c), core);
	file_of(json, strlen(json), side);
	o.core = core;
	o.regs = side;
	t_check(state_open(&s, &o, &err) == 0, "%s", err.text);
	t_check(state_check_open(&check, &s, side, &err) == 0, "%s", err.text);
	check.name = "guest";
	t_check(state_machine(&s, &opt, &m, &err) == 0, "%s", err.text);
	t_eq(state_check_run(&check, &m, &res, &err), -1);
	t_says(err, "guest: contexts[1].cr3: no CPU can have");
	machine_close(&m);
	state_check_close(&check);
	state_close(&s);
}

/* ---- text ----------------------------------------------------------------- */

Test(text, numbers_are_taken_whole_or_not)
{
	uint64_t v;

	t_eq(parse_u64("0x10", &v), 0);
	t_eq(v, 16);
	t_eq(parse_u64("010", &v), 0);
	t_eq(v, 10);
	t_eq(parse_u64("-1", &v), -1);
	t_eq(parse_u64("18446744073709551616", &v), -1);
	t_eq(parse_u64("1x", &v), -1);
	t_eq(parse_size("512M", &v), 0);
	t_eq(v, 512u << 20);
	t_eq(parse_size("-1", &v), -1);
	t_eq(parse_hex("ffffffff81000000", &v), 0);
	t_eq(v, 0xffffffff81000000);
	t_eq(parse_hex("g", &v), -1);
}

/* ---- strategies by name ------------------------------------------------------------------ */

static uint32_t off_of(const char *name)
{
	struct strategies s;
	struct err err = { 0 };

	t_check(strategies_parse(name, &s, &err) == 0, "%s: %s", name, err.text);
	t_eq(s.nr, 1);
	t_true(!strcmp(s.s[0].name, name));
	return s.s[0].off;
}

Test(strategy, names_say_what_is_off)
{
	t_eq(off_of("vtlb"), VMMU_SHADOW_ALL);
	t_eq(off_of("all"), 0);
	t_eq(off_of("trap"), VMMU_SHADOW_ALL & ~(VMMU_SHADOW_CACHE | VMMU_SHADOW_UPDATE));
	t_eq(off_of("no-unsync"), VMMU_SHADOW_UNSYNC);
	t_eq(off_of("cache+flood"), VMMU_SHADOW_ALL & ~(VMMU_SHADOW_CACHE | VMMU_SHADOW_FLOOD));
	t_eq(off_of("lru"), VMMU_SHADOW_ALL & ~VMMU_SHADOW_LRU);
}

Test(strategy, a_list_has_one_for_each_name)
{
	struct strategies s;
	struct err err = { 0 };
	unsigned i, k;

	t_eq(strategies_parse("all,vtlb,no-lru", &s, &err), 0);
	t_eq(s.nr, 3);
	t_eq(s.s[2].off, VMMU_SHADOW_LRU);
	t_eq(strategies_parse("all-strategies", &s, &err), 0);
	t_eq(s.nr, 12);
	for (i = 0; i < s.nr; i++)
		for (k = 0; k < i; k++)
			t_true(s.s[i].off != s.s[k].off && strcmp(s.s[i].name, s.s[k].name));
}

Test(strategy, what_is_none_is_refused_with_the_names)
{
	static const char *const bad[] = { "",	     "al",	 "no-",	      "no-such",  "cache+",
					   "+cache", "cache+no", "all,,vtlb", "all, vtlb" };
	struct strategies s;
	unsigned i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct err err = { 0 };

		t_check(strategies_parse(bad[i], &s, &err) < 0, "'%s' is taken", bad[i]);
		t_eq(err.status, STATUS_USAGE);
		t_true(strstr(err.text, "prefetch") != NULL);
	}
}
