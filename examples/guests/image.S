/* SPDX-License-Identifier: BSD-2-Clause */
/* The program that the kernel runs, as it lies in memory; USER_IMAGE is its file. */
	.text
	.balign	4096
	.globl	user_image
user_image:
	.incbin	USER_IMAGE
	.balign	4096
	.section .note.GNU-stack, "", @progbits
