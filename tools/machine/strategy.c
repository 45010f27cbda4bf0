/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading the names of shadow strategies.
 * Invariant: a technique that is added to the library is known here without a change.
 */
#include "strategy.h"

#include <stdio.h>
#include <string.h>

#define TRAP (VMMU_SHADOW_CACHE | VMMU_SHADOW_UPDATE)

/* Returns the bit of a technique by its name, or 0 if there is none. */
static uint32_t technique(const char *name, size_t len)
{
	const char *known;

	for (unsigned bit = 0; (known = vmmu_shadow_technique(bit)); bit++)
		if (strlen(known) == len && strncmp(known, name, len) == 0)
			return 1u << bit;
	return 0;
}

static int unknown(const char *name, size_t len, struct err *err)
{
	char all[128] = "";

	for (unsigned bit = 0; vmmu_shadow_technique(bit); bit++) {
		size_t n = strlen(all);

		snprintf(all + n, sizeof(all) - n, "%s%s", bit ? ", " : "",
			 vmmu_shadow_technique(bit));
	}
	return err_set(
		err, STATUS_USAGE,
		"--shadow %.*s: not all-strategies, vtlb, trap, all, no-NAME or NAME+NAME... "
		"with NAME of %s",
		(int)len, name, all);
}

/* Reads names as in cache+unsync.  Returns their bits, or 0 if one of them is unknown. */
static uint32_t sum_of(const char *name, size_t len)
{
	uint32_t on = 0;

	for (;;) {
		const char *plus = memchr(name, '+', len);
		size_t n = plus ? (size_t)(plus - name) : len;
		uint32_t bit = technique(name, n);

		on |= bit;
		if (!bit || !plus)
			return bit ? on : 0;
		name += n + 1;
		len -= n + 1;
	}
}

static int is(const char *name, size_t len, const char *what)
{
	return strlen(what) == len && strncmp(name, what, len) == 0;
}

static int parse_one(const char *name, size_t len, uint32_t *off)
{
	uint32_t on;

	if (is(name, len, "vtlb")) {
		*off = VMMU_SHADOW_ALL;
	} else if (is(name, len, "trap")) {
		*off = VMMU_SHADOW_ALL & ~TRAP;
	} else if (is(name, len, "all")) {
		*off = 0;
	} else if (len > 3 && strncmp(name, "no-", 3) == 0) {
		*off = technique(name + 3, len - 3);
		return *off != 0;
	} else {
		on = sum_of(name, len);
		*off = VMMU_SHADOW_ALL & ~on;
		return on != 0;
	}
	return 1;
}

static int add(struct strategies *out, const char *name, size_t len, struct err *err)
{
	struct strategy *s = &out->s[out->nr];

	if (out->nr == STRATEGIES_MOST || len >= sizeof(s->name))
		return err_set(err, STATUS_USAGE,
			       "--shadow: more than %u strategies, or a name too long",
			       STRATEGIES_MOST);
	if (!parse_one(name, len, &s->off))
		return unknown(name, len, err);
	snprintf(s->name, sizeof(s->name), "%.*s", (int)len, name);
	out->nr++;
	return 0;
}

/* Without `cache` only the virtual TLB is left, and that is in the list already. */
static int add_all(struct strategies *out, struct err *err)
{
	static const char *const first[] = { "vtlb", "trap", "all" };
	char name[32];

	for (unsigned i = 0; i < sizeof(first) / sizeof(*first); i++)
		if (add(out, first[i], strlen(first[i]), err) < 0)
			return -1;
	for (unsigned bit = 1; vmmu_shadow_technique(bit); bit++) {
		snprintf(name, sizeof(name), "no-%s", vmmu_shadow_technique(bit));
		if (add(out, name, strlen(name), err) < 0)
			return -1;
	}
	return 0;
}

int strategies_parse(const char *list, struct strategies *out, struct err *err)
{
	out->nr = 0;
	if (strcmp(list, "all-strategies") == 0)
		return add_all(out, err);
	for (;;) {
		size_t len = strcspn(list, ",");

		if (add(out, list, len, err) < 0)
			return -1;
		if (!list[len])
			return 0;
		list += len + 1;
	}
}
