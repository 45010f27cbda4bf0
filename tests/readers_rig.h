/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the command's readers share: files made of bytes, and what errors say.
 * Not here: tests (test_readers.c, test_readers_traces.c).
 */
#ifndef READERS_RIG_H
#define READERS_RIG_H

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include "input/input.h"
#include "machine/machine.h"
#include "replay/replay.h"
#include "t.h"
#include "base/base.h"

#define t_says(err, what)                                                                          \
	t_check(strstr((err).text, what), "\"%s\" does not say \"%s\"", (err).text, what)

#define t_hints(err, what)                                                                         \
	t_check(strstr((err).hint, what), "\"%s\" does not hint at \"%s\"", (err).hint, what)

/* An unnamed file with these bytes; its path in `path`. */
static inline int file_of(const void *bytes, size_t size, char path[32])
{
	int fd = memfd_create("t", 0);

	t_true(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
	snprintf(path, 32, "/proc/self/fd/%d", fd);
	return fd;
}

struct small_core {
	Elf64_Ehdr eh;
	Elf64_Phdr ph[2];
	Elf64_Nhdr nh;
	char name[8];
	uint32_t version, size;
	uint8_t regs[384];
	uint64_t cr[5], more;
	uint8_t page[64];
} __attribute__((packed));

static inline struct small_core small_core(void)
{
	struct small_core c;

	memset(&c, 0, sizeof(c));
	memcpy(c.eh.e_ident, ELFMAG, 4);
	c.eh.e_ident[EI_CLASS] = ELFCLASS64;
	c.eh.e_ident[EI_DATA] = ELFDATA2LSB;
	c.eh.e_ident[EI_VERSION] = EV_CURRENT;
	c.eh.e_type = ET_CORE;
	c.eh.e_machine = EM_X86_64;
	c.eh.e_version = EV_CURRENT;
	c.eh.e_ehsize = 8; /* as QEMU writes it */
	c.eh.e_phoff = offsetof(struct small_core, ph);
	c.eh.e_phentsize = sizeof(Elf64_Phdr);
	c.eh.e_phnum = 2;
	c.ph[0] = (Elf64_Phdr){ .p_type = PT_NOTE, .p_offset = offsetof(struct small_core, nh) };
	c.ph[0].p_filesz = offsetof(struct small_core, page) - c.ph[0].p_offset;
	c.ph[1] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_offset = offsetof(struct small_core, page) };
	c.ph[1].p_paddr = 0x5000;
	c.ph[1].p_filesz = sizeof(c.page);
	c.ph[1].p_memsz = 0x2000;
	c.nh = (Elf64_Nhdr){ 5, 440, 0 };
	memcpy(c.name, "QEMU", 5);
	c.version = 1;
	c.size = 440;
	c.cr[0] = 0x80050033;
	c.cr[3] = 0x5000;
	c.cr[4] = 0x20;
	c.page[8] = 0x77;
	return c;
}

#endif
