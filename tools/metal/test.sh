#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# test.sh VMMU KNOWN: `vmmu metal` on QEMU.  What is known of QEMU 7.2 is still so, nothing else
# differs, and a kernel that is wrong on purpose notices it.
vmmu=$1
known=$2
case $(qemu-system-x86_64 --version 2>/dev/null) in
*'version 7.2.'*) ;;
*)
	echo "skipped: qemu-system-x86_64 7.2 was not found (Debian 12: qemu-system-x86)"
	exit 77 ;;
esac
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
fail()
{
	echo "$*"
	cat "$dir/out"
	exit 1
}

"$vmmu" metal --on qemu --known "$known" --ops 20000 >"$dir/out" 2>&1 ||
	fail "a difference that is not known, or status $?"
grep -q '^differences  *0$' "$dir/out" || fail "no summary"

# The sequence of each, but for those that QEMU does not survive.
awk '/^known/ { avoid = /avoid/ } /^\|/ && !avoid' "$known" >"$dir/sequences"
"$vmmu" metal --on qemu --replay "$dir/sequences" >"$dir/out" 2>&1
[ $? -eq 1 ] || fail "the known sequences: another status than 1"
grep '^# sequence .* nothing' "$dir/out" && fail "a known deviation is no more"
grep -q "^differences  *$(grep -c world "$dir/sequences")\$" "$dir/out" || fail "some are missing"

for n in 1 2 3 4 5 6 7 8; do
	"$vmmu" metal --on qemu --known "$known" --ops 20000 --sabotage $n >"$dir/out" 2>&1
	[ $? -eq 1 ] && grep -q '^# shown operations=' "$dir/out" || fail "sabotage $n is not found"
done

"$vmmu" metal --on command:true >"$dir/out" 2>&1
[ $? -eq 3 ] || fail "a target that says nothing: not status 3"
echo "known deviations, their sequences and 8 kinds of sabotage: found"
