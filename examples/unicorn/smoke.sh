#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# vmmu run: one small kernel in every way; then what cannot go well, and how that is said.
# usage: smoke.sh VMMU KERNEL
set -eu
vmmu=$1
kernel=$2
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

fail() { echo "$*" >&2; cat "$tmp/err" >&2; exit 1; }

# ends STATUS WORDS COMMAND...: it does, and says so.
ends()
{
	status=$1 words=$2
	shift 2
	got=0
	"$@" >"$tmp/out" 2>"$tmp/err" || got=$?
	[ "$got" = "$status" ] || fail "$*: exit status $got, not $status"
	[ -z "$words" ] || grep -q -- "$words" "$tmp/err" || fail "$*: does not say '$words'"
}

printf 'pkklftgcsui\n' >"$tmp/good"
for backend in native shadow nested-npt nested-ept; do
	for page in 4K 2M 1G; do
		ends 1 '^trapped stores' "$vmmu" run --backend $backend --host-page $page --stats "$kernel"
		cmp "$tmp/good" "$tmp/out"
		grep -q '^delivered #PF *500$' "$tmp/err" || fail "$backend: not 500 page faults"
		grep -q '^delivered #GP *2$' "$tmp/err" || fail "$backend: not 2 #GPs"
		grep -q '^INVLPG *1000$' "$tmp/err" || fail "$backend: not 1000 INVLPGs"
	done
	ends 1 ' 0 differences$' "$vmmu" run --backend $backend --check "$kernel"
	cmp "$tmp/good" "$tmp/out"
	ends 1 '' "$vmmu" run --backend $backend --front 2 --trace "$tmp/$backend.vmt" "$kernel"
	cmp "$tmp/good" "$tmp/out"
done
# Shadow paging traps the stores to the table, the others do not.
ends 1 '^  pt_write  *[1-9]' "$vmmu" run --backend shadow --stats "$kernel"
grep -q '^trapped stores  *[1-9]' "$tmp/err" || fail "no store trapped"
ends 1 '^trapped stores  *0$' "$vmmu" run --backend nested-ept --stats "$kernel"
# A trace of one backend is right on the others.
for backend in native shadow nested-npt nested-ept; do
	for other in native shadow nested-npt nested-ept; do
		ends 0 '' "$vmmu" replay --backend $other "$tmp/$backend.vmt"
		grep -q '^  mismatches  *0 *$' "$tmp/out" || fail "$backend's trace on $other"
		grep -q '^  faults  *500 ' "$tmp/out" || fail "$backend's trace has not 500 faults"
	done
done

image() { printf "$1" >"$tmp/image"; }
image '\260\005\346\364' # mov $5, %al; out
ends 11 '' "$vmmu" run "$tmp/image"
image '\372\364' # cli; hlt
ends 0 'halted with interrupts off' "$vmmu" run "$tmp/image"
image '\373\364' # sti; hlt
ends 0 'no interrupt will come' "$vmmu" run "$tmp/image"
image '\353\376' # jmp itself
ends 12 '100 instructions' "$vmmu" run --max-instructions 100 "$tmp/image"
image '\017\001\036\000\005\314' # lidt of zeroes; int3
ends 6 'triple fault' "$vmmu" run "$tmp/image"
image '\352\000\000\000\240' # ljmp to the VGA's memory
ends 8 'fetch at 0xa0000' "$vmmu" run "$tmp/image"

ends 4 'No such file' "$vmmu" run "$tmp/none"
: >"$tmp/empty"
ends 4 'empty' "$vmmu" run "$tmp/empty"
ends 4 'directory' "$vmmu" run "$tmp"
head -c 6000 "$kernel" >"$tmp/cut"
ends 4 'truncated' "$vmmu" run "$tmp/cut"
ends 4 'without a multiboot header' "$vmmu" run "$vmmu"
printf '\002\260\255\033\000\000\001\000\376\117\121\344' >"$tmp/short"
ends 4 'truncated within the multiboot header' "$vmmu" run "$tmp/short"
ends 2 'no kernel' "$vmmu" run
ends 2 'not native, shadow' "$vmmu" run --backend none "$kernel"
ends 2 'not 4K, 2M or 1G' "$vmmu" run --host-page 8K "$kernel"
ends 2 'from 2M to 3G' "$vmmu" run --mem 1M "$kernel"
ends 2 'from 2M to 3G' "$vmmu" run --mem 64M64 "$kernel"
ends 2 'not a number' "$vmmu" run --max-instructions -1 "$kernel"
ends 2 '' "$vmmu" run --wrong "$kernel"
ends 4 'No such file' "$vmmu" run --trace "$tmp/no/trace" "$kernel"
ends 0 '' "$vmmu" run --help
