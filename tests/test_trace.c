/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMTRACE1, byte by byte.
 * Not here: files and replaying.
 * Keeps: what put writes get reads back, and the bytes are the format's own.
 */
#include <string.h>

#include <vmmu/trace.h>

#include "t.h"

Test(trace, a_header_is_magic_and_bytes_of_ram)
{
	static const uint8_t want[16] = { 'V', 'M',  'T',  'R',	 'A',  'C', 'E',
					  '1', 0x00, 0x00, 0x00, 0x08, 0x01 };
	uint8_t is[16];
	uint64_t ram = 0;

	t_eq(VMMU_TRACE_HEADER_BYTES, 16);
	vmmu_trace_put_header(is, 0x108000000);
	t_true(!memcmp(is, want, 16));
	t_eq(vmmu_trace_get_header(is, &ram), 0);
	t_eq(ram, 0x108000000);
	is[7] = '2';
	t_true(vmmu_trace_get_header(is, &ram) == -1);
}

Test(trace, a_record_is_two_little_endian_words)
{
	static const uint8_t want[16] = { 0x01, 0x04, 0,    0,	  0,	0,    0,    0,
					  0x20, 0x00, 0x17, 0x00, 0xef, 0xcd, 0xab, 0x89 };
	struct vmmu_trace_record r = { VMMU_TRACE_CR, 4, 0x89abcdef00170020 }, back;
	uint8_t is[16];

	t_eq(VMMU_TRACE_RECORD_BYTES, 16);
	vmmu_trace_put(is, &r);
	t_true(!memcmp(is, want, 16));
	vmmu_trace_get(want, &back);
	t_eq(back.type, VMMU_TRACE_CR);
	t_eq(back.arg, 4);
	t_eq(back.b, 0x89abcdef00170020);
}

Test(trace, types_have_the_formats_numbers)
{
	t_eq(VMMU_TRACE_CR, 1);
	t_eq(VMMU_TRACE_INVLPG, 2);
	t_eq(VMMU_TRACE_FLUSH, 3);
	t_eq(VMMU_TRACE_PTPAGE, 4);
	t_eq(VMMU_TRACE_PTE, 5);
	t_eq(VMMU_TRACE_PTDROP, 6);
	t_eq(VMMU_TRACE_PTW, 7);
	t_eq(VMMU_TRACE_ACC, 8);
	t_eq(VMMU_TRACE_FAULT, 9);
	t_eq(VMMU_TRACE_MARK, 10);
	t_eq(VMMU_TRACE_COUNT, 11);
}

Test(trace, records_come_back_from_any_alignment)
{
	uint64_t seed = 0x2545f4914f6cdd1d;
	uint8_t buf[16 + 8];
	unsigned i;

	for (i = 0; i < 10000; i++) {
		struct vmmu_trace_record r, back;

		seed = seed * 6364136223846793005u + 1442695040888963407u;
		r.type = (uint8_t)(seed >> 56);
		r.arg = seed >> 8;
		r.b = seed * 0x9e3779b97f4a7c15;
		vmmu_trace_put(buf + i % 8, &r);
		vmmu_trace_get(buf + i % 8, &back);
		t_eq(back.type, r.type);
		t_eq(back.arg, r.arg);
		t_eq(back.b, r.b);
	}
}

static int access_of(uint64_t a, uint64_t b, struct vmmu_trace_access *acc)
{
	struct vmmu_trace_record r = { (uint8_t)a, a >> 8, b };

	return vmmu_trace_get_access(&r, acc);
}

Test(trace, an_access_has_page_type_privilege_and_mmio)
{
	static const uint32_t type[] = { VMMU_READ, VMMU_WRITE, VMMU_FETCH };
	static const uint32_t privilege[] = { 0, VMMU_USER, VMMU_AC };
	struct vmmu_trace_access acc;
	unsigned t, p, mmio;

	for (t = 0; t < 3; t++) {
		for (p = 0; p < 3; p++) {
			for (mmio = 0; mmio < 2; mmio++) {
				t_eq(access_of(0xffff800012345000 | t << 8 | 8,
					       0x12fee00000 | mmio << 4 | p, &acc),
				     0);
				t_eq(acc.gva, 0xffff800012345000);
				t_eq(acc.gpa, 0x12fee00000);
				t_eq(acc.access, type[t] | privilege[p]);
				t_eq(acc.mmio, mmio);
			}
		}
	}
}

Test(trace, a_fetch_from_no_ram_has_rights_only)
{
	struct vmmu_trace_access acc;

	t_eq(access_of(0x1000 | 2 << 8 | 8, ~UINT64_C(0xfff), &acc), 0);
	t_eq(acc.gpa, ~UINT64_C(0xfff));
}

Test(trace, an_access_record_keeps_the_line)
{
	static const uint32_t access[] = { VMMU_READ, VMMU_WRITE | VMMU_USER,
					   VMMU_FETCH | VMMU_AC };
	unsigned i;

	for (i = 0; i < 64 * 3; i++) {
		struct vmmu_trace_access want = { .gva = 0xffff888012345000 + i / 3 * 64,
						  .gpa = 0x12fee00000,
						  .access = access[i % 3],
						  .mmio = i & 1 },
					 got;
		uint8_t bytes[VMMU_TRACE_RECORD_BYTES];
		struct vmmu_trace_record rec;

		vmmu_trace_put_access(bytes, &want);
		vmmu_trace_get(bytes, &rec);
		t_eq(rec.type, VMMU_TRACE_ACC);
		t_eq(vmmu_trace_get_access(&rec, &got), 0);
		t_eq(got.gva, want.gva);
		t_eq(got.gpa, want.gpa);
		t_eq(got.access, want.access);
		t_eq(got.mmio, want.mmio);
	}
}

Test(trace, a_reserved_type_or_privilege_is_refused)
{
	struct vmmu_trace_access acc;
	unsigned i;

	for (i = 3; i < 16; i++) {
		t_true(access_of(0x1000 | i << 8 | 8, 0, &acc) == -1);
		t_true(access_of(0x1000 | 8, i, &acc) == -1);
	}
}

Test(trace, a_fault_record_tells_the_access)
{
	static const struct {
		uint32_t code, access;
	} f[] = {
		{ 0x00, VMMU_READ },
		{ 0x01, VMMU_READ },
		{ 0x02, VMMU_WRITE },
		{ 0x03, VMMU_WRITE },
		{ 0x04, VMMU_READ | VMMU_USER },
		{ 0x06, VMMU_WRITE | VMMU_USER },
		{ 0x10, VMMU_FETCH },
		{ 0x15, VMMU_FETCH | VMMU_USER },
		{ 0x29, VMMU_READ },
	};
	unsigned i;

	for (i = 0; i < sizeof(f) / sizeof(f[0]); i++) {
		struct vmmu_trace_record r = { VMMU_TRACE_FAULT, f[i].code, 0x1234 };

		t_eq(vmmu_trace_fault_access(&r), f[i].access);
	}
}
