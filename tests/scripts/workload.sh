#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# vmmu workload: the list, one in words, its trace, and that the trace is what the input is.
# usage: workload.sh VMMU
set -eu
vmmu=$1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# status COMMAND...: its exit status is printed.
status()
{
	"$@" >"$tmp/out" 2>"$tmp/err" && echo 0 || echo $?
}

# Each that is listed tells of itself, and of its first parameter.
"$vmmu" workload >"$tmp/list"
names=$(sed -n 's/^  \([a-z]*\) .*/\1/p' "$tmp/list")
[ "$(echo "$names" | wc -l)" -ge 13 ]
for name in $names; do
	"$vmmu" workload "$name" >"$tmp/$name"
	grep -q "^workload:$name\[" "$tmp/$name"
	grep -q '^  n  ' "$tmp/$name"
	grep -q 'Left out:' "$tmp/$name"
done

spec=fork,n=3,seed=7
"$vmmu" workload "$spec" -o "$tmp/fork.vmt"
"$vmmu" workload "workload:$spec" --output "$tmp/fork.vmt.zst"
"$vmmu" workload "$spec" -o - >"$tmp/piped"
cmp "$tmp/fork.vmt" "$tmp/piped"
if command -v zstd >/dev/null; then
	zstd -qdc "$tmp/fork.vmt.zst" | cmp - "$tmp/fork.vmt"
fi
# The same answers and costs, but for the name and the seconds.
for input in "$tmp/fork.vmt" "$tmp/fork.vmt.zst" "workload:$spec"; do
	"$vmmu" replay "$input" --backend shadow | sed 1d | grep -v '^ *seconds'
done >"$tmp/three"
[ $(($(wc -l <"$tmp/three") % 3)) -eq 0 ]
third=$(($(wc -l <"$tmp/three") / 3))
head -n $third "$tmp/three" >"$tmp/first"
for i in 2 3; do
	head -n $((third * i)) "$tmp/three" | tail -n $third | cmp - "$tmp/first"
done
"$vmmu" compare --shadow vtlb,all --per-op "workload:$spec" | grep -q '^3 fork'

# A recorded program by name, by parameter and through a pipe.
printf '==1== \nI  00401000,3\n S 1ffe000ffc,8\n' >"$tmp/text"
for input in "$tmp/text" "workload:lackey=$tmp/text" "workload:lackey,file=$tmp/text,pcid=1" -; do
	"$vmmu" replay "$input" --backend nested-npt <"$tmp/text" | grep -q '^  faults  *3 '
done

[ "$(status "$vmmu" workload forks)" = 2 ]
[ "$(status "$vmmu" workload fork exec)" = 2 ]
[ "$(status "$vmmu" workload fork,n=x -o "$tmp/x")" = 2 ]
[ "$(status "$vmmu" workload fork -o "$tmp/none/x")" = 3 ]
[ "$(status "$vmmu" workload -o)" = 2 ]
[ "$(status "$vmmu" compare -o x workload:fork)" = 2 ]
[ "$(status "$vmmu" replay workload:chase,ram=1 --backend native)" = 2 ]
[ "$(status "$vmmu" replay workload:lackey --backend native)" = 2 ]
[ "$(status "$vmmu" replay "workload:lackey=$tmp/none" --backend native)" = 3 ]
grep -q "$tmp/none" "$tmp/err"
echo hello >>"$tmp/text"
[ "$(status "$vmmu" replay "$tmp/text" --backend native)" = 3 ]
grep -q "text: line 4: " "$tmp/err"
if [ -e /dev/full ]; then
	[ "$(status "$vmmu" workload "$spec" -o /dev/full)" = 3 ]
fi
