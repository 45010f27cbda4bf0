/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Help text that several subcommands share.
 * The man page says the same at length.
 * Invariant: it follows the OPTIONS_* tables of options.h.
 */
#ifndef TOOLS_HELP_H
#define TOOLS_HELP_H

#define HELP_STATE                                                                                 \
	"  --core FILE          ELF core of the guest (dump-guest-memory)\n"                       \
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
	"  --nested-tlb N       a nested TLB of N entries (default: none)\n"

#define HELP_END                                                                                   \
	"  --help\n"                                                                               \
	"Any file may be packed with zstd; - is standard input.\n"

#endif
