/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The few functions of a C library that the kernel, the oracle and the generator call.
 * Not here: the console (console.c).
 * Invariant: memory that malloc() gave comes from the heap behind the image, and free() keeps it
 * for blocks of the same power of two.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel.h"

void *memcpy(void *to, const void *from, size_t n)
{
	void *at = to;

	__asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(n) : : "memory");
	return to;
}

void *memmove(void *to, const void *from, size_t n)
{
	uint8_t *d = to;
	const uint8_t *s = from;

	if ((uintptr_t)d - (uintptr_t)s >= n)
		return memcpy(to, from, n);
	while (n--)
		*(volatile uint8_t *)(d + n) = s[n];
	return to;
}

void *memset(void *to, int byte, size_t n)
{
	void *at = to;

	__asm__ volatile("rep stosb" : "+D"(at), "+c"(n) : "a"(byte) : "memory");
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;
	unsigned long u, v;

	for (; n >= sizeof(u); n -= sizeof(u), x += sizeof(u), y += sizeof(u)) {
		__builtin_memcpy(&u, x, sizeof(u));
		__builtin_memcpy(&v, y, sizeof(v));
		if (u != v)
			break;
	}
	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x < *y ? -1 : 1;
	return 0;
}

size_t strlen(const char *s)
{
	const char *e = s;

	while (*(const volatile char *)e)
		e++;
	return (size_t)(e - s);
}

size_t strcspn(const char *s, const char *any)
{
	size_t n;
	const char *a;

	for (n = 0; s[n]; n++)
		for (a = any; *a; a++)
			if (s[n] == *a)
				return n;
	return n;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n; n--, a++, b++)
		if (*a != *b || !*a)
			return (uint8_t)*a - (uint8_t)*b;
	return 0;
}

int strcmp(const char *a, const char *b)
{
	return strncmp(a, b, SIZE_MAX);
}

/* ---- memory -------------------------------------------------------------------------- */

struct block {
	size_t order; /* 1 << order bytes with this */
	struct block *next;
};

static struct block *unused[32];
static uint8_t *heap_at, *heap_end;

void heap_setup(uint8_t *begin, uint8_t *end)
{
	heap_at = begin;
	heap_end = end;
}

void *malloc(size_t n)
{
	size_t order = 5;
	struct block *b;

	while (((size_t)1 << order) < n + sizeof(*b))
		order++;
	b = unused[order];
	if (b) {
		unused[order] = b->next;
		return b + 1;
	}
	if ((size_t)(heap_end - heap_at) < (size_t)1 << order)
		panic("out of memory: %lu bytes are wanted", (unsigned long)n);
	b = (struct block *)(void *)heap_at;
	heap_at += (size_t)1 << order;
	b->order = order;
	return b + 1;
}

void *calloc(size_t n, size_t size)
{
	void *p = malloc(n * size);

	return memset(p, 0, n * size);
}

void free(void *p)
{
	struct block *b = p;

	if (!p)
		return;
	b--;
	b->next = unused[b->order];
	unused[b->order] = b;
}

void *realloc(void *p, size_t n)
{
	struct block *b = p;
	size_t room;
	void *q;

	if (!p)
		return malloc(n);
	room = ((size_t)1 << b[-1].order) - sizeof(*b);
	if (n <= room)
		return p;
	q = malloc(n);
	memcpy(q, p, room);
	free(p);
	return q;
}

void abort(void)
{
	panic("abort()");
}

/* ---- text ------------------------------------------------------------------------------ */

struct text {
	char *to;
	size_t size, n; /* n: what there would be if there were room */
};

static void put_char(struct text *t, char c)
{
	if (t->n + 1 < t->size)
		t->to[t->n] = c;
	t->n++;
}

static void put_padded(struct text *t, const char *s, size_t len, unsigned width, char pad)
{
	for (; width > len; width--)
		put_char(t, pad);
	while (len--)
		put_char(t, *s++);
}

/* A 32-bit machine divides 64 bits by 10 in two steps of 16 bits more. */
static unsigned divide(uint64_t *v, unsigned by)
{
	uint32_t part[4] = { (uint32_t)(*v >> 48), (uint32_t)(*v >> 32) & 0xffff,
			     (uint32_t)(*v >> 16) & 0xffff, (uint32_t)*v & 0xffff };
	uint32_t rest = 0;
	unsigned i;

	*v = 0;
	for (i = 0; i < 4; i++) {
		rest = rest << 16 | part[i];
		*v = *v << 16 | rest / by;
		rest %= by;
	}
	return rest;
}

static void put_number(struct text *t, uint64_t v, unsigned base, unsigned width, char pad)
{
	char digits[24];
	unsigned n = sizeof(digits);

	do {
		digits[--n] = "0123456789abcdef"[divide(&v, base)];
	} while (v);
	put_padded(t, digits + n, sizeof(digits) - n, width, pad);
}

static uint64_t next_number(va_list *ap, unsigned longs)
{
	if (longs >= 2)
		return va_arg(*ap, unsigned long long);
	return longs ? va_arg(*ap, unsigned long) : va_arg(*ap, unsigned);
}

static unsigned width_of(const char **fmt)
{
	unsigned n = 0;

	for (; **fmt >= '0' && **fmt <= '9'; ++*fmt)
		n = n * 10 + (unsigned)(**fmt - '0');
	return n;
}

int vsnprintf(char *to, size_t size, const char *fmt, va_list args)
{
	struct text t = { to, size, 0 };
	va_list ap;

	va_copy(ap, args);
	for (; *fmt; fmt++) {
		unsigned width, longs = 0, most = ~0u;
		char pad = ' ';
		const char *s;
		size_t len;
		int64_t d;

		if (*fmt != '%') {
			put_char(&t, *fmt);
			continue;
		}
		if (*++fmt == '0')
			pad = *fmt++;
		width = width_of(&fmt);
		if (*fmt == '.') {
			fmt++;
			most = width_of(&fmt);
		}
		for (; *fmt == 'l' || *fmt == 'z'; fmt++)
			longs++;
		switch (*fmt) {
		case 's':
			s = va_arg(ap, const char *);
			len = strlen(s);
			put_padded(&t, s, len < most ? len : most, width, ' ');
			break;
		case 'c':
			put_char(&t, (char)va_arg(ap, int));
			break;
		case 'd':
			d = longs ? (int64_t)next_number(&ap, longs) : va_arg(ap, int);
			if (d < 0)
				put_char(&t, '-');
			put_number(&t, d < 0 ? -(uint64_t)d : (uint64_t)d, 10, width, pad);
			break;
		case 'u':
			put_number(&t, next_number(&ap, longs), 10, width, pad);
			break;
		case 'x':
			put_number(&t, next_number(&ap, longs), 16, width, pad);
			break;
		default:
			put_char(&t, *fmt);
		}
	}
	va_end(ap);
	if (size)
		to[t.n < size ? t.n : size - 1] = '\0';
	return (int)t.n;
}

int snprintf(char *to, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(to, size, fmt, ap);
	va_end(ap);
	return n;
}
