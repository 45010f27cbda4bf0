/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finding out what an input is.  Only the first bytes and a JSON's field "core" are read.
 * Invariant: see guest_file.h.
 */
#include "guest_file.h"
#include "input/input.h"
#include "base/base.h"
#include "guest/guest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vmmu/trace.h>

static int kind_of(const char *bytes, size_t n)
{
	size_t i = 0;

	if (n >= 8 && memcmp(bytes, VMMU_TRACE_MAGIC, 8) == 0)
		return GUEST_TRACE;
	if (core_looks_like(bytes, n))
		return GUEST_CORE;
	while (i < n && strchr(" \t\r\n", bytes[i]) && bytes[i])
		i++;
	return i < n && bytes[i] == '{' ? GUEST_JSON : -1;
}

struct input *guest_trace(const char *path, struct err *err)
{
	struct input *in;

	if (workload_named(path))
		return workload_open(path, err);
	in = input_open(path, err);
	return in ? workload_of_file(in, err) : NULL;
}

int guest_kind(const char *path, struct err *err)
{
	struct input *in = guest_trace(path, err);
	char bytes[64];
	ssize_t n = in ? input_full(in, bytes, sizeof(bytes), err) : -1;
	int kind;

	input_close(in);
	if (n < 0)
		return -1;
	kind = kind_of(bytes, (size_t)n);
	if (kind >= 0)
		return kind;
	err_input(err,
		  "%s: wrong magic at byte 0: neither a trace (%s) nor a memory dump (ELF core, "
		  "kdump-compressed) nor a dump's JSON",
		  path, VMMU_TRACE_MAGIC);
	return err_hint(err,
			"`vmmu run --trace` and `vmmu workload -o` write traces, QEMU's "
			"dump-guest-memory dumps; lackey's and ChampSim's traces are read, too.");
}

/* Returns the name of the JSON beside a dump, or NULL if there is none. */
static char *json_of(const char *core)
{
	char *json = path_existing(path_retype(core, ".ptcore", ".json"));

	if (json && access(json, F_OK) == 0)
		return json;
	free(json);
	return NULL;
}

static char *core_of(const char *json, struct err *err)
{
	struct sidecar side;
	char *core = NULL;

	if (sidecar_open(&side, json, err) < 0)
		return NULL;
	if (!side.core) {
		err_input(err, "%s: core: missing", json);
		(void)err_hint(
			err,
			"Name the dump that lies beside the JSON in this field, or give the dump "
			"and --regs with the JSON.");
	} else {
		core = path_existing(path_beside(json, side.core));
	}
	if (side.core && !core)
		err_input(err, "%s: out of memory", json);
	sidecar_close(&side);
	return core;
}

int guest_ops(const char *trace, uint64_t *ops, char **unit, struct err *err)
{
	char *json;
	int ret;

	if (workload_named(trace))
		return workload_ops(trace, ops, unit, err);
	json = path_existing(path_retype(trace, ".vmt", ".json"));
	if (!json || access(json, F_OK) != 0) {
		err_input(err, "%s: no JSON beside it says how many operations it is", trace);
		ret = err_hint(err,
			       "Write {\"ops\": NUMBER, \"op_unit\": \"NAME\"} to a file of its "
			       "name that ends in .json, or run without --per-op.");
	} else {
		ret = sidecar_ops(json, ops, unit, err);
	}
	free(json);
	return ret;
}

int guest_files(int kind, const char *path, struct guest_files *out, struct err *err)
{
	*out = (struct guest_files){ NULL, NULL };
	if (kind == GUEST_JSON) {
		out->json = strdup(path);
		out->core = core_of(path, err);
		if (out->core && out->json)
			return 0;
	} else {
		out->json = json_of(path);
		out->core = strdup(path);
		if (out->core)
			return 0;
		err_input(err, "%s: out of memory", path);
	}
	guest_files_free(out);
	return -1;
}

void guest_files_free(struct guest_files *f)
{
	free(f->core);
	free(f->json);
	*f = (struct guest_files){ NULL, NULL };
}

static int copy_stdin(FILE *to)
{
	char buf[1 << 16];
	ssize_t n;

	while ((n = read(STDIN_FILENO, buf, sizeof(buf))) > 0)
		if (fwrite(buf, 1, (size_t)n, to) != (size_t)n)
			return -1;
	return n < 0 || fflush(to) != 0 ? -1 : 0;
}

char *guest_spool(struct err *err)
{
	FILE *f = tmpfile(); /* it stays open until exit, so the file exists as long */
	char *path = NULL;

	if (!f || copy_stdin(f) < 0) {
		err_input(err, "standard input: cannot keep a copy: %s", strerror(errno));
		return NULL;
	}
	if (asprintf(&path, "/proc/self/fd/%d", fileno(f)) < 0) {
		err_input(err, "standard input: out of memory");
		return NULL;
	}
	return path;
}
