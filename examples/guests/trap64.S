/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 256 stubs of 16 bytes each, which make the same frame for every trap: error
 * code (or 0), vector, registers; see struct frame in cpu64.h.
 */
	.text
	.code64
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
	jmp	enter
	.set	vector, vector + 1
	.endr

	.balign 16
enter:
	cld
	push	%rax
	push	%rbx
	push	%rcx
	push	%rdx
	push	%rsi
	push	%rdi
	push	%rbp
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, %rdi
	mov	%rsp, %rbp
	and	$-16, %rsp
	call	trap
	mov	%rbp, %rsp
leave:
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rbp
	pop	%rdi
	pop	%rsi
	pop	%rdx
	pop	%rcx
	pop	%rbx
	pop	%rax
	add	$16, %rsp
	iretq

	/* go(frame) returns as from the trap that left the frame; interrupts are off meanwhile. */
	.globl go
go:
	mov	%rdi, %rsp
	jmp	leave
	.section .note.GNU-stack, "", @progbits
