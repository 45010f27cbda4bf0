/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a multiboot loader (1 or 2), in 32-bit protected mode without paging, to main() in long mode.
 * The first GiB is mapped in the kernel's slot of the top-level table, by 2M pages for the
 * supervisor; its last 2M instead hold the one page that ring 3 may execute.
 */
#include "kernel_asm.h"

#define PHYS(x) ((x) - SLOT_BASE)
#define MB1_MAGIC 0x1badb002
#define MB1_FLAGS 0x10003 /* addresses here, modules on pages, memory information */
#define MB2_MAGIC 0xe85250d6

	.section .multiboot, "ax"
	.balign 8
header1:
	.long	MB1_MAGIC, MB1_FLAGS, -(MB1_MAGIC + MB1_FLAGS)
	.long	PHYS(header1), PHYS(image_begin), PHYS(data_end), PHYS(image_end), PHYS(_start)
	.balign 8
header2:
	.long	MB2_MAGIC, 0, header2_end - header2, -(MB2_MAGIC + (header2_end - header2))
	.word	2, 0			/* addresses */
	.long	24, PHYS(header2), PHYS(image_begin), PHYS(data_end), PHYS(image_end)
	.word	3, 0			/* the entry */
	.long	12, PHYS(_start), 0
	.word	0, 0
	.long	8
header2_end:

	.code32
	.globl _start
_start:
	cli
	cld
	mov	$PHYS(stack_end), %esp
	mov	%eax, %edi		/* who loaded */
	mov	%ebx, %ebp		/* its information */
	mov	$0x80000001, %eax
	cpuid
	bt	$29, %edx
	jnc	no_long_mode

	movl	$PHYS(kernel_pdpt) + 0x67, PHYS(kernel_root)
	movl	$PHYS(kernel_pdpt) + 0x67, PHYS(kernel_root) + 8 * SLOT
	movl	$PHYS(kernel_pd) + 0x67, PHYS(kernel_pdpt)
	xor	%ecx, %ecx
	mov	$0xe3, %eax		/* P, W, A, D, PS */
1:	mov	%eax, PHYS(kernel_pd)(, %ecx, 8)
	add	$0x200000, %eax
	inc	%ecx
	cmp	$511, %ecx
	jb	1b
	movl	$PHYS(kernel_pt) + 0x67, PHYS(kernel_pd) + 8 * 511
	movl	$PHYS(user_code) + 0x25, PHYS(kernel_pt)

	mov	$0x20, %eax		/* CR4: PAE */
	mov	%eax, %cr4
	mov	$PHYS(kernel_root), %eax
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx	/* EFER: LME */
	rdmsr
	bts	$8, %eax
	wrmsr
	mov	$0x80010031, %eax	/* CR0: PG, WP, NE, ET, PE */
	mov	%eax, %cr0
	lgdt	PHYS(boot_gdtr)
	ljmp	$8, $PHYS(long_mode)

no_long_mode:
	mov	$0x3f8, %dx
	mov	$PHYS(no_text), %esi
	mov	$no_text_end - no_text, %ecx
	rep outsb
	mov	$METAL_PANIC, %al
	out	%al, $0xf4
2:	hlt
	jmp	2b

	.code64
long_mode:
	movabs	$high, %rax
	jmp	*%rax
high:
	xor	%eax, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	%eax, %fs
	mov	%eax, %gs
	lea	stack_end(%rip), %rsp
	mov	%ebp, %esi
	call	main
	ud2

	.data
	.balign 8
boot_gdt:
	.quad	0, 0x00209a0000000000
boot_gdtr:
	.word	boot_gdtr - boot_gdt - 1
	.long	PHYS(boot_gdt)
no_text:
	.ascii	"end status=panic\npanic: this CPU has no long mode\n"
no_text_end:

	.bss
	.balign 4096
	.globl kernel_root, kernel_pdpt
kernel_root:	.skip 4096
kernel_pdpt:	.skip 4096
kernel_pd:	.skip 4096
kernel_pt:	.skip 4096
	.skip 65536
stack_end:
	.section .note.GNU-stack, "", @progbits
