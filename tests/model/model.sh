#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Checks the freeing protocol in every interleaving of the model, by spin, and that each broken
# variant of it is rejected.  Prints the numbers of states.  77: there is no spin.
# usage: model.sh SOURCE-ROOT
set -eu

for tool in spin cc; do
	command -v $tool >/dev/null 2>&1 || { echo "SKIPPED: there is no $tool (Debian: spin)"; exit 77; }
done
model=$(cd "$1" && pwd)/tests/model/freeing.pml
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"

# search OPTION...: the model with these definitions; its report is in $tmp/out.
search()
{
	spin -a "$@" "$model" >out 2>&1 || { cat out >&2; exit 1; }
	cc -O2 -w -DSAFETY -DMEMLIM=1024 -o pan pan.c
	./pan -m100000 >out 2>&1 || { cat out >&2; exit 1; }
	errors=$(sed -n 's/.*errors: \([0-9]*\).*/\1/p' out)
	states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' out)
	! grep -q 'max search depth too small\|out of memory\|Search not completed' out ||
		[ "$errors" != 0 ] || { cat out >&2; exit 1; }
}

search
[ "$errors" = 0 ] || { cat out >&2; echo "the protocol is wrong" >&2; exit 1; }
echo "the protocol: $states states, no error"
for rule in AFTER_FLUSH_ONLY AFTER_GRACE_ONLY FREED_AT_ONCE DEAD_AFTER_SCAN SEEN_BEFORE_DROP; do
	search "-D$rule"
	[ "$errors" != 0 ] || { echo "$rule is not rejected" >&2; exit 1; }
	grep -q 'assertion violated' out || { cat out >&2; echo "$rule: no assertion" >&2; exit 1; }
	echo "$rule: rejected after $states states: $(sed -n 's/.*\(assertion violated.*\) (at.*/\1/p' out)"
done
