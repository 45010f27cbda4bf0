/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A multiboot kernel that sets a breakpoint, KIND in DR7, and runs into it.  Without an IDT that is a
 * triple fault; with one (-DIDT) the handler prints B and lets it pass.  In the end it prints K.
 *	gcc -m32 -DKIND=0x401 -nostdlib -static -Wl,-Ttext=0x100000,--build-id=none
 */
#define COM1 0x3f8
	.code32
	.section .text
	.align	4
	.long	0x1BADB002, 0, -(0x1BADB002)
	.globl	_start
_start:
#ifdef IDT
	mov	$stack, %esp
	lgdt	gdtr
	ljmp	$8, $1f
1:	mov	$16, %eax
	mov	%eax, %ds
	mov	%eax, %ss
	mov	$handler, %eax
	mov	%ax, idt + 8
	shr	$16, %eax
	mov	%ax, idt + 14
	lidt	idtr
#endif
#if KIND & 0x30000
	mov	$data, %eax
#else
	mov	$target, %eax
#endif
	mov	%eax, %dr0
	mov	$KIND, %eax
	mov	%eax, %dr7
	nop
	mov	$data, %ebx
	movl	$1, (%ebx)
	nop
target:
	nop
	mov	$COM1, %dx
	mov	$'K', %al
	out	%al, %dx
	mov	$0xf4, %dx
	mov	$0, %al
	out	%al, %dx
	hlt

#ifdef IDT
handler:
	push	%eax
	push	%edx
	mov	%dr6, %eax
	test	$1, %al
	jz	1f
	mov	$COM1, %dx
	mov	$'B', %al
	out	%al, %dx
1:	orl	$0x10000, 16(%esp)	/* RF: this time the instruction is executed */
	pop	%edx
	pop	%eax
	iret
#endif

	.data
data:	.long	0
#ifdef IDT
	.align	8
gdt:	.quad	0, 0x00cf9a000000ffff, 0x00cf92000000ffff
gdtr:	.word	23
	.long	gdt
idt:	.quad	0, 0x00008e0000080000
idtr:	.word	15
	.long	idt
	.skip	1024
stack:
#endif
	.section .note.GNU-stack, "", @progbits
