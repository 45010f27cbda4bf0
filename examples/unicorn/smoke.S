/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The least kernel that shows all paths of vmmu-run: long mode, page faults with an exact CR2, stores
 * to a live page table, ring 3 and back, error codes, a timer interrupt that ends HLT.
 * Prints a letter for each that went well; port 0xf4 gets 0, or the number of what did not.
 */
#define COM1 0x3f8
#define ROUNDS 500
#define WINDOW 0x400000 /* the page whose entry is changed: PT entry 0 of PD entry 2 */

	.macro say letter
	mov $COM1, %dx
	mov $\letter, %al
	out %al, %dx
	.endm
	.macro gate vector handler flags
	mov $\handler, %eax
	mov %ax, idt + 16 * \vector
	movw $8, idt + 16 * \vector + 2
	movw $\flags, idt + 16 * \vector + 4
	shr $16, %eax
	mov %ax, idt + 16 * \vector + 6
	.endm
	.macro must condition number
	j\condition 99f
	mov $\number, %eax
	out %eax, $0xf4
99:
	.endm

	.text
	.align 4
	.long 0x1badb002, 0, -0x1badb002
	.code32
	.globl _start
_start:
	mov $stack, %esp
	say 'p'

	/* A task gate, twice; what the task left off with is where it goes on. */
	lgdt gdtr
	ljmp $56, $1f
1:	mov $16, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	movl $task_tss, %eax
	mov %ax, gdt + 74
	shr $16, %eax
	mov %al, gdt + 76
	movl $main_tss, %eax
	mov %ax, gdt + 66
	shr $16, %eax
	mov %al, gdt + 68
	mov $64, %eax
	ltr %ax
	movl $72 << 16, idt + 8 * 0x81
	movl $0x8500, idt + 8 * 0x81 + 4
	lidt idtr
	mov $0x5a, %ebx
	int $0x81
	int $0x81
	cmp $0x5a, %ebx
	must e 19
	cmpl $2, tasks
	must e 20
	mov %cr0, %eax
	test $8, %al /* TS */
	must nz 21

	movl $pdpt + 7, pml4
	movl $pd + 7, pdpt
	movl $0x87, pd
	movl $0x200087, pd + 8
	movl $pt + 7, pd + 16
	mov $0x20, %eax
	mov %eax, %cr4
	mov $pml4, %eax
	mov %eax, %cr3
	mov $0xc0000080, %ecx
	rdmsr
	or $0x901, %eax
	wrmsr
	mov $0x80010011, %eax
	mov %eax, %cr0
	lgdt gdtr
	ljmp $8, $long

task:	say 'k'
	xor %ebx, %ebx
	incl tasks
	iret
	jmp task

	.code64
long:	mov $16, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	movl $tss, %eax
	mov %ax, gdt + 42
	shr $16, %eax
	mov %al, gdt + 44
	mov $40, %eax
	ltr %ax
	gate 13 protection 0x8e00
	gate 14 fault 0x8e00
	gate 32 tick 0x8e00
	gate 128 call 0xee00
	lidt idtr
	say 'l'

	/* Page faults: the handler skips the load, which is as long as its operand says. */
	mov $ROUNDS, %ebx
	movabs $0x7000000000, %rsi
	mov $0x10, %ecx
1:	lea 0x123(%rsi, %rcx, 4), %rax
	mov %rax, expected
	mov 0x123(%rsi, %rcx, 4), %rdx
skip:	add $8, %rcx
	dec %ebx
	jnz 1b
	cmpl $ROUNDS, faults
	must e 2
	say 'f'

	/* A live table: the entry leads to one frame, then to the other. */
	movl $0x11111111, first
	movl $0x22222222, second
	mov $ROUNDS, %ebx
2:	movq $first + 3, pt
	invlpg WINDOW
	cmpl $0x11111111, WINDOW
	must e 3
	movq $second + 3, pt
	invlpg WINDOW
	cmpl $0x22222222, WINDOW
	must e 4
	dec %ebx
	jnz 2b
	/* Two halves, and a lock. */
	movl $first + 3, pt
	movl $0, pt + 4
	lock orq $0x40, pt
	mov %cr3, %rax
	mov %rax, %cr3
	cmpl $0x11111111, WINDOW
	must e 5
	/* An upper table is never out of step. */
	lock orq $0x200, pd + 16
	say 't'

	/* A selector beyond the GDT: #GP with it. */
	mov $0x5af0, %eax
	mov %eax, %ds
	cmpl $0x5af0, code
	must e 6
	movabs $0x8000000000000000, %rax
	mov (%rax), %rdx /* not canonical: #GP(0) */
	cmpl $0, code
	must e 7
	say 'g'

	/* Code that is stored to: two functions in a page, by way of it and of a user's read-only
	 * one, with WP off. */
	movq $second + 5, pt
	mov %cr3, %rax
	mov %rax, %cr3
	mov $0x80000011, %eax
	mov %rax, %cr0
	movl $0xc300b0, second /* mov $0, %al; ret */
	movl $0xc300b0, second + 64
	mov $ROUNDS, %ebx
5:	mov %bl, WINDOW + 1
	mov %bl, WINDOW + 65
	call second
	cmp %bl, %al
	must e 10
	call second + 64
	cmp %bl, %al
	must e 11
	lea 1(%ebx), %eax
	mov %al, second + 65
	mov %al, second + 1
	call second
	sub %bl, %al
	cmp $1, %al
	must e 12
	call second + 64
	sub %bl, %al
	cmp $1, %al
	must e 13
	dec %ebx
	jnz 5b
	mov $0x80010011, %eax
	mov %rax, %cr0
	say 'c'

	/* Ring 3, which loads a segment register, calls by SYSCALL and calls back. */
	mov $0xc0000081, %ecx
	xor %eax, %eax
	mov $0x000b0008, %edx
	wrmsr
	inc %ecx
	mov $fast, %eax
	xor %edx, %edx
	wrmsr
	mov $0xc0000084, %ecx
	mov $0x401, %eax /* DF, CF */
	wrmsr
	push $0x23
	push $stack
	push $2
	push $0x1b
	push $user
	iretq
back:	say 'u'

	/* The timer ends HLT. */
	mov $0x11, %al
	out %al, $0x20
	mov $32, %al
	out %al, $0x21
	mov $4, %al
	out %al, $0x21
	mov $1, %al
	out %al, $0x21
	mov $0xfe, %al
	out %al, $0x21
	mov $0x34, %al
	out %al, $0x43
	mov $100, %al
	out %al, $0x40
	xor %al, %al
	out %al, $0x40
3:	sti
	hlt
	cli
	cmpl $3, ticks
	jb 3b
	say 'i'
	say 10
	xor %eax, %eax
	out %eax, $0xf4

user:	mov $0x23, %eax
	mov %eax, %es
	std
	stc
	syscall
after:	mov $0, %eax
	jc 6f
	ud2
6:	cld
	int $128
	ud2

/* RCX and R11 have RIP and flags; DF and CF are masked; the stack is the user's. */
fast:	mov %cs, %eax
	cmp $8, %eax
	must e 14
	mov %ss, %eax
	cmp $16, %eax
	must e 15
	cmp $after, %rcx
	must e 16
	pushf
	pop %rax
	test $0x401, %eax
	must z 17
	mov %r11d, %eax
	and $0x401, %eax
	cmp $0x401, %eax
	must e 18
	say 's'
	sysretq

call:	mov 8(%rsp), %rax
	cmp $0x1b, %rax
	must e 8
	add $40, %rsp
	mov $16, %eax
	mov %eax, %es
	jmp back

fault:	mov %cr2, %rax
	cmp expected, %rax
	must e 9
	incl faults
	movq $skip, 8(%rsp)
	add $8, %rsp
	iretq

/* The two that come here are MOVs of 2 and 3 bytes. */
protection:
	pop %rax
	mov %eax, code
	addq $2, (%rsp)
	test %eax, %eax
	jnz 4f
	addq $1, (%rsp)
4:	iretq

tick:	push %rax
	incl ticks
	mov $0x20, %al
	out %al, $0x20
	pop %rax
	iretq

	.data
	.align 16
gdt:	.quad 0, 0x00af9a000000ffff, 0x00cf92000000ffff, 0x00affa000000ffff, 0x00cff2000000ffff
	.quad 0x0000890000000067, 0
	.quad 0x00cf9a000000ffff, 0x0000890000000067, 0x0000890000000067
gdtr:	.word 79
	.quad gdt
idtr:	.word 4095
	.quad idt
tss:	.long 0
	.quad kernel_stack
	.skip 92
main_tss: .skip 104
task_tss: .skip 32
	.long task, 2, 0, 0, 0, 0, kernel_stack, 0, 0, 0
	.long 16, 56, 16, 16, 0, 0, 0, 0
tasks:	.long 0
expected: .quad 0
faults:	.long 0
ticks:	.long 0
code:	.long 0
	.bss
	.align 4096
pml4:	.skip 4096
pdpt:	.skip 4096
pd:	.skip 4096
pt:	.skip 4096
idt:	.skip 4096
first:	.skip 4096
second:	.skip 4096
	.skip 4096
stack:	.skip 4096
kernel_stack:
