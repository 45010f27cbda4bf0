#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Races without threads: a library built to let another CPU go on finds none; one as it is
# installed has no trace of that.
# usage: races.sh VMMU-YIELD VMMU LIBVMMU.so LIBVMMU.a
set -eu
yield=$1 vmmu=$2
shift 2
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# The names that a library has because of it.
traces() { { nm "$1"; nm -D "$1" 2>/dev/null; strings -a "$1"; } | grep -i yield || true; }

[ -n "$(traces "$yield")" ] || { echo "the checker is wrong" >&2; exit 1; }
for lib; do
	[ -z "$(traces "$lib")" ] || { echo "$lib lets others go on:"; traces "$lib"; exit 1; } >&2
done

# How many operations were done inside another.
inside() { sed -n '/^operations inside/,/^differences/p' "$1" | tr -d , | awk '$2 ~ /^[a-z]+$/ { n += $1 } END { print n + 0 }'; }

"$yield" check --ops 60000 --seed 7 --mix smp >"$tmp/yield"
grep -q '^differences  *0$' "$tmp/yield"
[ "$(inside "$tmp/yield")" -gt 20 ]
# Without: while the host is asked for a page ("asked", "answered"), in the embedder's own callback.
"$vmmu" check --ops 20000 --seed 7 --mix smp >"$tmp/plain"
[ "$(sed -n '/^operations inside/,/^differences/p' "$tmp/plain" | wc -l)" -eq 4 ]

# Every two neighbours of every short sequence, at every point.
"$yield" check --exhaustive 3 >"$tmp/small"
grep -q '^differences  *0$' "$tmp/small"
[ "$(sed -n 's/^at once *//p' "$tmp/small" | tr -d , | awk '{ print $1 }')" -gt 5000 ]

# Each was a difference once.
none() {
	"$yield" check --replay - >"$tmp/out" || { cat "$tmp/out"; exit 1; }
	grep -q 'no difference$' "$tmp/out"
}

# A was taken back by another vCPU between the walk and the table's protection.
none <<'OPS'
world 1024 4 0 4 2
store 0 0x800000 0 2721c00000000080
store 0 0x800ff8 0 2320000000000038
store 0 0x2ff8 0 2710800000000000
store 0 0xc01ff8 0 4700800000000000
set 2 3 0x100
set 2 2 0x1020
store 0 0xc02008 0 6710000001000000
set 2 1 0x2000
store 0 0x100001008 0 ff10800000000048
set 2 0 0x80000001
all 0 1 0xc0010011 0x0 0xc01000 0xb0 0xd00 0x0 0x0 0x0 0x0 0x0 0x0
access 0 0xffffff8000201ff8 8 0x1 0xc01067
race 4 17 2
access 2 0xfffffffffffff000 1 0x0
access 0 0xffffff8000201ff8 8 0x1 0xc01047
OPS

# A table came in step below a new link, after its entry had been read.
none <<'OPS'
world 24 2 1 2 2
store 0 0x801ff8 0 03300000000000b8
store 0 0x2ff8 0 4710800000000000
all 1 1 0x80000011 0x0 0x200002 0x200b0 0xd00 0x0 0x0 0x0 0x0 0x1202a9 0x72c1050
set 1 1 0xa000
store 0 0xa7f8 0 0520000000000000
store 0 0x3ff8 0 6730000000000000
access 1 0x7ffffffff008 8 0x1 0xc01005
store 0 0xa000 0 4410000001000000
all 0 1 0x80000011 0x0 0xa000 0xa0 0xd00 0x0 0x0 0x0 0x0 0x0 0x0
store 0 0xa008 0 2700200000000068
store 0 0xa800 0 3f00c00000000000
access 1 0x7ffffffff000 8 0x1
race 0 9 0
access 0 0x7fffffe01000 1 0x0
access 1 0x7ffffffff008 8 0x1 0xc01004
OPS

# A frame was protected after a table that mapped it was zapped, and before anybody flushed.
none <<'OPS'
world 3056 4 2 4 2
poke 0x2000 0x40000001
poke 0xa00800 0x2001
poke 0x40200800 0x2001
all 2 1 0x80000011 0x0 0x40200000 0x0 0x0 0x0 0x0 0x0 0x0 0x0 0x0
store 0 0x40000008 0 0710a00000000000
all 1 1 0x80050011 0x7f80ffe02000 0x40000000 0x1020020 0xd00 0x0 0x0 0x0 0x0 0x9e5f0197 0x8d081320
set 1 1 0xa00000
store 0 0x2ffc 0 6710a000
access 2 0xff008000803ff010 8 0x1 0xd800000000c02167
race 0 3 0
access 1 0xffff800000202000 1 0x0
access 2 0xff008000803ff010 8 0x1 0xd800000000c02166
OPS

# An entry that is filled along with its neighbour comes to name another page meanwhile.
for nth in 0 1 2 3; do
	none <<OPS
world 1 2 0 0 2
poke 0x1000 0x2027
poke 0x2000 0x3027
poke 0x3000 0xa027
poke 0xa000 0x200067
poke 0xa040 0xa067
all 0 1 0x80010011 0x0 0x1000 0x20 0xd00 0x0 0x0 0x0 0x0 0x0 0x0
all 1 1 0x80010011 0x0 0x1000 0x20 0xd00 0x0 0x0 0x0 0x0 0x0 0x0
access 0 0x0 8 0x0
access 1 0x8010 8 0x1 0x801067
access 1 0x8018 8 0x1 0xa00067
race 2 4 $nth
access 0 0x3000 8 0x0
access 1 0x8010 8 0x1 0xa01067
OPS
done

# Hardware sets A while its entry is protected for a log or aged: in any VM, at any point.
for vm in 2 4 5 6 7 8 9; do
	for nth in 0 1 2 3; do
		for seed in 1 2 3 4; do
			none <<OPS
world $seed 1 0 0 14
access 0 0x1000 8 0x0
access 0 0x2000 8 0x0
host 4 0
race $vm 4 $nth
host 1 0
access 0 0x2000 8 0x0
OPS
		done
	done
done

# A page is read by a translation that only a TLB still has, while another slot is protected: nothing
# that a walk would set A in maps the page, and so it stays old.  The tester wanted it to be young.
none <<'OPS'
world 180 2 0 2 2
store 0 0x40200800 0 4710a00000000000
all 1 0 0xc0010011 0x7fc07ff000 0xc01000 0x120020 0xd00 0x0 0x0 0x0 0x0 0xf006600 0x97020000
store 0 0x2ff8 0 67002040000000ef
store 0 0x100001008 0 4700200000000000
store 0 0xa01ff8 0 47210000
store 0 0x40200ff8 0 6710000001000000
all 0 1 0xc0000011 0x0 0x40200000 0x400030 0xd00 0x0 0x0 0x0 0x0 0x0 0x0
access 0 0xffff807ffffff010 8 0x1 0x400000010000102f
store 0 0x200ff8 0 67a0000000000000
store 0 0xc01000 0 6310000001000000
set 1 1 0x200000
store 0 0x200008 0 6710000001000020
set 0 1 0xa00000
store 0 0x1000 0 6710c00000000000
access 1 0x80803ff000 4 0x0
store 0 0x100001000 0 5f00800000000000
store 0 0xa00008 0 67100000
access 0 0x8000000000 8 0x0
store 0 0x100001000 0 6700004000000000
race 2 17 0
host 1 3
access 0 0x8000000000 8 0x0
OPS

# An address is found to be no memory while a slot is about to be there.
for vm in 0 2 3 4 5 6 7; do
	for seed in 1 2 3 4; do
		none <<OPS
world $seed 1 2 0 14
host 5 1
access 0 0x800000 8 0x0
race $vm 12 0
host 6 1
access 0 0x800000 8 0x0
access 0 0x800000 8 0x0
OPS
	done
done

# A harvest comes while the host is asked for the page of a store, whose walk has set A and D in the
# guest's table.  That table is dirty, by the store that is still going on.  Seed 866 showed that the
# tester took the table for clean.
"$vmmu" check --ops 10000 --seed 866 >"$tmp/plain"
grep -q '^differences  *0$' "$tmp/plain"
for at in '866 2 13' '866 3 14' '866 3 15' '2 1 14' '1 6 3' '1 7 5'; do
	set -- $at
	none <<OPS
world $1 1 2 1 14
poke 0x1000 0x2067
poke 0x2000 0x3067
poke 0x3000 0xa00067
poke 0xa00010 0xa01007
all 0 1 0x80010011 0x0 0x1000 0x20 0xd00 0x0 0x0 0x0 0x0 0x0 0x0
host 1 1
race $2 17 $3
access 0 0x2000 1 0x1
host 2 1
host 2 1
OPS
done

# A slot comes, or moves, while there is no memory yet at the page of an access: the host has to
# answer for the slot as it is then, and a store dirties the page at its new place.
for at in '1 0 0' '1 3 2' '2 0 0' '2 4 0' '2 5 2' '3 3 0' '3 6 0' '1 6 0' '1 7 2'; do
	for slot in '9 0 8 180001067' '5 4 6 100001067'; do
		set -- $at $slot
		none <<OPS
world $1 1 2 0 14
poke 0x1000 0x2067
poke 0x2000 0x3067
poke 0x3000 0xa067
poke 0xa000 0x$7
all 0 1 0x80010011 0x0 0x1000 0x20 0xd00 0x0 0x0 0x0 0x0 0x0 0x0
host $4 $5
host 1 4
race $2 17 $3
access 0 0x0 1 0x1
host $6 4
host 2 4
OPS
	done
done
