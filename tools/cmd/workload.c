/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmmu workload: lists workloads, and writes one as a trace.
 * Not here: the workloads (guest/).
 * Invariant: the file has the same bytes as `workload:...` as an input.
 */
#include "cmd.h"
#include "options.h"
#include "base/base.h"
#include "guest/guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <vmmu/trace.h>

#define COPY_BYTES (1u << 20)

static int copy(struct input *in, struct output *out, uint8_t *buf, uint64_t *bytes,
		struct err *err)
{
	ssize_t n;

	while ((n = input_some(in, buf, COPY_BYTES, err)) > 0) {
		if (output_write(out, buf, (size_t)n, err) < 0)
			return -1;
		*bytes += (uint64_t)n;
	}
	return n < 0 ? -1 : 0;
}

static void tell(const char *path, uint64_t bytes)
{
	char records[32];

	format_exact(records, sizeof(records), bytes / VMMU_TRACE_RECORD_BYTES - 1);
	say("%s: %s records", path, records);
}

static int write_trace(struct input *in, const char *path, struct err *err)
{
	uint8_t *buf = malloc(COPY_BYTES);
	struct output *out = buf ? output_open(path, err) : NULL;
	struct err late;
	uint64_t bytes = 0;
	int ret;

	if (!out) {
		if (!buf)
			err_input(err, "%s: out of memory", path);
		free(buf);
		return -1;
	}
	ret = copy(in, out, buf, &bytes, err);
	if (output_close(out, ret == 0 ? err : &late) < 0)
		ret = -1;
	free(buf);
	if (ret == 0)
		tell(path, bytes);
	return ret;
}

/* `text` may be without the prefix "workload:". */
static struct input *open_named(const char *text, struct err *err)
{
	struct input *in = NULL;
	char *path = NULL;

	if (workload_named(text))
		return workload_open(text, err);
	if (asprintf(&path, "workload:%s", text) < 0) {
		err_input(err, "%s: out of memory", text);
		return NULL;
	}
	in = workload_open(path, err);
	free(path);
	return in;
}

static int make(const char *text, const char *path, struct err *err)
{
	struct input *in = open_named(text, err);
	int ret = in ? write_trace(in, path, err) : -1;

	input_close(in);
	return ret < 0 ? -1 : STATUS_OK;
}

static int list(void)
{
	puts("workload:NAME[,PARAMETER=VALUE]... is an input, as a trace is.  NAME is one of\n");
	workload_list(stdout);
	puts("\n`vmmu workload NAME` says what each does, what it leaves out, and its parameters.");
	return STATUS_OK;
}

static int run(int argc, char **argv, struct err *err)
{
	static const struct option table[] = { OPTION("output", OPT_OUTPUT), OPTIONS_END };
	struct options o;
	int first = options_parse(argc, argv, table, &o, err);

	if (first < 0)
		return -1;
	if (o.help && first == argc)
		return command_help(&command_workload);
	if (first == argc && !o.output)
		return list();
	if (argc - first != 1)
		return err_set(err, STATUS_USAGE, "one workload is wanted, not %d", argc - first);
	if (o.output)
		return make(argv[first], o.output, err);
	return workload_help(argv[first], stdout, err) < 0 ? -1 : STATUS_OK;
}

const struct command command_workload = {
	"workload",
	"list the guests that can be made, or write one as a trace",
	"[NAME[,PARAMETER=VALUE]...] [OPTION]...\n\n"
	"Lists the workloads, which are guests that a model of an operating system makes.  With\n"
	"NAME, tells what that workload does, or writes its trace.  Wherever a trace can be\n"
	"given, `workload:NAME[,PARAMETER=VALUE]...` can be given, too.\n"
	"\n"
	"  -o, --output FILE    write the trace, compressed if FILE ends in .zst; - is standard\n"
	"                       output\n"
	"  --help\n",
	run,
};
