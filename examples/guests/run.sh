#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# run.sh GOLDEN COMMAND...: a machine runs a guest; what it prints has to be what the golden file
# says, and its status 1, the debug exit's for "well".  A line "X: skipped: no Y", where the machine
# lacks Y, stands for the golden's line X.
golden=$1
shift
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
"$@" >"$dir/got" 2>"$dir/errors" </dev/null
status=$?
cat "$dir/errors" >&2
awk 'NR == FNR { if (/: skipped: no /) { skipped[substr($0, 1, index($0, ":"))] = $0 }; next }
	{ name = substr($0, 1, index($0, ":")); print name in skipped ? skipped[name] : $0 }' \
	"$dir/got" "$golden" >"$dir/expected"
diff -u "$dir/expected" "$dir/got" || exit 1
grep ': skipped: no ' "$dir/got"
test $status -eq 1 || { echo "exit status $status"; exit 1; }
