/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A multiboot loader starts a kernel in 32-bit protected mode without paging.
 * This code enters long mode, with the first GiB mapped one to one by 2M pages
 * for the supervisor, and calls main(information).
 */
#define MAGIC 0x1badb002
#define FLAGS 3 /* modules on pages, memory information */

	.section .multiboot, "a"
	.balign 4
	.long	MAGIC, FLAGS, -(MAGIC + FLAGS)

	.text
	.code32
	.globl _start
_start:
	cli
	cld
	mov	$stack_end, %esp
	mov	%ebx, %ebp		/* the information; cpuid wants ebx */
	mov	$0x80000001, %eax
	cpuid
	bt	$29, %edx
	jnc	no_long_mode

	movl	$boot_pdpt + 7, boot_pml4
	movl	$boot_pd + 3, boot_pdpt
	xor	%ecx, %ecx
	mov	$0x183, %eax		/* P, W, PS, G */
1:	mov	%eax, boot_pd(, %ecx, 8)
	add	$0x200000, %eax
	inc	%ecx
	cmp	$512, %ecx
	jb	1b

	mov	$0xa0, %eax		/* CR4: PAE, PGE */
	mov	%eax, %cr4
	mov	$boot_pml4, %eax
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx	/* EFER: LME, NXE */
	mov	$0x900, %eax
	xor	%edx, %edx
	wrmsr
	mov	$0x80010011, %eax	/* CR0: PG, WP, ET, PE */
	mov	%eax, %cr0
	lgdt	boot_gdtr
	ljmp	$8, $long_mode

no_long_mode:
	mov	$0x3f8, %dx
	mov	$no_text, %esi
	mov	$no_text_end - no_text, %ecx
	rep outsb
	mov	$1, %al
	out	%al, $0xf4
2:	hlt
	jmp	2b

	.code64
long_mode:
	xor	%eax, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	%eax, %fs
	mov	%eax, %gs
	mov	$stack_end, %rsp
	mov	%ebp, %edi
	call	main
	mov	%eax, %edi
	call	finish

	.data
	.balign 8
boot_gdt:
	.quad	0, 0x00209a0000000000
boot_gdtr:
	.word	boot_gdtr - boot_gdt - 1
	.long	boot_gdt
no_text:
	.ascii	"panic: no long mode\n"
no_text_end:

	.bss
	.balign 4096
	.globl boot_pml4
boot_pml4:	.skip 4096
boot_pdpt:	.skip 4096
	.globl boot_pd
boot_pd:	.skip 4096
	.globl stack_end
	.skip 16384
stack_end:
	.section .note.GNU-stack, "", @progbits
