/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Takes the place of xz.c where liblzma was not found at build time.
 * Invariant: nothing is ever opened.
 */
#include "xz.h"

struct xz *xz_open(const char *name, struct err *err)
{
	err_input(err,
		  "%s: packed with xz, and this vmmu was built without liblzma: unpack it first",
		  name);
	return NULL;
}

void xz_close(struct xz *x)
{
	(void)x;
}

ssize_t xz_step(struct xz *x, struct xz_bytes *in, void *buf, size_t room, int *inside,
		struct err *err)
{
	(void)x, (void)in, (void)buf, (void)room, (void)inside;
	return err_input(err, "no xz");
}
