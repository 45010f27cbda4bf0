/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which kind of dump a file is, and calling the reader for it.
 * Invariant: see core.h.
 */
#include "dump.h"

#include <stdlib.h>
#include <string.h>

#define HEAD_BYTES 16u

enum kind { KIND_NONE, KIND_ELF, KIND_FLAT, KIND_KDUMP /* libkdumpfile's */ };

static const struct {
	const char *bytes;
	size_t n;
	enum kind kind;
} magics[] = {
	{ "\177ELF", 4, KIND_ELF },
	{ "makedumpfile\0\0\0\0", 16, KIND_FLAT },
	{ "KDUMP   ", 8, KIND_KDUMP },
	{ "DISKDUMP", 8, KIND_KDUMP },
	{ "\xed\x23\x8f\x61\x73\x01\x19\xa8", 8, KIND_KDUMP }, /* LKCD, little-endian */
	{ "sadump\0\0", 8, KIND_KDUMP },
};

static enum kind kind_of(const void *bytes, size_t n)
{
	for (size_t i = 0; i < sizeof(magics) / sizeof(*magics); i++)
		if (n >= magics[i].n && memcmp(bytes, magics[i].bytes, magics[i].n) == 0)
			return magics[i].kind;
	return KIND_NONE;
}

int core_looks_like(const void *bytes, size_t n)
{
	return kind_of(bytes, n) != KIND_NONE;
}

static int no_dump(const uint8_t *head, size_t n, const char *path, struct err *err)
{
	char hex[3 * 8 + 1] = "";

	if (n < 8)
		return err_input(err, "%s: truncated: %zu bytes, too few for a memory dump", path,
				 n);

	for (size_t i = 0; i < 8; i++)
		sprintf(hex + 3 * i, " %02x", head[i]);
	return err_input(
		err,
		"%s: wrong magic at byte 0:%s: not a memory dump (an ELF core has 7f 45 4c "
		"46, a kdump-compressed dump \"KDUMP   \", a flattened one "
		"\"makedumpfile\")",
		path, hex);
}

/* libkdumpfile needs an unpacked file to seek in: the input's own, or a copy. */
static int read_kdump(struct core *core, struct input *in, const char *path, struct err *err)
{
	int fd = input_file(in), ret;
	FILE *copy = NULL;

	if (fd < 0) {
		copy = flat_spool(in, err);
		if (!copy)
			return -1;
		fd = fileno(copy);
	}
	ret = kdump_read_dump(core, fd, path, err);
	if (copy)
		fclose(copy);
	return ret;
}

static int read_dump(struct core *core, struct input *in, int flat, const char *path,
		     struct err *err)
{
	uint8_t head[HEAD_BYTES];
	ssize_t n = input_full(in, head, sizeof(head), err);
	struct input *ordered;
	FILE *file;
	int ret;

	if (n < 0)
		return -1;
	input_unread(in, head, (size_t)n);
	switch (kind_of(head, (size_t)n)) {
	case KIND_ELF:
		return elf_read(core, in, path, err);
	case KIND_KDUMP:
		return read_kdump(core, in, path, err);
	case KIND_FLAT:
		if (flat)
			return err_input(err, "%s: a flattened file in a flattened file", path);
		file = flat_order(in, err);
		ordered = file ? input_open_file(path, fileno(file), err) : NULL;
		ret = ordered ? read_dump(core, ordered, 1, path, err) : -1;
		input_close(ordered);
		if (file)
			fclose(file);
		return ret;
	default:
		return no_dump(head, (size_t)n, path, err);
	}
}

int core_open(struct core *core, const char *path, struct err *err)
{
	struct input *in = input_open(path, err);
	int ret;

	*core = (struct core){ 0 };
	if (!in)
		return -1;
	ret = read_dump(core, in, 0, path, err);
	input_close(in);
	if (ret == 0)
		return 0;
	core_close(core);
	return err_hint(err, "Copy the dump again if it was copied; else dump the guest again, in "
			     "QEMU's monitor with `dump-guest-memory FILE`.");
}

void core_close(struct core *core)
{
	for (size_t i = 0; !core->image.data && i < core->nr_segments; i++)
		free(core->segment[i].data);
	free(core->image.data);
	free(core->segment);
	free(core->cpu);
	*core = (struct core){ 0 };
}

size_t core_bytes(const struct core *core, uint64_t gpa, size_t len, uint8_t **bytes)
{
	for (size_t i = 0; i < core->nr_segments; i++) {
		const struct core_segment *s = &core->segment[i];
		uint64_t left;

		if (gpa < s->gpa || gpa - s->gpa >= s->data_bytes)
			continue;
		left = s->data_bytes - (gpa - s->gpa);
		*bytes = s->data + (gpa - s->gpa);
		return len < left ? len : (size_t)left;
	}
	return 0;
}

int core_ranges(const struct core *core, struct ranges *ram, const char *path, struct err *err)
{
	for (size_t i = 0; i < core->nr_segments; i++)
		if (ranges_add(ram, core->segment[i].gpa, core->segment[i].bytes, path, err) < 0)
			return -1;
	return 0;
}
