/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 64 KiB at the end of memory that start a multiboot kernel which lies in RAM already: no firmware
 * of anybody's is in the dumps.  ENTRY: where it starts; UPPER: KiB of RAM above 1 MiB.
 */
#define ROM 0xffff0000
#define INFO 0x9000

	.code16
start:
	cli
	lgdtl %cs:gdtr
	mov %cr0, %eax
	or $1, %al
	mov %eax, %cr0
	ljmpl $8, $(ROM + protected)
	.code32
protected:
	mov $16, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov $0x8000, %esp
	movl $1, INFO /* flags: the sizes are there */
	movl $640, INFO + 4
	movl $UPPER, INFO + 8
	mov $INFO, %ebx
	mov $0x2badb002, %eax
	mov $ENTRY, %ecx
	jmp *%ecx
	.balign 8
gdt:	.quad 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
gdtr:	.word 23
	.long ROM + gdt
	.org 0xfff0
	.code16
	jmp start
	.org 0x10000
