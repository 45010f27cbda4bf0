/* SPDX-License-Identifier: BSD-2-Clause */
/* Every entry that the CPU reads for one address.  Change the address. */
#include <vmmu/explain.h>

#include "guest.h"

static void show(void *ctx, const struct vmmu_step *s)
{
	unsigned index = (unsigned)(s->ia >> s->fmt->lv[s->level].shift) & 511;
	char text[96];

	(void)ctx;
	vmmu_explain_entry(s->fmt, s->level, s->entry, text, sizeof(text));
	printf("%-6s %u, at 0x%" PRIx64 ": %s\n", vmmu_explain_level(s->fmt, s->level), index,
	       s->pa, text);
}

int main(void)
{
	const uint64_t gva = PAGE + 0xabc;
	struct vmmu_walk w;
	char text[160];

	start(&vmmu_native, (struct vmmu_config){ 0 }, 4096);
	touch(gva, VMMU_READ | VMMU_USER, NULL);
	vmmu_explain(cpu, vmmu_gva(gva), VMMU_READ | VMMU_USER, VMMU_EXPLAIN_HW, show, NULL, &w);
	vmmu_explain_walk(&w, text, sizeof(text));
	puts(text);
	return 0;
}
