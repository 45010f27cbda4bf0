/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stories: situations one after the other, two sentences each, and a question.
 * No number is written here that the engine can tell: answers are looked up in its state.
 */
#include "play.h"

#define PAGE "0x8080604abc" /* of preset four: index 1, 2, 3, 4, and offset 0xabc */

const struct story stories[] = {
	{ "four",
	  "Four references",
	  { { "A virtual address is four table indexes and an offset, here 1, 2, 3, 4 and 0xabc. "
	      "Nothing has been read yet: the tables lie in the guest's memory, and CR3 says where "
	      "the first one is.",
	      "preset four" },
	    { "The program reads that address, and the CPU follows one entry at each level. "
	      "Play the native walk: four references, and the last one holds the page's "
	      "address.",
	      "access " PAGE " r u" },
	    { "The program stores to the same page, and the CPU sets the entry's D bit as it "
	      "walks. "
	      "The walk is as long as before, because no cache is switched on that could remember "
	      "it.",
	      "access " PAGE " w u" },
	    { "The next page is read-only for the program, so the store stops with a page fault. "
	      "The bits of the error code say why: the page is present, it was a write, and it was "
	      "the user's.",
	      "access 0x8080605000 w u" } },
	  { "How many entries did the CPU read, natively, before it took the fault?",
	    NULL,
	    "native.refs",
	    { 0 },
	    "The rights of all levels are judged together at the end of the walk, so every entry "
	    "was read." } },
	{ "twentyfour",
	  "Twenty-four references, one by one",
	  { { "Under nested paging the guest's tables hold guest-physical addresses, which mean "
	      "nothing to the memory bus. "
	      "So the CPU translates each of them by a second set of tables, the nested ones, "
	      "which belong to the hypervisor.",
	      "preset four" },
	    { "The first access finds nested tables that are empty, and each gap is an exit: the "
	      "hypervisor fills it and the walk begins again. "
	      "The list of events says who did what.",
	      "access " PAGE " r u" },
	    { "Now all is mapped. "
	      "Play the walk under nested paging: a row for each guest level, and in it four "
	      "nested "
	      "references that find the table before the guest's own entry is read.",
	      "access " PAGE " r u" } },
	  { "How many references did this last walk make under nested paging?",
	    NULL,
	    "nested.refs",
	    { 0 },
	    "Four guest levels and the final address each take four nested references, and the "
	    "guest's four entries come on top: 5 x 4 + 4." } },
	{ "walkcache",
	  "What a page-walk cache saves",
	  { { "A page-walk cache remembers links: which table the upper levels lead to. "
	      "It is switched on here, and empty.",
	      "preset four\nmachine pwc=on" },
	    { "The first walk sets the A bits and the second one is remembered: a CPU may keep a "
	      "link only once its A bit is set. "
	      "Both read every entry, for the cache was empty.",
	      "access " PAGE " r u\naccess " PAGE " r u" },
	    { "The neighbouring page needs the same tables down to the last level. "
	      "Natively one reference is left, and the grid shows the others as known from the "
	      "cache.",
	      "access 0x8080605abc r u" },
	    { "A load of CR3 empties the cache, and the walk is long again. "
	      "That is one price of switching between processes.",
	      "set cr3 0x1000\naccess 0x8080605abc r u" } },
	  { "How many references will the kernel's page at 0x8080606000 take now, natively?",
	    "access 0x8080606000 r s",
	    "native.refs",
	    { 0 },
	    "The walk before it filled the cache again, so only the last entry is read." } },
	{ "nestedtlb",
	  "The nested TLB skips rows",
	  { { "The nested TLB remembers where guest-physical pages are in the host, for the "
	      "guest's tables too. "
	      "It is the only cache that is on here.",
	      "preset four\nmachine ntlb=on" },
	    { "Five pages are touched one after the other, and the nested TLB has eight entries: "
	      "room for four tables and four pages. "
	      "The tables are used by every walk and stay; the first page was used longest ago and "
	      "is gone.",
	      "access " PAGE
	      " r u\naccess 0x8080605abc r u\naccess 0x8080606abc r s\naccess 0x8080607abc r u\n"
	      "access 0x8080800123 r u" },
	    { "The first page again: the four tables are found in the nested TLB, and the page "
	      "itself is not. "
	      "In the grid only the guest's entries and the last row are read from memory.",
	      "access " PAGE " r u" } },
	  { "How many references will nested paging make if the same page is accessed once more?",
	    "access " PAGE " r u",
	    "nested.refs",
	    { 0 },
	    "Its four tables and the page itself are all in the nested TLB, so the guest's four "
	    "entries are all that is read." } },
	{ "large",
	  "Large pages take away rows and columns",
	  { { "Here the host backs the guest with 2M pages, so a nested walk ends one level "
	      "earlier. "
	      "A column of the grid is gone.",
	      "preset four\nmachine host=2M\naccess " PAGE " r u\naccess " PAGE " r u" },
	    { "Now the guest uses a 2M page as well, and its own walk ends one level earlier. "
	      "A row is gone, too.",
	      "access 0x8080800123 r u\naccess 0x8080800123 r u" } },
	  { "How many references are left with large pages on both sides?",
	    NULL,
	    "nested.refs",
	    { 0 },
	    "Three guest levels and three nested ones: 3 x 3 + 3 + 3." } },
	{ "trap",
	  "Shadow paging: trap, unsync, sync",
	  { { "Under shadow paging the CPU walks tables of the hypervisor's, which lead from the "
	      "guest's addresses straight to host memory. "
	      "The first access finds them empty; the hypervisor reads the guest's tables and "
	      "write-protects them.",
	      "preset four\naccess " PAGE " r u" },
	    { "The guest stores to its leaf table, and the store traps. "
	      "The table goes out of sync: from now on the guest may store to it without being "
	      "stopped.",
	      "store 0x4028 0x46067" },
	    { "Two more stores to the same table make no exit at all. "
	      "The shadow may now differ from the guest's table, as a TLB may.",
	      "store 0x4030 0x47067\nstore 0x4038 0x48067" },
	    { "The guest loads CR3, which promises that old translations are forgotten. "
	      "The hypervisor compares the table again and protects it, and all is in step.",
	      "set cr3 0x1000" },
	    { "Nested paging saw nothing of this: no exit for the stores and none for CR3. "
	      "Look at the counters of exits side by side.",
	      "access 0x8080605000 r u" } },
	  { "How many stores to the guest's tables made an exit under shadow paging, in all?",
	    NULL,
	    "shadow.allpt_write",
	    { 0 },
	    "Only the first one: it put the table out of sync, and the others ran free." } },
	{ "stale",
	  "A stale entry, until INVLPG",
	  { { "The TLB is on, and an access fills it. "
	      "The next access to the page will not walk at all.",
	      "preset four\nmachine tlb=on\naccess " PAGE " r u\naccess " PAGE " r u" },
	    { "The guest changes the entry to point to another page, and says nothing to the CPU. "
	      "The TLB still has the old translation: it is stale, and marked so.",
	      "store 0x4020 0x47067" },
	    { "An access uses the stale entry and reaches the old page. "
	      "That is allowed: the manuals promise nothing before the flush.",
	      "access " PAGE " r u" },
	    { "INVLPG drops the entry, and the next access walks to the new page. "
	      "Under shadow paging the instruction is an exit, under nested paging it is not.",
	      "invlpg " PAGE "\naccess " PAGE " r u" } },
	  { "Who is to blame if the guest forgets the INVLPG?",
	    NULL,
	    NULL,
	    { "The guest's kernel", "The CPU", "The hypervisor", "Nobody, it cannot be noticed" },
	    "Flushing is software's duty; a CPU may keep or drop translations as it likes." } },
	{ "real",
	  "Real mode: the direct map",
	  { { "A guest in real mode has no tables: its addresses are physical. "
	      "The CPU that runs it has paging on all the same, or the guest could reach the "
	      "host's memory.",
	      "preset real" },
	    { "So the hypervisor maps each guest-physical address to its host page, on demand. "
	      "Shadow and nested paging need the same map here: for shadow it is the table that "
	      "the CPU walks, for nested it is the nested table.",
	      "access 0x7c00 r" },
	    { "Once the map is there, an access takes one walk of it. "
	      "Nested paging keeps this map for good, whatever the guest does with its own paging.",
	      "access 0x7c00 r" } },
	  { "How many references does nested paging need while the guest has no paging?",
	    NULL,
	    "nested.refs",
	    { 0 },
	    "There is no guest dimension, so only the nested table's four levels are read." } },
	{ "swap",
	  "The host takes a page away",
	  { { "The guest uses a page, and both hypervisors have mapped it. "
	      "Natively there is no host, so that machine sits this story out.",
	      "preset four\naccess " PAGE " w u\naccess " PAGE " w u" },
	    { "The host wants the page's memory back and tells the hypervisor: the notifier. "
	      "Every mapping of it goes before the page does, and the TLB is flushed; the guest "
	      "notices nothing.",
	      "swap 0x40000" },
	    { "The guest comes back to the page, and finds the mapping gone. "
	      "The hypervisor asks its host for the page, maps it again, and the access goes on.",
	      "access " PAGE " r u" } },
	  { "How often did nested paging ask its host for a page during the last access?",
	    NULL,
	    "nested.host_ask",
	    { 0 },
	    "Once: only the one page was taken away." } },
	{ "fork",
	  "Fork, and copy on write",
	  { { "A process is about to fork, and has used some of its pages. "
	      "Watch the counters of exits on both sides.",
	      "preset four\naccess " PAGE " w u\naccess 0x8080605000 r u" },
	    { "Fork copies the tables and makes what was writable read-only in both: stores to "
	      "tables in use, then a load of CR3. "
	      "Shadow paging hears of it, nested paging of none of it.",
	      "fork" },
	    { "The parent stores to a page that is shared now and takes a page fault. "
	      "Under shadow paging the fault is an exit first, because the hypervisor has to find "
	      "out whose fault it is.",
	      "access " PAGE " w u" } },
	  { "How many exits did that last page fault cost under nested paging?",
	    NULL,
	    "nested.exits",
	    { 0 },
	    "None: the guest's own page faults go straight to the guest." } },
	{ "which",
	  "Fewer exits, costlier misses",
	  { { "A process starts, touches its pages, changes its tables and switches away and back. "
	      "Shadow paging pays an exit for nearly each of these.",
	      "preset four\naccess " PAGE
	      " w u\naccess 0x8080605000 r u\nstore 0x4028 0x46067\nset cr3 0x8000\n"
	      "access " PAGE " r u\nset cr3 0x1000\naccess " PAGE " w u\naccess 0x8080606000 r s" },
	    { "Then the process runs in memory that does not change, and misses the TLB again and "
	      "again. "
	      "Each miss costs shadow paging one walk of four references, and nested paging one of "
	      "twenty-four.",
	      "access " PAGE " r u" } },
	  { "Which workload is shadow paging good at?",
	    NULL,
	    NULL,
	    { "Settled memory and many TLB misses", "Many processes that come and go",
	      "Many stores to page tables", "Many page faults" },
	    "Its walks are short and its exits are many, so it wants tables that nobody "
	    "changes." } },
};

const unsigned nr_stories = sizeof(stories) / sizeof(*stories);
