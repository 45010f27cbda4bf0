/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPU profiles: that the built-in ones can be used and say where their numbers
 * are from, and what the reader says of bad ones.
 * Not here: what a model does (test_silicon.c).
 * Invariant: whatever is refused is refused with the line and the reason.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "model/model.h"
#include "t.h"

#define t_says(err, what)                                                                          \
	t_check(strstr((err).text, what), "\"%s\" does not say \"%s\"", (err).text, what)

/* The least that is a CPU: four lines. */
#define LEAST "title x\nvendor amd\nclock 1000\ncost.instruction 1\n"

static struct cpu_profile p;
static struct cpu_model model;
static struct err err;

/* Reads these bytes from a file; what cpu_profile_open() answers. */
static int open_bytes(const void *bytes, size_t size)
{
	static char path[32];
	int fd = memfd_create("t", 0), ret;

	t_true(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	err = (struct err){ 0 };
	ret = cpu_profile_open(&p, path, &err);
	close(fd);
	return ret;
}

/* Reads and builds. */
static int build(const char *text)
{
	int ret = open_bytes(text, strlen(text));

	if (ret == 0) {
		ret = cpu_profile_build(&p, &model, &err);
		cpu_profile_close(&p);
	}
	return ret;
}

static void takes(const char *text)
{
	t_check(build(text) == 0, "%s", err.text);
}

static void refuses(const char *text, const char *where, const char *why)
{
	t_check(build(text) == -1, "taken: %s", text);
	t_eq(err.status, STATUS_INPUT);
	t_says(err, "/proc/self/fd/");
	t_says(err, where);
	t_says(err, why);
}

/* After the four least lines. */
static void refuses_5(const char *text, const char *why)
{
	char all[512];

	snprintf(all, sizeof(all), LEAST "%s\n", text);
	refuses(all, ": line 5: ", why);
}

/* ---- the built-in ones ------------------------------------------------------ */

static const char *open_built(unsigned i)
{
	const char *name = cpu_profile_name(i);

	err = (struct err){ 0 };
	if (name)
		t_check(cpu_profile_open(&p, name, &err) == 0, "%s", err.text);
	return name;
}

Test(built_in, each_reads_and_builds)
{
	unsigned i, k;
	const char *name;

	for (i = 0; (name = open_built(i)); i++) {
		t_check(cpu_profile_build(&p, &model, &err) == 0, "%s: %s", name, err.text);
		t_check(model.title[0], "%s", name);
		t_check(model.silicon.nr_tlbs >= 3 && model.silicon.nr_caches == 3, "%s", name);
		t_check(model.silicon.memory > model.silicon.cache[2].latency, "%s", name);
		for (k = 0; k < VMMU_NR_EXITS; k++)
			t_check(model.costs.handler[k] > 0, "%s: %s", name, vmmu_event_key(k));
		t_check(model.costs.exit > 0 && model.costs.fault > 0 && model.costs.sw_ref > 0 &&
				model.costs.entry > 0 && model.costs.table > 0,
			"%s: a cost is missing", name);
		cpu_profile_close(&p);
	}
	t_true(i >= 2);
}

/* All but names: a source, or a reason after "assumed: ". */
Test(built_in, each_number_says_where_it_is_from)
{
	unsigned i, k;
	const char *name;

	for (i = 0; (name = open_built(i)); i++) {
		for (k = 0; k < p.nr; k++) {
			const struct cpu_param *at = &p.param[k];

			if (!strcmp(at->key, "title") || !strcmp(at->key, "vendor"))
				continue;
			t_check(at->source[0], "%s: %s has no source", name, at->key);
			t_check(!at->assumed ||
					(!strncmp(at->source, "assumed: ", 9) && at->source[9]),
				"%s: %s is assumed without a reason", name, at->key);
		}
		cpu_profile_close(&p);
	}
}

Test(built_in, phenom_is_what_its_cpuid_says)
{
	err = (struct err){ 0 };
	t_check(cpu_profile_open(&p, "phenom", &err) == 0, "%s", err.text);
	t_eq(cpu_profile_build(&p, &model, &err), 0);
	cpu_profile_close(&p);
	t_true(!strcmp(model.title, "AMD Phenom 9550 (family 10h, 2008)"));
	t_true(model.amd && !model.silicon.exits_flush);
	t_true(model.costs.mhz == 2200);
	t_eq(model.silicon.tlb[0].shape.sets, 1);
	t_eq(model.silicon.tlb[0].shape.ways, 48);
	t_eq(model.silicon.tlb[0].serves, VMMU_TLB_DATA);
	t_eq(model.silicon.tlb[0].sizes, VMMU_TLB_4K | VMMU_TLB_2M | VMMU_TLB_1G);
	t_eq(model.silicon.tlb[3].shape.sets, 128);
	t_eq(model.silicon.tlb[3].shape.ways, 4);
	t_eq(model.silicon.tlb[3].level, 2);
	t_eq(model.silicon.walk_from, 1);
	t_eq(model.silicon.cache[1].sets, 512);
	t_eq(model.silicon.cache[1].ways, 16);
}

Test(built_in, name_that_there_is_not_lists_those_that_there_are)
{
	unsigned i;

	err = (struct err){ 0 };
	t_eq(cpu_profile_open(&p, "z80", &err), -1);
	t_eq(err.status, STATUS_USAGE);
	t_says(err, "z80");
	for (i = 0; cpu_profile_name(i); i++)
		t_says(err, cpu_profile_name(i));
}

Test(built_in, file_that_there_is_not_is_told)
{
	err = (struct err){ 0 };
	t_eq(cpu_profile_open(&p, "./no.cpu", &err), -1);
	t_says(err, "./no.cpu: No such file");
}

/* ---- what is right ------------------------------------------------------------ */

Test(profile, blanks_comments_and_carriage_returns_do_not_matter)
{
	takes("# a comment\n\n  title \t a b c  # d\r\nvendor AMD\n\tclock\t1e3#x\n"
	      "   # another\ncost.instruction 0.5");
	t_true(!strcmp(model.title, "a b c"));
	t_true(model.amd && model.costs.mhz == 1000 && model.costs.instruction == 0.5);
}

Test(profile, without_a_tlb_of_entries_there_is_none)
{
	takes(LEAST "tlb.a.entries 0\ntlb.b.entries 8\ntlb.b.level 1\ntlb.b.for both\n"
		    "tlb.b.sizes 4k,1g\n");
	t_eq(model.silicon.nr_tlbs, 1);
	t_eq(model.silicon.tlb[0].shape.ways, 8);
	t_eq(model.silicon.tlb[0].shape.sets, 1);
	t_eq(model.silicon.tlb[0].sizes, VMMU_TLB_4K | VMMU_TLB_1G);
	t_eq(model.silicon.tlb[0].serves, VMMU_TLB_DATA | VMMU_TLB_CODE);
}

Test(profile, each_key_gets_to_its_place)
{
	const struct vmmu_silicon *s = &model.silicon;

	takes(LEAST "tags no\npartitions 2\n"
		    "links.all.entries 5\nlinks.pde.entries 32\nlinks.pde.ways 4\n"
		    "links.pdpte.entries 4\nlinks.pml4e.entries 2\nlinks.pml5e.entries 1\n"
		    "nested_links.pdpte.entries 16\nnested_links.pdpte.ways 2\n"
		    "entries.entries 24\nentries.guest 2\nentries.nested 1\nentries.line 16\n"
		    "entries.replace fifo\nentries.latency 3\n"
		    "nested_tlb.entries 16\nnested_tlb.ways full\nnested_tlb.final no\n"
		    "nested_tlb.replace random\nnested_tlb.latency 5\n"
		    "cache.l1.kib 48\ncache.l1.ways 12\ncache.l1.latency 5\n"
		    "cache.l2.kib 1280\ncache.l2.ways 20\ncache.l2.latency 14\n"
		    "walk.from l2\nmemory.latency 250\ndata.accesses yes\n"
		    "cost.exit 1\ncost.fault 2\ncost.sw_ref 3\ncost.entry 4\ncost.table 5\n"
		    "cost.handler.pt_write 6.5\n");
	t_true(s->exits_flush && s->partitions == 2 && s->data_accesses);
	t_true(s->links[0].sets == 1 && s->links[0].ways == 5);
	t_true(s->links[1].sets == 8 && s->links[1].ways == 4);
	t_true(s->links[2].ways == 4 && s->links[3].ways == 2 && s->links[4].ways == 1);
	t_true(s->nested_links[2].sets == 8 && s->nested_links[2].ways == 2);
	t_true(s->nested_links[1].sets == 0);
	t_true(s->entries.shape.ways == 24 && s->entries.guest == 2 && s->entries.nested == 1);
	t_true(s->entries.line == 16 && s->entries.latency == 3);
	t_true(s->entries.replace == VMMU_REPLACE_FIFO);
	t_true(s->nested_tlb.ways == 16 && !s->nested_tlb_final && s->nested_tlb_latency == 5);
	t_true(s->nested_tlb_replace == VMMU_REPLACE_RANDOM);
	t_true(s->nr_caches == 2 && s->cache[0].sets == 64 && s->cache[0].ways == 12);
	t_true(s->cache[1].sets == 1024 && s->cache[1].ways == 20 && s->cache[1].latency == 14);
	t_true(s->walk_from == 1 && s->memory == 250);
	t_true(model.costs.exit == 1 && model.costs.fault == 2 && model.costs.sw_ref == 3);
	t_true(model.costs.entry == 4 && model.costs.table == 5);
	t_true(model.costs.handler[VMMU_EV_EXIT_PT_WRITE] == 6.5);
}

/* ---- what is wrong ------------------------------------------------------------- */

Test(profile, nothing_or_half_of_it_is_refused)
{
	refuses("", "fd/", "no line says its title");
	refuses("# but a comment\n\n", "fd/", "no line says its title");
	refuses("title x\n", "fd/", "no line says its vendor");
	refuses("title x\nvendor intel\n", "fd/", "no line says its clock");
	refuses("title x\nvendor intel\nclock 1\n", "fd/", "no line says its cost.instruction");
}

Test(profile, lines_that_say_nothing_are_refused)
{
	refuses("title x\nvendor\n", ": line 2: ", "a key without a value");
	refuses("title x\nvendor # amd\n", ": line 2: ", "a key without a value");
	refuses_5("clock 2000", "this key was given before");
	refuses_5("clocks 2000", "there is no such key");
	refuses_5("=", "a key without a value");
}

Test(profile, keys_that_there_are_not_are_refused)
{
	static const char *const keys[] = {
		"tlb",
		"tlb.",
		"tlb.x",
		"tlb..entries",
		"tlb.l1.entry",
		"tlb.a_name_of_sixteen.ways",
		"links.pde",
		"links.pte.entries",
		"links.pdes.ways",
		"links.pde.latency",
		"nested_links.pde",
		"entries.",
		"entries.size",
		"nested_tlb.kib",
		"cache.l0.kib",
		"cache.l4.kib",
		"cache.l1",
		"cache.l1.sets",
		"cost.",
		"cost.exits",
		"cost.handler",
		"walk.to",
		"Clock",
		"memory",
	};

	for (unsigned i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		char line[64];

		snprintf(line, sizeof(line), "%s 1", keys[i]);
		refuses_5(line, "there is no such key");
		t_says(err, keys[i]);
	}
	refuses_5("cost.handler.walk 1", "there is no such exit");
	refuses_5("cost.handler. 1", "there is no such exit");
}

Test(profile, values_that_are_no_numbers_are_refused)
{
	static const char *const values[] = {
		"x", "-1", "1x", "nan", "inf", "-0.5", "1e99", "1 2"
	};

	for (unsigned i = 0; i < sizeof(values) / sizeof(*values); i++) {
		char line[64];

		snprintf(line, sizeof(line), "cost.exit %s", values[i]);
		refuses_5(line, "not a number from 0 to 1000000000");
		t_says(err, values[i]);
		snprintf(line, sizeof(line), "memory.latency %s", values[i]);
		refuses_5(line, "not a number from 0 to 65535");
	}
	refuses_5("memory.latency 1.5", "not a whole number");
	refuses_5("memory.latency 65536", "not a number from 0 to 65535");
	refuses_5("tlb.l1.level 3", "not a number from 0 to 2");
	refuses_5("tlb.l1.entries 65535", "not a number from 0 to 65534");
	refuses_5("partitions 256", "not a number from 0 to 255");
	refuses_5("entries.guest 6", "not a number from 0 to 5");
	refuses_5("cache.l1.kib 1048577", "not a number from 0 to 1048576");
}

Test(profile, words_that_there_are_not_are_refused)
{
	refuses("title x\nvendor via\n", ": line 2: ", "not one of intel amd");
	refuses_5("tags maybe", "not one of no yes");
	refuses_5("data.accesses 1", "not one of no yes");
	refuses_5("nested_tlb.final true", "not one of no yes");
	refuses_5("tlb.l1.for stores", "not one of");
	refuses_5("tlb.l1.replace mru", "not one of lru fifo random");
	refuses_5("entries.replace plru", "not one of lru fifo random");
	refuses_5("walk.from l4", "not one of l1 l2 l3 memory");
	refuses_5("tlb.l1.ways some", "not a number");
	refuses_5("tlb.l1.sizes 8K", "not a list of 4K, 2M, 1G");
	refuses_5("tlb.l1.sizes 4K,", "not a list of 4K, 2M, 1G");
	refuses_5("tlb.l1.sizes ,4K", "not a list of 4K, 2M, 1G");
	refuses_5("tlb.l1.sizes 4K 2M", "not a list of 4K, 2M, 1G");
	refuses_5("entries.line 12", "not 8, 16, 32 or 64");
	refuses_5("entries.line 0", "not 8, 16, 32 or 64");
}

Test(profile, geometry_that_cannot_be_is_refused)
{
	static const char tlb[] = "tlb.l1.level 1\ntlb.l1.for data\ntlb.l1.sizes 4K\n";
	char text[256];

	refuses_5("links.pde.entries 48\nlinks.pde.ways 5", "links.pde: 48 entries in 5 ways");
	refuses_5("links.all.entries 48\nlinks.all.ways 16", "links.all: 48 entries in 16 ways");
	refuses_5("nested_links.pml4e.entries 2\nnested_links.pml4e.ways 4",
		  "nested_links.pml4e: 2 entries in 4 ways");
	refuses_5("nested_tlb.entries 48\nnested_tlb.ways 16", "nested_tlb: 48 entries in 16");
	refuses_5("entries.entries 24\nentries.ways 8", "entries: 24 entries in 8 ways");
	refuses_5("cache.l1.kib 48\ncache.l1.ways 8", "cache.l1: 48 KiB in 8 ways");
	refuses_5("cache.l1.kib 32", "cache.l1: 32 KiB in 0 ways");
	refuses(LEAST "cache.l2.kib 32\ncache.l2.ways 8\n", "fd/",
		"no line is about cache.l1: 0 KiB in 0 ways");
	snprintf(text, sizeof(text), "%stlb.l1.entries 48\ntlb.l1.ways 5", tlb);
	refuses_5(text, "tlb.l1: 48 entries in 5 ways");
	snprintf(text, sizeof(text), "%stlb.l1.entries 1536\ntlb.l1.ways 4", tlb);
	refuses_5(text, "tlb.l1: 1536 entries in 4 ways");
	refuses_5("tlb.l1.entries 8", "tlb.l1: it needs a level, for and sizes");
	refuses_5("tlb.l1.entries 8\ntlb.l1.level 0", "tlb.l1: it needs a level");
}

Test(profile, more_tlbs_than_there_can_be_are_refused)
{
	char text[512] = LEAST, line[32];

	for (unsigned i = 0; i <= VMMU_TLBS; i++) {
		snprintf(line, sizeof(line), "tlb.%u.entries 0\n", i);
		strcat(text, line);
	}
	refuses(text, ": line 13: ", "there are too many TLBs");
}

Test(profile, more_keys_than_there_can_be_are_refused)
{
	char *text = malloc(64 * 1024), line[32];

	*text = 0;
	for (unsigned i = 0; i <= CPU_PARAMS_MOST; i++) {
		snprintf(line, sizeof(line), "key.%u 1\n", i);
		strcat(text, line);
	}
	refuses(text, ": line 193: ", "too many keys");
	free(text);
}

Test(profile, lines_that_are_too_long_are_refused)
{
	size_t size = 1 << 20;
	char *text = malloc(size + 1), line[256] = "title x\nclock ";

	memset(line + strlen(line), '1', 64);
	refuses(line, ": line 2: ", "a key or value is too long");
	line[strlen(line) - 1] = 0;
	refuses(line, ": line 2: ", "not a number from 0 to 100000");
	memset(line, 'k', 40);
	strcpy(line + 40, " 1\n");
	refuses(line, ": line 1: ", "a key or value is too long");
	memset(text, 'x', size);
	text[size] = 0;
	memcpy(text, "title x\n", 8);
	refuses(text, ": line 2: ", "longer than");
	free(text);
}

Test(profile, bytes_that_are_no_text_are_refused)
{
	static const char zero[] = LEAST "clock\0 1\n", wide[] = "title \xc3\xa9\n";
	uint8_t bytes[4096];
	uint32_t x = 1;

	t_eq(open_bytes(zero, sizeof(zero) - 1), -1);
	t_says(err, "line 5: a zero byte");
	t_eq(open_bytes(wide, sizeof(wide) - 1), -1);
	t_says(err, "line 1: a key or value is no printable ASCII");
	/* A name in a source may be of any alphabet. */
	takes(LEAST "cost.exit 1 # \xc3\xa9\n");
	for (unsigned round = 0; round < 200; round++) {
		for (unsigned i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)((x = x * 1664525 + 1013904223) >> 24);
		t_eq(open_bytes(bytes, sizeof(bytes)), -1);
		t_eq(err.status, STATUS_INPUT);
		t_says(err, ": ");
	}
}

/* Cut anywhere it is another profile or none, and never more than that. */
Test(profile, cut_anywhere_is_survived)
{
	static const char text[] = LEAST "tlb.a.entries 48\ntlb.a.ways full\ntlb.a.level 1\n"
					 "tlb.a.for data\ntlb.a.sizes 4K\ncache.l1.kib 64\n"
					 "cache.l1.ways 2\nwalk.from l1\n";
	unsigned taken = 0;
	char cut[sizeof(text)];

	for (size_t size = 0; size < sizeof(text); size++) {
		memcpy(cut, text, size);
		cut[size] = 0;
		if (build(cut) == 0)
			taken++;
		else
			t_true(err.text[0]);
	}
	t_check(taken > 4 && taken < 40, "%u", taken);
}

/* ---- --set ------------------------------------------------------------------------ */

static void set_refused(const char *assignment, const char *why)
{
	err = (struct err){ 0 };
	t_check(cpu_profile_set(&p, assignment, &err) == -1, "taken: %s", assignment);
	t_eq(err.status, STATUS_USAGE);
	t_says(err, "--set ");
	t_says(err, why);
}

static void set(const char *assignment)
{
	t_check(cpu_profile_set(&p, assignment, &err) == 0, "%s", err.text);
}

Test(set, replaces_and_adds)
{
	t_eq(open_bytes(LEAST, strlen(LEAST)), 0);
	set("clock=2000");
	set("cost.exit=7");
	set(" cost.fault = 8 ");
	set("cost.exit=9");
	set("title=two words");
	t_check(cpu_profile_build(&p, &model, &err) == 0, "%s", err.text);
	t_true(model.costs.mhz == 2000 && model.costs.exit == 9 && model.costs.fault == 8);
	t_true(!strcmp(model.title, "two words"));
	t_eq(p.nr, 6);
	cpu_profile_close(&p);
}

Test(set, takes_a_structure_away)
{
	t_eq(cpu_profile_open(&p, "phenom", &err), 0);
	t_eq(cpu_profile_build(&p, &model, &err), 0);
	t_eq(model.silicon.nr_tlbs, 6);
	t_eq(model.silicon.nested_tlb.ways, 16);
	set("tlb.l2d.entries=0");
	set("nested_tlb.entries=0");
	set("entries.entries=0");
	t_check(cpu_profile_build(&p, &model, &err) == 0, "%s", err.text);
	t_eq(model.silicon.nr_tlbs, 5);
	t_eq(model.silicon.nested_tlb.ways, 0);
	t_eq(model.silicon.entries.shape.ways, 0);
	cpu_profile_close(&p);
}

Test(set, what_is_no_assignment_is_refused)
{
	char longest[200];

	t_eq(open_bytes(LEAST, strlen(LEAST)), 0);
	set_refused("clock", "not KEY=VALUE");
	set_refused("=1", "not KEY=VALUE");
	set_refused("", "not KEY=VALUE");
	set_refused("a b=1", "not KEY=VALUE");
	set_refused("clock=", "a key without a value");
	set_refused("clock=  ", "a key without a value");
	set_refused("clock=\x01", "no printable ASCII");
	memset(longest, '1', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = 0;
	memcpy(longest, "clock=", 6);
	set_refused(longest, "too long");
	longest[6 + 64] = 0;
	set_refused(longest, "too long");
	t_eq(p.nr, 4);
	cpu_profile_close(&p);
}

Test(set, what_it_sets_is_judged_when_it_is_built)
{
	static const struct {
		const char *set, *says;
	} wrong[] = {
		{ "cloc=1", "--set cloc=1: there is no such key" },
		{ "cost.exit=-1", "--set cost.exit=-1: not a number" },
		{ "vendor=via", "--set vendor=via: not one of" },
		{ "tlb.x.entries=8", "--set tlb.x...: it needs a level" },
		{ "links.pde.entries=48", NULL },
	};

	for (unsigned i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		t_eq(open_bytes(LEAST, strlen(LEAST)), 0);
		set(wrong[i].set);
		err = (struct err){ 0 };
		t_eq(cpu_profile_build(&p, &model, &err), wrong[i].says ? -1 : 0);
		if (wrong[i].says) {
			t_says(err, wrong[i].says);
			t_eq(err.status, STATUS_USAGE);
		}
		cpu_profile_close(&p);
	}
}
