#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# qemu.sh QEMU KERNEL [ARGUMENTS]: a guest in QEMU, its console on stdout.
#   sh qemu.sh qemu-system-x86_64 BUILD/examples/guests/torture >torture.out
# is how the .out files were made.  QEMU 7.2 leaves the P bit out of the error code of a reserved
# bit; a CPU sets it (SDM 4.7), and so do the files.
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
timeout 300 "$1" -accel tcg -cpu max,la57=on -m 256 -kernel "$2" -append "$3" -serial stdio \
	-display none -monitor none -net none -device isa-debug-exit,iobase=0xf4,iosize=4 \
	-no-reboot >"$dir/console"
status=$?
sed '/reserved/ { s/#PF(8)/#PF(9)/g; s/#PF(a)/#PF(b)/g; s/#PF(c)/#PF(d)/g; }' "$dir/console"
exit $status
