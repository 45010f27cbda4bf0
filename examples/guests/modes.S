/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * modes: the entry, and the switches to real mode, to long mode and back, which C has no words for.
 * C code runs in 32-bit protected mode without paging.
 */
#define MAGIC 0x1badb002
#define FLAGS 3

#define CODE32 0x08
#define DATA32 0x10
#define CODE16 0x18
#define DATA16 0x20
#define CODE64 0x28
#define AT_128K 0x30 /* data from 0x20000 up */

#define LOW 0x8000		      /* where the 16-bit code is copied to */
#define LOWER(symbol) (symbol - low_begin + LOW)
#define REAL_STACK 0x7000
#define INTERRUPT 0x60

/* Prints the text at esi.  The same bytes of code work in all modes. */
	.macro	SAY
1:	lodsb
	test	%al, %al
	jz	3f
	mov	%al, %ah
	mov	$0x3fd, %dx
2:	in	%dx, %al
	test	$0x20, %al
	jz	2b
	mov	%ah, %al
	mov	$0x3f8, %dx
	out	%al, %dx
	jmp	1b
3:
	.endm

	.section .multiboot, "a"
	.balign 4
	.long	MAGIC, FLAGS, -(MAGIC + FLAGS)

	.text
	.code32
	.globl _start
_start:
	cli
	cld
	lgdt	gdtr
	ljmp	$CODE32, $1f
1:	mov	$DATA32, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	%eax, %gs
	mov	$AT_128K, %eax
	mov	%eax, %fs
	mov	$stack_end, %esp
	lidt	idtr
	call	main
	push	%eax
	call	finish

/* uint32_t swap_protected(uint32_t offset, uint32_t value): uses a segment with a base. */
	.globl swap_protected
swap_protected:
	mov	4(%esp), %ecx
	mov	8(%esp), %eax
	xchg	%eax, %fs:(%ecx)
	ret

/* uint32_t swap_real(uint32_t segment, uint32_t offset, uint32_t value, const char *text); text below 64K */
	.globl swap_real
swap_real:
	push	%ebx
	push	%ebp
	push	%esi
	push	%edi
	mov	$low_begin, %esi
	mov	$LOW, %edi
	mov	$low_end - low_begin, %ecx
	rep movsb
	movl	$LOWER(on_interrupt), 4 * INTERRUPT
	mov	20(%esp), %ebx
	mov	24(%esp), %edi
	mov	28(%esp), %ebp
	mov	32(%esp), %esi
	mov	%esp, saved_esp
	ljmp	$CODE16, $LOW

	.globl back_from_real
back_from_real:
	mov	$DATA32, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	%eax, %gs
	mov	$AT_128K, %eax
	mov	%eax, %fs
	mov	saved_esp, %esp
	lidt	idtr
	mov	%ebp, %eax
	pop	%edi
	pop	%esi
	pop	%ebp
	pop	%ebx
	ret

	.code16
low_begin:
	mov	$DATA16, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	mov	%cr0, %eax
	and	$~1, %al
	mov	%eax, %cr0
	ljmp	$0, $LOWER(in_real_mode)
in_real_mode:
	xor	%ax, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	mov	$REAL_STACK, %sp
	lidtl	LOWER(real_idtr)
	SAY
	mov	%bx, %es
	xchg	%ebp, %es:(%di)
	int	$INTERRUPT
	mov	%cr0, %eax
	or	$1, %al
	mov	%eax, %cr0
	ljmpl	$CODE32, $back_from_real
/* The handler in the interrupt table at 0.  It adds 1 to ebp. */
on_interrupt:
	inc	%ebp
	iret
	.balign 4
real_idtr:
	.word	0x3ff
	.long	0
low_end:

	.code32
/*
 * uint32_t swap_long(uint64_t va, uint32_t value, uint32_t cr3, uint32_t cr4, const char *text)
 * It switches on paging and long mode, and off again.
 */
	.globl swap_long
swap_long:
	push	%ebx
	push	%ebp
	push	%esi
	push	%edi
	mov	28(%esp), %ebp
	mov	36(%esp), %eax
	mov	%eax, %cr4
	mov	32(%esp), %eax
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx
	mov	$0x100, %eax		/* EFER: LME */
	xor	%edx, %edx
	wrmsr
	mov	40(%esp), %esi
	lea	20(%esp), %edi
	mov	%cr0, %eax
	or	$0x80000000, %eax
	mov	%eax, %cr0
	ljmp	$CODE64, $1f
	.code64
1:	mov	%esp, %esp		/* the upper halves are undefined after the change */
	mov	%ebp, %ebp
	mov	%edi, %edi
	mov	%esi, %esi
	mov	(%rdi), %rdi
	SAY
	xchg	%ebp, (%rdi)
	push	$CODE32
	mov	$1f, %eax
	push	%rax
	lretq
	.code32
1:	mov	%cr0, %eax
	and	$0x7fffffff, %eax
	mov	%eax, %cr0
	mov	$0xc0000080, %ecx
	xor	%eax, %eax
	xor	%edx, %edx
	wrmsr
	xor	%eax, %eax
	mov	%eax, %cr4
	mov	%ebp, %eax
	pop	%edi
	pop	%esi
	pop	%ebp
	pop	%ebx
	ret

/* Handles a page fault: stores its details and continues at `resume`. */
	.globl on_page_fault
on_page_fault:
	popl	fault_error
	push	%eax
	mov	%cr2, %eax
	mov	%eax, fault_address
	mov	4(%esp), %eax
	mov	%eax, fault_eip
	mov	resume, %eax
	mov	%eax, 4(%esp)
	pop	%eax
	iret

	.data
	.balign 8
gdt:
	.quad	0
	.quad	0x00cf9a000000ffff	/* CODE32 */
	.quad	0x00cf92000000ffff	/* DATA32 */
	.quad	0x00009a000000ffff	/* CODE16 */
	.quad	0x000092000000ffff	/* DATA16 */
	.quad	0x00209a0000000000	/* CODE64 */
	.quad	0x00cf92020000ffff	/* AT_128K */
gdtr:
	.word	gdtr - gdt - 1
	.long	gdt
	.globl idt
idtr:
	.word	16 * 8 - 1
	.long	idt

	.bss
	.balign 16
idt:	.skip	16 * 8
	.globl fault_error, fault_address, fault_eip, resume
fault_error: .skip 4
fault_address: .skip 4
fault_eip: .skip 4
resume:	.skip	4
saved_esp: .skip 4
	.balign 4096
	.skip	8192
stack_end:
	.section .note.GNU-stack, "", @progbits
