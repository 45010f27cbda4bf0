/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A plain model of a CPU's TLBs and walks over nested paging (x64 on EPT) that does what the
 * library's does while all goes well: every entry is checked, rights, keys and A and D bits
 * decide, pages may be large, translations are tagged, references are counted by cell, and an
 * answer has all of an answer.  What is not well (a fault, an exit, a bit to set) ends it.
 */
#ifndef BENCH_PLAIN_FULL_H
#define BENCH_PLAIN_FULL_H

#include <stdint.h>

/* What a cache holds for a tag; of each set the last used comes first; tag 0: none. */
struct full_way {
	uint64_t tag, out, gpa;
	uint8_t shift, guest_shift, rights, nrights, pkey, dirty, global, level;
	uint64_t acc; /* of a link: what the entries so far grant */
};

struct full_cache {
	unsigned sets, ways;
	struct full_way *way;
};

struct full_lines {
	unsigned sets, ways, latency;
	uint64_t *line;
};

struct full_stats {
	uint64_t hits[2], misses, walks, link_hits[5], nested_looks[5], nested_hits[5];
	struct {
		uint64_t refs, cycles;
	} cell[5][5];
	uint64_t line_hits[2], memory, walk_cycles, refs;
};

struct full_answer {
	uint64_t gpa;
	void *host;
	uint8_t rights, guest_rights, shift, guest_shift;
};

struct full {
	uint8_t *mem;
	uint64_t guest_root, nested_root, bytes; /* of memory */
	uint32_t asid, pcid;
	int has_data;
	struct full_cache tlb[2], links, nested;
	struct full_lines data[2];
	struct full_stats stats;
};

void full_make(struct full *f, int has_data);
void full_free(struct full *f);
/* type 0 reads, 1 writes, 2 fetches; user: at CPL 3. */
void full_access(struct full *f, uint64_t va, unsigned type, unsigned user, struct full_answer *a);

#endif
