/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flattened files, as makedumpfile -F and QEMU's dump-guest-memory write them where they cannot
 * seek: pieces of a file, each with its place in it.
 * The first block has 4096 bytes: "makedumpfile", then type 1 and version 1.  A piece is an
 * offset, a size, and its bytes.  Offset -1 ends the file.  All numbers are big-endian with 64
 * bits.
 * Invariant: a piece lies below DUMP_MOST; bytes that no piece covers are zero.
 */
#include "dump.h"

#include <errno.h>
#include <string.h>

#define FLAT_HEADER_BYTES 4096u
#define COPY_BYTES (1u << 16)

static FILE *make(struct input *in, struct err *err)
{
	FILE *f = tmpfile();

	if (!f)
		err_input(err, "%s: cannot make a temporary file to unpack it: %s", input_name(in),
			  strerror(errno));
	return f;
}

static int cannot_write(struct input *in, struct err *err)
{
	return err_input(err, "%s: cannot unpack it to a temporary file: %s", input_name(in),
			 strerror(errno));
}

FILE *flat_spool(struct input *in, struct err *err)
{
	FILE *f = make(in, err);
	uint8_t buf[COPY_BYTES];
	uint64_t done = 0;
	ssize_t n = -1;

	while (f && (n = input_some(in, buf, sizeof(buf), err)) > 0) {
		done += (uint64_t)n;
		if (done > DUMP_MOST)
			n = err_input(err, "%s: longer than the %zu bytes allowed here",
				      input_name(in), DUMP_MOST);
		else if (fwrite(buf, 1, (size_t)n, f) != (size_t)n)
			n = cannot_write(in, err);
		if (n < 0)
			break;
	}
	if (n == 0 && fflush(f) != 0)
		n = cannot_write(in, err);
	if (n == 0)
		return f;
	if (f)
		fclose(f);
	return NULL;
}

static uint64_t be64(const uint8_t *p)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

static int cut(struct input *in, uint64_t at, const char *what, struct err *err)
{
	return err_input(err, "%s: truncated: the flattened file ends at byte %llu, within %s",
			 input_name(in), (unsigned long long)at, what);
}

static int take_header(struct input *in, struct err *err)
{
	uint8_t head[FLAT_HEADER_BYTES];
	ssize_t n = input_full(in, head, sizeof(head), err);

	if (n < 0)
		return -1;
	if (n < (ssize_t)sizeof(head))
		return cut(in, (uint64_t)n, "its header", err);
	if (be64(head + 16) != 1 || be64(head + 24) != 1)
		return err_input(
			err,
			"%s: byte 16: a flattened file of type %llu, version %llu; 1 and 1 "
			"are known",
			input_name(in), (unsigned long long)be64(head + 16),
			(unsigned long long)be64(head + 24));
	return 0;
}

/* Copies the bytes of one piece, which begin at byte `at` of the input. */
static int copy(struct input *in, FILE *f, uint64_t size, uint64_t at, struct err *err)
{
	uint8_t buf[COPY_BYTES];

	for (uint64_t done = 0; done < size;) {
		uint64_t left = size - done;
		size_t want = left < sizeof(buf) ? (size_t)left : sizeof(buf);
		ssize_t n = input_some(in, buf, want, err);

		if (n < 0)
			return -1;
		if (n == 0)
			return cut(in, at + done, "a piece", err);
		if (fwrite(buf, 1, (size_t)n, f) != (size_t)n)
			return cannot_write(in, err);
		done += (uint64_t)n;
	}
	return 0;
}

static int take_pieces(struct input *in, FILE *f, struct err *err)
{
	for (uint64_t at = FLAT_HEADER_BYTES;;) {
		uint8_t head[16];
		ssize_t n = input_full(in, head, sizeof(head), err);
		uint64_t to = be64(head), size = be64(head + 8);

		if (n < 0)
			return -1;
		if (n < (ssize_t)sizeof(head))
			return cut(in, at + (uint64_t)n, "the head of a piece", err);
		if (to == UINT64_MAX)
			return fflush(f) == 0 ? 0 : cannot_write(in, err);
		if (to > DUMP_MOST || size > DUMP_MOST - to)
			return err_input(
				err,
				"%s: byte %llu: a piece of 0x%llx bytes for byte 0x%llx of "
				"the file; a dump has 0x%zx at most",
				input_name(in), (unsigned long long)at, (unsigned long long)size,
				(unsigned long long)to, DUMP_MOST);
		at += sizeof(head);
		if (fseeko(f, (off_t)to, SEEK_SET) != 0)
			return cannot_write(in, err);
		if (copy(in, f, size, at, err) < 0)
			return -1;
		at += size;
	}
}

FILE *flat_order(struct input *in, struct err *err)
{
	FILE *f = make(in, err);

	if (f && take_header(in, err) == 0 && take_pieces(in, f, err) == 0)
		return f;
	if (f)
		fclose(f);
	return NULL;
}
