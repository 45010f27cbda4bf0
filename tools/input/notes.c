/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * QEMU's notes about its vCPUs, in ELF cores and in kdump-compressed dumps alike.
 * Other notes are skipped: NT_PRSTATUS has no control registers.
 * Invariant: nothing is read outside the notes' bytes.
 */
#include "dump.h"

#include <stdlib.h>
#include <string.h>

/* QEMUCPUState, version 1 */
#define NOTE_VERSION 1u
#define NOTE_CR_OFFSET 392u
#define NOTE_BYTES (NOTE_CR_OFFSET + 5 * 8)
#define NOTE_HEADER_BYTES 12u

static uint64_t le(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = bytes; i-- > 0;)
		v = v << 8 | p[i];
	return v;
}

/* One vCPU: u32 version, u32 size, ..., u64 cr[5] at offset 392. */
static int take_cpu(struct core *core, const uint8_t *desc, size_t size, const char *path,
		    struct err *err)
{
	struct known_regs *cpu;
	uint64_t version = size >= 8 ? le(desc, 4) : 0;

	if (size < NOTE_BYTES || version != NOTE_VERSION)
		return err_input(err,
				 "%s: QEMU note of vCPU %zu: %zu bytes, version %llu; "
				 "expected at least %u bytes, version %u",
				 path, core->nr_cpus, size, (unsigned long long)version, NOTE_BYTES,
				 NOTE_VERSION);
	cpu = realloc(core->cpu, (core->nr_cpus + 1) * sizeof(*cpu));
	if (!cpu)
		return err_input(err, "%s: out of memory", path);
	core->cpu = cpu;
	cpu += core->nr_cpus++;
	*cpu = (struct known_regs){ 0 };
	regs_set(cpu, KNOWN_CR0, le(desc + NOTE_CR_OFFSET, 8));
	regs_set(cpu, KNOWN_CR2, le(desc + NOTE_CR_OFFSET + 16, 8));
	regs_set(cpu, KNOWN_CR3, le(desc + NOTE_CR_OFFSET + 24, 8));
	regs_set(cpu, KNOWN_CR4, le(desc + NOTE_CR_OFFSET + 32, 8));
	return 0;
}

static uint64_t padded(uint64_t size)
{
	return (size + 3) & ~3ull;
}

int notes_take(struct core *core, const uint8_t *notes, size_t size, uint64_t at, const char *path,
	       struct err *err)
{
	size_t pos = 0;

	while (size - pos >= NOTE_HEADER_BYTES) {
		const uint8_t *nh = notes + pos, *name = nh + NOTE_HEADER_BYTES;
		uint64_t name_bytes = le(nh, 4), desc_bytes = le(nh + 4, 4);
		uint64_t left = size - pos - NOTE_HEADER_BYTES,
			 all = padded(name_bytes) + desc_bytes;

		if (all > left)
			return err_input(err,
					 "%s: note at byte 0x%llx: it has 0x%llx bytes, and 0x%llx "
					 "are left for it",
					 path, (unsigned long long)(at + pos),
					 (unsigned long long)all, (unsigned long long)left);
		if (le(nh + 8, 4) == 0 && name_bytes == 5 && memcmp(name, "QEMU", 5) == 0 &&
		    take_cpu(core, name + padded(name_bytes), desc_bytes, path, err) < 0)
			return -1;
		pos += NOTE_HEADER_BYTES + padded(all);
		if (pos > size) /* the last one's padding may be left out */
			break;
	}
	return 0;
}
