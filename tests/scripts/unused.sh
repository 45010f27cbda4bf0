#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Without nested/ no function of lib/ or realmode/ is unused: nested paging adds none of its own.
# usage: unused.sh SOURCE-ROOT SILICON.a CORE.a REALMODE.a OTHER.a...	(without nested's)
set -eu

root=$1 silicon=$2 core=$3 realmode=$4
shift 4
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# "defined OBJECT NAME" and "wants OBJECT NAME" of every global function.
symbols() {
	for file; do [ -e "$file" ] || { echo "$file: no such file" >&2; exit 1; }; done
	nm -A -P "$@" | awk '
		{ object = $1; sub(/:$/, "", object) }
		$3 == "T" || $3 == "W" { print "defined", object, $2 }
		$3 == "U" { print "wants", object, $2 }'
}

# What an embedder may call is used by being offered.
offered() {
	cat "$root"/lib/include/vmmu/vmmu.h "$root"/lib/include/vmmu/hw.h \
	    "$root"/lib/include/vmmu/event.h "$root"/lib/include/vmmu/explain.h \
	    "$root"/lib/include/vmmu/silicon.h "$root"/lib/include/vmmu/trace.h | grep -o 'vmmu_[a-z0-9_]*(' | tr -d '(' | sort -u
}

# Names in $1 that no other object of $2 wants and that are not in $3.
unused() {
	awk -v offered="$3" '
		BEGIN { while ((getline name <offered) > 0) ok[name] = 1 }
		FNR == NR { if ($1 == "wants") wanted[$3] = 1; next }
		$1 == "defined" && !($3 in wanted) && !($3 in ok) { print $3 }' "$2" "$1"
}

# The checker's own test: g is wanted, h is offered, k is neither.
printf 'defined a.o g\ndefined a.o h\ndefined a.o k\n' >"$tmp/d"
printf 'wants b.o g\n' >"$tmp/w"
echo h >"$tmp/o"
[ "$(unused "$tmp/d" "$tmp/w" "$tmp/o")" = k ] || { echo "the checker is wrong" >&2; exit 1; }

offered >"$tmp/offered"
symbols "$silicon" "$core" "$realmode" >"$tmp/defined"
symbols "$silicon" "$core" "$realmode" "$@" >"$tmp/all"
n=$(grep -c '^defined' "$tmp/defined")
[ "$n" -gt 50 ] || { echo "only $n functions found: wrong libraries?" >&2; exit 1; }
unused "$tmp/defined" "$tmp/all" "$tmp/offered" >"$tmp/unused"
if [ -s "$tmp/unused" ]; then
	echo "used by nothing outside nested/:" >&2
	cat "$tmp/unused" >&2
	exit 1
fi
echo "$n functions of lib/ and realmode/, all used without nested/"
