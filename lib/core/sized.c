/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Structs of callers that were built with another version: the rule at the top of <vmmu/vmmu.h>.
 */
#include <string.h>

#include "core.h"

/* No struct of any version is larger, so what says it is was not set to a sizeof. */
#define MAX_SIZE 65536

int vmmu_be_is_zero(const void *p, size_t len)
{
	const uint8_t *b = p;

	while (len && !*b)
		b++, len--;
	return !len;
}

int vmmu_be_sized(void *out, size_t known, const void *in, size_t least)
{
	size_t size = *(const size_t *)in, common = size < known ? size : known;

	memset(out, 0, known);
	memcpy(out, in, common);
	if (size < least || size > MAX_SIZE ||
	    !vmmu_be_is_zero((const uint8_t *)in + common, size - common))
		return VMMU_EINVAL;
	return VMMU_OK;
}
