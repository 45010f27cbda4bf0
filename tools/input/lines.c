/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading an input line by line.  A line longer than LINE_MOST is an error.
 * Invariant: buf[pos, len) is read and not yet returned; len < cap.
 */
#include "stream.h"

#include <stdlib.h>
#include <string.h>

#define LINE_MOST (64u << 10)

int lines_open(struct lines *l, struct input *in, struct err *err)
{
	*l = (struct lines){ .in = in, .cap = 2 * LINE_MOST };
	l->buf = malloc(l->cap);
	if (!l->buf)
		return err_input(err, "%s: out of memory", input_name(in));
	return 0;
}

void lines_close(struct lines *l)
{
	input_close(l->in);
	free(l->buf);
	*l = (struct lines){ 0 };
}

/* The file is most likely a binary one. */
static int no_text(struct err *err)
{
	return err_hint(err, "Is it the right file?  A text file of lines is wanted here.");
}

static char *newline(const struct lines *l)
{
	return memchr(l->buf + l->pos, '\n', l->len - l->pos);
}

int lines_would_wait(const struct lines *l)
{
	return !l->ended && !newline(l);
}

static int fill_lines(struct lines *l, struct err *err)
{
	ssize_t n;

	if (l->len - l->pos >= LINE_MOST) {
		err_input(err, "%s: line %llu: longer than %u bytes", input_name(l->in),
			  (unsigned long long)l->number + 1, LINE_MOST);
		return no_text(err);
	}
	memmove(l->buf, l->buf + l->pos, l->len - l->pos);
	l->len -= l->pos;
	l->pos = 0;
	n = input_some(l->in, l->buf + l->len, l->cap - 1 - l->len, err);
	if (n < 0)
		return -1;
	l->len += (size_t)n;
	l->ended = n == 0;
	return 0;
}

int lines_next(struct lines *l, char **line, struct err *err)
{
	char *end;

	while (!(end = newline(l)) && !l->ended)
		if (fill_lines(l, err) < 0)
			return -1;
	if (!end && l->pos == l->len)
		return 0;
	if (!end)
		end = l->buf + l->len;
	*end = 0;
	*line = l->buf + l->pos;
	l->pos = (size_t)(end - l->buf) + 1;
	if (l->pos > l->len)
		l->pos = l->len;
	l->number++;
	/* The caller would not see what follows a zero byte. */
	if (memchr(*line, 0, (size_t)(end - *line))) {
		err_input(err, "%s: line %llu: a zero byte, so this is no text", input_name(l->in),
			  (unsigned long long)l->number);
		return no_text(err);
	}
	return 1;
}
