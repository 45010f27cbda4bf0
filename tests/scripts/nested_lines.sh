#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# All of nested/ together has at most 190 lines, as KVM's patch for NPT had in 2008.
# usage: nested_lines.sh SOURCE-ROOT
set -eu

limit=190
# All files that are there, whatever they are called.
lines() { find "$1" -type f -exec cat {} + | wc -l; }

self=$(mktemp -d)
trap 'rm -rf "$self"' EXIT
mkdir "$self/include"
seq 100 >"$self/a.c"
seq 91 >"$self/include/b.h"
[ "$(lines "$self")" -eq 191 ] || { echo "the counter is wrong" >&2; exit 1; }

n=$(lines "$1/nested")
echo "nested/: $n lines of $limit"
[ "$n" -gt 50 ] || { echo "nested/ is nearly empty: counted the wrong thing?" >&2; exit 1; }
[ "$n" -le "$limit" ] || { echo "nested/ has $n lines, more than $limit" >&2; exit 1; }
