/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One instruction, tried: as supervisor or in ring 3, whatever it does.  Each ends with a trap: a
 * fault of its own, the INT behind it, or, of a fetch, the INT that it finds at its target.  The
 * trap's words go to `got`, and exec() returns.
 * A trap that comes without exec() is the kernel's own, and its end.
 */
#include "kernel_asm.h"

	.text
	.code64
/* exec(const struct exec *): rip, address, value, flags, user; see kernel.h. */
	.globl exec
exec:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, exec_rsp(%rip)
	movb	$1, exec_armed(%rip)
	mov	(%rdi), %rax
	mov	16(%rdi), %rsi
	mov	24(%rdi), %rdx
	mov	32(%rdi), %rcx
	mov	8(%rdi), %rdi
	mov	%rdi, %rbp
	test	%ecx, %ecx
	jnz	1f
	push	%rdx
	popf
	jmp	*%rax
1:	pushq	$USER_DS
	pushq	$0
	push	%rdx
	pushq	$USER_CS
	push	%rax
	iretq

	.balign 16
trap:
	cmpb	$0, exec_armed(%rip)
	je	1f
	mov	%rax, got + 8 * 5(%rip)
	pop	got(%rip)		/* vector */
	pop	got + 8 * 1(%rip)	/* error code */
	pop	got + 8 * 2(%rip)	/* RIP */
	pop	got + 8 * 3(%rip)	/* CS */
	mov	%cr2, %rax
	mov	%rax, got + 8 * 4(%rip)
	movb	$0, exec_armed(%rip)
	mov	exec_rsp(%rip), %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	push	$2
	popf
	ret
1:	mov	%rsp, %rdi
	and	$-16, %rsp
	call	lost
	ud2

	.balign 16
	.globl trap_stubs
trap_stubs:
	.set	vector, 0
	.rept	256
	.balign 16
	.if	!(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21)
	push	$0
	.endif
	push	$vector
	jmp	trap
	.set	vector, vector + 1
	.endr

/* The same twice: the supervisor cannot execute the user's page, and the other way round. */
	.macro	tried p
	.globl	\p\()_tried
	.balign 16
\p\()_tried:
	.balign 16
	movzbl	(%rdi), %eax
	int	$DONE_VECTOR
	.balign 16
	movzwl	(%rdi), %eax
	int	$DONE_VECTOR
	.balign 16
	movl	(%rdi), %eax
	int	$DONE_VECTOR
	.balign 16
	movq	(%rdi), %rax
	int	$DONE_VECTOR
	.balign 16
	movzbl	(%rbp), %eax
	int	$DONE_VECTOR
	.balign 16
	movzwl	(%rbp), %eax
	int	$DONE_VECTOR
	.balign 16
	movl	(%rbp), %eax
	int	$DONE_VECTOR
	.balign 16
	movq	(%rbp), %rax
	int	$DONE_VECTOR
	.balign 16
	movb	%sil, (%rdi)
	int	$DONE_VECTOR
	.balign 16
	movw	%si, (%rdi)
	int	$DONE_VECTOR
	.balign 16
	movl	%esi, (%rdi)
	int	$DONE_VECTOR
	.balign 16
	movq	%rsi, (%rdi)
	int	$DONE_VECTOR
	.balign 16
	movb	%sil, (%rbp)
	int	$DONE_VECTOR
	.balign 16
	movw	%si, (%rbp)
	int	$DONE_VECTOR
	.balign 16
	movl	%esi, (%rbp)
	int	$DONE_VECTOR
	.balign 16
	movq	%rsi, (%rbp)
	int	$DONE_VECTOR
	.balign 16
	xchg	%sil, (%rdi)
	int	$DONE_VECTOR
	.balign 16
	xchg	%si, (%rdi)
	int	$DONE_VECTOR
	.balign 16
	xchg	%esi, (%rdi)
	int	$DONE_VECTOR
	.balign 16
	xchg	%rsi, (%rdi)
	int	$DONE_VECTOR
	.balign 16
	jmp	*%rdi
	.endm

	tried	kernel
	.balign 16
	.globl	kernel_only
kernel_only:
	mov	%rsi, %cr0
	int	$DONE_VECTOR
	.balign 16
	mov	%rsi, %cr3
	int	$DONE_VECTOR
	.balign 16
	mov	%rsi, %cr4
	int	$DONE_VECTOR
	.balign 16
	mov	$0xc0000080, %ecx	/* EFER */
	jmp	1f
	.balign 16
	xor	%ecx, %ecx
	xor	%edx, %edx
	mov	%esi, %eax
	wrpkru
	int	$DONE_VECTOR
	.balign 16
	mov	$0x6e1, %ecx		/* IA32_PKRS */
	jmp	1f
	.balign 16
	invlpg	(%rdi)
	int	$DONE_VECTOR
	.balign 16
	invpcid	(%rdi), %rsi
	int	$DONE_VECTOR
1:	mov	%esi, %eax
	mov	%rsi, %rdx
	shr	$32, %rdx
	wrmsr
	int	$DONE_VECTOR

	.section .user, "ax"
	.globl user_code
user_code:
	tried	user

	.bss
	.balign 8
exec_rsp:	.skip 8
	.globl exec_armed
exec_armed:	.skip 1
	.section .note.GNU-stack, "", @progbits
