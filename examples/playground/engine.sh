#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Compiles the engine for WebAssembly, with a list of what it read for ninja.
# usage: engine.sh OUT DEPFILE CLANG INCLUDE-FOLDER... -- SOURCE...
set -eu
out=$1 deps=$2 clang=$3
shift 3
includes=
while [ "$1" != -- ]; do
	includes="$includes -I$1"
	shift
done
shift
objects=$out.d
rm -rf "$objects"
mkdir -p "$objects"
n=0
for source; do
	n=$((n + 1))
	# shellcheck disable=SC2086 # a list of folders without spaces
	"$clang" --target=wasm32-wasi -std=gnu11 -O2 -DNDEBUG -Wall -fvisibility=hidden $includes \
		-MD -MF "$objects/$n.d" -MT "$out" -c "$source" -o "$objects/$n.o"
done
"$clang" --target=wasm32-wasi -mexec-model=reactor -Wl,--strip-all -Wl,-z,stack-size=1048576 \
	-Wl,--max-memory=4294967296 -o "$out" "$objects"/*.o
cat "$objects"/*.d >"$deps"
rm -rf "$objects"
