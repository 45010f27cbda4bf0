#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Backends, examples and tools include <vmmu/...> and their own headers; lib/ names no backend.
# usage: layers.sh SOURCE-ROOT
set -eu

# The quoted includes of a tree that are neither beside the file nor lent by a neighbour.
private_includes() {
	find "$1" -name '*.[ch]' | while read -r file; do
		sed -n 's/^[ \t]*# *include *"\(.*\)".*/\1/p' "$file" | while read -r inc; do
			case $inc in
			realmode.h | native.h) ;;
			oracle/*) ;;
			../*) echo "$file: $inc" ;;
			*/*) [ -e "$1/$inc" ] || echo "$file: $inc" ;;
			*) [ -e "$(dirname "$file")/$inc" ] || [ -e "$1/check/$inc" ] ||
				[ -e "$1/$inc" ] || echo "$file: $inc" ;;
			esac
		done
		grep -HE '^[[:space:]]*# *include *<(.*priv\.h|.*\.\..*|cpu/.*)>' "$file" || true
	done
}

backend_names() {
	grep -rnE 'vmmu_(shadow|nested_npt|nested_ept|native)\b|realmode_[a-z]+\(' \
		--include='*.[ch]' "$1" || true
}

self=$(mktemp -d)
trap 'rm -rf "$self"' EXIT
mkdir "$self/x"
printf '#include "own.h"\n#include "priv.h"\n#include "../lib/priv.h"\n#include "realmode.h"\n' \
	>"$self/x/a.c"
: >"$self/x/own.h"
[ "$(private_includes "$self/x" | wc -l)" -eq 2 ] || { echo "the checker is wrong" >&2; exit 1; }
echo 'extern const struct vmmu_backend vmmu_shadow;' >"$self/x/b.c"
[ "$(backend_names "$self/x" | wc -l)" -eq 1 ] || { echo "the checker is wrong" >&2; exit 1; }

cd "$1"
bad=$(for dir in shadow nested realmode examples tools; do private_includes $dir; done)
[ -z "$bad" ] || { echo "not theirs to include:"; echo "$bad"; exit 1; } >&2
bad=$(backend_names lib)
[ -z "$bad" ] || { echo "lib/ names a backend:"; echo "$bad"; exit 1; } >&2
for file in shadow/*.c nested/*.c realmode/*.c; do
	[ -e "$file" ] || { echo "$file: no such file" >&2; exit 1; }
done
