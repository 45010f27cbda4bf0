/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command's readers of states on bad input: compressed files, cores, sidecars, recorded
 * answers.  What is wrong must be found, and named with its place.
 * Not here: traces (test_readers_traces.c), kdump-compressed dumps (test_dumps.c).
 * Invariant: every negative control has its positive beside it.
 */
#include "readers_rig.h"

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
	t_check(err.hint[0], "how to go on is not said: %s", err.text);
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

Test(sidecar, what_is_wrong_can_be_given_as_an_option)
{
	struct sidecar side;
	struct err err = { 0 };

	t_eq(open_side("{\"cpus\":[{\"regs\":{\"cr3\":\"0xzz\"}}]}", &side, &err), -1);
	t_hints(err, "leave it out and give --cr0, --cr3, --cr4 or --efer");
	t_eq(open_side("{\"efer\":1.5}", &side, &err), -1);
	t_hints(err, "give --efer");
	t_eq(open_side("{\"ram\":[{\"gpa\":0,\"size\":\"ffffffffffffffff\"}]}", &side, &err), -1);
	t_hints(err, "give --ram SIZE");
	t_eq(open_side("{\"contexts\":[{\"cr3\":-1}]}", &side, &err), -1);
	t_hints(err, "leave this context out");
	t_eq(open_side("{\"cpus\":", &side, &err), -1);
	t_hints(err, "Correct it there");
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
