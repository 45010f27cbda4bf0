/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Deviations that are known of a target: each has a name and the words in which it is told, with
 * an asterisk for any.  They are counted and passed over, so that what is behind them is found.
 * What a target does not survive is avoided: "avoid CR4 0x800000", "avoid clear CR4 0x20" or
 * "avoid change CR4 0x400000" as words.  No MOV to CR4 sets, clears or changes that bit then; how
 * often one would have is counted.
 * Two things make the oracle ask for less: "weaken fault", so that #PF drops no translation, and
 * "weaken G", so that bit 8 of upper levels is not reserved on AMD's.
 */
#include <inttypes.h>
#include <string.h>

#include "kernel.h"

#define MOST 64u
#define TEXT 128u

static struct known {
	char name[40], words[TEXT];
	uint64_t seen, avoid; /* bits that are not set in the register of this number */
	uint64_t flip;	      /* ... or not cleared, where these are the same bits */
	bool change;	      /* ... or neither */
	unsigned reg;
} known[MOST];
static unsigned nr;

static uint64_t hex_of(const char *s)
{
	uint64_t v = 0;

	for (; (*s >= '0' && *s <= '9') || (*s >= 'a' && *s <= 'f'); s++)
		v = v << 4 | (unsigned)(*s <= '9' ? *s - '0' : *s - 'a' + 10);
	return v;
}

static bool read_avoid(struct known *k)
{
	static const char *const reg[] = { "CR0 0x", "CR3 0x", "CR4 0x", "EFER 0x" };
	const char *s = k->words;
	bool clear = !strncmp(s, "avoid clear ", 12), change = !strncmp(s, "avoid change ", 13);

	if (strncmp(s, "avoid ", 6) != 0)
		return true;
	s += clear ? 12 : change ? 13 : 6;
	k->change = change;
	for (k->reg = 0; k->reg < 4; k->reg++) {
		size_t n = strlen(reg[k->reg]);

		if (strncmp(s, reg[k->reg], n) != 0)
			continue;
		k->avoid = hex_of(s + n);
		k->flip = clear ? k->avoid : 0;
		return k->avoid != 0;
	}
	return false;
}

bool known_avoids(unsigned reg, uint64_t value, uint64_t now)
{
	unsigned i;

	for (i = 0; i < nr; i++)
		if (known[i].avoid && known[i].reg == reg &&
		    ((value ^ (known[i].change ? now : known[i].flip)) & known[i].avoid)) {
			known[i].seen++;
			return true;
		}
	return false;
}

/* "NAME WORDS" to the end of the line. */
bool known_rule(const char *line)
{
	size_t name = strcspn(line, " \t\r\n"), words;
	struct known *k = &known[nr];
	const char *rest = line + name;

	rest += *rest == ' ' || *rest == '\t';
	words = strcspn(rest, "\r\n");
	if (nr == MOST || !name || !words || name >= sizeof(k->name) || words >= sizeof(k->words))
		return false;
	memset(k, 0, sizeof(*k));
	memcpy(k->name, line, name);
	memcpy(k->words, rest, words);
	nr++;
	if (!strcmp(k->words, "weaken fault"))
		metal.faults_keep = &k->seen;
	if (!strcmp(k->words, "weaken G")) {
		k->seen = cpu.profile.g_reserved;
		cpu.profile.g_reserved = false;
	}
	return read_avoid(k);
}

static bool matches(const char *words, const char *what)
{
	for (; *words && *words != '*'; words++, what++)
		if (*words != *what)
			return false;
	if (!*words)
		return !*what;
	for (;; what++) {
		if (matches(words + 1, what))
			return true;
		if (!*what)
			return false;
	}
}

bool known_is(const char *what)
{
	unsigned i;

	for (i = 0; i < nr; i++)
		if (matches(known[i].words, what)) {
			known[i].seen++;
			return true;
		}
	return false;
}

/* Rules of one name are counted together. */
void known_report(void)
{
	unsigned i, k;

	for (i = 0; i < nr; i++) {
		for (k = 0; k < i && strcmp(known[k].name, known[i].name); k++)
			;
		if (k < i)
			continue;
		for (k = i + 1; k < nr; k++)
			if (!strcmp(known[k].name, known[i].name))
				known[i].seen += known[k].seen;
		print("known %s %" PRIu64 "\n", known[i].name, known[i].seen);
	}
}
