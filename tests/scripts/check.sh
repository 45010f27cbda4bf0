#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# vmmu check: a run without differences; its text again; bad usage and bad text.
# usage: check.sh VMMU
set -eu
vmmu=$1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# status COMMAND...: its exit status is printed.
status()
{
	"$@" >"$tmp/out" 2>"$tmp/err" && echo 0 || echo $?
}

"$vmmu" check --ops 12000 --seed 3 >"$tmp/first"
grep -q '^differences  *0$' "$tmp/first"
# The same seed does the same: all but the speed.
"$vmmu" check --ops 12000 --seed 3 >"$tmp/second"
grep -v '^speed' "$tmp/first" >"$tmp/a"
grep -v '^speed' "$tmp/second" >"$tmp/b"
cmp "$tmp/a" "$tmp/b"
"$vmmu" check --ops 3000 --vcpus 3 --profile amd --backends shadow,nested-ept >/dev/null

for mix in tables modes tlb host smp rare; do
	"$vmmu" check --ops 11000 --seed 5 --mix $mix >"$tmp/$mix"
	grep -q '^differences  *0$' "$tmp/$mix"
	cmp -s "$tmp/$mix" "$tmp/first" && exit 1
done
# What is rare is a function of the seed, too.
"$vmmu" check --ops 11000 --seed 5 --mix rare | grep -v '^speed' >"$tmp/again"
grep -v '^speed' "$tmp/rare" | cmp - "$tmp/again"

"$vmmu" check --exhaustive 3 | grep -q '^sequences  *1,444 '

# A table was in read-only memory as it was cached, and is not now: A may be missing.
"$vmmu" check --replay - <<'OPS' | grep -q 'no difference$'
world 2000092 1 2 0 2
poke 0xc02018 0x100001005
poke 0x100001010 0x5
host 7 4
store 0 0xa01fe0 0 0120c00000000000
all 0 0 0x80010011 0x0 0xa01fe0 0x6000b0 0x800 0x0 0x0 0x0 0x0 0x0 0x0
access 0 0xffffff8000602000 1 0x2
host 7 4
access 0 0xffffff8000602000 2 0x4
OPS

printf '# a guest that reads\nworld 1 1 0 0 0\naccess 0 0x1000 8 0x0\n' >"$tmp/ops"
"$vmmu" check --replay "$tmp/ops" | grep -q '^1 operations, no difference$'
"$vmmu" check --replay - <"$tmp/ops" >/dev/null

[ "$(status "$vmmu" check --vcpus 5)" = 2 ]
[ "$(status "$vmmu" check --profile none)" = 2 ]
[ "$(status "$vmmu" check --mix soup)" = 2 ]
grep -q 'rare' "$tmp/err"
[ "$(status "$vmmu" check --backends shadows)" = 2 ]
[ "$(status "$vmmu" check --ops 0)" = 2 ]
[ "$(status "$vmmu" check --exhaustive 9)" = 2 ]
[ "$(status "$vmmu" check what)" = 2 ]
[ "$(status "$vmmu" check --replay "$tmp/none")" = 3 ]
echo 'world 1 1 0 0 0
jump 0' >"$tmp/bad"
[ "$(status "$vmmu" check --replay "$tmp/bad")" = 3 ]
grep -q 'bad:2:' "$tmp/err"
