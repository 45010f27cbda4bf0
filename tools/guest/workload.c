/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Workloads by name: their parameters, and an input that runs one.
 * Invariant: the header is written before the guest is made.
 */
#include "guest.h"
#include "run.h"
#include "base/base.h"

#include <stdlib.h>
#include <string.h>

#define PREFIX "workload:"
#define RAM_LEAST (128ull << 20)
#define WORKLOAD_RAM_MOST (1ull << 40)

static const struct workload *const workloads[] = {
	&workload_fork,	     &workload_exec,   &workload_sh,  &workload_pagefault,
	&workload_protfault, &workload_mmap,   &workload_ctx, &workload_build,
	&workload_chase,     &workload_random, &workload_seq, &workload_lackey,
	&workload_champsim,
};
#define NR_WORKLOADS (sizeof(workloads) / sizeof(*workloads))

/* Parameters of every workload, after its own. */
enum { C_SEED, C_PCID, C_THP, C_RAM };
static const struct param common[] = {
	{ "seed", PARAM_NUMBER, 1, 0, UINT64_MAX, "of all that is random" },
	{ "pcid", PARAM_NUMBER, 0, 0, 1, "1: PCIDs and INVPCID are used" },
	{ "thp", PARAM_NUMBER, 0, 0, 1, "1: 2M pages for what is anonymous and large enough" },
	{ "ram", PARAM_SIZE, 0, 0, WORKLOAD_RAM_MOST, "of the guest; 0: what the workload needs" },
};
#define NR_COMMON NR_PARAMS(common)

enum phase { PHASE_HEADER, PHASE_BOOT, PHASE_PREPARE, PHASE_RUN, PHASE_END };

struct made {
	struct run run;
	uint64_t common[NR_COMMON];
	enum phase phase;
	int opened; /* the guest was made */
	char *name, *file;
};

/* ---- names and parameters ---------------------------------------------------- */

int workload_named(const char *path)
{
	return strncmp(path, PREFIX, strlen(PREFIX)) == 0;
}

static const struct workload *find(const char *name, size_t len)
{
	for (unsigned i = 0; i < NR_WORKLOADS; i++)
		if (strlen(workloads[i]->name) == len &&
		    strncmp(workloads[i]->name, name, len) == 0)
			return workloads[i];
	return NULL;
}

static int no_such(const char *name, size_t len, struct err *err)
{
	return err_set(err, STATUS_USAGE,
		       "workload:%.*s: no such workload; `vmmu workload` lists them",
		       (int)(len < 60 ? len : 60), name);
}

/*
 * Finds a parameter of the workload's or a common one.  Returns NULL if there is none of this
 * name.
 */
static const struct param *find_param(struct made *m, const char *name, uint64_t **value)
{
	const struct workload *w = m->run.w;

	for (unsigned i = 0; i < w->nr_params; i++) {
		*value = &m->run.value[i];
		if (strcmp(w->param[i].name, name) == 0)
			return &w->param[i];
	}
	for (unsigned i = 0; i < NR_COMMON; i++) {
		*value = &m->common[i];
		if (strcmp(common[i].name, name) == 0)
			return &common[i];
	}
	return NULL;
}

static void format_value(char *buf, size_t len, const struct param *p, uint64_t v)
{
	static const char unit[] = "\0KMGT";
	unsigned i = 0;

	while (p->kind != PARAM_NUMBER && i < 4 && v && v % 1024 == 0) {
		v /= 1024;
		i++;
	}
	snprintf(buf, len, "%llu%.1s", (unsigned long long)v, unit + i);
}

static int parse(const struct param *p, const char *text, uint64_t *value)
{
	if (p->kind == PARAM_NUMBER)
		return parse_u64(text, value) < 0 || *value < p->least || *value > p->most ? -1 : 0;
	if (parse_size(text, value) < 0)
		return -1;
	if (p->kind == PARAM_SIZE)
		return *value < p->least || *value > p->most ? -1 : 0;
	return *value == FRAME_BYTES || *value == SIZE_2M || *value == SIZE_1G ? 0 : -1;
}

static int bad_value(const struct made *m, const struct param *p, const char *text, struct err *err)
{
	char least[32], most[32];

	format_value(least, sizeof(least), p, p->least);
	format_value(most, sizeof(most), p, p->most);
	if (p->kind == PARAM_PAGE)
		return err_set(err, STATUS_USAGE, "%s: %s=%s: not 4K, 2M or 1G", m->name, p->name,
			       text);
	return err_set(err, STATUS_USAGE, "%s: %s=%s: not a %s from %s to %s", m->name, p->name,
		       text, p->kind == PARAM_SIZE ? "size" : "number", least, most);
}

static int take(struct made *m, char *text, struct err *err)
{
	char *equals = strchr(text, '=');
	const struct param *p;
	uint64_t *value;

	if (!equals)
		return err_set(err, STATUS_USAGE, "%s: %s: not PARAMETER=VALUE", m->name, text);
	*equals = '\0';
	p = find_param(m, text, &value);
	if (!p)
		return err_set(err, STATUS_USAGE, "%s: %s: no such parameter of %s", m->name, text,
			       m->run.w->name);
	if (p->kind == PARAM_FILE) {
		free(m->file);
		m->file = strdup(equals + 1);
		return m->file ? 0 : err_input(err, "%s: out of memory", m->name);
	}
	return parse(p, equals + 1, value) < 0 ? bad_value(m, p, equals + 1, err) : 0;
}

/* `list` is the text after the workload's name, separated by commas.  It is changed. */
static int take_all(struct made *m, char *list, struct err *err)
{
	while (list && *list) {
		char *comma = strchr(list, ',');

		if (comma)
			*comma = '\0';
		if (take(m, list, err) < 0)
			return -1;
		list = comma ? comma + 1 : NULL;
	}
	return 0;
}

static void set_usual(struct made *m)
{
	for (unsigned i = 0; i < m->run.w->nr_params; i++)
		m->run.value[i] = m->run.w->param[i].usual;
	for (unsigned i = 0; i < NR_COMMON; i++)
		m->common[i] = common[i].usual;
}

static int check(struct made *m, struct err *err)
{
	const struct workload *w = m->run.w;
	const char *wrong;

	m->run.file = m->file;
	wrong = w->check ? w->check(&m->run) : NULL;
	m->run.ops = m->run.value[0];
	if (wrong)
		return err_set(err, STATUS_USAGE, "%s: %s", m->name, wrong);
	if (!m->common[C_RAM]) {
		m->common[C_RAM] = guest_ram(w->memory(&m->run));
		if (m->common[C_RAM] < RAM_LEAST)
			m->common[C_RAM] = RAM_LEAST;
	}
	if (m->common[C_RAM] % SIZE_2M)
		return err_set(err, STATUS_USAGE, "%s: ram: not a multiple of 2M", m->name);
	return 0;
}

static int parse_spec(struct made *m, struct err *err)
{
	const char *name = m->name + strlen(PREFIX);
	size_t len = strcspn(name, ",=");
	char *list;
	int ret;

	m->run.w = find(name, len);
	if (!m->run.w)
		return no_such(name, len, err);
	set_usual(m);
	/* NAME=FILE is NAME,file=FILE. */
	if (asprintf(&list, "%s%s", name[len] == '=' ? "file" : "",
		     name + len + (name[len] == ',')) < 0)
		return err_input(err, "%s: out of memory", m->name);
	ret = take_all(m, list, err);
	free(list);
	return ret < 0 ? -1 : check(m, err);
}

/* ---- running ------------------------------------------------------------------ */

static void put_header(struct made *m)
{
	vmmu_trace_put_header(sink_room(&m->run.g.out), m->run.g.config.ram);
	m->phase = PHASE_BOOT;
}

static void prepare(struct made *m)
{
	struct run *r = &m->run;

	if (r->w->prepare(r))
		return;
	kernel_mark(&r->g, 1);
	m->phase = PHASE_RUN;
}

static void run_window(struct made *m)
{
	struct run *r = &m->run;

	r->w->step(r);
	if (r->done < r->ops)
		return;
	kernel_mark(&r->g, 2);
	m->phase = PHASE_END;
}

static void step(struct made *m)
{
	switch (m->phase) {
	case PHASE_HEADER:
		put_header(m);
		break;
	case PHASE_BOOT:
		kernel_boot(&m->run.g);
		m->phase = PHASE_PREPARE;
		break;
	case PHASE_PREPARE:
		prepare(m);
		break;
	case PHASE_RUN:
		run_window(m);
		break;
	case PHASE_END:
		break;
	}
}

static ssize_t some(void *ctx, void *buf, size_t len, struct err *err)
{
	struct made *m = ctx;
	struct guest *g = &m->run.g;
	int more = sink_begin(&g->out, buf, len);
	size_t n;

	g->err = err;
	/* A reader whose buffer is smaller than a record gets it from the sink's own buffer. */
	while (more && m->phase != PHASE_END && !g->failed) {
		step(m);
		more = sink_left(&g->out) > 0;
	}
	n = sink_end(&g->out, buf);
	if (g->out.failed)
		return err_input(err, "%s: out of memory", m->name);
	if (g->failed)
		return err_hint(err, "Other parameters may do: `vmmu workload %s` tells them.",
				m->run.w->name);
	if (n == 0 && g->out.waits_len)
		return some(ctx, buf, len, err);
	return (ssize_t)n;
}

static double fraction(void *ctx)
{
	const struct made *m = ctx;

	if (m->phase < PHASE_RUN)
		return 0;
	if (m->run.w->fraction)
		return m->run.w->fraction(&m->run);
	return (double)m->run.done / (double)m->run.ops;
}

static void close_made(void *ctx)
{
	struct made *m = ctx;

	if (!m)
		return;
	if (m->run.w && m->run.w->close && m->run.state)
		m->run.w->close(&m->run);
	input_close(m->run.in);
	if (m->opened)
		guest_end(&m->run.g);
	free(m->run.state);
	free(m->file);
	free(m->name);
	free(m);
}

static struct made *make_unnamed(const char *path, struct err *err)
{
	struct made *m = calloc(1, sizeof(*m));

	if (m)
		m->name = strdup(path);
	if (m && m->name)
		return m;
	err_input(err, "%s: out of memory", path);
	close_made(m);
	return NULL;
}

static struct made *make(const char *path, struct err *err)
{
	struct made *m = make_unnamed(path, err);

	if (m && parse_spec(m, err) < 0) {
		close_made(m);
		return NULL;
	}
	return m;
}

/* Opens a workload whose only parameter is a file that is open already. */
static struct made *make_for_file(const char *kind, struct input *in, struct err *err)
{
	const char *file = input_name(in);
	struct made *m = make_unnamed(file, err);

	if (!m) {
		input_close(in);
		return NULL;
	}
	m->run.in = in;
	m->run.w = find(kind, strlen(kind));
	set_usual(m);
	m->file = strdup(file);
	if (m->file && check(m, err) == 0)
		return m;
	if (!m->file)
		err_input(err, "%s: out of memory", file);
	close_made(m);
	return NULL;
}

static int start(struct made *m, struct err *err)
{
	struct guest_config config = {
		.ram = m->common[C_RAM],
		.seed = m->common[C_SEED],
		.pcid = m->common[C_PCID] != 0,
		.thp = m->common[C_THP] != 0,
	};

	m->run.state = calloc(1, m->run.w->state_bytes);
	if (!m->run.state)
		return err_input(err, "%s: out of memory", m->name);
	m->opened = 1;
	return guest_make(&m->run.g, &config, m->name, err);
}

static struct input *open_made(struct made *m, struct err *err)
{
	static const struct input_source source = { some, fraction, close_made };

	if (!m)
		return NULL;
	if (start(m, err) < 0) {
		close_made(m);
		return NULL;
	}
	return input_open_source(m->name, &source, m, err);
}

struct input *workload_open(const char *path, struct err *err)
{
	return open_made(make(path, err), err);
}

/* Lackey's text begins with valgrind's ==pid== or, if that was removed, with an access. */
static int is_lackey(const char *bytes, size_t n)
{
	static const char *const start[] = { "I  ", " L ", " S ", " M " };

	for (unsigned i = 0; i < 4; i++)
		if (n >= 3 && memcmp(bytes, start[i], 3) == 0)
			return 1;
	return n >= 3 && memcmp(bytes, "==", 2) == 0 && bytes[2] >= '0' && bytes[2] <= '9';
}

struct input *workload_of_file(struct input *in, struct err *err)
{
	const char *path = input_name(in);
	char bytes[8];
	ssize_t n = input_full(in, bytes, sizeof(bytes), err);
	const char *last = strrchr(path, '/');

	if (n < 0) {
		input_close(in);
		return NULL;
	}
	input_unread(in, bytes, (size_t)n);
	if (is_lackey(bytes, (size_t)n))
		return open_made(make_for_file("lackey", in, err), err);
	if (strstr(last ? last : path, ".champsim"))
		return open_made(make_for_file("champsim", in, err), err);
	return in;
}

int workload_ops(const char *path, uint64_t *ops, char **unit, struct err *err)
{
	struct made *m = make(path, err);

	if (!m)
		return -1;
	*unit = NULL;
	if (m->run.w->fraction && m->run.ops == m->run.w->param[0].usual) {
		err_set(err, STATUS_USAGE, "%s: how many operations is not known: give n=", path);
		close_made(m);
		return -1;
	}
	*ops = m->run.ops;
	*unit = strdup(m->run.w->unit);
	close_made(m);
	return *unit ? 0 : err_input(err, "%s: out of memory", path);
}

/* ---- telling -------------------------------------------------------------------- */

void workload_list(FILE *out)
{
	for (unsigned i = 0; i < NR_WORKLOADS; i++)
		fprintf(out, "  %-10s %s\n", workloads[i]->name, workloads[i]->summary);
}

static void tell_param(FILE *out, const struct param *p)
{
	char usual[32];

	format_value(usual, sizeof(usual), p, p->usual);
	fprintf(out, "  %-10s %-8s %s\n", p->name,
		p->kind == PARAM_FILE || p->usual == p->most ? "" : usual, p->text);
}

int workload_help(const char *name, FILE *out, struct err *err)
{
	const struct workload *w = find(name, strlen(name));

	if (!w)
		return no_such(name, strlen(name), err);
	fprintf(out, "workload:%s[,PARAMETER=VALUE]...\n%s\n\n%s\n", w->name, w->summary, w->text);
	fprintf(out, "An operation is: %s.  Parameters, and what they are if not given:\n",
		w->unit);
	for (unsigned i = 0; i < w->nr_params; i++)
		tell_param(out, &w->param[i]);
	for (unsigned i = 0; i < NR_COMMON; i++)
		tell_param(out, &common[i]);
	return 0;
}
