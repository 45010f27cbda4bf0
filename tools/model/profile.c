/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading CPU profiles, line by line.
 * Not here: what the keys mean (keys.c).
 * Invariant: a profile has a key once at most.
 */
#include "profile.h"
#include "builtin.h"
#include "input/input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *cpu_profile_name(unsigned i)
{
	return cpu_builtin[i].name;
}

static int unknown(const char *name, struct err *err)
{
	char all[160] = "";

	for (unsigned i = 0; cpu_builtin[i].name; i++) {
		size_t n = strlen(all);

		snprintf(all + n, sizeof(all) - n, "%s%s", i ? ", " : "", cpu_builtin[i].name);
	}
	return err_set(err, STATUS_USAGE,
		       "CPU profile %s: none of %s (a file's name has a . or a /)", name, all);
}

static struct input *open_text(const char *name, struct err *err)
{
	for (unsigned i = 0; cpu_builtin[i].name; i++)
		if (strcmp(cpu_builtin[i].name, name) == 0)
			return input_open_memory(name, cpu_builtin[i].text, cpu_builtin[i].size,
						 err);
	if (!strpbrk(name, "./")) {
		unknown(name, err);
		return NULL;
	}
	return input_open(name, err);
}

static struct cpu_param *find(struct cpu_profile *p, const char *key)
{
	for (unsigned i = 0; i < p->nr; i++)
		if (strcmp(p->param[i].key, key) == 0)
			return &p->param[i];
	return NULL;
}

/* Removes blanks at both ends of the text. */
static char *trim(char *text)
{
	size_t n;

	text += strspn(text, " \t\r");
	n = strlen(text);
	while (n && strchr(" \t\r", text[n - 1]))
		text[--n] = 0;
	return text;
}

static int bad_line(const struct cpu_profile *p, unsigned line, const char *why, struct err *err)
{
	err_input(err, "%s: line %u: %s", p->name, line, why);
	return err_hint(err,
			"A line is `KEY VALUE # SOURCE`; `vmmu cpus phenom` prints a profile.");
}

static int is_printable(const char *text)
{
	while (*text >= ' ' && *text <= '~')
		text++;
	return !*text;
}

/* Returns NULL, or what is wrong with such a key or value. */
static const char *wrong(const char *key, const char *value)
{
	if (!is_printable(key) || !is_printable(value))
		return "a key or value is no printable ASCII";
	if (!*value)
		return "a key without a value";
	if (strlen(key) >= sizeof(((struct cpu_param *)NULL)->key) ||
	    strlen(value) >= sizeof(((struct cpu_param *)NULL)->value))
		return "a key or value is too long";
	return NULL;
}

/*
 * Adds a parameter whose key, value and source were checked.  Returns NULL, or why it cannot be
 * added.
 */
static const char *append(struct cpu_profile *p, const char *key, const char *value,
			  const char *source, unsigned line)
{
	struct cpu_param *to = &p->param[p->nr];

	if (p->nr == CPU_PARAMS_MOST)
		return "too many keys";
	*to = (struct cpu_param){ .line = line };
	memcpy(to->key, key, strlen(key) + 1);
	memcpy(to->value, value, strlen(value) + 1);
	to->assumed = !*source || strncmp(source, "assumed", 7) == 0;
	to->source = strdup(source);
	if (!to->source)
		return "out of memory";
	p->nr++;
	return NULL;
}

/* Reads a line `key value # source`.  A line with nothing before the # is a comment. */
static int take_line(struct cpu_profile *p, char *text, unsigned line, struct err *err)
{
	char *source = strchr(text, '#'), *key, *value;
	const char *why;

	if (source)
		*source++ = 0;
	key = trim(text);
	if (!*key)
		return 0;
	value = key + strcspn(key, " \t");
	if (*value)
		*value++ = 0;
	value = trim(value);
	why = wrong(key, value);
	if (!why && find(p, key))
		why = "this key was given before";
	if (!why)
		why = append(p, key, value, source ? trim(source) : "", line);
	return why ? bad_line(p, line, why, err) : 0;
}

int cpu_profile_open(struct cpu_profile *p, const char *name, struct err *err)
{
	struct input *in = open_text(name, err);
	struct lines l;
	char *line;
	int got;

	*p = (struct cpu_profile){ .name = name };
	if (!in)
		return -1;
	got = lines_open(&l, in, err) < 0 ? -1 : 1;
	while (got > 0 && (got = lines_next(&l, &line, err)) > 0)
		if (take_line(p, line, (unsigned)l.number, err) < 0)
			got = -1;
	lines_close(&l);
	if (got < 0)
		cpu_profile_close(p);
	return got;
}

void cpu_profile_close(struct cpu_profile *p)
{
	for (unsigned i = 0; i < p->nr; i++)
		free(p->param[i].source);
	p->nr = 0;
}

int cpu_profile_set(struct cpu_profile *p, const char *assignment, struct err *err)
{
	char text[128], *key, *value;
	struct cpu_param *old;
	const char *why;

	snprintf(text, sizeof(text), "%s", assignment);
	value = strchr(text, '=');
	if (!value)
		return err_set(err, STATUS_USAGE, "--set %s: not KEY=VALUE", assignment);
	*value++ = 0;
	key = trim(text);
	value = trim(value);
	why = strpbrk(key, " \t") || !*key ? "not KEY=VALUE" : wrong(key, value);
	if (!why && strlen(assignment) >= sizeof(text))
		why = "a key or value is too long";
	old = find(p, key);
	if (!why && !old)
		why = append(p, key, value, "", 0);
	if (why)
		return err_set(err, STATUS_USAGE, "--set %s: %s", assignment, why);
	if (old) {
		memcpy(old->value, value, strlen(value) + 1);
		old->line = 0;
	}
	return 0;
}
