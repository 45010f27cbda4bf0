/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parsing and writing numbers, names of files.
 * libbsd's helpers are called here and nowhere else.
 * Invariant: no buffer is overrun, whatever the length.
 */
#include "text.h"

#include <bsd/libutil.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int parse_base(const char *text, int base, uint64_t *value)
{
	char *end;

	if (!isxdigit((unsigned char)text[0]))
		return -1;
	errno = 0;
	*value = strtoull(text, &end, base);
	return errno || end == text || *end ? -1 : 0;
}

int parse_u64(const char *text, uint64_t *value)
{
	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		return parse_base(text, 16, value);
	return parse_base(text, 10, value);
}

int parse_hex(const char *text, uint64_t *value)
{
	return parse_base(text, 16, value);
}

int parse_size(const char *text, uint64_t *value)
{
	if (parse_u64(text, value) == 0)
		return 0;
	if (!isdigit((unsigned char)text[0]) || strchr(text, 'x'))
		return -1;
	return expand_number(text, value) < 0 ? -1 : 0;
}

void format_exact(char *buf, size_t len, uint64_t n)
{
	char digits[24];
	size_t nr = (size_t)snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n), o = 0;

	for (size_t i = 0; i < nr && o + 2 < len; i++) {
		if (i && (nr - i) % 3 == 0)
			buf[o++] = ',';
		buf[o++] = digits[i];
	}
	buf[o] = 0;
}

void format_count(char *buf, size_t len, uint64_t n)
{
	if (n >= 10000000000u)
		snprintf(buf, len, "%.2f G", (double)n / 1e9);
	else if (n >= 100000000)
		snprintf(buf, len, "%.2f M", (double)n / 1e6);
	else
		format_exact(buf, len, n);
}

void format_bytes(char *buf, size_t len, uint64_t n)
{
	if (n >= 10ull << 30)
		snprintf(buf, len, "%llu GiB", (unsigned long long)(n >> 30));
	else if (n >= 10ull << 20)
		snprintf(buf, len, "%llu MiB", (unsigned long long)(n >> 20));
	else if (n >= 1024)
		snprintf(buf, len, "%llu KiB", (unsigned long long)(n + 1023) >> 10);
	else
		snprintf(buf, len, "%llu B", (unsigned long long)n);
}

char *path_beside(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');
	char *out;

	if (asprintf(&out, "%.*s%s", slash ? (int)(slash - path + 1) : 0, path, name) < 0)
		return NULL;
	return out;
}

static int cut_suffix(char *text, const char *suffix)
{
	size_t n = strlen(text), s = strlen(suffix);

	if (n <= s || strcmp(text + n - s, suffix) != 0)
		return 0;
	text[n - s] = 0;
	return 1;
}

char *path_stem(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *out = strdup(slash ? slash + 1 : strcmp(path, "-") == 0 ? "stdin" : path);

	if (!out)
		return NULL;
	cut_suffix(out, ".zst");
	if (!cut_suffix(out, ".vmt") && !cut_suffix(out, ".ptcore"))
		cut_suffix(out, ".json");
	return out;
}

char *path_retype(const char *path, const char *from, const char *to)
{
	char *stem = strdup(path), *out = NULL;

	if (stem)
		cut_suffix(stem, ".zst");
	if (stem && cut_suffix(stem, from) && asprintf(&out, "%s%s", stem, to) < 0)
		out = NULL;
	free(stem);
	return out;
}

char *path_existing(char *path)
{
	char *packed;

	if (!path || access(path, F_OK) == 0 || asprintf(&packed, "%s.zst", path) < 0)
		return path;
	if (access(packed, F_OK) == 0) {
		free(path);
		return packed;
	}
	free(packed);
	return path;
}

int wants_colour(int fd)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(fd) && !(no && *no) && term && strcmp(term, "dumb") != 0;
}
