/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one list of events.  Statistics count them, the event callback sees
 * them, and everything that reports (compare, explain, a cost model) reads
 * these and keeps no counters of its own.
 */
#ifndef VMMU_EVENT_H
#define VMMU_EVENT_H

#include <vmmu/hw.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * X(symbol, key, what a and b are)
 * Exits first: `key` is the name in statistics and reports.  An input address is counted
 * from the table's first one where several links share the table.
 */
#define VMMU_EXITS(X)                                                                              \
	X(EXIT_CR_WRITE, "cr_write", "register number, value")                                     \
	X(EXIT_INVLPG, "invlpg", "gva, INVPCID type or ~0 for INVLPG")                             \
	X(EXIT_GUEST_PF, "guest_pf", "gva, error code")                                            \
	X(EXIT_SHADOW_MISS, "shadow_miss", "gva, access")                                          \
	X(EXIT_PT_WRITE, "pt_write", "gpa, bytes")                                                 \
	X(EXIT_NPF, "npf", "gpa, EXITINFO1")                                                       \
	X(EXIT_EPT_VIOLATION, "ept_violation", "gpa, qualification")                               \
	X(EXIT_EPT_MISCONFIG, "ept_misconfig", "gpa, 0")                                           \
	X(EXIT_MMIO, "mmio", "gpa, access")                                                        \
	X(EXIT_DIRTY_LOG, "dirty_log", "gpa, access")

#define VMMU_EVENTS(X)                                                                             \
	VMMU_EXITS(X)                                                                              \
	X(WALK, "walk", "gva, references")                                                         \
	X(SW_WALK, "sw_walk", "gva, references by the hypervisor's own walk")                      \
	X(GUEST_FAULT, "guest_fault", "gva, error code")                                           \
	X(TLB_FLUSH, "tlb_flush", "0 all or 1 one page, gva")                                      \
	X(MAP, "map", "input address, entry")                                                      \
	X(ZAP, "zap", "input address, entry")                                                      \
	X(PROTECT, "protect", "input address, entry")                                              \
	X(SPLIT, "split", "input address, level")                                                  \
	X(TABLE_ALLOC, "table_alloc", "hpa, level")                                                \
	X(TABLE_FREE, "table_free", "hpa, level")                                                  \
	X(RECLAIM, "reclaim", "tables freed, 0")                                                   \
	X(SHADOW_PAGE, "shadow_page", "gpa of the guest's table, level")                           \
	X(SHADOW_ZAP, "shadow_zap", "gpa of the guest's table, level")                             \
	X(UNSYNC, "unsync", "gpa of the guest's table, level")                                     \
	X(SYNC, "sync", "gpa of the guest's table, entries that had changed")                      \
	X(FLOOD, "flood", "gpa of the guest's table, level")                                       \
	X(PREFETCH, "prefetch", "gva, leaves filled beside it")                                    \
	X(SMALL_PAGE, "small_page", "gpa, level used where a larger was asked for")                \
	X(HOST_ASK, "host_ask", "gpa, access")

enum vmmu_event {
#define X(sym, key, args) VMMU_EV_##sym,
	VMMU_EVENTS(X)
#undef X
		VMMU_NR_EVENTS
};

/* Room for events in struct vmmu_stats, so that new ones move nothing. */
#define VMMU_MAX_EVENTS 128

#define VMMU_NR_EXITS (VMMU_EV_EXIT_DIRTY_LOG + 1)

/* The key of an event, as above; NULL beyond the last. */
VMMU_API const char *vmmu_event_key(unsigned event);

#ifdef __cplusplus
}
#endif
#endif
