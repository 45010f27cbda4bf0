/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest and its three machines, as the files of the engine share them.
 * Invariant: every machine's memory holds the same but for A and D bits, and its registers
 * are the same.
 */
#ifndef PLAY_WORLD_H
#define PLAY_WORLD_H

#include <native.h>
#include <vmmu/backend.h>
#include <vmmu/explain.h>
#include <vmmu/nested.h>
#include <vmmu/shadow.h>

#include "play.h"

#define NR_MACHINES 3
enum { NATIVE, SHADOW, NESTED };

#define PRESET_RAM (4ull << 20)
/* Host-physical: tables of the hypervisor below, the guest's memory from here on. */
#define RAM_HPA (4ull << 20)
#define CHUNK (256u << 10)
#define NR_CHUNKS (RAM_HPA / CHUNK)
#define STEPS 40 /* 35 is the longest walk: five levels over five */
#define HAPPENED 96

/* One event, and of a walk what it read. */
struct happened {
	enum vmmu_event event;
	uint64_t a, b;
	unsigned nr_steps;
	struct vmmu_step step[STEPS];
	struct vmmu_walk walk;
};

struct machine {
	struct play *play;
	struct vmmu *vm;
	struct vmmu_cpu *cpu;
	struct vmmu_hw *hw;
	uint8_t *memory; /* of the host: tables, then the guest's */
	uint8_t *ram;
	uint8_t chunk[NR_CHUNKS]; /* of the host's tables: 0 free; 1 first, 2 more of one piece */
	/* the last command */
	struct vmmu_stats before;
	struct vmmu_silicon_stats silicon_before;
	int status;
	struct vmmu_xlat xlat;
	struct happened happened[HAPPENED];
	unsigned nr_happened;
	unsigned lost; /* events beyond these */
};

/* Switches of the machines; changing one makes them anew around the same memory. */
struct switches {
	uint8_t tlb, pwc, nested_tlb;
	uint8_t ept;
	uint8_t large; /* the host backs with 2M pages */
	uint32_t shadow_off;
};

enum last_act { ACT_NONE, ACT_ACCESS, ACT_OTHER };

struct play {
	struct machine machine[NR_MACHINES];
	struct switches with;
	uint64_t ram_bytes, arena_bytes;
	uint8_t *swap;	  /* of each page of RAM, by gpa ... */
	uint8_t *swapped; /* ... and whether it is there */
	struct vmmu_native_config native;
	struct vmmu_range range;
	uint64_t sample;    /* an address that the preset maps */
	uint64_t next_free; /* the next frame that nobody has used */
	char preset[16];
	int is_core; /* a real guest: a dump, or a trace */
	struct {
		uint8_t *bytes;	 /* a copy; NULL: there is none */
		uint64_t at, nr; /* records */
		uint64_t differ; /* answers that were not as recorded */
		int wide;	 /* the guest's entries have 8 bytes */
	} trace;
	enum last_act act;
	uint64_t gva;
	uint32_t access;
	unsigned walking; /* an access is on: walks are looked at */
	char error[200];
	struct text {
		char *at;
		size_t len, room;
		int failed;
	} json;
};

/* ---- memory.c ---- */
/* Zeroed memory, aligned to 2M, for good; NULL: none. */
uint8_t *memory_get(uint64_t bytes);
/* Zero again: whole pages of it. */
void memory_clear(uint8_t *at, uint64_t bytes);

/* ---- world.c ---- */
/* RAM of that size, empty; 0, or -1 with p->error. */
int world_memory(struct play *p, uint64_t bytes);
/* The machines, around what memory there is, with these registers; 0, or -1 with p->error. */
int world_start(struct play *p, const struct vmmu_regs *regs);
void world_stop(struct play *p);
int play_fail(struct play *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Counts and events of the next command begin. */
void world_mark(struct play *p);
uint64_t ram_entry(const struct play *p, uint64_t gpa, unsigned bytes);
/* Memory of the guest before it runs: not a store. */
void ram_poke(struct play *p, uint64_t gpa, uint64_t value, unsigned bytes);
/* A store by the guest's vCPU, on all machines. */
int guest_store(struct play *p, uint64_t gpa, uint64_t value, unsigned bytes);
/* ... of whole entries in one page. */
int guest_write(struct play *p, uint64_t gpa, const void *bytes, size_t len);
/* A register by name, on all machines: cr0, cr3, cr4, efer, pkru. */
int guest_set(struct play *p, const char *reg, uint64_t value);
int guest_access(struct play *p, uint64_t gva, uint32_t access);
const struct vmmu_paging *guest_paging(const struct play *p);

/* ---- presets.c ---- */
int preset_make(struct play *p, const char *name);
const char *preset_names(void);

/* ---- acts.c ---- */
int act_fork(struct play *p);
int act_flood(struct play *p, uint64_t gpa, unsigned nr);
int act_swap(struct play *p, uint64_t gpa);
int act_dirty(struct play *p, const char *how);

/* ---- core.c ---- */
int core_load(struct play *p, const uint8_t *bytes, size_t size);

/* ---- trace.c ---- */
int is_trace(const uint8_t *bytes, size_t size);
int trace_load(struct play *p, const uint8_t *bytes, size_t size);
/* The next `nr` things that the guest did. */
int trace_next(struct play *p, uint64_t nr);
void trace_forget(struct play *p);

/* ---- show.c ---- */
void show_state(struct play *p);
void show_map(struct play *p);
void show_stories(struct play *p);
void put(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void put_string(struct text *t, const char *s);

#endif
