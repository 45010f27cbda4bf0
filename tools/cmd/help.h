/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Help text that several subcommands have.  The man page says more.
 * Invariant: it has the options of the OPTIONS_* tables in options.h.
 */
#ifndef TOOLS_CMD_HELP_H
#define TOOLS_CMD_HELP_H

#define HELP_STATE                                                                                 \
	"  --core FILE          memory dump of the guest (dump-guest-memory, makedumpfile)\n"      \
	"  --regs FILE          JSON with its registers and RAM; wins over the core's note\n"      \
	"  --cr0 --cr3 --cr4 --efer N\n"                                                           \
	"                       registers; win over both\n"                                        \
	"  --ram SIZE           RAM from 0, as in 512M, also where the core has no page\n"         \
	"  --cpu N              the core's vCPU N instead of 0\n"

#define HELP_BACKEND                                                                               \
	"  --backend NAME       native, shadow, nested-npt or nested-ept\n"                        \
	"  --host-page SIZE     4K (default), 2M or 1G pages behind the guest's memory\n"

#define HELP_MACHINE                                                                               \
	"  --table-pages N      at most N pages of host tables\n"                                  \
	"  --pwc N              a page-walk cache of N entries (default: none)\n"                  \
	"  --nested-tlb N       a nested TLB of N entries (default: none)\n"                       \
	"  --shadow STRATEGY    techniques of shadow paging: vtlb, trap, all (default),\n"         \
	"                       no-NAME or NAME+NAME...; man vmmu has the names\n"                 \
	"  --flood N            of them: the store to a table, not used since, that ends it\n"     \
	"  --prefetch N         entries filled at once, a power of two up to 64\n"                 \
	"  --roots N            roots kept beside the current one, up to 16\n"                     \
	"  --cache-mmio         nested paging remembers what is no memory, too\n"

#define HELP_END                                                                                   \
	"  --help\n"                                                                               \
	"Any file may be packed with zstd; - is standard input.\n"

#endif
