/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parsing options with getopt_long.  Wrong usage is returned as an error and not printed.
 * Invariant: see options.h.
 */
#include "options.h"
#include "check/gen.h"
#include "base/base.h"
#include "check/small.h"
#include "check/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int bad_value(const struct option *o, const char *value, const char *want, struct err *err)
{
	return err_set(err, STATUS_USAGE, "--%s %s: not %s", o->name, value, want);
}

static int take_number(const struct option *o, const char *value, uint64_t most, uint64_t *out,
		       struct err *err)
{
	char want[64];

	if (parse_u64(value, out) == 0 && *out <= most)
		return 0;
	snprintf(want, sizeof(want), "a number up to %llu", (unsigned long long)most);
	return bad_value(o, value, most == UINT64_MAX ? "a number (0x for hexadecimal)" : want,
			 err);
}

static int take_reg(const struct option *o, const char *value, struct options *out, struct err *err)
{
	static const unsigned reg[] = { KNOWN_CR0, KNOWN_CR3, KNOWN_CR4, KNOWN_EFER };
	uint64_t v;

	if (take_number(o, value, UINT64_MAX, &v, err) < 0)
		return -1;
	regs_set(&out->state.forced, reg[o->val - OPT_CR0], v);
	return 0;
}

static int take_ram(const struct option *o, const char *value, struct options *out, struct err *err)
{
	if (parse_size(value, &out->state.ram) < 0 || out->state.ram == 0 ||
	    out->state.ram % VMMU_PAGE_SIZE || out->state.ram > RAM_MOST)
		return bad_value(o, value, "a size of memory, as in 512M", err);
	return 0;
}

static int take_backend(const struct option *o, const char *value, struct options *out,
			struct err *err)
{
	char want[96];

	out->machine.backend = backend_find(value);
	if (out->machine.backend)
		return 0;
	snprintf(want, sizeof(want), "one of %s", backend_names());
	return bad_value(o, value, want, err);
}

static int take_cache(const struct option *o, const char *value, unsigned *out, struct err *err)
{
	uint64_t v;

	if (take_number(o, value, UINT16_MAX, &v, err) < 0)
		return -1;
	*out = (unsigned)v;
	return 0;
}

static int take_cap(const struct option *o, const char *value, struct options *out, struct err *err)
{
	if (take_number(o, value, UINT32_MAX, &out->machine.table_pages, err) < 0)
		return -1;
	return out->machine.table_pages ? 0 : bad_value(o, value, "a number from 1 up", err);
}

/* A number of struct vmmu_shadow_config, within the limits of <vmmu/shadow.h>. */
static int take_shadow_number(const struct option *o, const char *value, struct options *out,
			      struct err *err)
{
	struct vmmu_shadow_config *c = &out->machine.shadow;
	uint64_t most = o->val == OPT_FLOOD ? UINT32_MAX : o->val == OPT_PREFETCH ? 64 : 16, v;

	if (take_number(o, value, most, &v, err) < 0)
		return -1;
	if (!v || (o->val == OPT_PREFETCH && (v & (v - 1))))
		return bad_value(o, value,
				 o->val == OPT_PREFETCH ? "a power of two up to 64"
							: "a number from 1 up",
				 err);
	*(o->val == OPT_FLOOD	   ? &c->flood
	  : o->val == OPT_PREFETCH ? &c->prefetch
				   : &c->roots) = (unsigned)v;
	return 0;
}

static int take_profile(const struct option *o, const char *value, struct check_options *out,
			struct err *err)
{
	const char *name;

	for (unsigned i = 0; (name = world_profile_name(i)); i++) {
		if (strcmp(name, value) == 0) {
			out->profile = (int)i;
			return 0;
		}
	}
	return bad_value(o, value, "one of max, intel, amd, small, pdpte-walk", err);
}

static int take_mix(const struct option *o, const char *value, struct check_options *out,
		    struct err *err)
{
	const char *name;

	for (unsigned i = 0; (name = gen_mix_name(i)); i++) {
		if (strcmp(name, value) == 0) {
			out->mix = i;
			return 0;
		}
	}
	return bad_value(o, value, "one of all, tables, modes, tlb, host, smp, rare", err);
}

static int take_backends(const struct option *o, const char *value, struct check_options *out,
			 struct err *err)
{
	char want[96];

	while (*value) {
		size_t n = strcspn(value, ",");
		unsigned i;

		for (i = 0; i < nr_backends; i++)
			if (strlen(backends[i].name) == n && !strncmp(backends[i].name, value, n))
				break;
		if (i == nr_backends)
			break;
		out->backends |= 1u << i;
		value += n + (value[n] == ',');
		if (!*value)
			return 0;
	}
	snprintf(want, sizeof(want), "a list of %s", backend_names());
	return bad_value(o, value, want, err);
}

static int take_check(const struct option *o, const char *value, struct check_options *out,
		      struct err *err)
{
	uint64_t v;

	switch (o->val) {
	case OPT_SEED:
		return take_number(o, value, UINT64_MAX, &out->seed, err);
	case OPT_OPS:
	case OPT_SECONDS:
		if (take_number(o, value, UINT64_MAX, &v, err) < 0)
			return -1;
		*(o->val == OPT_OPS ? &out->ops : &out->seconds) = v;
		return v ? 0 : bad_value(o, value, "a number from 1 up", err);
	case OPT_VCPUS:
		if (take_number(o, value, WORLD_CPUS, &v, err) < 0)
			return -1;
		out->vcpus = (unsigned)v;
		return v ? 0 : bad_value(o, value, "1 to 4", err);
	case OPT_EXHAUSTIVE:
		if (take_number(o, value, SMALL_DEEPEST, &v, err) < 0)
			return -1;
		out->exhaustive = (unsigned)v;
		return v ? 0 : bad_value(o, value, "1 to 8", err);
	case OPT_PROFILE:
		return take_profile(o, value, out, err);
	case OPT_MIX:
		return take_mix(o, value, out, err);
	case OPT_BACKENDS:
		return take_backends(o, value, out, err);
	default:
		out->replay = value;
		return 0;
	}
}

static int take_shares(const struct option *o, const char *value, struct options *out,
		       struct err *err)
{
	char *end;

	for (out->nr_shares = 0; *value; value = end + (*end == ',')) {
		unsigned long share = strtoul(value, &end, 10);

		if (end == value || (*end && *end != ',') || share > 100 ||
		    out->nr_shares == SHARES_MOST)
			break;
		out->share_2m[out->nr_shares++] = (unsigned)share;
	}
	return *value || !out->nr_shares
		       ? bad_value(o, value, "a list of up to 12 numbers from 0 to 100", err)
		       : 0;
}

static int take(const struct option *o, const char *value, struct options *out, struct err *err)
{
	switch (o->val) {
	case OPT_CORE:
		out->state.core = value;
		return 0;
	case OPT_REGS:
		out->state.regs = value;
		return 0;
	case OPT_JSON:
		out->json = value;
		return 0;
	case OPT_CSV:
		out->csv = value;
		return 0;
	case OPT_OUTPUT:
		out->output = value;
		return 0;
	case OPT_CR0:
	case OPT_CR3:
	case OPT_CR4:
	case OPT_EFER:
		return take_reg(o, value, out, err);
	case OPT_RAM:
		return take_ram(o, value, out, err);
	case OPT_CPU:
		return take_number(o, value, UINT32_MAX, &out->state.cpu, err);
	case OPT_BACKEND:
		return take_backend(o, value, out, err);
	case OPT_HOST_PAGE:
		out->machine.host_page = page_size_parse(value);
		return out->machine.host_page ? 0 : bad_value(o, value, "4K, 2M or 1G", err);
	case OPT_TABLE_PAGES:
		return take_cap(o, value, out, err);
	case OPT_PWC:
		return take_cache(o, value, &out->machine.pwc, err);
	case OPT_NESTED_TLB:
		return take_cache(o, value, &out->machine.nested_tlb, err);
	case OPT_SHADOW:
		return strategies_parse(value, &out->strategies, err);
	case OPT_FLOOD:
	case OPT_PREFETCH:
	case OPT_ROOTS:
		return take_shadow_number(o, value, out, err);
	case OPT_CACHE_MMIO:
		out->machine.nested.mmio = 1;
		return 0;
	case OPT_PER_OP:
		out->per_op = 1;
		return 0;
	case OPT_SEED:
	case OPT_OPS:
	case OPT_SECONDS:
	case OPT_EXHAUSTIVE:
	case OPT_VCPUS:
	case OPT_PROFILE:
	case OPT_BACKENDS:
	case OPT_MIX:
	case OPT_REPLAY:
		return take_check(o, value, &out->check_options, err);
	case OPT_CHECK:
		return take_number(o, value, UINT64_MAX, &out->check, err);
	case OPT_MODEL:
		out->profile = value;
		return 0;
	case OPT_SET:
		if (out->nr_set == SETS_MOST)
			return err_set(err, STATUS_USAGE, "--set: more than %u times", SETS_MOST);
		out->set[out->nr_set++] = value;
		return 0;
	case OPT_SENSITIVITY:
		out->sensitivity = 1;
		return 0;
	case OPT_HOST_2M:
		return take_shares(o, value, out, err);
	case OPT_HTML:
		out->html = value;
		return 0;
	case OPT_SVG:
		out->svg = value;
		return 0;
	case OPT_ON:
		out->metal.on = value;
		return 0;
	case OPT_KNOWN:
		out->metal.known = value;
		return 0;
	case OPT_TARGET_CPU:
		out->metal.cpu = value;
		return 0;
	case OPT_STOP:
		return take_number(o, value, UINT32_MAX, &out->metal.stop, err);
	case OPT_SABOTAGE:
		return take_number(o, value, UINT32_MAX, &out->metal.sabotage, err);
	case OPT_SWEEP:
		out->sweep = 1;
		return 0;
	default:
		out->help = 1;
		return 0;
	}
}

/* -o means --output, if the subcommand has that. */
static int take_short(const struct option *table, char **argv, struct options *out, struct err *err)
{
	while (table->name && table->val != OPT_OUTPUT)
		table++;
	if (!table->name)
		return err_set(err, STATUS_USAGE, "unknown option %s", argv[optind - 1]);
	return take(table, optarg, out, err);
}

int options_parse(int argc, char **argv, const struct option *table, struct options *out,
		  struct err *err)
{
	int index = 0, c;

	*out = (struct options){ .machine = { .host_page = VMMU_PAGE_SIZE } };
	out->machine.shadow.size = sizeof(out->machine.shadow);
	out->check_options = (struct check_options){ .seed = 1, .ops = 1000000, .profile = -1 };
	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":ho:", table, &index)) != -1) {
		if (c == 'h')
			out->help = 1;
		else if (c == 'o' && take_short(table, argv, out, err) < 0)
			return -1;
		else if (c == 'o')
			continue;
		else if (c == ':')
			return err_set(err, STATUS_USAGE, "%s needs a value", argv[optind - 1]);
		else if (c == '?')
			return err_set(err, STATUS_USAGE, "unknown option %s", argv[optind - 1]);
		else if (take(&table[index], optarg, out, err) < 0)
			return -1;
	}
	return optind;
}

int options_one_machine(struct options *o, struct err *err)
{
	if (!o->machine.backend)
		return err_set(err, STATUS_USAGE, "--backend is missing: one of %s",
			       backend_names());
	if (o->strategies.nr > 1)
		return err_set(err, STATUS_USAGE, "--shadow: one strategy, not %u",
			       o->strategies.nr);
	if (o->strategies.nr && !o->machine.backend->shadow)
		return err_set(err, STATUS_USAGE, "--shadow is for --backend shadow");
	if (o->strategies.nr)
		o->machine.shadow.off = o->strategies.s[0].off;
	return 0;
}
