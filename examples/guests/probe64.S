/* SPDX-License-Identifier: BSD-2-Clause */
/* Enters ring 3 for one access, and returns when a trap ends it. */
	.text
	.code64
/* ring3(frame) returns when ring3_done() is called. */
	.globl ring3
ring3:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, kernel_rsp
	jmp	go

	.globl ring3_done
ring3_done:
	mov	kernel_rsp, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

/* The code for ring 3 has a page of its own, which is mapped for the user. */
	.balign 4096
	.globl user_code, user_read, user_write, user_run
user_code:
user_read:
	mov	(%rdi), %rax
	int	$0x80
user_write:
	mov	%rsi, (%rdi)
	int	$0x80
user_run:
	call	*%rdi
	int	$0x80
	.balign 4096

	.bss
kernel_rsp: .skip 8
	.section .note.GNU-stack, "", @progbits
