/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of a world share. */
#ifndef WORLD_PRIV_H
#define WORLD_PRIV_H

#include <string.h>

#include "ops.h"
#include "race.h"
#include "world.h"

#define PAGE 4096ull

/* Ends the program: the tester itself lacks something. */
void rig_die(const char *what);

#define NOWHERE (~0ull)

/* Which region a GPA lies in now; -1: in none. */
int region_at(const struct world *w, uint64_t gpa);
/* The GPA it has at home; NOWHERE. */
uint64_t home_of(const struct world *w, uint64_t gpa);
/* Its frame, or -1. */
int frame_of(const struct world *w, uint64_t gpa);
/* The oracle's memory, and a VM's; gpa is RAM. */
uint8_t *ram_at(const struct world *w, uint64_t gpa);
uint8_t *vm_ram_at(const struct world *w, const struct world_vm *v, uint64_t gpa);
/* What a VM's host pointer points to now; NOWHERE: to nothing that it may point to. */
uint64_t gpa_at(const struct world *w, const struct world_vm *v, const uint8_t *p);
/* A store at gpa: what a dirty log has to say. */
void world_wrote(struct world *w, uint64_t gpa, uint64_t len);
/* A translation for writing at gpa: what a dirty log may say. */
void world_may_write(struct world *w, uint64_t gpa);

static inline uint64_t load(const uint8_t *p, unsigned bytes)
{
	uint32_t v4;
	uint64_t v8;

	if (bytes == 4) {
		memcpy(&v4, p, 4);
		return v4;
	}
	memcpy(&v8, p, 8);
	return v8;
}

static inline bool is_canonical(uint64_t gva, unsigned bits)
{
	return (uint64_t)((int64_t)(gva << (64 - bits)) >> (64 - bits)) == gva;
}

static inline bool is_victim(const struct world *w, unsigned vm, enum sabotage what)
{
	return w->cfg.sabotage == what && vm == w->cfg.victim % w->nr_vms;
}

/* One operation of the guest's, the host's or a device's begins.  False: it is not to be done. */
static inline bool note(struct world *w, const struct world_op *op)
{
	if (w->instead) {
		ops_add(w->instead, op);
		return false;
	}
	if (w->record)
		ops_add(w->record, op);
	return true;
}

static inline bool takes_part(const struct world *w, unsigned vm)
{
	return !(w->skip >> vm & 1);
}

/* What the host does that concerns one VM alone: HOST_NOTIFY, HOST_REPLACE. */
void host_one(struct world *w, struct world_vm *v, unsigned which, unsigned where);
/* All VMs have done to a slot what an operation of the host does: what the world knows of it. */
void host_slots_changed(struct world *w, unsigned which, unsigned r);
/* May a harvest of that VM tell of the page at `home`, by what is known now?  If not, a failure. */
bool host_may_be_dirty(struct world *w, const struct world_vm *v, uint64_t home);
void host_dirty_by_nobody(struct world *w, const struct world_vm *v, uint64_t home);
/* A MOV to a register of one vCPU of one VM; a status. */
int set_in(struct vmmu_cpu *cpu, enum world_reg reg, uint64_t value);
/* Is the answer legal now?  If not, c->why says why. */
bool judge_claim(struct world *w, struct world_vm *v, struct claim *c);
/* An answer of the raced VM, of the outer (0) or the inner (1) operation: kept if not legal yet. */
void judge_answer(struct world *w, unsigned which, const struct claim *c);
/* What the last access may have left different. */
enum ad_rule { AD_EXACT, AD_ANY, AD_MISSING, AD_NOTHING_SET };

/* What walks of gva read, by the rules. */
void compare_walk(struct world *w, unsigned cpu, uint64_t gva, const enum ad_rule rule[WORLD_VMS]);
/* Tells the oracle of the A and D bits that it has just set. */
void note_ad(struct world *w);
/* What walks of gva read is made the same in all VMs, whatever A and D bits are missing. */
void level_walk(struct world *w, unsigned cpu, uint64_t gva);

/* A walk that sets no A or D bit, and reads no PDPTEs that it could spoil. */
bool world_is_quiet(struct world *w, unsigned cpu, const struct or_access *acc);
/* Did this VM walk since the last call? */
bool world_walked(struct world_vm *v);

#endif
