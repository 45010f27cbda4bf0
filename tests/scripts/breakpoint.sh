#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# breakpoint.sh VMMU-RUN KIND WITHOUT-IDT WITH-IDT: tests/data/found/hw-breakpoint.S, on every backend.
set -eu
run=$1 kind=$2 without=$3 with=$4
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# ends STATUS OUTPUT WORDS COMMAND...
ends()
{
	status=$1 output=$2 words=$3
	shift 3
	got=0
	"$@" >"$tmp/out" 2>"$tmp/err" </dev/null || got=$?
	[ "$got" = "$status" ] && [ "$(cat "$tmp/out")" = "$output" ] &&
		{ [ -z "$words" ] || grep -q "$words" "$tmp/err"; } && return
	echo "$*: exit status $got, not $status; '$(cat "$tmp/out")', not '$output'" >&2
	cat "$tmp/err" >&2
	exit 1
}

for backend in native shadow nested-npt nested-ept; do
	for page in 4K 2M; do
		set -- "$run" --backend $backend --host-page $page
		if [ "$kind" = 0x400 ]; then # none is enabled
			ends 1 K '' "$@" "$without"
			ends 1 K '' "$@" "$with"
		else
			ends 6 '' 'triple fault' "$@" "$without"
			ends 1 BK 'delivered #DB *1$' "$@" --stats "$with"
		fi
	done
done
