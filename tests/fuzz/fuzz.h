/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the fuzz targets share.  A target is a file that defines LLVMFuzzerTestOneInput(): it gives
 * the bytes to one reader of the toolkit, uses all of the answer, and frees it.
 *
 * The suite links a target with main.c, which runs the corpus and a fixed share of mutations.
 * To fuzz for as long as one likes,
 *	CC=clang meson setup build-fuzz -Dfuzz=true -Db_lundef=false
 *	ninja -C build-fuzz tests/fuzz/fuzz_core && mkdir found
 *	build-fuzz/tests/fuzz/fuzz_core -max_len=4096 found tests/fuzz/corpus/core
 * with libFuzzer.  AFL++ takes the same executable: its afl-clang-fast puts its own driver in the
 * place of libFuzzer's for -fsanitize=fuzzer,
 *	CC=afl-clang-fast meson setup build-afl -Dfuzz=true -Db_lundef=false
 *	ninja -C build-afl tests/fuzz/fuzz_core
 *	afl-fuzz -i tests/fuzz/corpus/core -o found -- build-afl/tests/fuzz/fuzz_core
 *
 * Invariant: a reader answers, or says in a struct err what is wrong and in which file.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include "base/base.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The name that fuzz_refused() expects of inputs that lie in memory. */
#define FUZZ_NAME "input"

/* A path to an unnamed file with these bytes, for readers that open theirs; until the next call. */
const char *fuzz_file(const void *bytes, size_t size);
/* The reader has refused `path` so; aborts if a user could not tell why. */
void fuzz_refused(const struct err *err, const char *path);
/* Aborts with `what` unless it holds. */
void fuzz_holds(int holds, const char *what);

#endif
