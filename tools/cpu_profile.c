/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading CPU profiles, line by line.
 * What the keys mean is cpu_build.c's.
 * Invariant: a key stands there once.
 */
#include "cpu_profile.h"
#include "cpu_builtin.h"
#include "input.h"

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
	return err_set(err, STATUS_USAGE, "--profile %s: none of %s, nor the name of a file", name,
		       all);
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

/* Without blanks at both ends. */
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
	return err_input(err, "%s: line %u: %s", p->name, line, why);
}

/* "key  value  # source"; nothing before the # is a comment. */
static int take_line(struct cpu_profile *p, char *text, unsigned line, struct err *err)
{
	char *source = strchr(text, '#'), *key, *value;
	struct cpu_param *to = &p->param[p->nr];

	if (source)
		*source++ = 0;
	key = trim(text);
	if (!*key)
		return 0;
	value = key + strcspn(key, " \t");
	if (*value)
		*value++ = 0;
	value = trim(value);
	if (!*value)
		return bad_line(p, line, "a key without a value", err);
	if (p->nr == CPU_PARAMS_MOST)
		return bad_line(p, line, "too many keys", err);
	if (strlen(key) >= sizeof(to->key) || strlen(value) >= sizeof(to->value))
		return bad_line(p, line, "a key or value is too long", err);
	if (find(p, key))
		return bad_line(p, line, "this key was given before", err);
	*to = (struct cpu_param){ .line = line };
	memcpy(to->key, key, strlen(key) + 1);
	memcpy(to->value, value, strlen(value) + 1);
	source = source ? trim(source) : "";
	to->assumed = !*source || strncmp(source, "assumed", 7) == 0;
	to->source = strdup(source);
	if (!to->source)
		return err_input(err, "%s: out of memory", p->name);
	p->nr++;
	return 0;
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
	const char *value = strchr(assignment, '=');
	struct cpu_param *old;
	char text[128];

	if (!value || value == assignment || !value[1] || strlen(assignment) >= sizeof(text))
		return err_set(err, STATUS_USAGE, "--set %s: not KEY=VALUE", assignment);
	snprintf(text, sizeof(text), "%s", assignment);
	text[value - assignment] = 0;
	old = find(p, text);
	if (old) {
		if (strlen(value + 1) >= sizeof(old->value))
			return err_set(err, STATUS_USAGE, "--set %s: too long", assignment);
		snprintf(old->value, sizeof(old->value), "%s", value + 1);
		old->line = 0;
		return 0;
	}
	text[value - assignment] = ' ';
	return take_line(p, text, 0, err);
}
