/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a table page is freed while vCPUs run in parallel, as a model for spin.  The library does not
 * run them in parallel yet: docs/threads.md is the design of which this is a part.
 *
 * One link leads to one table, whose one entry maps one page, or is taken back as a link is.  Two vCPUs look the page up, install
 * it, use what their caches hold, and serve flushes.  A third thread reads the tables.  A thread of the host takes the page away and
 * takes the table apart, which it then frees.
 *
 * It asserts that
 *  - nobody reads or writes the table after it was freed (USE);
 *  - when the host's operation has returned, no vCPU can reach the page by a cache or by the
 *    tables (the end of the host's process);
 *  - a table that is freed has no entry, which would be a table below that nobody frees.
 *
 * Memory is sequentially consistent here: where a store must be seen before a later load, the
 * protocol has a barrier, which this model takes for granted.  -D of one of these breaks a rule,
 * and an assertion has to fail:
 *   AFTER_FLUSH_ONLY   the table is freed after the flush; open sections are not waited for
 *   AFTER_GRACE_ONLY   the table is freed when sections have ended; caches may still have the link
 *   FREED_AT_ONCE      neither is waited for
 *   DEAD_AFTER_SCAN    the mark comes after the table's entries were taken
 *   SEEN_BEFORE_DROP   a vCPU says that it has flushed, and then flushes
 * Not in the model: removal of a leaf from a table that stays, for which the host waits for sections
 * that saw the page before it takes the leaf; and child tables of more than one level.
 */
#define CPUS 2
#define SECTIONS 3 /* of the vCPUs and of the reader */
#ifndef STEPS
#define STEPS 2 /* of each vCPU */
#endif

bool there = true;      /* the page is published: slot and host word */
bool link = true;       /* the parent's entry leads to the table */
bool leaf = false;      /* the table's entry maps the page */
bool dead = false, freed = false;
bool ended = false;
bool gone = false;      /* the host's operation has returned */
bit generation = 0;     /* of the pool: 1 when the table is retired */
byte flush_gen = 0;
bit cover = 0;          /* what the last flush that was posted covers */

bool open[SECTIONS];        /* a section is open ... */
bit entered[SECTIONS];      /* ... since this generation */
bit section[SECTIONS];      /* changes with each section */
byte seen[CPUS];
bit flushed[CPUS];
bool cached_link[CPUS]; /* the paging-structure cache */
bool cached_page[CPUS]; /* the TLB */
byte work[CPUS];        /* what is left to do, which bounds the model */

#define USE assert(!freed)

inline serve_flush(me, g, c)
{
	atomic { g = flush_gen; c = cover }
	if
	:: g != seen[me] ->
#ifdef SEEN_BEFORE_DROP
		atomic { flushed[me] = c; seen[me] = g }
		atomic { cached_link[me] = false; cached_page[me] = false }
#else
		atomic { cached_link[me] = false; cached_page[me] = false }
		atomic { flushed[me] = c; seen[me] = g }
#endif
	:: else
	fi;
	atomic { g = 0; c = 0 }
}

proctype vcpu(byte me)
{
	byte g;
	bit c;
	bool below;
	bool published;

	do
	:: work[me] == 0 -> break
	/* The guest's access by what silicon has cached; it walks from the cached link. */
	:: work[me] > 0 && cached_page[me] ->
		assert(!gone);
		work[me]--
	:: work[me] > 0 && cached_link[me] ->
		/* Silicon's walk is one step of a running vCPU between two polls, outside any section. */
		atomic {
			USE;
			if
			:: leaf -> assert(!gone); cached_page[me] = true
			:: else
			fi;
			work[me]--
		}
	/* vmmu_poll() */
	:: work[me] > 0 -> serve_flush(me, g, c); work[me]--
	/* A fault: one section. */
	:: work[me] > 0 ->
		atomic { open[me] = true; entered[me] = generation; section[me] = 1 - section[me] }
		serve_flush(me, g, c);
		published = there;
		below = link;
		if
		:: published && below ->
			/* The table is held by a pointer from here on. */
			atomic { USE; leaf = true }
			if
			:: dead ->
				/* The scan has passed or is to come: what is still there goes back. */
				atomic { USE; leaf = false }
			:: else ->
				atomic { USE; if :: leaf -> cached_link[me] = true; cached_page[me] = true :: else fi }
			fi
		:: else
		fi;
		atomic { open[me] = false; published = false; below = false; work[me]-- }
	od;
	/* It goes on polling until all is done, as a running vCPU must. */
	do
	:: ended -> break
	:: flush_gen != seen[me] -> serve_flush(me, g, c)
	od
}

bit was_section[SECTIONS];
bool was_open[SECTIONS];

inline wait_for_sections(i)
{
	i = 0;
	do
	:: i < SECTIONS ->
		atomic { was_open[i] = open[i]; was_section[i] = section[i] }
		!was_open[i] || !open[i] || section[i] != was_section[i];
		i++
	:: else -> break
	od
}

/*
 * A thread that has sections and is asked for no flush: of a device, or a vCPU that is halted.
 * A running vCPU serves no flush in the middle of a section, so for it the flush implies that the
 * section has ended; for this one it does not.
 */
proctype reader()
{
	atomic { open[2] = true; entered[2] = generation; section[2] = 1 - section[2] }
	if
	:: link -> skip; USE
	:: else
	fi;
	open[2] = false
}

proctype host()
{
	byte i;
	byte mine;
	bool notify;

	/* The host takes the page, or the table is evicted and the page stays. */
	if
	:: notify = true
	:: notify = false
	fi;
	if
	:: notify ->
		there = false;
		wait_for_sections(i)
	:: else
	fi;
	link = false;
#ifdef DEAD_AFTER_SCAN
	leaf = false;
	dead = true;
#else
	dead = true;
	leaf = false;
#endif
	generation = 1;
	atomic { cover = generation; flush_gen++; mine = flush_gen }
#if !defined(AFTER_GRACE_ONLY) && !defined(FREED_AT_ONCE)
	i = 0;
	do
	:: i < CPUS -> seen[i] >= mine; i++
	:: else -> break
	od;
#endif
#if !defined(AFTER_FLUSH_ONLY) && !defined(FREED_AT_ONCE)
	i = 0;
	do
	:: i < SECTIONS -> !open[i] || entered[i] >= 1; i++
	:: else -> break
	od;
#endif
	atomic { assert(!leaf); freed = true }
	atomic {
		gone = notify;
		assert(!notify || (!cached_page[0] && !cached_page[1]))
	}
	ended = true
}

init {
	atomic {
		work[0] = STEPS;
		work[1] = STEPS - 1; /* enough for a race between them, and bounded to seconds */
		run vcpu(0);
		run vcpu(1);
		run reader();
		run host()
	}
}
