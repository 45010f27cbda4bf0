/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Workloads: every backend answers as the model of the guest says, the same
 * name gives the same bytes, wrong names are refused, and a model that errs
 * would be noticed.
 */
#include "t.h"

#include "cmd/guest_file.h"
#include "replay/replay.h"
#include "guest/guest.h"

#include <stdlib.h>
#include <string.h>

/* ---- replaying ------------------------------------------------------------- */

/* Records on their way from a workload to the reader, some changed. */
struct edit {
	struct input *in;
	void (*change)(struct vmmu_trace_record *rec, uint64_t nr);
	uint64_t nr;
};

static ssize_t edit_some(void *ctx, void *buf, size_t len, struct err *err)
{
	struct edit *e = ctx;
	ssize_t n = input_some(e->in, buf, len, err);

	for (ssize_t i = 0; i + 16 <= n; i += 16, e->nr++) {
		uint8_t *p = (uint8_t *)buf + i;
		struct vmmu_trace_record rec;

		vmmu_trace_get(p, &rec);
		if (e->nr && e->change)
			e->change(&rec, e->nr);
		if (e->nr)
			vmmu_trace_put(p, &rec);
	}
	return n;
}

static double edit_fraction(void *ctx)
{
	return input_fraction(((struct edit *)ctx)->in);
}

static void edit_close(void *ctx)
{
	input_close(((struct edit *)ctx)->in);
}

static void replay_edited(const char *path, const struct backend *backend, uint64_t check,
			  void (*change)(struct vmmu_trace_record *, uint64_t), struct result *res)
{
	static const struct input_source source = { edit_some, edit_fraction, edit_close };
	struct machine_options opt = { .backend = backend, .host_page = 4096 };
	struct replay_options ro = { .check = check };
	struct edit e = { .change = change };
	struct err err = { 0 };
	struct input *in;
	struct machine m;
	struct trace t;

	*res = (struct result){ .backend = backend->name };
	e.in = workload_open(path, &err);
	t_check(e.in != NULL, "%s: %s", path, err.text);
	in = input_open_source(path, &source, &e, &err);
	t_check(in && trace_open(&t, in, &err) == 0, "%s: %s", path, err.text);
	t_check(replay_machine(&t, &opt, &m, &err) == 0, "%s: %s", path, err.text);
	t_check(replay_run(&t, &m, &ro, res, &err) == 0, "%s: %s", path, err.text);
	machine_close(&m);
	trace_close(&t);
}

static void all_agree(const char *const *path, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		for (unsigned b = 0; b < nr_backends; b++) {
			struct result res;

			replay_edited(path[i], &backends[b], 300, NULL, &res);
			t_check(res.mismatches == 0 && res.accesses > 100, "%s on %s: %s", path[i],
				backends[b].name, res.first[0].text);
			t_true(res.windowed && res.instructions > 0 && res.guest_accesses > 0);
		}
	}
}

#define NR(a) (sizeof(a) / sizeof(*(a)))

Test(workload, processes_on_all_backends)
{
	static const char *const path[] = {
		"workload:fork,n=4",
		"workload:fork,n=3,kib=4096,thp=1,pcid=1",
		"workload:exec,n=3,pcid=1",
		"workload:sh,n=2",
		"workload:ctx,n=60,procs=9,kib=16,pcid=1",
		"workload:ctx,n=20",
		"workload:build,n=1,minstr=1,heap=2",
		"workload:build,n=1,minstr=1,heap=9,thp=1,pcid=1,seed=5",
	};

	all_agree(path, NR(path));
}

Test(workload, memory_on_all_backends)
{
	static const char *const path[] = {
		"workload:pagefault,n=300,kib=512",
		"workload:pagefault,n=2000,kib=4096,file=1,pcid=1",
		"workload:pagefault,n=1100,kib=4096,thp=1",
		"workload:protfault,n=20",
		"workload:mmap,n=3,kib=400",
		"workload:mmap,n=2,kib=200,file=1",
		"workload:chase,n=3000,size=3M",
		"workload:chase,n=3000,size=5000000,page=2M,warm=0",
		"workload:chase,n=3000,size=3G,page=1G,warm=0,stride=4K",
		"workload:random,n=3000,size=3M,writes=30",
		"workload:seq,n=3000,size=1M,writes=100,stride=4K",
	};

	all_agree(path, NR(path));
}

/* ---- mistakes are noticed ------------------------------------------------------- */

/* A leaf leads to the next page. */
static void wrong_page(struct vmmu_trace_record *rec, uint64_t nr)
{
	if (rec->type == VMMU_TRACE_PTW && (rec->b & 0x1e1) == 0x61 && nr % 5 == 0)
		rec->b ^= 0x1000;
}

/* A leaf keeps its right to write. */
static void wrong_right(struct vmmu_trace_record *rec, uint64_t nr)
{
	(void)nr;
	if (rec->type == VMMU_TRACE_PTW && (rec->b & 3) == 1)
		rec->b |= 2;
}

static void no_flush(struct vmmu_trace_record *rec, uint64_t nr)
{
	(void)nr;
	if (rec->type == VMMU_TRACE_INVLPG || rec->type == VMMU_TRACE_INVPCID)
		rec->type = 200; /* unknown: skipped */
}

static void wrong_answer(struct vmmu_trace_record *rec, uint64_t nr)
{
	if (rec->type == VMMU_TRACE_ACC && nr == 7777)
		rec->b ^= 0x1000;
}

static void wrong_code(struct vmmu_trace_record *rec, uint64_t nr)
{
	(void)nr;
	if (rec->type == VMMU_TRACE_FAULT)
		rec->arg ^= VMMU_PF_P;
}

Test(workload, a_wrong_model_is_noticed)
{
	static const struct {
		void (*change)(struct vmmu_trace_record *rec, uint64_t nr);
		const char *what;
	} wrong[] = {
		{ wrong_page, "a wrong page" },	     { wrong_right, "a right too many" },
		{ no_flush, "no INVLPG" },	     { wrong_answer, "one wrong answer" },
		{ wrong_code, "wrong error codes" },
	};

	for (size_t i = 0; i < NR(wrong); i++) {
		for (unsigned b = 0; b < nr_backends; b++) {
			struct result res;

			replay_edited("workload:fork,n=3,pcid=1", &backends[b], 0, wrong[i].change,
				      &res);
			/* Shadow paging may be fresher than a TLB. */
			t_check(res.mismatches > 0 ||
					(wrong[i].change == no_flush && backends[b].shadow),
				"%s: %s is not noticed", backends[b].name, wrong[i].what);
		}
	}
}

/* ---- bytes ------------------------------------------------------------------------ */

/* FNV-1a of all bytes, read in pieces of that size. */
static uint64_t digest(const char *path, size_t piece, uint64_t *bytes)
{
	uint8_t *buf = malloc(piece);
	uint64_t h = 0xcbf29ce484222325ull;
	struct err err = { 0 };
	struct input *in = workload_open(path, &err);
	ssize_t n;

	t_check(in && buf, "%s: %s", path, err.text);
	*bytes = 0;
	while ((n = input_some(in, buf, piece, &err)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			h = (h ^ buf[i]) * 0x100000001b3ull;
		*bytes += (uint64_t)n;
	}
	t_check(n == 0, "%s: %s", path, err.text);
	input_close(in);
	free(buf);
	return h;
}

Test(workload, the_same_name_gives_the_same_bytes)
{
	static const char *const path[][2] = {
		{ "workload:fork,n=2", "workload:fork,n=2,seed=2" },
		{ "workload:build,n=1,minstr=1,heap=1",
		  "workload:build,seed=2,n=1,minstr=1,heap=1" },
		{ "workload:chase,n=5000,size=1M", "workload:chase,n=5000,size=1M,seed=9" },
		{ "workload:ctx,n=9", "workload:ctx,n=9,seed=0x10" },
	};

	for (size_t i = 0; i < NR(path); i++) {
		uint64_t bytes, other;
		uint64_t want = digest(path[i][0], 1 << 20, &bytes);

		t_eq(digest(path[i][0], 1 << 20, &other), want);
		t_eq(other, bytes);
		t_eq(bytes % 16, 0);
		t_true(digest(path[i][1], 1 << 20, &other) != want);
	}
}

/* However the reader asks. */
Test(workload, small_pieces_give_the_same_bytes)
{
	static const char *const path[] = { "workload:exec,n=1",
					    "workload:chase,n=9999,size=99999" };

	for (size_t i = 0; i < NR(path); i++) {
		uint64_t bytes, other;
		uint64_t want = digest(path[i], 1 << 20, &bytes);

		for (size_t piece = 1; piece < 50000; piece = piece * 3 + 4) {
			t_eq(digest(path[i], piece, &other), want);
			t_eq(other, bytes);
		}
	}
}

/* The heap's addresses in the window of a chase. */
static size_t chased(const char *path, uint64_t *gva, size_t most)
{
	struct vmmu_trace_access acc;
	struct vmmu_trace_record rec;
	struct err err = { 0 };
	struct input *in = workload_open(path, &err);
	struct trace t;
	size_t nr = 0, window = 0;

	t_check(in && trace_open(&t, in, &err) == 0, "%s", err.text);
	while (trace_next(&t, &rec, &err) > 0) {
		window |= rec.type == VMMU_TRACE_MARK;
		if (!window || rec.type != VMMU_TRACE_ACC)
			continue;
		t_eq(vmmu_trace_get_access(&rec, &acc), 0);
		if (acc.access == (VMMU_READ | VMMU_USER) && nr < most)
			gva[nr++] = acc.gva;
	}
	trace_close(&t);
	return nr;
}

/* 1,000 elements, no power of two: each once in each round, and not in order. */
Test(workload, a_chase_reads_each_element_once_in_a_round)
{
	uint64_t gva[2000], low = UINT64_MAX;
	unsigned seen[1000] = { 0 }, in_order = 0;

	t_eq(chased("workload:chase,n=2000,size=64000,warm=0", gva, 2000), 2000);
	for (unsigned i = 0; i < 2000; i++)
		low = gva[i] < low ? gva[i] : low;
	for (unsigned i = 0; i < 2000; i++) {
		uint64_t element = (gva[i] - low) / 64;

		t_true(element < 1000);
		t_eq(seen[element]++, i / 1000);
		in_order += i && gva[i] == gva[i - 1] + 64;
	}
	t_true(in_order < 20);
}

/* ---- refusing ----------------------------------------------------------------------- */

Test(workload, wrong_names_and_values_are_refused)
{
	static const struct {
		const char *path, *says;
	} bad[] = {
		{ "workload:", "no such workload" },
		{ "workload:forks", "no such workload" },
		{ "workload:fork,", NULL },
		{ "workload:fork,n", "not PARAMETER=VALUE" },
		{ "workload:fork,m=1", "no such parameter of fork" },
		{ "workload:fork,n=0", "n=0: not a number from 1" },
		{ "workload:fork,n=-1", "n=-1: not a number" },
		{ "workload:fork,n=99999999999999999999", "not a number" },
		{ "workload:fork,pcid=2", "not a number from 0 to 1" },
		{ "workload:chase,page=4M", "page=4M: not 4K, 2M or 1G" },
		{ "workload:chase,size=1", "not a size from" },
		{ "workload:chase,size=1E", "not a size" },
		{ "workload:chase,stride=100", "not a power of two" },
		{ "workload:chase,stride=1G,size=1M", "less than two strides" },
		{ "workload:chase,ram=3000000", "not a multiple of 2M" },
		{ "workload:chase,ram=64M", "not enough for a kernel" },
		{ "workload:pagefault,kib=5", "not a multiple of 4" },
		{ "workload:ctx,procs=1", "not a number from 2 to 62" },
		{ "workload:ctx,procs=63", "not a number from 2 to 62" },
	};

	for (size_t i = 0; i < NR(bad); i++) {
		struct err err = { 0 };
		struct input *in = workload_open(bad[i].path, &err);

		if (!bad[i].says) {
			t_check(in != NULL, "%s: %s", bad[i].path, err.text);
			input_close(in);
			continue;
		}
		t_check(in == NULL, "%s is taken", bad[i].path);
		t_check(strstr(err.text, bad[i].says) != NULL, "%s: \"%s\" lacks \"%s\"",
			bad[i].path, err.text, bad[i].says);
	}
}

/* Too little memory shows while it runs. */
Test(workload, a_guest_out_of_memory_says_so)
{
	static const char *const path[] = {
		"workload:chase,size=256M,ram=128M",
		"workload:mmap,kib=100000,ram=128M",
		"workload:mmap,kib=100000,ram=128M,thp=1",
		"workload:fork,kib=100000,ram=128M",
		"workload:build,ram=82M",
	};

	for (size_t i = 0; i < NR(path); i++) {
		struct err err = { 0 };
		struct input *in = workload_open(path[i], &err);
		uint8_t buf[4096];
		ssize_t n;

		t_check(in != NULL, "%s: %s", path[i], err.text);
		while ((n = input_some(in, buf, sizeof(buf), &err)) > 0)
			continue;
		t_check(n == -1 && strstr(err.text, path[i]) && strstr(err.text, "ram="),
			"%s: \"%s\"", path[i], err.text);
		input_close(in);
	}
}

/* ---- recorded programs ------------------------------------------------------------------ */

static const char lackey_text[] = "==7== Lackey\n"
				  "==7== \n"
				  "I  00401000,3\n"
				  "I  00401003,5\n"
				  " S 1ffe000ffc,8\n" /* in two pages */
				  " L 1ffe000ffc,4\n"
				  "I  0040103e,4\n" /* in two lines */
				  " M 00602000,1\n"
				  "==7== end\n";

/* A recorded program as an input; lackey's text or ChampSim's records. */
static struct input *open_user(const char *name, const void *bytes, size_t size, struct err *err)
{
	struct input *in = input_open_memory(name, bytes, size, err);

	t_check(in != NULL, "%s", err->text);
	return workload_of_file(in, err);
}

/* The accesses of user mode, and what COUNT says. */
struct seen {
	struct vmmu_trace_access acc[32];
	unsigned nr, faults;
	uint64_t instructions, accesses;
};

static void look(struct input *in, struct seen *s)
{
	struct vmmu_trace_record rec;
	struct vmmu_trace_access acc;
	struct err err = { 0 };
	struct trace t;
	int window = 0, got;

	*s = (struct seen){ 0 };
	t_check(in && trace_open(&t, in, &err) == 0, "%s", err.text);
	while ((got = trace_next(&t, &rec, &err)) > 0) {
		window |= rec.type == VMMU_TRACE_MARK;
		s->faults += window && rec.type == VMMU_TRACE_FAULT;
		if (window && rec.type == VMMU_TRACE_COUNT)
			s->instructions += rec.arg;
		if (!window || rec.type != VMMU_TRACE_ACC)
			continue;
		t_eq(vmmu_trace_get_access(&rec, &acc), 0);
		if (acc.access & VMMU_USER && s->nr < 32)
			s->acc[s->nr++] = acc;
	}
	t_check(got == 0, "%s", err.text);
	trace_close(&t);
}

static void same(const struct seen *s, const uint64_t (*want)[2], unsigned nr)
{
	t_eq(s->nr, nr);
	for (unsigned i = 0; i < nr; i++) {
		t_eq(s->acc[i].gva, want[i][0]);
		t_eq(s->acc[i].access, want[i][1] | VMMU_USER);
	}
}

Test(workload, lackey_text_is_run)
{
	static const uint64_t want[][2] = {
		{ 0x401000, VMMU_FETCH },     { 0x1ffe000fc0, VMMU_WRITE },
		{ 0x1ffe001000, VMMU_WRITE }, { 0x1ffe000fc0, VMMU_READ },
		{ 0x401040, VMMU_FETCH },     { 0x602000, VMMU_READ },
		{ 0x602000, VMMU_WRITE },
	};
	struct err err = { 0 };
	struct seen s;

	look(open_user("x", lackey_text, sizeof(lackey_text) - 1, &err), &s);
	same(&s, want, NR(want));
	/* A page of zeros is shared until it is written. */
	t_eq(s.faults, 5);
}

/* ip, branch, taken, two written, four read. */
static void put_champsim(uint8_t *p, uint64_t ip, const uint64_t mem[6])
{
	memset(p, 0, 64);
	memcpy(p, &ip, 8);
	p[8] = p[9] = 1;
	memcpy(p + 16, mem, 48);
}

Test(workload, champsim_records_are_run)
{
	static const uint64_t mem[6] = { 0x7ff000, 0, 0x602040, 0, 0x603000, 0 };
	static const uint64_t none[6] = { 0 };
	static const uint64_t want[][2] = {
		{ 0x401000, VMMU_FETCH }, { 0x602040, VMMU_READ },  { 0x603000, VMMU_READ },
		{ 0x7ff000, VMMU_WRITE }, { 0x401040, VMMU_FETCH },
	};
	struct err err = { 0 };
	uint8_t bytes[192];
	struct seen s;

	put_champsim(bytes, 0x401000, mem);
	put_champsim(bytes + 64, 0x401004, none);
	put_champsim(bytes + 128, 0x401041, none);
	look(open_user("dir/x.champsimtrace", bytes, sizeof(bytes), &err), &s);
	same(&s, want, NR(want));
}

static void refused(const char *name, const void *bytes, size_t size, const char *says)
{
	struct err err = { 0 };
	struct input *in = open_user(name, bytes, size, &err);
	uint8_t buf[4096];
	ssize_t n;

	while (in && (n = input_some(in, buf, sizeof(buf), &err)) > 0)
		continue;
	t_check(in && n == -1 && strstr(err.text, says) && strstr(err.text, name),
		"\"%s\" lacks \"%s\"", err.text, says);
	t_eq(err.status, STATUS_INPUT);
	input_close(in);
}

Test(workload, broken_lackey_text_is_refused)
{
	static const char *const bad[][2] = {
		{ "I  1000,3\nI  10x0,3\n", "line 2: no address" },
		{ "I  1000,3\n\n L1000,4\n", "line 3: neither an access" },
		{ "I  1000,3\nhello\n", "line 2: neither an access" },
		{ "I  1000,3\n K 1000,1\n", "line 2: neither an access" },
		{ "I  1000,3\n L 1000,\n", "line 2: no size" },
		{ "I  1000,3\n L 1000,0\n", "line 2: a size that no access has" },
		{ "I  1000,3\n L 1000,99999\n", "line 2: a size that no access has" },
		{ "I  1000,3\n L 1000,8 \n", "line 2: no size at its end" },
		{ "I  1000,3\n S 11112222333344445,8\n", "line 2: no address" },
		{ "I  1000,3\n S ffffffffff600000,8\n", "line 2: an address that no user" },
		{ "I  1000,3\n S 7fffffffefff,8\n", "line 2: an address that no user" },
		{ "I  0,3\n", "line 1: an address that no user" },
		{ "==1== nothing\n", "no access is in it" },
	};

	for (size_t i = 0; i < NR(bad); i++)
		refused("text", bad[i][0], strlen(bad[i][0]), bad[i][1]);
}

Test(workload, broken_champsim_records_are_refused)
{
	static const uint64_t mem[6] = { 0 }, high[6] = { 0xffff888000000000 };
	uint8_t bytes[128];

	put_champsim(bytes, 0x1000, mem);
	put_champsim(bytes + 64, 0x1000, mem);
	refused("x.champsim", bytes, 100, "byte 64: truncated");
	bytes[64 + 8] = 2;
	refused("x.champsim", bytes, 128, "record 1: neither branch nor none");
	put_champsim(bytes + 64, 0, mem);
	refused("x.champsim", bytes, 128, "record 1: an instruction's address");
	put_champsim(bytes + 64, 0x1000, high);
	refused("x.champsim", bytes, 128, "record 1: an address that no user");
	refused("x.champsim", bytes, 0, "no access is in it");
}

Test(workload, says_how_many_operations)
{
	struct err err = { 0 };
	char *unit = NULL;
	uint64_t ops = 0;

	t_eq(guest_ops("workload:fork,n=17", &ops, &unit, &err), 0);
	t_eq(ops, 17);
	t_true(strcmp(unit, "fork") == 0);
	free(unit);
	t_true(guest_ops("workload:fork,x=1", &ops, &unit, &err) == -1);
}
