/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing them.
 */
#include "kdump_make.h"
#include "t.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define PAGE 4096u
#define PIECE 5000u /* of a flattened file: pieces begin and end anywhere */

static void grow(struct bytes *b, size_t size)
{
	if (size <= b->size)
		return;
	b->data = realloc(b->data, size);
	t_true(b->data);
	memset(b->data + b->size, 0, size - b->size);
	b->size = size;
}

static void put_at(struct bytes *b, size_t at, uint64_t v, unsigned bytes)
{
	grow(b, at + bytes);
	for (unsigned i = 0; i < bytes; i++)
		b->data[at + i] = (uint8_t)(v >> 8 * i);
}

static void put_bytes(struct bytes *b, size_t at, const void *p, size_t n)
{
	grow(b, at + n);
	memcpy(b->data + at, p, n);
}

static void append(struct bytes *b, const void *p, size_t n)
{
	put_bytes(b, b->size, p, n);
}

static void append_byte(struct bytes *b, unsigned v)
{
	put_at(b, b->size, v, 1);
}

/* How many bytes of a page stand before the zeros at its end: at least 4, a multiple of 4. */
static unsigned head_bytes(const uint8_t *page)
{
	unsigned n = PAGE;

	while (n > 4 && !page[n - 1])
		n--;
	return (n + 3) & ~3u;
}

/* A length in bytes of 255, each of which a byte 0 stands for, and the rest. */
static void append_length(struct bytes *b, unsigned left)
{
	for (; left > 255; left -= 255)
		append_byte(b, 0);
	append_byte(b, left);
}

/* One run of literals, of at least 18; a copy from one byte before, of at least 34; the end. */
static void pack_lzo(struct bytes *b, const uint8_t *page)
{
	unsigned n = head_bytes(page);

	n = n < 20 ? 20 : n;
	if (n > PAGE - 40)
		return;
	append_byte(b, 0);
	append_length(b, n + 1 - 18);
	append(b, page, n + 1); /* with a zero to copy */
	append_byte(b, 0x20);
	append_length(b, PAGE - n - 1 - 33);
	append(b, "\0\0\x11\0\0", 5);
}

/* The length of all; literals with a two-byte length; copies of up to 64 bytes. */
static void pack_snappy(struct bytes *b, const uint8_t *page)
{
	unsigned n = head_bytes(page), done;

	if (n > PAGE - 40)
		return;
	append(b, "\x80\x20\xf4", 3);
	append_byte(b, n & 255); /* n + 1 literals */
	append_byte(b, n >> 8);
	append(b, page, n + 1);
	for (done = n + 1; done < PAGE;) {
		unsigned copy = PAGE - done < 64 ? PAGE - done : 64;

		append_byte(b, (copy - 1) << 2 | 2);
		append(b, "\1\0", 2);
		done += copy;
	}
}

static void pack_zstd(struct bytes *b, const uint8_t *page)
{
	uint8_t buf[2 * PAGE];
	size_t n = ZSTD_compress(buf, sizeof(buf), page, PAGE, 1);

	t_true(!ZSTD_isError(n));
	append(b, buf, n);
}

/* The flags that a page's descriptor gets. */
static unsigned pack(struct bytes *b, enum kdump_packing packing, const uint8_t *page)
{
	static const unsigned flag[] = { 0, 2, 4, 0x20 };
	size_t begin = b->size;

	if (packing == KDUMP_LZO)
		pack_lzo(b, page);
	else if (packing == KDUMP_SNAPPY)
		pack_snappy(b, page);
	else if (packing == KDUMP_ZSTD)
		pack_zstd(b, page);
	if (b->size > begin && b->size - begin < PAGE)
		return flag[packing];
	b->size = begin;
	append(b, page, PAGE);
	return 0;
}

static uint64_t last_page(const struct core *core)
{
	uint64_t last = 0;

	for (size_t i = 0; i < core->nr_segments; i++) {
		uint64_t end = (core->segment[i].gpa + core->segment[i].bytes + PAGE - 1) / PAGE;

		if (end > last)
			last = end;
	}
	return last;
}

static void put_note(struct bytes *b, size_t at, const struct known_regs *cpu)
{
	put_at(b, at, 5, 4);
	put_at(b, at + 4, 440, 4);
	put_at(b, at + 8, 0, 4);
	put_bytes(b, at + 12, "QEMU\0\0\0", 8);
	put_at(b, at + 20, 1, 4);
	put_at(b, at + 24, 440, 4);
	put_at(b, at + 20 + 392, cpu->regs.cr0, 8);
	put_at(b, at + 20 + 408, cpu->regs.cr2, 8);
	put_at(b, at + 20 + 416, cpu->regs.cr3, 8);
	put_at(b, at + 20 + 424, cpu->regs.cr4, 8);
	put_at(b, at + 20 + 432, 0, 8);
}

static void put_headers(struct bytes *b, const struct kdump_how *how, uint64_t pages,
			uint64_t bitmap_blocks)
{
	unsigned at = how->narrow ? 412 : 424, block = how->block ? how->block : PAGE;

	put_bytes(b, 0, "KDUMP   ", 8);
	put_at(b, 8, 6, 4);
	put_bytes(b, 12, "Linux", 6);
	put_bytes(b, 77, "host", 5);
	put_bytes(b, 142, "6.1.0", 6);
	put_bytes(b, 207, "#1", 3);
	put_bytes(b, 272, how->machine, strlen(how->machine));
	put_at(b, at + 4, block, 4);
	put_at(b, at + 8, 1, 4);
	put_at(b, at + 12, bitmap_blocks, 4);
	put_at(b, at + 16, pages < UINT32_MAX ? pages : UINT32_MAX, 4);
	put_at(b, at + 36, 1, 4);
	/* The second one. */
	put_at(b, block + (how->narrow ? 8 : 12), how->split, 4);
	if (how->cpu) {
		size_t notes = block + 0x68 + 0x40;

		put_at(b, block + (how->narrow ? 32 : 48), notes, 8);
		put_at(b, block + (how->narrow ? 40 : 56), 20 + 440, how->narrow ? 4 : 8);
		put_note(b, notes, how->cpu);
	}
	put_at(b, block + (how->narrow ? 0x48 : 0x60), pages, 8); /* max_mapnr_64 */
	grow(b, 2 * block);
}

static void set_bit(struct bytes *b, size_t map, uint64_t page)
{
	b->data[map + page / 8] |= (uint8_t)(1u << page % 8);
}

static int is_zero(const uint8_t *p)
{
	return !*p && memcmp(p, p + 1, PAGE - 1) == 0;
}

struct descriptor {
	uint64_t at, size;
	unsigned flags;
};

static void put_descriptor(struct bytes *b, size_t at, const struct descriptor *d)
{
	put_at(b, at, d->at, 8);
	put_at(b, at + 8, d->size, 4);
	put_at(b, at + 12, d->flags, 4);
}

/* Bitmaps, then a descriptor for each page, then their data; all zero pages have one. */
static void put_pages(struct bytes *b, const struct core *core, const struct kdump_how *how,
		      size_t map, size_t map_bytes)
{
	uint64_t pages = last_page(core), stored = 0, at = 0;
	struct descriptor zero = { 0 };
	size_t desc = map + 2 * map_bytes;

	grow(b, desc);
	for (uint64_t i = 0; i < pages; i++) {
		uint8_t *p;

		if (!core_bytes(core, i * PAGE, PAGE, &p))
			continue;
		set_bit(b, map, i);
		set_bit(b, map + map_bytes, i);
		stored++;
	}
	grow(b, desc + stored * 24);
	for (uint64_t i = 0; i < pages; i++) {
		uint8_t page[PAGE] = { 0 }, *p;
		size_t n = core_bytes(core, i * PAGE, PAGE, &p);

		if (!n)
			continue;
		memcpy(page, p, n);
		if (!is_zero(page) || !zero.size) {
			struct descriptor d = { .at = b->size };

			d.flags = pack(b, how->packing, page);
			d.size = b->size - d.at;
			put_descriptor(b, desc + at, &d);
			zero = is_zero(page) ? d : zero;
		} else {
			put_descriptor(b, desc + at, &zero);
		}
		at += 24;
	}
}

static void append_be64(struct bytes *b, uint64_t v)
{
	for (unsigned i = 0; i < 8; i++)
		append_byte(b, v >> (56 - 8 * i) & 0xff);
}

/* In pieces, the last first. */
static struct bytes flatten(struct bytes file)
{
	struct bytes b = { NULL, 0 };

	append(&b, "makedumpfile\0\0\0\0", 16);
	append_be64(&b, 1);
	append_be64(&b, 1);
	grow(&b, 4096);
	for (size_t i = (file.size + PIECE - 1) / PIECE; i-- > 0;) {
		size_t left = file.size - i * PIECE, n = left < PIECE ? left : PIECE;

		append_be64(&b, i * PIECE);
		append_be64(&b, n);
		append(&b, file.data + i * PIECE, n);
	}
	append_be64(&b, UINT64_MAX);
	append_be64(&b, UINT64_MAX);
	free(file.data);
	return b;
}

struct bytes kdump_make(const struct core *core, const struct kdump_how *how)
{
	struct bytes b = { NULL, 0 };
	unsigned block = how->block ? how->block : PAGE;
	uint64_t pages = last_page(core);
	size_t map_bytes = (pages / 8 + block) / block * block;

	put_headers(&b, how, pages, 2 * map_bytes / block);
	put_pages(&b, core, how, 2 * (size_t)block, map_bytes);
	return how->flattened ? flatten(b) : b;
}
