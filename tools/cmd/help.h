/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Help text that several subcommands have.  The man page says more.
 * Invariant: it has the options of the OPTIONS_* tables in options.h.
 */
#ifndef TOOLS_CMD_HELP_H
#define TOOLS_CMD_HELP_H

#define HELP_STATE                                                                                 \
	"  --core FILE          memory dump of the guest (dump-guest-memory, makedumpfile)\n"      \
	"  --regs FILE          JSON with registers and RAM, used instead of those in the core\n"  \
	"  --cr0 --cr3 --cr4 --efer N\n"                                                           \
	"                       a register's value, used instead of those in both\n"               \
	"  --ram SIZE           how much RAM there is from address 0 on, as in 512M\n"             \
	"  --cpu N              use the registers of the core's vCPU N (0)\n"

#define HELP_BACKEND                                                                               \
	"  --backend NAME       native, shadow, nested-npt or nested-ept\n"                        \
	"  --host-page SIZE     host pages behind the guest's memory: 4K (default), 2M or 1G\n"

#define HELP_CACHES                                                                                \
	"  --table-pages N      at most N pages of shadow or nested tables\n"                      \
	"  --pwc N              a page-walk cache of N entries (default: none)\n"                  \
	"  --nested-tlb N       a nested TLB of N entries (default: none)\n"

#define HELP_STRATEGY                                                                              \
	"  --shadow STRATEGY    techniques of shadow paging: vtlb, trap, all (default),\n"         \
	"                       no-NAME or NAME+NAME...; man vmmu has the names\n"

#define HELP_TECHNIQUES                                                                            \
	"  --flood N            give a shadow page up at the Nth store to its table (3)\n"         \
	"  --prefetch N         fill N shadow entries at a miss, a power of two up to 64 (8)\n"    \
	"  --roots N            keep N shadow roots beside the current one, up to 16 (3)\n"        \
	"  --cache-mmio         nested paging remembers addresses without memory, too\n"

#define HELP_MACHINE HELP_CACHES HELP_STRATEGY HELP_TECHNIQUES

#define HELP_END                                                                                   \
	"  --help\n"                                                                               \
	"Any file may be compressed with zstd; - is standard input.\n"

#endif
