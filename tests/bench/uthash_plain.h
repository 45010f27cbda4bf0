/* SPDX-License-Identifier: BSD-2-Clause */
/* uthash with its own hash function and limits: a peer to be measured against. */
#ifndef UTHASH_PLAIN_H
#define UTHASH_PLAIN_H

#include <stdint.h>

#define PLAIN_KEY 16

void plain_add(const void *key);
uintptr_t plain_find(const void *key); /* 0: not there */

#endif
