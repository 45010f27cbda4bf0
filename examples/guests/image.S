/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory image of the program that the kernel runs.  USER_IMAGE is its file. */
	.text
	.balign	4096
	.globl	user_image
user_image:
	.incbin	USER_IMAGE
	.balign	4096
	.section .note.GNU-stack, "", @progbits
