/* SPDX-License-Identifier: BSD-2-Clause */
/* What entries allow: sizes, rights, reserved bits, A and D. */
#include "torture.h"

void test_sizes(void)
{
	uint64_t four = WINDOW + 4 * PAGE, giant = 0x80c0000000ull;

	map(four, (BIG_FRAME + 0x6000) | P | W);
	*entry(BIG_AT, 2) = BIG_FRAME | PS | P;
	invlpg(BIG_AT);
	*word(BIG_FRAME + 0x6000) = 0xd1;
	print("sizes:");
	tell_read("4K", four);
	tell_read("2M", BIG_AT + 0x6000);
	tell("write", probe(WRITE, BIG_AT + 0x6000, 1));
	print("\n1G:");
	if (!(cpuid(0x80000001).d & 1u << 26)) {
		print(" skipped: no 1G pages\n");
		return;
	}
	*entry(giant, 3) = PS | P | W;
	tell_read("read", giant + BIG_FRAME + 0x6000);
	*entry(giant, 3) = PS | P;
	invlpg(giant);
	tell("write", probe(WRITE, giant + BIG_FRAME, 1));
	*entry(giant, 3) = 0;
	invlpg(giant);
	tell_read("gone", giant);
	print("\n");
}

void test_nx(void)
{
	uint64_t va = WINDOW + 5 * PAGE;

	frames[10][0] = 0xc3; /* ret */
	map(va, frame(10) | P | U);
	print("nx:");
	tell("run", probe(RUN, va, 0));
	tell("user", probe(USER_RUN, va, 0));
	map(va, frame(10) | P | U | NX);
	tell("nx", probe(RUN, va, 0));
	tell("user", probe(USER_RUN, va, 0));
	tell("read", probe(READ, va, 0));
	map(va, frame(10) | P);
	*entry(va, 3) |= NX;
	set_cr3(get_cr3());
	tell("nx above", probe(RUN, va, 0));
	*entry(va, 3) &= ~NX;
	set_cr3(get_cr3());
	tell("run", probe(RUN, va, 0));
	print("\n");
}

static void try_all(uint64_t va)
{
	tell("read", probe(READ, va, 0));
	tell("write", probe(WRITE, va, 1));
	tell("user-read", probe(USER_READ, va, 0));
	tell("user-write", probe(USER_WRITE, va, 2));
}

void test_rights(void)
{
	static const uint64_t flags[] = { P, P | W, P | U, P | W | U };
	static const char *const names[] = { "r--", "rw-", "r-u", "rwu" };
	uint64_t va = WINDOW + 6 * PAGE;
	unsigned i, j;

	for (i = 0; i < 4; i++)
		for (j = 0; j < 4; j++) {
			*entry(va, 2) = (*entry(va, 2) & FRAME) | flags[i];
			map(va, frame(11) | flags[j]);
			print("rights: directory %s page %s", names[i], names[j]);
			try_all(va);
			print("\n");
		}
	*entry(va, 2) = (*entry(va, 2) & FRAME) | P | W | U;
	set_cr3(get_cr3());
}

void test_wp(void)
{
	uint64_t va = WINDOW + 6 * PAGE;

	map(va, frame(12) | P | U);
	print("cr0.wp=0:");
	set_cr0(get_cr0() & ~CR0_WP);
	tell("write", probe(WRITE, va, 0xe1));
	tell("user-write", probe(USER_WRITE, va, 1));
	tell("user-read", probe(USER_READ, va, 0));
	tell("write", probe(WRITE, va, 0xe2));
	print(" d=%u", !!(*entry(va, 1) & D));
	set_cr0(get_cr0() | CR0_WP);
	print(" cr0.wp=1:");
	tell("write", probe(WRITE, va, 1));
	tell_read("read", va);
	print("\n");
}

void test_smep_smap(void)
{
	uint64_t va = WINDOW + 5 * PAGE;
	uint32_t features = cpuid7().b;

	frames[10][0] = 0xc3;
	map(va, frame(10) | P | W | U);
	print("smep:");
	if (features & 1u << 7) {
		set_cr4(get_cr4() | CR4_SMEP);
		tell("run", probe(RUN, va, 0));
		tell("user", probe(USER_RUN, va, 0));
		set_cr4(get_cr4() & ~CR4_SMEP);
		tell("off", probe(RUN, va, 0));
	} else {
		print(" skipped: no smep");
	}
	print("\nsmap:");
	if (features & 1u << 20) {
		set_cr4(get_cr4() | CR4_SMAP);
		tell("read", probe(READ, va, 0));
		tell("write", probe(WRITE, va, 0));
		tell("user", probe(USER_READ, va, 0));
		__asm__ volatile("stac");
		tell("ac", probe(READ, va, 0));
		__asm__ volatile("clac");
		set_cr4(get_cr4() & ~CR4_SMAP);
		tell("off", probe(READ, va, 0));
	} else {
		print(" skipped: no smap");
	}
	print("\n");
}

/* Bits that are reserved on every CPU: PS in the top table, bits 20 to 13 in the entry of a 2M
 * page. */
void test_reserved(void)
{
	uint64_t va = WINDOW + 6 * PAGE;

	map(va, frame(13) | P | W | U);
	print("reserved:");
	*entry(WINDOW, 4) |= PS;
	set_cr3(get_cr3());
	tell("top", probe(READ, va, 0));
	*entry(WINDOW, 4) &= ~PS;
	set_cr3(get_cr3());
	tell("mended", probe(READ, va, 0));
	*entry(BIG_AT, 2) = BIG_FRAME | 1u << 13 | PS | P | W | U;
	invlpg(BIG_AT);
	tell("2M read", probe(READ, BIG_AT, 0));
	tell("write", probe(WRITE, BIG_AT, 1));
	tell("user", probe(USER_READ, BIG_AT, 0));
	*entry(BIG_AT, 2) = BIG_FRAME | 1u << 13 | PS;
	invlpg(BIG_AT);
	tell("not present", probe(READ, BIG_AT, 0));
	map(va, frame(13) | P | NX);
	set_efer(get_efer() & ~EFER_NXE);
	set_cr3(get_cr3());
	tell("nx without nxe", probe(READ, va, 0));
	set_efer(get_efer() | EFER_NXE);
	set_cr3(get_cr3());
	tell("with", probe(READ, va, 0));
	print("\n");
}

static void tell_ad(const char *what, uint64_t e)
{
	print(" %s %s%s", what, e & A ? "A" : "-", e & D ? "D" : "-");
}

void test_accessed_dirty(void)
{
	uint64_t va = WINDOW + 6 * PAGE, *e = entry(va, 1), *above = entry(va, 2);

	*above &= ~(A | D);
	map(va, frame(14) | P | W);
	set_cr3(get_cr3());
	print("accessed, dirty:");
	tell_ad("made", *e);
	probe(READ, va, 0);
	tell_ad("read", *e);
	probe(WRITE, va, 1);
	tell_ad("written", *e);
	tell_ad("above", *above);
	*e &= ~(A | D);
	invlpg(va);
	probe(READ, va, 0);
	tell_ad("again", *e);
	*e &= ~W;
	invlpg(va);
	probe(WRITE, va, 1);
	print(" denied %s", *e & D ? "D" : "-");
	*entry(BIG_AT, 2) = BIG_FRAME | PS | P | W;
	invlpg(BIG_AT);
	probe(WRITE, BIG_AT + 0x12345678 % 0x200000, 1);
	tell_ad("2M", *entry(BIG_AT, 2));
	print("\n");
}

/* A store to two pages must not change the first one if the second one is not present. */
void test_crossing(void)
{
	uint64_t va = WINDOW + 0x20 * PAGE, end = va + PAGE;
	struct outcome o;

	map(va, frame(22) | P | W);
	map(end, 0);
	*word(frame(22) + PAGE - 8) = 0x1122334455667788;
	print("crossing:");
	o = probe(WRITE, end - 4, 0);
	tell("store", o);
	print(" second page %u, first holds %lx", o.cr2 == end, *word(frame(22) + PAGE - 8));
	map(end, frame(30) | P | W);
	tell("store", probe(WRITE, end - 4, 0xaabbccdd99887766));
	tell_read("read", end - 4);
	print(" pages %lx %x", *word(frame(22) + PAGE - 8), *(uint32_t *)frame(30));
	frames[22][PAGE - 1] = 0x48; /* xor %rax, %rax; ret: across the boundary */
	memcpy(frames[30], "\x31\xc0\xc3", 3);
	tell("run", probe(RUN, end - 1, 0));
	map(end, 0);
	o = probe(RUN, end - 1, 0);
	tell("run", o);
	print(" second page %u\n", o.cr2 == end);
}

/* A function at the end of a page.  Two bytes of its second instruction are in the next page. */
static const uint8_t crossing_code[] = { 0x31, 0xc0, 0xb8, 0x11, 0x11, 0x11, 0x11, 0xc3 };
#define CROSSING_BYTES 5u /* bytes of the function in the first page */
#define CROSSING_AT 2u	  /* offset of the second instruction */

static void tell_run(const char *what, enum way way, uint64_t end)
{
	struct outcome o = probe(way, end - CROSSING_BYTES, 0);

	if (!o.vector) {
		print(" %s %lx", what, o.value);
		return;
	}
	tell(what, o);
	if (o.rip != end - CROSSING_BYTES + CROSSING_AT)
		print(" at another instruction");
	if (o.cr2 != end)
		print(" for another page");
}

static void run_crossing(enum way way, uint64_t user)
{
	uint64_t va = WINDOW + 511 * PAGE, end = va + PAGE; /* `end` is in another table */
	unsigned i;

	memcpy(&frames[40][PAGE - CROSSING_BYTES], crossing_code, CROSSING_BYTES);
	for (i = 41; i < 43; i++)
		memset(frames[i], (int)(0x11 * (i - 40)), 2);
	for (i = 41; i < 43; i++)
		frames[i][2] = 0xc3;
	map(va, frame(40) | P | user);
	map(end, frame(41) | P | user);
	for (i = 0; i < 3; i++)
		tell_run("run", way, end);
	map(end, 0);
	tell_run("gone", way, end);
	tell_run("still", way, end);
	map(end, frame(42) | P | user);
	tell_run("another frame", way, end);
	map(end, frame(41) | P | user);
	tell_run("back", way, end);
	frames[41][0] = frames[41][1] = 0x33;
	tell_run("stored to", way, end);
	map(end, frame(41) | P | user | NX);
	tell_run("nx", way, end);
	if (user) {
		map(end, frame(41) | P);
		tell_run("supervisor's", way, end);
	}
	map(end, frame(41) | P | user);
	tell_run("run", way, end);
	/* The entry that leads to the table. */
	*entry(end, 2) &= ~P;
	invlpg(end);
	tell_run("no table", way, end);
	*entry(end, 2) |= P;
	tell_run("run", way, end);
	print("\n");
}

void test_crossing_code(void)
{
	print("crossing code:");
	run_crossing(RUN, 0);
	print("crossing code, user's:");
	run_crossing(USER_RUN, U);
}

void test_addresses(void)
{
	print("addresses:");
	tell("not canonical", probe(READ, 0x800000000000ull, 0));
	tell("write", probe(WRITE, 0xffff7ffffffffff8ull, 0));
	tell("last", probe(READ, 0xfffffffffffffff0ull, 0));
	print("\n");
}

/* The local APIC is no memory, but its entry has rights, and A and D bits that are set. */
void test_device(void)
{
	uint64_t va = WINDOW + 0x31 * PAGE, *e = entry(va, 1), id = va + 0x20;

	map(va, 0xfee00000 | PCD | P);
	print("device:");
	tell("read", probe(READ4, id, 0));
	tell_ad("marked", *e);
	tell("write", probe(WRITE4, id, 0));
	tell_ad("marked", *e);
	map(va, 0xfee00000 | PCD | P | W);
	tell("read", probe(READ4, id, 0));
	tell_ad("marked", *e);
	tell("write", probe(WRITE4, id, 0));
	tell_ad("marked", *e);
	tell("user", probe(USER_READ, id, 0));
	print("\n");
}
