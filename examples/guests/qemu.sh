#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# qemu.sh QEMU KERNEL [ARGUMENTS]: a guest in QEMU, its console on stdout.
#   sh qemu.sh qemu-system-x86_64 BUILD/examples/guests/torture >torture.out
# is how the .out files were made.
exec timeout 300 "$1" -accel tcg -cpu max,la57=on -m 256 -kernel "$2" -append "$3" -serial stdio \
	-display none -monitor none -net none -device isa-debug-exit,iobase=0xf4,iosize=4 -no-reboot
