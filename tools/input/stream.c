/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes from a file, a pipe, memory or a source, unpacked if they begin as zstd's or xz's do.
 * Not here: lines (lines.c).
 * Invariant: raw[raw_pos, raw_len) is read from the file and not yet used.
 */
#include "stream.h"
#include "xz.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>
#include <zstd_errors.h>

#define RAW_BYTES (256u << 10)
/* The window that zstd(1) accepts by default.  A file of a few bytes can ask for so much memory. */
#define WINDOW_LOG_MAX 27

static const uint8_t zstd_magic[4] = { 0x28, 0xb5, 0x2f, 0xfd };
/* The first four of six bytes. */
static const uint8_t xz_magic[4] = { 0xfd, '7', 'z', 'X' };

enum packed { PACKED_NOT, PACKED_ZSTD, PACKED_XZ };

struct input {
	char *name;
	int fd; /* -1: memory */
	const uint8_t *raw;
	uint8_t *own; /* the buffer behind raw, unless memory */
	size_t raw_pos, raw_len;
	uint64_t raw_done, raw_total; /* bytes of the file; total 0: unknown */
	ZSTD_DCtx *zstd;	      /* NULL: plain */
	struct xz *xz;		      /* the same */
	int in_frame;
	int regular;	   /* a file, no pipe */
	int ended;	   /* the file is read to its end */
	uint8_t again[16]; /* unread: again[again_pos, again_len) */
	size_t again_pos, again_len;
	const struct input_source *source; /* NULL: a file or memory */
	void *ctx;			   /* the source's */
};

static int fill_raw(struct input *in, struct err *err)
{
	ssize_t n;

	if (in->fd < 0)
		return 0;
	if (in->raw_pos == in->raw_len)
		in->raw_pos = in->raw_len = 0;
	do
		n = read(in->fd, in->own + in->raw_len, RAW_BYTES - in->raw_len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_input(err, "%s: %s at byte %llu", in->name, strerror(errno),
				 (unsigned long long)in->raw_done);
	in->raw_len += (size_t)n;
	in->raw_done += (uint64_t)n;
	in->ended = n == 0;
	return n > 0;
}

/*
 * Returns an enum packed, or -1.  Reads no more bytes than are needed to tell: input from a
 * terminal comes slowly.
 */
static int looks_packed(struct input *in, struct err *err)
{
	int got = 1;

	while (got > 0) {
		size_t n = in->raw_len < 4 ? in->raw_len : 4;

		int zstd = memcmp(in->raw, zstd_magic, n) == 0;

		if (n && !zstd && memcmp(in->raw, xz_magic, n) != 0)
			return PACKED_NOT;
		if (n == 4)
			return zstd ? PACKED_ZSTD : PACKED_XZ;
		got = fill_raw(in, err);
	}
	return got < 0 ? -1 : PACKED_NOT;
}

/* A file whose name ends in .zst has to be packed with zstd. */
static int check_name(const struct input *in, struct err *err)
{
	size_t len = strlen(in->name);

	if (in->zstd || len <= 4 || strcmp(in->name + len - 4, ".zst") != 0)
		return 0;
	err_input(err, "%s: not zstd: wrong magic at byte 0", in->name);
	return err_hint(err, "Rename it without .zst if it is not packed; else copy it again.");
}

static int detect(struct input *in, struct err *err)
{
	int packed = looks_packed(in, err);

	if (packed < 0)
		return -1;
	if (packed == PACKED_NOT)
		return 0;
	if (packed == PACKED_XZ) {
		in->xz = xz_open(in->name, err);
		return in->xz ? 0 : -1;
	}
	in->zstd = ZSTD_createDCtx();
	if (!in->zstd ||
	    ZSTD_isError(ZSTD_DCtx_setParameter(in->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX)))
		return err_input(err, "%s: out of memory", in->name);
	return 0;
}

/* Takes over the descriptor; -1 is none. */
static int take_file(struct input *in, int fd, struct err *err)
{
	struct stat st;

	in->fd = fd;
	if (in->fd < 0 || fstat(in->fd, &st) < 0)
		return err_input(err, "%s: %s", in->name, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return err_input(err, "%s: %s", in->name, strerror(EISDIR));
	in->regular = S_ISREG(st.st_mode);
	if (in->regular)
		in->raw_total = (uint64_t)st.st_size;
	in->raw = in->own = malloc(RAW_BYTES);
	if (!in->own)
		return err_input(err, "%s: out of memory", in->name);
	return 0;
}

static struct input *make(const char *name, struct err *err)
{
	struct input *in = calloc(1, sizeof(*in));

	if (in)
		in->name = strdup(name);
	if (!in || !in->name) {
		err_input(err, "%s: out of memory", name);
		free(in);
		return NULL;
	}
	in->fd = -1;
	return in;
}

struct input *input_open(const char *path, struct err *err)
{
	struct input *in = make(strcmp(path, "-") == 0 ? "standard input" : path, err);

	int fd;

	if (!in)
		return NULL;
	fd = strcmp(path, "-") == 0 ? dup(0) : open(path, O_RDONLY | O_CLOEXEC);
	if (take_file(in, fd, err) < 0 || detect(in, err) < 0 || check_name(in, err) < 0) {
		input_close(in);
		return NULL;
	}
	return in;
}

struct input *input_open_file(const char *name, int fd, struct err *err)
{
	struct input *in = make(name, err);

	if (!in)
		return NULL;
	if (lseek(fd, 0, SEEK_SET) < 0 || take_file(in, dup(fd), err) < 0 || detect(in, err) < 0) {
		input_close(in);
		return NULL;
	}
	return in;
}

int input_file(const struct input *in)
{
	return in->regular && !in->zstd && !in->xz && !in->source ? in->fd : -1;
}

struct input *input_open_memory(const char *name, const void *bytes, size_t size, struct err *err)
{
	struct input *in = make(name, err);

	if (!in)
		return NULL;
	in->raw = bytes;
	in->raw_len = size;
	in->raw_done = in->raw_total = size;
	if (detect(in, err) < 0 || check_name(in, err) < 0) {
		input_close(in);
		return NULL;
	}
	return in;
}

struct input *input_open_source(const char *name, const struct input_source *source, void *ctx,
				struct err *err)
{
	struct input *in = make(name, err);

	if (!in) {
		source->close(ctx);
		return NULL;
	}
	in->source = source;
	in->ctx = ctx;
	return in;
}

void input_close(struct input *in)
{
	if (!in)
		return;
	if (in->source)
		in->source->close(in->ctx);
	if (in->fd >= 0)
		close(in->fd);
	ZSTD_freeDCtx(in->zstd);
	xz_close(in->xz);
	free(in->own);
	free(in->name);
	free(in);
}

static ssize_t some_plain(struct input *in, void *buf, size_t len, struct err *err)
{
	size_t have = in->raw_len - in->raw_pos;

	if (have == 0) {
		int got = fill_raw(in, err);

		if (got <= 0)
			return got;
		have = in->raw_len - in->raw_pos;
	}
	if (len > have)
		len = have;
	memcpy(buf, in->raw + in->raw_pos, len);
	in->raw_pos += len;
	return (ssize_t)len;
}

static int copy_again(struct err *err)
{
	return err_hint(err,
			"Copy the file again, or pack it again; `zstd -t` and `xz -t` say whether "
			"it is whole.");
}

static int too_long_a_window(const struct input *in, uint64_t at, struct err *err)
{
	err_input(err,
		  "%s: its zstd window is larger than the %u MiB allowed here, at byte %llu of the "
		  "file",
		  in->name, 1u << (WINDOW_LOG_MAX - 20), (unsigned long long)at);
	return err_hint(err, "Pack it with --long=%u or less, or unpack it with zstd -d --long=31.",
			WINDOW_LOG_MAX);
}

/* One step of the decompressor; at the end of the file it is given no input. */
static ssize_t unpack(struct input *in, void *buf, size_t len, struct err *err)
{
	ZSTD_inBuffer src = { in->raw, in->raw_len, in->raw_pos };
	ZSTD_outBuffer dst = { buf, len, 0 };
	size_t ret = ZSTD_decompressStream(in->zstd, &dst, &src);
	uint64_t at = in->raw_done - (in->raw_len - src.pos);

	in->raw_pos = src.pos;
	if (ZSTD_getErrorCode(ret) == ZSTD_error_frameParameter_windowTooLarge)
		return too_long_a_window(in, at, err);
	if (ZSTD_getErrorCode(ret) == ZSTD_error_memory_allocation)
		return err_input(err, "%s: out of memory", in->name);
	if (ZSTD_isError(ret)) {
		err_input(err, "%s: damaged zstd stream at byte %llu of the file: %s", in->name,
			  (unsigned long long)at, ZSTD_getErrorName(ret));
		return copy_again(err);
	}
	in->in_frame = ret != 0;
	return (ssize_t)dst.pos;
}

static ssize_t some_xz(struct input *in, void *buf, size_t len, struct err *err)
{
	ssize_t n = 0;

	in->in_frame = 1;
	while (n == 0 && in->in_frame) {
		struct xz_bytes src = { in->raw, 0, 0, 0, 0 };

		if (in->raw_pos == in->raw_len && !in->ended && fill_raw(in, err) < 0)
			return -1;
		src.pos = in->raw_pos;
		src.len = in->raw_len;
		src.last = in->ended || in->fd < 0;
		src.at = in->raw_done - in->raw_len;
		n = xz_step(in->xz, &src, buf, len, &in->in_frame, err);
		in->raw_pos = src.pos;
	}
	if (n < 0)
		(void)copy_again(err);
	return n;
}

static ssize_t some_packed(struct input *in, void *buf, size_t len, struct err *err)
{
	ssize_t n = 0;
	int more = 1;

	while (n == 0 && more > 0) {
		if (in->raw_pos == in->raw_len)
			more = fill_raw(in, err);
		if (more < 0)
			return -1;
		if (more == 0 && !in->in_frame)
			return 0;
		n = unpack(in, buf, len, err);
	}
	if (n == 0) {
		err_input(err, "%s: truncated: the zstd stream ends early, at byte %llu", in->name,
			  (unsigned long long)in->raw_done);
		return copy_again(err);
	}
	return n;
}

void input_unread(struct input *in, const void *bytes, size_t n)
{
	memcpy(in->again, bytes, n);
	in->again_pos = 0;
	in->again_len = n;
}

static ssize_t some_again(struct input *in, void *buf, size_t len)
{
	size_t n = in->again_len - in->again_pos;

	if (n > len)
		n = len;
	memcpy(buf, in->again + in->again_pos, n);
	in->again_pos += n;
	return (ssize_t)n;
}

ssize_t input_some(struct input *in, void *buf, size_t len, struct err *err)
{
	if (len == 0)
		return 0;
	if (in->again_pos < in->again_len)
		return some_again(in, buf, len);
	if (in->source)
		return in->source->some(in->ctx, buf, len, err);
	if (in->xz)
		return some_xz(in, buf, len, err);
	return in->zstd ? some_packed(in, buf, len, err) : some_plain(in, buf, len, err);
}

ssize_t input_full(struct input *in, void *buf, size_t len, struct err *err)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = input_some(in, (uint8_t *)buf + done, len - done, err);

		if (n < 0)
			return n;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

const char *input_name(const struct input *in)
{
	return in->name;
}

double input_fraction(const struct input *in)
{
	if (in->source)
		return in->source->fraction(in->ctx);
	if (in->raw_total == 0)
		return -1;
	return (double)(in->raw_done - (in->raw_len - in->raw_pos)) / (double)in->raw_total;
}

static int grow(struct bytes *b, size_t *cap, size_t most, const char *path, struct err *err)
{
	size_t want = *cap ? *cap * 2 : 1u << 20;
	uint8_t *data;

	if (b->size < *cap)
		return 0;
	if (want > most + 1) /* one byte more shows whether the file is longer */
		want = most + 1;
	if (b->size > most)
		return err_input(err, "%s: longer than the %zu bytes allowed here", path, most);
	data = realloc(b->data, want);
	if (!data)
		return err_input(err, "%s: out of memory after %zu bytes", path, b->size);
	b->data = data;
	*cap = want;
	return 0;
}

int input_slurp_rest(struct input *in, size_t most, struct bytes *out, struct err *err)
{
	size_t cap = 0;
	ssize_t n = -1;

	*out = (struct bytes){ NULL, 0 };
	while (grow(out, &cap, most, in->name, err) == 0) {
		n = input_some(in, out->data + out->size, cap - out->size, err);
		if (n <= 0)
			break;
		out->size += (size_t)n;
		n = -1;
	}
	if (n == 0)
		return 0;
	free(out->data);
	*out = (struct bytes){ NULL, 0 };
	return -1;
}

int input_slurp(const char *path, size_t most, struct bytes *out, struct err *err)
{
	struct input *in = input_open(path, err);
	int ret = in ? input_slurp_rest(in, most, out, err) : -1;

	input_close(in);
	return ret;
}
