/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What vmmu step has done so far, done again, and in words.
 * Not here: showing it (step.c, step_curses.c).
 */
#include "step.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- doing, and doing again ---------------------------------------------------------- */

int step_do(struct step *s, const char *command)
{
	char *copy;

	if (s->nr_done == STEP_DONE || play_attempt(s->play, command) < 0)
		return -1;
	copy = strdup(command);
	if (!copy)
		return -1;
	s->done[s->nr_done++] = copy;
	return 0;
}

void step_forget(struct step *s, unsigned from)
{
	while (s->nr_done > from)
		free(s->done[--s->nr_done]);
}

/* The engine has no guest afterwards that a command left its marks on. */
int step_core(struct step *s)
{
	if (!s->core)
		return 0;
	play_core(s->play, s->core, s->core_bytes);
	return *play_error(s->play) ? -1 : 0;
}

int step_again(struct step *s, unsigned less)
{
	step_forget(s, s->nr_done > less ? s->nr_done - less : 0);
	if (step_core(s) < 0)
		return -1;
	for (unsigned i = 0; i < s->nr_done; i++)
		if (play_attempt(s->play, s->done[i]) < 0)
			return -1;
	return 0;
}

/* The lines of a text, one by one. */
static int do_lines(struct step *s, const char *lines)
{
	char *copy = strdup(lines), *save = NULL;
	int ret = copy ? 0 : -1;

	for (char *l = copy ? strtok_r(copy, "\n", &save) : NULL; l && !ret;
	     l = strtok_r(NULL, "\n", &save))
		ret = step_do(s, l);
	free(copy);
	return ret;
}

int step_scene(struct step *s, unsigned n)
{
	step_forget(s, 0);
	s->scene = n;
	for (unsigned i = 0; i <= n; i++)
		if (do_lines(s, s->story->scene[i].commands) < 0)
			return -1;
	return 0;
}

/* ---- words ------------------------------------------------------------------------------ */

void step_line(const struct vmmu_step *v, unsigned nr, char *buf, size_t len)
{
	const struct vmmu_fmt_level *lv = &v->fmt->lv[v->level];
	char name[32], text[96];

	vmmu_explain_entry(v->fmt, v->level, v->entry, text, sizeof(text));
	snprintf(name, sizeof(name), "%s[%u]", vmmu_explain_level(v->fmt, v->level),
		 (unsigned)(v->ia >> lv->shift) & ((1u << lv->bits) - 1));
	snprintf(buf, len, "%2u  %s%-12s at 0x%-9llx %s", nr, v->dim == 2 ? "    " : "", name,
		 (unsigned long long)v->pa, text);
}

void step_counts(const struct step *s, unsigned machine, char *buf, size_t len)
{
	static const char *const what[] = { "refs", "exits", "allrefs", "allexits" };
	long long n[4];

	for (unsigned i = 0; i < 4; i++) {
		char name[32];

		snprintf(name, sizeof(name), "%s.%s", play_machine[machine], what[i]);
		n[i] = play_number(s->play, name);
	}
	snprintf(buf, len, "%lld reference%s, %lld exit%s; in all %lld and %lld", n[0],
		 n[0] == 1 ? "" : "s", n[1], n[1] == 1 ? "" : "s", n[2], n[3]);
}
