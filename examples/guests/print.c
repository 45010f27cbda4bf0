/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints values, reads options, and has the functions that a compiler expects.  It is used in
 * 32-bit and 64-bit code, in kernels and in ring 3, which supply put() and finish().
 */
#include <stdarg.h>

#include "guest.h"

static void put_hex(unsigned long long v)
{
	int shift = 60;

	while (shift && !(v >> shift & 15))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		put("0123456789abcdef"[v >> shift & 15]);
}

static void put_decimal(unsigned long v)
{
	char text[24];
	int n = 0;

	do
		text[n++] = (char)('0' + v % 10);
	while (v /= 10);
	while (n)
		put(text[--n]);
}

/* Prints one conversion.  `longs` is the number of l before it. */
static void put_value(char conversion, int longs, va_list *args)
{
	const char *s;

	if (conversion == 's')
		for (s = va_arg(*args, const char *); *s; s++)
			put(*s);
	else if (conversion == 'c')
		put((char)va_arg(*args, int));
	else if (conversion == 'u')
		put_decimal(longs ? va_arg(*args, unsigned long) : va_arg(*args, unsigned));
	else if (longs == 2)
		put_hex(va_arg(*args, unsigned long long));
	else
		put_hex(longs ? va_arg(*args, unsigned long) : va_arg(*args, unsigned));
}

static void print_list(const char *format, va_list *args)
{
	int longs;

	for (; *format; format++) {
		if (*format != '%') {
			put(*format);
			continue;
		}
		for (longs = 0; *++format == 'l'; longs++)
			;
		put_value(*format, longs, args);
	}
}

void print(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_list(format, &args);
	va_end(args);
}

void panic(const char *format, ...)
{
	va_list args;

	print("panic: ");
	va_start(args, format);
	print_list(format, &args);
	va_end(args);
	put('\n');
	finish(1);
}

static int starts_with(const char *text, const char *with)
{
	while (*with && *text == *with) {
		text++;
		with++;
	}
	return !*with;
}

unsigned long option(const char *line, const char *name, unsigned long otherwise)
{
	unsigned long value = 0;

	for (; *line; line++)
		if (starts_with(line, name))
			break;
	for (; *line && *line != '='; line++)
		;
	if (!*line++ || *line < '0' || *line > '9')
		return otherwise;
	for (; *line >= '0' && *line <= '9'; line++)
		value = value * 10 + (unsigned long)(*line - '0');
	return value;
}

/* It uses string instructions: a compiler would replace a loop by a call of memset(). */
void *memset(void *to, int byte, size_t n)
{
	void *p = to;

	__asm__ volatile("rep stosb" : "+D"(p), "+c"(n) : "a"(byte) : "memory");
	return to;
}

void *memcpy(void *to, const void *from, size_t n)
{
	void *p = to;

	__asm__ volatile("rep movsb" : "+D"(p), "+S"(from), "+c"(n) : : "memory");
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}
