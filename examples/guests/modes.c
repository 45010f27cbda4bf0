/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * modes: accesses one word of memory in every mode of an x86 CPU: real mode, a segment, 2-level,
 * PAE, 4-level and 5-level tables, and back again.  Each mode prints the number that the one before
 * it stored, and stores its own.
 */
#include "guest.h"

#define MAILBOX 0x21234u
#define IN_PAGE (MAILBOX & 0xfff)
#define OTHER 0x1400000u    /* a 4M page that is used for nothing else */
#define CROSSING 0x1200000u /* three frames for the code across pages */
#define TEXT 0x9000u	    /* text that real mode prints */

uint32_t swap_protected(uint32_t offset, uint32_t value);
uint32_t swap_real(uint32_t segment, uint32_t offset, uint32_t value, const char *text);
uint32_t swap_long(uint64_t va, uint32_t value, uint32_t cr3, uint32_t cr4, const char *text);
void on_page_fault(void);

extern uint64_t idt[16];
extern volatile uint32_t fault_error, fault_address, fault_eip, resume;

static uint32_t directory[1024] __attribute__((aligned(4096)));
static uint32_t table[1024] __attribute__((aligned(4096)));
static uint64_t pdpt[4] __attribute__((aligned(32)));
static table_t pae_directories[4], pae_table;
static table_t pml5, pml4, high_pdpt, low_pdpt, high_directory, low_directory, high_table;

static uint32_t address(const void *p)
{
	return (uint32_t)(uintptr_t)p;
}

/* ---- an access that may fault ------------------------------------------ */

static void tell_fault(const char *what, uint32_t va)
{
	if (fault_error == ~0u)
		print(" %s ok", what);
	else
		print(" %s #PF(%x)%s", what, fault_error, fault_address == va ? "" : " elsewhere");
}

static uint32_t read_at(const char *what, uint32_t va)
{
	uint32_t value = 0;

	fault_error = ~0u;
	__asm__ volatile("movl $1f, %1; movl (%2), %0; 1:"
			 : "+r"(value), "=m"(resume)
			 : "r"(va)
			 : "memory");
	tell_fault(what, va);
	return value;
}

static void write_at(const char *what, uint32_t va, uint32_t value)
{
	fault_error = ~0u;
	__asm__ volatile("movl $1f, %0; movl %1, (%2); 1:"
			 : "=m"(resume)
			 : "r"(value), "r"(va)
			 : "memory");
	tell_fault(what, va);
}

static void run_at(const char *what, uint32_t va)
{
	uint32_t stack;

	fault_error = ~0u;
	__asm__ volatile("movl $1f, %1; movl %%esp, %0; call *%2; 1: movl %0, %%esp"
			 : "=&S"(stack), "=m"(resume)
			 : "r"(va)
			 : "eax", "ecx", "edx", "memory");
	tell_fault(what, va);
}

/*
 * xor %eax, %eax; mov $0x11111111, %eax; ret.  Two bytes of the MOV are in the next page, which a
 * fault has to report as its address.
 */
static const uint8_t crossing_code[] = { 0x31, 0xc0, 0xb8, 0x11, 0x11, 0x11, 0x11, 0xc3 };
#define CROSSING_BYTES 5u
#define CROSSING_AT 2u

static void make_crossing(uint32_t frame)
{
	uint8_t *first = (uint8_t *)(uintptr_t)frame, *second = first + PAGE;

	memcpy(first + PAGE - CROSSING_BYTES, crossing_code, sizeof(crossing_code));
	memcpy(second + PAGE, "\x22\x22\xc3", 3);
}

static void run_crossing(const char *what, uint32_t end)
{
	uint32_t stack, value;

	fault_error = ~0u;
	__asm__ volatile("movl $1f, %1; movl %%esp, %0; call *%3; 1: movl %0, %%esp"
			 : "=&S"(stack), "=m"(resume), "=&a"(value)
			 : "r"(end - CROSSING_BYTES)
			 : "ecx", "edx", "memory");
	if (fault_error == ~0u) {
		print(" %s %x", what, value);
		return;
	}
	tell_fault(what, end);
	if (fault_eip != end - CROSSING_BYTES + CROSSING_AT)
		print(" at another instruction");
}

/* Runs the code with different entries for the page at `end`.  set() writes an entry and
 * invalidates. */
static void tell_crossing(uint32_t end, void (*set)(uint64_t entry))
{
	make_crossing(CROSSING);
	set((CROSSING + PAGE) | P | W);
	print("\n  across pages:");
	run_crossing("run", end);
	run_crossing("run", end);
	set(0);
	run_crossing("gone", end);
	set((CROSSING + 2 * PAGE) | P | W);
	run_crossing("another frame", end);
	set((CROSSING + PAGE) | P);
	run_crossing("back", end);
	*(volatile uint16_t *)(uintptr_t)(CROSSING + PAGE) = 0x3333;
	run_crossing("stored to", end);
}

static uint32_t swap_at(uint32_t va, uint32_t value)
{
	volatile uint32_t *p = (volatile uint32_t *)(uintptr_t)va;
	uint32_t old = *p;

	*p = value;
	return old;
}

/* ---- the modes ----------------------------------------------------------- */

static void tell_real(uint32_t value)
{
	static const char text[] = "real mode:";

	memcpy((void *)(uintptr_t)TEXT, text, sizeof(text));
	/* The interrupt adds one. */
	print(" read %x\n", swap_real(MAILBOX >> 4 & 0xf000, MAILBOX & 0xffff, value,
				      (const char *)(uintptr_t)TEXT) -
				    1);
}

static void tell_protected(uint32_t value)
{
	print("protected mode: read %x\n", swap_protected(MAILBOX - 0x20000, value));
}

static void paging_on(uint32_t cr3, unsigned long cr4)
{
	set_cr4(cr4);
	set_cr3(cr3);
	set_cr0(get_cr0() | CR0_PG | CR0_WP);
}

static void paging_off(void)
{
	set_cr0(get_cr0() & ~(CR0_PG | CR0_WP));
	set_cr4(0);
}

static void set_2level(uint64_t entry)
{
	table[17] = (uint32_t)entry;
	invlpg(0xc0011000);
}

static void set_pae(uint64_t entry)
{
	pae_table[17] = entry;
	invlpg(0xffe11000);
}

/* Maps 8 MiB one to one by 4M pages, a page table at 0xc0000000, and a 4M page at 0x80000000. */
static void tell_2level(uint32_t value)
{
	uint32_t flags = (uint32_t)(P | W);

	directory[0] = 0x000000 | (uint32_t)PS | flags;
	directory[1] = 0x400000 | (uint32_t)PS | flags;
	directory[0x200] = OTHER | (uint32_t)PS | flags;
	directory[0x300] = address(table) | flags;
	table[0] = (MAILBOX & ~0xfffu) | flags;
	table[1] = (MAILBOX & ~0xfffu) | (uint32_t)P;
	table[2] = 0;
	paging_on(address(directory), CR4_PSE);
	print("2-level paging: read %x", swap_at(0xc0000000 + IN_PAGE, value));
	print(" alias %x", read_at("read-only", 0xc0001000 + IN_PAGE));
	write_at("write", 0xc0001000 + IN_PAGE, 1);
	read_at("absent", 0xc0002000);
	read_at("no table", 0xd0000000);
	write_at("4M", 0x80123450, 0x4444);
	table[3] = (OTHER + 0x123000) | flags;
	print(" %x", read_at("by 4K", 0xc0003450));
	directory[0x200] = OTHER | (uint32_t)PS | (uint32_t)P;
	invlpg(0x80123450);
	write_at("read-only 4M", 0x80123450, 1);
	directory[0x201] = OTHER | 1u << 21 | (uint32_t)PS | flags;
	read_at("reserved", 0x80400000);
	print(" A %s D %s", table[0] & A ? "set" : "clear", table[0] & D ? "set" : "clear");
	directory[4] = (CROSSING & ~0x3fffffu) | (uint32_t)PS | flags;
	table[16] = CROSSING | flags;
	tell_crossing(0xc0011000, set_2level);
	print("\n");
	paging_off();
}

/* The same with entries of 8 bytes.  The mailbox is in the last page of all addresses. */
static void tell_pae(uint32_t value)
{
	unsigned i;

	for (i = 0; i < 4; i++) {
		memset(pae_directories[i], 0, sizeof(pae_directories[i]));
		pdpt[i] = address(pae_directories[i]) | P;
		pae_directories[0][i] = i << 21 | PS | P | W;
	}
	pae_directories[3][511] = address(pae_table) | P | W;
	pae_directories[2][0] = OTHER | PS | P | W;
	pae_table[511] = (MAILBOX & ~0xfffu) | P | W;
	pae_table[510] = (MAILBOX & ~0xfffu) | P | NX;
	set_efer(EFER_NXE);
	paging_on(address(pdpt), CR4_PAE);
	print("PAE paging: read %x", swap_at(0xfffff000 + IN_PAGE, value));
	print(" alias %x", read_at("read-only", 0xffffe000 + IN_PAGE));
	write_at("write", 0xffffe000 + IN_PAGE, 1);
	run_at("run", 0xffffe000);
	read_at("absent", 0xffffd000);
	write_at("2M", 0x80123450, 0xc3);
	run_at("run", 0x80123450);
	pae_directories[2][0] |= NX;
	invlpg(0x80123450);
	run_at("nx", 0x80123450);
	pdpt[1] = 0;
	set_cr3(address(pdpt));
	read_at("no pdpte", 0x40000000);
	print(" A %s D %s", pae_table[511] & A ? "set" : "clear",
	      pae_table[511] & D ? "set" : "clear");
	pae_directories[0][9] = CROSSING | PS | P | W;
	pae_table[16] = CROSSING | P;
	tell_crossing(0xffe11000, set_pae);
	set_pae((CROSSING + PAGE) | P | NX);
	run_crossing("nx", 0xffe11000);
	print("\n");
	paging_off();
	set_efer(0);
}

/* Maps the low 8 MiB one to one, and the mailbox in the first page of the upper half. */
static void make_long(void)
{
	unsigned i;

	for (i = 0; i < 4; i++)
		low_directory[i] = i << 21 | PS | P | W;
	low_pdpt[0] = address(low_directory) | P | W;
	pml4[0] = address(low_pdpt) | P | W;
	pml4[256] = address(high_pdpt) | P | W;
	high_pdpt[0] = address(high_directory) | P | W;
	high_directory[0] = address(high_table) | P | W;
	high_table[0] = (MAILBOX & ~0xfffu) | P | W;
}

static void tell_long(uint32_t value)
{
	make_long();
	print(" read %x\n",
	      swap_long(0xffff800000000000 + IN_PAGE, value, address(pml4), CR4_PAE, "long mode:"));
}

/* With 5 levels the upper half begins elsewhere.  Entry 0 of its table of level 4 leads to the
 * mailbox. */
static void tell_5level(uint32_t value)
{
	static table_t high_pml4;
	uint32_t before;

	if (!(cpuid7().c & 1u << 16)) {
		print("5-level paging: skipped: no la57\n");
		return;
	}
	make_long();
	pml5[0] = address(pml4) | P | W;
	pml5[256] = address(high_pml4) | P | W;
	high_pml4[0] = address(high_pdpt) | P | W;
	before = swap_long(0xff00000000000000 + IN_PAGE, value, address(pml5), CR4_PAE | CR4_LA57,
			   "5-level paging:");
	print(" read %x", before);
	/* The next mode must print the same whether this one was skipped or not. */
	print(" left %x\n", swap_protected(MAILBOX - 0x20000, before));
}

int main(void);
int main(void)
{
	uint32_t handler = address((const void *)(uintptr_t)on_page_fault);

	idt[14] = (handler & 0xffff) | 8u << 16 | (uint64_t)(handler & 0xffff0000) << 32 |
		  0x8e00ull << 32;
	swap_protected(MAILBOX - 0x20000, 0x1000);
	tell_real(0x2001);
	tell_protected(0x3003);
	tell_2level(0x4004);
	tell_pae(0x5005);
	tell_long(0x6006);
	tell_5level(0x7007);
	tell_long(0x8008);
	tell_pae(0x9009);
	tell_2level(0xa00a);
	tell_protected(0xb00b);
	tell_real(0xc00c);
	tell_protected(0xd00d);
	return 0;
}
