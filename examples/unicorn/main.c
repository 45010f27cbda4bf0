/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmmu-run: reads the command line, runs the kernel, and reports how the run ended.
 * run.h lists the other files.
 * Invariant: standard output has the guest's serial line and nothing else.  Messages are on
 * standard error.
 */
#include "run.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define MIB (1ull << 20)
#define RAM_LEAST (2 * MIB)
#define RAM_MOST (0xc0000000ull)

struct options {
	struct machine_options machine;
	const char *trace, *kernel;
	char *args;
	int stats;
	uint64_t most_instructions;
};

static const char help[] =
	"usage: vmmu run [OPTION]... KERNEL [ARGUMENT]...\n\n"
	"Runs a bare-metal x86 kernel: Unicorn executes its instructions, and every address,\n"
	"page fault and store to a page table goes through one of the backends.  KERNEL is a\n"
	"multiboot image (ELF32 or ELF64), or a flat one, which begins at 0x7c00 in real mode.\n"
	"COM1 is standard output; port 0xf4 ends the run.\n\n"
	"  --backend NAME       native, shadow, nested-npt or nested-ept (nested-npt)\n"
	"  --host-page SIZE     pages of the host's memory: 4K, 2M or 1G (4K)\n"
	"  --mem SIZE           RAM, 2M to 3G (256M)\n"
	"  --stats              exits by reason and other counts on standard error\n"
	"  --trace FILE         write an event trace for `vmmu replay` and `vmmu compare`\n"
	"  --check              all other backends and an oracle verify every translation\n"
	"  --front N            entries of the library's own lookup, a power of two (1024)\n"
	"  --max-instructions N end after so many; the guest is slower then\n"
	"  --help               this text\n\n"
	"Exit status: odd, (value << 1) | 1, as the guest wrote to port 0xf4; else 0 it halted\n"
	"for good, 2 wrong usage, 4 bad kernel, 6 triple fault, 8 something that is not\n"
	"emulated (mode, address and bytes are named), 10 a check failed, 12 the limit of\n"
	"instructions.\n";

static int usage(const char *what, const char *value)
{
	fprintf(stderr, "vmmu-run: %s %s\nTry `vmmu run --help`.\n", what, value);
	return END_USAGE;
}

/* Reads a number with K, M or G behind it.  0, or -1. */
static int parse_size(const char *text, uint64_t *out)
{
	static const char units[] = "KMG";
	char *end;
	const char *unit;

	*out = strtoull(text, &end, 0);
	if (end == text || *text == '-' || *out > UINT32_MAX)
		return -1;
	if (!*end)
		return 0;
	unit = strchr(units, *end);
	if (!unit || end[1])
		return -1;
	*out <<= 10 * (unit - units + 1);
	return 0;
}

static int parse_number(const char *text, uint64_t *out)
{
	char *end;

	*out = strtoull(text, &end, 0);
	return end == text || *end || *text == '-' || !*out ? -1 : 0;
}

static int parse_page(const char *text, uint64_t *out)
{
	if (parse_size(text, out) < 0)
		return -1;
	return *out == 4096 || *out == 2 * MIB || *out == 1024 * MIB ? 0 : -1;
}

enum {
	OPT_BACKEND = 256,
	OPT_PAGE,
	OPT_MEM,
	OPT_STATS,
	OPT_TRACE,
	OPT_CHECK,
	OPT_FRONT,
	OPT_MOST,
	OPT_HELP
};

static const struct option table[] = {
	{ "backend", required_argument, NULL, OPT_BACKEND },
	{ "host-page", required_argument, NULL, OPT_PAGE },
	{ "mem", required_argument, NULL, OPT_MEM },
	{ "stats", no_argument, NULL, OPT_STATS },
	{ "trace", required_argument, NULL, OPT_TRACE },
	{ "check", no_argument, NULL, OPT_CHECK },
	{ "front", required_argument, NULL, OPT_FRONT },
	{ "max-instructions", required_argument, NULL, OPT_MOST },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

/* NULL; or what the value should have been, in words. */
static const char *take(struct options *o, int opt, const char *value)
{
	uint64_t n;

	switch (opt) {
	case OPT_BACKEND:
		o->machine.backend = value;
		return machine_has_backend(value) ? NULL : machine_backends();
	case OPT_PAGE:
		return parse_page(value, &o->machine.host_page) == 0 ? NULL : "4K, 2M or 1G";
	case OPT_MEM:
		if (parse_size(value, &n) < 0 || n < RAM_LEAST || n > RAM_MOST || n % 4096)
			return "a size from 2M to 3G";
		o->machine.ram_bytes = n;
		return NULL;
	case OPT_FRONT:
		if (parse_number(value, &n) < 0 || n > 1 << 20 || (n & (n - 1)))
			return "a power of two up to 1048576";
		o->machine.front_entries = (unsigned)n;
		return NULL;
	case OPT_MOST:
		return parse_number(value, &o->most_instructions) == 0 ? NULL : "a number";
	case OPT_TRACE:
		o->trace = value;
		return NULL;
	case OPT_STATS:
		o->stats = 1;
		return NULL;
	default:
		o->machine.all = 1;
		return NULL;
	}
}

/* Joins the kernel's own arguments with blanks. */
static char *join(char **argv)
{
	size_t n = 1;
	char *all;

	for (char **a = argv; *a; a++)
		n += strlen(*a) + 1;
	all = calloc(1, n);
	for (char **a = argv; all && *a; a++) {
		strcat(all, *a);
		if (a[1])
			strcat(all, " ");
	}
	return all;
}

/* The exit status, or -1: run the kernel. */
static int parse(int argc, char **argv, struct options *o)
{
	int opt;

	*o = (struct options){ .machine = { .backend = "nested-npt",
					    .ram_bytes = 256 * MIB,
					    .host_page = 4096,
					    .front_entries = 1024 } };
	/* "+": options behind the kernel's name are the kernel's own. */
	while ((opt = getopt_long(argc, argv, "+h", table, NULL)) != -1) {
		const char *want;

		if (opt == OPT_HELP || opt == 'h') {
			fputs(help, stdout);
			return END_HALTED;
		}
		if (opt == '?')
			return usage("bad option", "");
		want = take(o, opt, optarg);
		if (want) {
			fprintf(stderr, "vmmu-run: %s: not %s\n", optarg, want);
			return END_USAGE;
		}
	}
	if (optind >= argc)
		return usage("no kernel", "");
	o->kernel = argv[optind];
	o->args = join(argv + optind + 1);
	return o->args ? -1 : END_INPUT;
}

static void print_stats(const struct run *r)
{
	static const char *const names[] = { "#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM",
					     "#DF", NULL,  "#TS", "#NP", "#SS", "#GP", "#PF" };

	for (unsigned i = 0; i < r->mmu.nr_views; i++) {
		struct vmmu_stats s = { .size = sizeof(s) };
		uint64_t exits = 0;

		vmmu_get_stats(r->mmu.view[i].vm, &s);
		for (unsigned e = 0; e < VMMU_NR_EXITS; e++)
			exits += s.event[e];
		fprintf(stderr, "%-22s %llu\n", r->mmu.view[i].name, (unsigned long long)exits);
		for (unsigned e = 0; e < VMMU_NR_EXITS; e++)
			if (s.event[e])
				fprintf(stderr, "  %-20s %llu\n", vmmu_event_key(e),
					(unsigned long long)s.event[e]);
	}
	fprintf(stderr, "%-22s %llu\n", "TLB fills", (unsigned long long)r->mmu.fills);
	fprintf(stderr, "%-22s %llu\n", "TLB flushes by vmmu", (unsigned long long)r->mmu.flushes);
	fprintf(stderr, "%-22s %llu\n", "trapped stores", (unsigned long long)r->mmu.stores);
	fprintf(stderr, "%-22s %llu\n", "register writes", (unsigned long long)r->sense.registers);
	fprintf(stderr, "%-22s %llu\n", "INVLPG", (unsigned long long)r->sense.invlpgs);
	for (unsigned v = 0; v < 256; v++) {
		char name[16];

		if (!r->delivered[v])
			continue;
		if (v < sizeof(names) / sizeof(*names) && names[v])
			snprintf(name, sizeof(name), "%s", names[v]);
		else
			snprintf(name, sizeof(name), "vector %u", v);
		fprintf(stderr, "delivered %-12s %llu\n", name,
			(unsigned long long)r->delivered[v]);
	}
	if (r->most_instructions)
		fprintf(stderr, "%-22s %llu\n", "instructions",
			(unsigned long long)r->instructions);
}

static void run(struct run *r, const struct options *o)
{
	r->most_instructions = o->most_instructions;
	if (machine_open(r, &o->machine) < 0 || machine_engine(r, 0) < 0)
		return;
	/* A program that reads the guest's output gets it line by line. */
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	if (device_open(r, stdout) < 0) {
		run_end(r, END_INPUT, "out of memory");
		return;
	}
	if ((o->trace && trace_open(r, o->trace) < 0) || (o->machine.all && check_open(r) < 0) ||
	    load_kernel(r, o->kernel, o->args) < 0)
		return;
	run_loop(r);
	check_invariants(r);
	if (o->stats)
		print_stats(r);
}

int main(int argc, char **argv)
{
	struct run *r = calloc(1, sizeof(*r));
	struct options o;
	int status = parse(argc, argv, &o);

	if (!r || status >= 0) {
		free(r);
		return r ? status : END_INPUT;
	}
	r->end = GOING;
	run(r, &o);
	status = r->end == END_EXIT ? (int)r->exit_status : (int)r->end;
	if (r->end != END_EXIT)
		fprintf(stderr, "vmmu-run: %s\n", r->why);
	if (trace_close(r) < 0 && status % 2)
		status = END_INPUT;
	check_close(r);
	device_close(r);
	if (fflush(stdout) != 0)
		status = END_INPUT;
	cpu_close(&r->cpu);
	if (r->uc)
		uc_close(r->uc);
	machine_close(r);
	free(o.args);
	free(r);
	return status;
}
