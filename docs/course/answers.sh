#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The answers to the exercises, worked out by hand from the manuals and the chapters, and wrong ones.
# usage: answers.sh VMMU
set -eu
vmmu=$1
status() { set +e; "$@" >/dev/null 2>&1; echo $?; set -e; }
n=0
while read -r a b c; do
	n=$((n + 1))
	"$vmmu" course check "$n" "$a" "$b" "$c" || { echo "chapter $n: $a $b $c" >&2; exit 1; }
	[ "$(status "$vmmu" course check "$n" "$a" "$b" 987654)" = 1 ]
	[ "$(status "$vmmu" course check "$n" 987654 "$b" "$c")" = 1 ]
done <<'END'
0x41123 0x51123 4
5 3 0x212345
7 5 0x15
0x40abc 0x47abc 4
4 1 0
1 3 4
24 29 14
4 1 1
1 0 19
3 0 240
END
[ "$n" = 10 ]
[ "$(status "$vmmu" course)" = 2 ]
[ "$(status "$vmmu" course check 11 1 1 1)" = 2 ]
[ "$(status "$vmmu" course check 1 1 1)" = 2 ]
[ "$(status "$vmmu" course check 1 a b c)" = 2 ]
echo "all answers"
