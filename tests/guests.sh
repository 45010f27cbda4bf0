#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# One recorded guest on every backend, by the command: guests.sh VMMU WHAT FILE
#   compare  all answers, native, shadow and nested, 4K and 2M host pages
#   prefix   the self-check after each of the first events
#   capped   tables capped at an eighth of their peak, or the least allowed
#   strategies         shadow paging with everything, with nothing, without each technique; the
#                      self-check after each of the first events
#   strategies-2m      the same on 2M host pages
#   strategies-capped  the same, tables capped at a quarter of their peak
set -eu
vmmu=$1
what=$2
file=$3
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

number()
{
	sed -n "s/.*\"$1\": *\([0-9]*\).*/\1/p" "$2" | head -n 1
}

case $what in
compare)
	"$vmmu" compare "$file" ;;
strategies)
	"$vmmu" compare --shadow all-strategies --check 1000 "$file" ;;
strategies-2m)
	"$vmmu" compare --shadow all-strategies --host-page 2M --check 300 "$file" ;;
strategies-capped)
	"$vmmu" replay "$file" --backend shadow --json "$tmp/whole" >/dev/null
	least=$("$vmmu" replay "$file" --backend shadow --shadow vtlb --table-pages 1 2>&1 |
		sed -n 's/.*at least \([0-9]*\).*/\1/p')
	cap=$(($(number table_bytes "$tmp/whole") / 4096 / 4))
	[ "$cap" -ge "$least" ] || cap=$least
	"$vmmu" compare --shadow all-strategies --table-pages "$cap" "$file" ;;
prefix)
	for backend in shadow nested-npt nested-ept; do
		"$vmmu" replay "$file" --backend $backend --check 3000
	done ;;
capped)
	for backend in shadow nested-npt nested-ept; do
		"$vmmu" replay "$file" --backend $backend --json "$tmp/whole" >/dev/null
		least=$("$vmmu" replay "$file" --backend $backend --table-pages 1 2>&1 |
			sed -n 's/.*at least \([0-9]*\).*/\1/p')
		cap=$(($(number table_bytes "$tmp/whole") / 4096 / 8))
		[ "$cap" -ge "$least" ] || cap=$least
		"$vmmu" replay "$file" --backend $backend --table-pages "$cap"
	done ;;
esac
