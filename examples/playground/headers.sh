#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Headers of libbsd and uthash that are macros alone, apart from the rest of the system's, for
# another machine than this one.
# usage: headers.sh FOLDER INCLUDE-FOLDER...
set -eu
out=$1
shift
mkdir -p "$out/bsd/sys"
for from; do
	for name in bsd/sys/queue.h bsd/sys/tree.h bsd/sys/cdefs.h uthash.h; do
		[ -f "$out/$name" ] || [ ! -f "$from/$name" ] || cp "$from/$name" "$out/$name"
	done
done
[ -f "$out/bsd/sys/tree.h" ] && [ -f "$out/uthash.h" ]
