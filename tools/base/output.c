/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing a file, packed or plain.
 * Invariant: see output.h.
 */
#include "output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define PACKED_BYTES (256u << 10)

struct output {
	char *name;
	FILE *file;
	ZSTD_CCtx *zstd; /* NULL: plain */
	void *packed;
};

static int ends_in(const char *path, const char *suffix)
{
	size_t n = strlen(path), m = strlen(suffix);

	return n > m && strcmp(path + n - m, suffix) == 0;
}

static int failed(const struct output *out, struct err *err)
{
	return err_input(err, "%s: cannot write: %s", out->name, strerror(errno));
}

static void drop(struct output *out)
{
	if (out->file && out->file != stdout)
		fclose(out->file);
	ZSTD_freeCCtx(out->zstd);
	free(out->packed);
	free(out->name);
	free(out);
}

struct output *output_open(const char *path, struct err *err)
{
	struct output *out = calloc(1, sizeof(*out));
	int packed = ends_in(path, ".zst");

	if (out) {
		out->name = strdup(strcmp(path, "-") == 0 ? "standard output" : path);
		out->zstd = packed ? ZSTD_createCCtx() : NULL;
		out->packed = packed ? malloc(PACKED_BYTES) : NULL;
	}
	if (!out || !out->name || (packed && (!out->zstd || !out->packed))) {
		err_input(err, "%s: out of memory", path);
		if (out)
			drop(out);
		return NULL;
	}
	out->file = strcmp(path, "-") == 0 ? stdout : fopen(path, "wbe");
	if (out->file)
		return out;
	failed(out, err);
	drop(out);
	return NULL;
}

static int write_plain(struct output *out, const void *bytes, size_t len, struct err *err)
{
	return fwrite(bytes, 1, len, out->file) == len ? 0 : failed(out, err);
}

static int pack(struct output *out, const void *bytes, size_t len, ZSTD_EndDirective how,
		struct err *err)
{
	ZSTD_inBuffer src = { bytes, len, 0 };
	size_t left = 1;

	while (src.pos < src.size || (how == ZSTD_e_end && left)) {
		ZSTD_outBuffer dst = { out->packed, PACKED_BYTES, 0 };

		left = ZSTD_compressStream2(out->zstd, &dst, &src, how);
		if (ZSTD_isError(left))
			return err_input(err, "%s: cannot pack: %s", out->name,
					 ZSTD_getErrorName(left));
		if (write_plain(out, out->packed, dst.pos, err) < 0)
			return -1;
	}
	return 0;
}

int output_write(struct output *out, const void *bytes, size_t len, struct err *err)
{
	return out->zstd ? pack(out, bytes, len, ZSTD_e_continue, err)
			 : write_plain(out, bytes, len, err);
}

int output_close(struct output *out, struct err *err)
{
	int ret = out->zstd ? pack(out, NULL, 0, ZSTD_e_end, err) : 0;

	if (ret == 0 && fflush(out->file) != 0)
		ret = failed(out, err);
	drop(out);
	return ret;
}

FILE *output_text_open(const char *path, struct err *err)
{
	FILE *f = strcmp(path, "-") == 0 ? stdout : fopen(path, "w");

	if (!f)
		err_input(err, "%s: %s", path, strerror(errno));
	return f;
}

int output_text_close(FILE *f, const char *path, struct err *err)
{
	int bad = ferror(f) | (f == stdout ? fflush(f) : fclose(f));

	return bad ? err_input(err, "%s: cannot write: %s", path, strerror(errno)) : 0;
}
