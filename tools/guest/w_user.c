/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Workloads of recorded user programs: lackey and champsim.  The model's
 * kernel runs them with demand paging; what they touch comes from a file.
 * Invariant: a file's addresses are checked before the guest sees them.
 */
#include "run.h"

#include <stdlib.h>
#include <string.h>

enum { P_N, P_FILE };

#define LINE 64u
#define USER_LOW 0x1000ull
#define USER_END 0x7ffffffff000ull
#define ALL_RECORDS (1ull << 48)
#define BATCH 4096u
/* The size of the largest access that an instruction can make: XSAVE's area, and a reserve. */
#define ACCESS_MOST 4096u

struct user {
	struct input *in;
	struct lines lines; /* lackey */
	int open, begun, ended;
	uint64_t last_fetch; /* line; ~0: none */
	uint64_t nr;	     /* records read: champsim */
	uint8_t *buf;
	size_t pos, len; /* of buf */
};

static uint64_t user_memory(const struct run *r)
{
	(void)r;
	return 16ull << 30;
}

static const char *user_check(const struct run *r)
{
	return r->file && *r->file ? NULL : "file: missing";
}

static void wrong_file(struct run *r)
{
	(void)err_hint(r->g.err,
		       "Is it the right file?  The lackey workload takes what `valgrind "
		       "--tool=lackey --trace-mem=yes` prints, the champsim one ChampSim's "
		       "traces, whose names have .champsim in them.");
}

static void bad(struct run *r, const char *unit, uint64_t where, const char *why)
{
	int named = strcmp(r->file, r->g.name) == 0; /* the file is the input itself */

	guest_fail(&r->g, "%s%s%s %llu: %s", named ? "" : r->file, named ? "" : ": ", unit,
		   (unsigned long long)where, why);
	wrong_file(r);
}

/* One process, whose memory is one area: all that a program can have. */
static void begin(struct run *r, struct user *u)
{
	struct guest *g = &r->g;
	struct area a = { .start = USER_LOW,
			  .end = USER_END,
			  .flags = AREA_READ | AREA_WRITE | AREA_EXEC };
	struct task *t = &g->task[1];

	a.flags |= g->config.thp ? AREA_HUGE : 0;
	t->space = space_new(g);
	if (!t->space || !space_map(g, t->space, USER_LOW, &a))
		return;
	t->used = 1;
	process_switch(g, t);
	kernel_return(g);
	u->last_fetch = ~0ull;
}

static void touch(struct guest *g, struct user *u, uint64_t gva, uint32_t access)
{
	if (guest_touch(g, gva, access | VMMU_USER) < 0)
		guest_fail(g, "a recorded access to 0x%llx is not allowed",
			   (unsigned long long)gva);
	(void)u;
}

/* Code is fetched line by line.  What lies in the line that was fetched last needs no access. */
static void user_fetch(struct guest *g, struct user *u, uint64_t gva, uint64_t size)
{
	for (uint64_t line = gva / LINE; line <= (gva + size - 1) / LINE; line++) {
		if (line != u->last_fetch)
			touch(g, u, line * LINE, VMMU_FETCH);
		u->last_fetch = line;
	}
	g->instructions++;
	g->accesses++;
}

static void user_data(struct guest *g, struct user *u, uint64_t gva, uint64_t size, uint32_t access)
{
	for (uint64_t line = gva / LINE; line <= (gva + size - 1) / LINE; line++)
		touch(g, u, line * LINE, access);
	g->accesses++;
}

static int is_user(uint64_t gva, uint64_t size)
{
	return gva >= USER_LOW && gva < USER_END && size <= USER_END - gva;
}

/* ---- lackey -------------------------------------------------------------------- */

static const char *take_hex(const char *p, uint64_t *v)
{
	unsigned digits = 0;

	*v = 0;
	for (;; p++, digits++) {
		unsigned c = (unsigned char)*p, d;

		if (c >= '0' && c <= '9')
			d = c - '0';
		else if (c >= 'a' && c <= 'f')
			d = c - 'a' + 10;
		else
			break;
		*v = *v << 4 | d;
	}
	return digits && digits <= 16 ? p : NULL;
}

static const char *take_decimal(const char *p, uint64_t *v)
{
	unsigned digits = 0;

	for (*v = 0; *p >= '0' && *p <= '9' && digits < 6; p++, digits++)
		*v = *v * 10 + (unsigned)(*p - '0');
	return digits ? p : NULL;
}

struct lackey {
	char kind; /* I, L, S, M */
	uint64_t gva, size;
};

/* Reads a line, as in `I  addr,size` or ` L addr,size`.  Returns NULL, or what is wrong with it. */
static const char *parse_lackey(const char *line, struct lackey *out)
{
	const char *p;

	out->kind = line[0] == 'I' ? 'I' : line[0] == ' ' ? line[1] : '\0';
	if (!out->kind || !strchr("ILSM", out->kind) || (out->kind == 'I') != (line[0] == 'I') ||
	    line[2 - (out->kind == 'I')] != ' ')
		return "neither an access (I, L, S or M) nor ==pid== text";
	p = line + 2;
	while (*p == ' ')
		p++;
	p = take_hex(p, &out->gva);
	if (!p || *p != ',')
		return "no address and comma";
	p = take_decimal(p + 1, &out->size);
	if (!p || *p)
		return "no size at its end";
	if (!out->size || out->size > ACCESS_MOST)
		return "a size that no access has";
	return is_user(out->gva, out->size) ? NULL : "an address that no user program has";
}

static void do_lackey(struct guest *g, struct user *u, const struct lackey *x)
{
	if (x->kind == 'I') {
		user_fetch(g, u, x->gva, x->size);
		return;
	}
	if (x->kind != 'S')
		user_data(g, u, x->gva, x->size, VMMU_READ);
	if (x->kind != 'L')
		user_data(g, u, x->gva, x->size, VMMU_WRITE);
}

/* Reads one line, and counts it if it is an access. */
static void lackey_line(struct run *r, struct user *u)
{
	struct lackey x;
	const char *why;
	char *line;
	int got = lines_next(&u->lines, &line, r->g.err);

	if (got <= 0) {
		u->ended = 1;
		r->g.failed |= got < 0; /* *err is filled */
		return;
	}
	if (strncmp(line, "==", 2) == 0 || !*line)
		return;
	why = parse_lackey(line, &x);
	if (why) {
		bad(r, "line", u->lines.number, why);
		return;
	}
	do_lackey(&r->g, u, &x);
	r->done++;
}

/* ---- ChampSim ------------------------------------------------------------------ */

#define CHAMPSIM_BYTES 64u
#define CHAMPSIM_BATCH 1024u

static uint64_t get_le(const uint8_t *p)
{
	uint64_t v = 0;

	for (unsigned i = 8; i-- > 0;)
		v = v << 8 | p[i];
	return v;
}

/* ip; is_branch, branch_taken; 2 + 4 registers; 2 places written, 4 read. */
static void do_champsim(struct run *r, struct user *u, const uint8_t *p)
{
	uint64_t ip = get_le(p);

	if (p[8] > 1 || p[9] > 1) {
		bad(r, "record", u->nr, "neither branch nor none: not a ChampSim trace");
		return;
	}
	if (!is_user(ip, 1)) {
		bad(r, "record", u->nr, "an instruction's address that no user program has");
		return;
	}
	user_fetch(&r->g, u, ip, 1);
	for (unsigned i = 0; i < 6; i++) {
		/* An instruction reads before it writes. */
		unsigned slot = (i + 2) % 6;
		uint64_t gva = get_le(p + 16 + slot * 8);

		if (gva && !is_user(gva, 1)) {
			bad(r, "record", u->nr, "an address that no user program has");
			return;
		}
		if (gva)
			user_data(&r->g, u, gva, 1, slot < 2 ? VMMU_WRITE : VMMU_READ);
	}
}

static int champsim_refill(struct run *r, struct user *u)
{
	ssize_t n = input_full(u->in, u->buf, CHAMPSIM_BATCH * CHAMPSIM_BYTES, r->g.err);

	if (n <= 0) {
		u->ended = 1;
		r->g.failed |= n < 0;
		return 0;
	}
	u->pos = 0;
	u->len = (size_t)n;
	return 1;
}

static void champsim_record(struct run *r, struct user *u)
{
	if (u->pos == u->len && !champsim_refill(r, u))
		return;
	if (u->len - u->pos < CHAMPSIM_BYTES) {
		bad(r, "byte", u->nr * CHAMPSIM_BYTES, "truncated: a record has 64 bytes");
		return;
	}
	do_champsim(r, u, u->buf + u->pos);
	u->pos += CHAMPSIM_BYTES;
	u->nr++;
	r->done++;
}

/* ---- both ------------------------------------------------------------------------ */

static void batch(struct run *r, void (*one)(struct run *, struct user *))
{
	struct user *u = r->state;

	for (unsigned i = 0; i < BATCH && r->done < r->ops && !u->ended && !r->g.failed; i++)
		one(r, u);
	kernel_count(&r->g);
	if (u->ended && r->done == 0 && !r->g.failed) {
		guest_fail(&r->g, "no access is in it");
		wrong_file(r);
	}
	if (u->ended)
		r->done = r->ops;
}

static void lackey_step(struct run *r)
{
	batch(r, lackey_line);
}

static void champsim_step(struct run *r)
{
	batch(r, champsim_record);
}

static double user_fraction(const struct run *r)
{
	const struct user *u = r->state;

	return u->in ? input_fraction(u->in) : 0;
}

static int user_open(struct run *r, struct user *u)
{
	u->open = 1;
	u->in = r->in ? r->in : input_open(r->file, r->g.err);
	r->in = NULL;
	if (!u->in) {
		r->g.failed = 1;
		return 0;
	}
	begin(r, u);
	return 1;
}

static int lackey_prepare(struct run *r)
{
	struct user *u = r->state;

	if (u->open)
		return 0;
	if (user_open(r, u) && lines_open(&u->lines, u->in, r->g.err) < 0)
		r->g.failed = 1;
	return !r->g.failed;
}

static int champsim_prepare(struct run *r)
{
	struct user *u = r->state;

	if (u->open)
		return 0;
	u->buf = malloc(CHAMPSIM_BATCH * CHAMPSIM_BYTES);
	if (!u->buf)
		guest_fail(&r->g, "out of memory");
	else
		(void)user_open(r, u);
	return !r->g.failed;
}

static void lackey_close(struct run *r)
{
	struct user *u = r->state;

	lines_close(&u->lines);
}

static void champsim_close(struct run *r)
{
	struct user *u = r->state;

	input_close(u->in);
	free(u->buf);
}

static const struct param user_params[] = {
	{ "n", PARAM_NUMBER, ALL_RECORDS, 1, ALL_RECORDS, "no more than so many" },
	{ "file", PARAM_FILE, 0, 0, 0,
	  "the recorded program; no comma in its name; may be packed" },
};

#define USER_LEFT_OUT                                                                              \
	"All its memory is one area of no file, which page faults fill.\n"                         \
	"A fetch from the line that was fetched last is no record of its own.\n"                   \
	"Left out: system calls (they are not in the file), timer interrupts, other processes.\n"

const struct workload workload_lackey = {
	.name = "lackey",
	.summary = "a program recorded by valgrind --tool=lackey --trace-mem=yes",
	.unit = "access",
	.text = "workload:lackey=FILE, or FILE itself as the input.  A process makes the accesses\n"
		"that the text has.\n" USER_LEFT_OUT,
	.param = user_params,
	.nr_params = NR_PARAMS(user_params),
	.state_bytes = sizeof(struct user),
	.memory = user_memory,
	.check = user_check,
	.prepare = lackey_prepare,
	.step = lackey_step,
	.fraction = user_fraction,
	.close = lackey_close,
};

const struct workload workload_champsim = {
	.name = "champsim",
	.summary = "a program recorded for the simulator ChampSim (64-byte records)",
	.unit = "instruction",
	.text = "workload:champsim=FILE, or a FILE with .champsim in its name as the input.  A\n"
		"process runs the instructions that the file has.\n" USER_LEFT_OUT,
	.param = user_params,
	.nr_params = NR_PARAMS(user_params),
	.state_bytes = sizeof(struct user),
	.memory = user_memory,
	.check = user_check,
	.prepare = champsim_prepare,
	.step = champsim_step,
	.fraction = user_fraction,
	.close = champsim_close,
};
