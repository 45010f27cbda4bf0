/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process that reads a dump with libkdumpfile, and tells kdump.c what it finds.
 * The library finds and unpacks pages.  QEMU's notes are read here, because libkdumpfile before
 * 0.5.5 drops them.
 * Invariant: the last message is an END or an ERROR, unless the library ends the process.
 */
#include "kdump.h"
#include "base/base.h"

#include <libkdumpfile/kdumpfile.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The first block of a KDUMP file has the kernel's `uname -m`. */
#define MACHINE_OFFSET 272u
#define MACHINE_BYTES 65u
#define FIRST_HEADER_BYTES 464u
#define SECOND_HEADER_BYTES 104u
/* Of the first header, after a block's size: blocks of the second, of the bitmaps; pages. */
#define AFTER_BLOCK_SECOND 4u
#define AFTER_BLOCK_BITMAPS 8u
#define AFTER_BLOCK_PAGES 12u
/* From this version on, the number of pages is in the second header. */
#define VERSION_PAGES_64 6u

/*
 * Offsets of what is read of the headers: the size of a block in the first, the rest in the
 * second.
 */
static const struct layout {
	unsigned block, split, notes, notes_size, notes_size_bytes, pages;
} layouts[] = {
	{ 416, 8, 32, 40, 4, 72 },  /* with 32-bit longs */
	{ 428, 12, 48, 56, 8, 96 }, /* with 64-bit ones */
};

/* Of each page that the file has, in order: u64 offset, u32 bytes, u32 flags, u64. */
#define DESCRIPTOR_BYTES 24u
#define PACKED_FLAGS 0x27u /* zlib, lzo, snappy, zstd; none of them: as it is */

struct reader {
	kdump_ctx_t *ctx;
	int fd, out;
	uint8_t *piece;	     /* KDUMP_PIECE_BYTES */
	uint64_t descriptor; /* where the next page's descriptor lies; 0 if this is no KDUMP file */
	uint64_t file_bytes;
};

static int put(struct reader *r, const void *bytes, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = write(r->out, (const uint8_t *)bytes + done, len - done);

		if (n < 0)
			return -1;
		done += (size_t)n;
	}
	return 0;
}

static int tell(struct reader *r, struct kdump_message m, const void *payload)
{
	return put(r, &m, sizeof(m)) < 0 ? -1 : put(r, payload, m.payload);
}

/* Tells the parent why the dump cannot be read.  Returns -1. */
__attribute__((format(printf, 2, 3))) static int refuse(struct reader *r, const char *fmt, ...)
{
	char text[KDUMP_ERROR_MOST];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	(void)tell(r, (struct kdump_message){ KDUMP_ERROR, (uint32_t)strlen(text), 0, 0 }, text);
	return -1;
}

static uint64_t number(struct reader *r, const char *key)
{
	kdump_num_t v;

	if (kdump_get_number_attr(r->ctx, key, &v) == KDUMP_OK)
		return v;
	kdump_clear_err(r->ctx);
	return 0;
}

static const char *text(struct reader *r, const char *key)
{
	const char *v;

	if (kdump_get_string_attr(r->ctx, key, &v) == KDUMP_OK)
		return v;
	kdump_clear_err(r->ctx);
	return "";
}

/* NULL: there is none. */
static kdump_bmp_t *bitmap(struct reader *r, const char *key)
{
	kdump_attr_t v;

	if (kdump_get_attr(r->ctx, key, &v) == KDUMP_OK && v.type == KDUMP_BITMAP)
		return v.val.bitmap;
	kdump_clear_err(r->ctx);
	return NULL;
}

static int open_dump(struct reader *r)
{
	/* A file that somebody shortens would end the process by SIGBUS. */
	(void)kdump_set_number_attr(r->ctx, KDUMP_ATTR_FILE_MMAP_POLICY, KDUMP_MMAP_NEVER);
	if (kdump_open_fd(r->ctx, r->fd) == KDUMP_OK)
		return 0;
	return refuse(r, "not a dump that can be read: libkdumpfile: %s", kdump_get_err(r->ctx));
}

static int tell_machine(struct reader *r, int long_mode)
{
	return long_mode ? tell(r, (struct kdump_message){ KDUMP_LONG_MODE, 0, 0, 0 }, NULL) : 0;
}

static int check_machine(struct reader *r)
{
	const char *arch = text(r, KDUMP_ATTR_ARCH_NAME);
	uint64_t page = number(r, KDUMP_ATTR_PAGE_SIZE);

	if (*arch && strcmp(arch, KDUMP_ARCH_X86_64) != 0 && strcmp(arch, KDUMP_ARCH_IA32) != 0)
		return refuse(r, "a dump of a machine \"%s\", not of an x86 one", arch);
	if (page != VMMU_PAGE_SIZE)
		return refuse(r, "its pages have %llu bytes; an x86 machine's have %u",
			      (unsigned long long)page, VMMU_PAGE_SIZE);
	return tell_machine(r, strcmp(arch, KDUMP_ARCH_X86_64) == 0);
}

/* ---- the headers of KDUMP files ---------------------------------------------------------- */

static uint64_t le(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = bytes; i-- > 0;)
		v = v << 8 | p[i];
	return v;
}

static int get(struct reader *r, void *buf, size_t len, uint64_t at, const char *what)
{
	ssize_t n = pread(r->fd, buf, len, (off_t)at);

	if (n == (ssize_t)len)
		return 0;
	return refuse(r, "truncated: %s wants 0x%zx bytes at byte 0x%llx", what, len,
		      (unsigned long long)at);
}

static int tell_notes(struct reader *r, uint64_t at, uint64_t size)
{
	uint8_t *notes;
	int ret;

	if (!size)
		return 0;
	if (size > KDUMP_NOTES_MOST || at > r->file_bytes || size > r->file_bytes - at)
		return refuse(r, "truncated: its notes want 0x%llx bytes at byte 0x%llx",
			      (unsigned long long)size, (unsigned long long)at);
	notes = malloc((size_t)size);
	if (!notes)
		return refuse(r, "out of memory");
	ret = get(r, notes, (size_t)size, at, "the notes' part");
	if (ret == 0)
		ret = tell(r, (struct kdump_message){ KDUMP_NOTES, (uint32_t)size, at, 0 }, notes);
	free(notes);
	return ret;
}

static int is_x86(const char *machine)
{
	static const char *const names[] = { "x86_64", "i386", "i486", "i586", "i686" };

	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(machine, names[i]) == 0)
			return 1;
	return 0;
}

/* A layout fits if a block has the size of a page and the second header is not empty. */
static const struct layout *layout_of(const uint8_t *head)
{
	for (unsigned i = 0; i < sizeof(layouts) / sizeof(*layouts); i++)
		if (le(head + layouts[i].block, 4) == VMMU_PAGE_SIZE &&
		    le(head + layouts[i].block + AFTER_BLOCK_SECOND, 4))
			return &layouts[i];
	return NULL;
}

/*
 * Both headers and two bitmaps lie before the descriptors.  libkdumpfile asks for the memory of
 * bitmaps of as many pages as the header claims.
 */
static int find_descriptors(struct reader *r, const uint8_t *block, uint64_t pages)
{
	uint64_t bitmaps = le(block + AFTER_BLOCK_BITMAPS, 4);

	r->descriptor = (1 + le(block + AFTER_BLOCK_SECOND, 4) + bitmaps) * VMMU_PAGE_SIZE;
	if (pages > bitmaps / 2 * VMMU_PAGE_SIZE * 8)
		return refuse(r, "damaged: 0x%llx pages, and bitmaps of %llu blocks",
			      (unsigned long long)pages, (unsigned long long)bitmaps);
	if (r->descriptor <= r->file_bytes)
		return 0;
	return refuse(r,
		      "truncated: its headers and bitmaps want 0x%llx bytes, the file has 0x%llx",
		      (unsigned long long)r->descriptor, (unsigned long long)r->file_bytes);
}

/*
 * Tells what the headers of a KDUMP file say and libkdumpfile does not.  Files of other formats
 * have no such headers.
 */
static int tell_headers(struct reader *r)
{
	const struct layout *l;
	char machine[MACHINE_BYTES + 1] = "";
	uint8_t head[FIRST_HEADER_BYTES], second[SECOND_HEADER_BYTES];
	uint64_t pages;

	if (get(r, head, 8, 0, "the header") < 0)
		return -1;
	if (memcmp(head, "KDUMP   ", 8) != 0)
		return 0;
	if (get(r, head, sizeof(head), 0, "the header") < 0 ||
	    get(r, second, sizeof(second), VMMU_PAGE_SIZE, "the second header") < 0)
		return -1;
	memcpy(machine, head + MACHINE_OFFSET, MACHINE_BYTES);
	if (!is_x86(machine))
		return refuse(r, "byte %u: a dump of a machine \"%s\", not of an x86 one",
			      MACHINE_OFFSET, machine);
	l = layout_of(head);
	if (!l)
		return refuse(r, "its header has no blocks of %u bytes, an x86 machine's page",
			      VMMU_PAGE_SIZE);
	if (le(second + l->split, 4))
		return refuse(r, "one of the files of a split dump: join them with `makedumpfile "
				 "--reassemble`");
	pages = le(head + 8, 4) < VERSION_PAGES_64 ? le(head + l->block + AFTER_BLOCK_PAGES, 4)
						   : le(second + l->pages, 8);
	if (find_descriptors(r, head + l->block, pages) < 0 ||
	    tell_machine(r, strcmp(machine, "x86_64") == 0) < 0)
		return -1;
	return tell_notes(r, le(second + l->notes, 8),
			  le(second + l->notes_size, l->notes_size_bytes));
}

/* ---- memory --------------------------------------------------------------------------------- */

/* Finds the next run of pages, from *page on.  Returns 1, 0 if there is none, -1 after an error. */
static int next_run(struct reader *r, kdump_bmp_t *map, uint64_t *page, uint64_t *end)
{
	const uint64_t most = RAM_MOST / VMMU_PAGE_SIZE;
	kdump_addr_t lo = *page, hi;

	if (lo >= most || kdump_bmp_find_set(map, &lo) != KDUMP_OK)
		return 0;
	hi = lo;
	if (kdump_bmp_find_clear(map, &hi) != KDUMP_OK || hi <= lo)
		return refuse(r, "bad bitmap of pages at page 0x%llx: %s", (unsigned long long)lo,
			      kdump_bmp_get_err(map));
	if (hi > most)
		return refuse(r, "memory at 0x%llx, 0x%llx pages, ends above 0x%llx",
			      (unsigned long long)lo * VMMU_PAGE_SIZE,
			      (unsigned long long)(hi - lo), RAM_MOST);
	*page = lo;
	*end = hi;
	return 1;
}

/* What is RAM; what the file leaves out of it is zero. */
static int tell_ram(struct reader *r)
{
	kdump_bmp_t *map = bitmap(r, KDUMP_ATTR_MEMORY_PAGEMAP);
	uint64_t page = 0, end;
	int got = 0;

	for (; map && (got = next_run(r, map, &page, &end)) > 0; page = end) {
		struct kdump_message m = { KDUMP_RAM, 0, page * VMMU_PAGE_SIZE,
					   (end - page) * VMMU_PAGE_SIZE };

		if (tell(r, m, NULL) < 0)
			return -1;
	}
	return got;
}

/*
 * Checks that the data of these pages lie in the file and are no longer than a page.  libkdumpfile
 * 0.5.1 takes zeros for data behind the file's end, and writes longer data past its buffer.
 */
static int check_descriptors(struct reader *r, uint64_t gpa, uint64_t bytes)
{
	uint8_t all[KDUMP_PIECE_BYTES / VMMU_PAGE_SIZE * DESCRIPTOR_BYTES];
	uint64_t nr = bytes / VMMU_PAGE_SIZE;

	if (!r->descriptor)
		return 0;
	if (get(r, all, (size_t)nr * DESCRIPTOR_BYTES, r->descriptor, "the pages' descriptors") < 0)
		return -1;
	r->descriptor += nr * DESCRIPTOR_BYTES;
	for (uint64_t i = 0; i < nr; i++) {
		const uint8_t *d = all + i * DESCRIPTOR_BYTES;
		unsigned long long offset = le(d, 8), size = le(d + 8, 4);
		unsigned long long at = gpa + i * VMMU_PAGE_SIZE;
		int packed = (le(d + 12, 4) & PACKED_FLAGS) != 0;

		if (size > VMMU_PAGE_SIZE || (!packed && size < VMMU_PAGE_SIZE))
			return refuse(r, "damaged: the page at 0x%llx has %llu bytes in the file",
				      at, size);
		if (offset > r->file_bytes || size > r->file_bytes - offset)
			return refuse(r,
				      "truncated: the page at 0x%llx wants %llu bytes at byte "
				      "0x%llx, the file has 0x%llx",
				      at, size, offset, (unsigned long long)r->file_bytes);
	}
	return 0;
}

static int tell_piece(struct reader *r, uint64_t gpa, uint64_t bytes)
{
	size_t done = (size_t)bytes;

	if (check_descriptors(r, gpa, bytes) < 0)
		return -1;
	if (kdump_read(r->ctx, KDUMP_MACHPHYSADDR, gpa, r->piece, &done) != KDUMP_OK)
		return refuse(r, "damaged: the page at 0x%llx cannot be read: libkdumpfile: %s",
			      (unsigned long long)(gpa + done) & ~(VMMU_PAGE_SIZE - 1ull),
			      kdump_get_err(r->ctx));
	return tell(r, (struct kdump_message){ KDUMP_PAGES, (uint32_t)bytes, gpa, bytes },
		    r->piece);
}

static int tell_pages(struct reader *r)
{
	kdump_bmp_t *map = bitmap(r, KDUMP_ATTR_FILE_PAGEMAP);
	uint64_t page = 0, end;
	int got = 0;

	if (!map)
		return refuse(r, "it does not say which pages it has");
	for (; (got = next_run(r, map, &page, &end)) > 0; page = end) {
		uint64_t at = page * VMMU_PAGE_SIZE, to = end * VMMU_PAGE_SIZE, bytes;

		for (; at < to; at += bytes) {
			bytes = to - at < KDUMP_PIECE_BYTES ? to - at : KDUMP_PIECE_BYTES;
			if (tell_piece(r, at, bytes) < 0)
				return -1;
		}
	}
	return got;
}

void kdump_child(int fd, int out)
{
	struct reader r = { .ctx = kdump_new(), .fd = fd, .out = out };
	struct stat st;

	r.piece = malloc(KDUMP_PIECE_BYTES);
	r.file_bytes = fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
	if (!r.ctx || !r.piece)
		(void)refuse(&r, "out of memory");
	else if (tell_headers(&r) == 0 && open_dump(&r) == 0 && check_machine(&r) == 0 &&
		 tell_ram(&r) == 0 && tell_pages(&r) == 0)
		(void)tell(&r, (struct kdump_message){ KDUMP_END, 0, 0, 0 }, NULL);
	free(r.piece);
	if (r.ctx)
		kdump_free(r.ctx);
}
