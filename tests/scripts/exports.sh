#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The shared library exports vmmu_* alone, needs libc alone, runs nothing when loaded and has no
# thread-local data.
# usage: exports.sh LIBVMMU.so
set -eu

lib=$1
fail() { echo "$lib: $*" >&2; exit 1; }

# Symbols that are not ours, of `nm -D -P` output.
strangers() { awk '$2 != "U" && $2 != "w" && $2 != "A" && $1 !~ /^vmmu_/ { print $1 }'; }

[ "$(printf 'vmmu_x T 0 1\nmalloc U\nwalk T 0 1\n' | strangers)" = walk ] ||
	fail "the checker is wrong"

n=$(nm -D -P --defined-only "$lib" | grep -c '^vmmu_')
[ "$n" -gt 50 ] || fail "only $n exported symbols"
bad=$(nm -D -P --defined-only "$lib" | strangers)
[ -z "$bad" ] || fail "exports" $bad
needed=$(readelf -dW "$lib" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
	grep -v -E '^(libc\.so|libc\.musl|ld-linux|ld-musl)' || true)
[ -z "$needed" ] || fail "needs" $needed
! readelf -lW "$lib" | grep -q '^ *TLS ' || fail "has thread-local data"
# crtbegin's frame_dummy is one pointer; a constructor of ours would be another.
size=$(readelf -SW "$lib" | sed -n 's/.* \.init_array  *//p' | awk '{ print $4 }')
[ $((0x${size:-0})) -le 8 ] || fail "has constructors"
! readelf -SW "$lib" | grep -q ' \.ctors ' || fail "has constructors"
echo "$n symbols"
