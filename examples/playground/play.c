/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine's commands, a line each.  Numbers are as in C, hexadecimal with 0x.
 *
 *	preset NAME			a guest to begin with: presets.c
 *	machine KEY=VALUE...		new machines around the same memory and registers;
 *					tlb, pwc, ntlb: on or off; nested: npt or ept;
 *					host: 4K or 2M; shadow: all, trap or vtlb
 *	access GVA r|w|x [u|s|a]	by the user, the supervisor (default), or with EFLAGS.AC=1
 *	store GPA VALUE			the guest stores an entry's bytes
 *	flip GPA LEVEL BIT		the same, of the entry there with one bit changed:
 *					P W U A D S G X
 *	point GPA LEVEL ADDRESS		... with another address
 *	key GPA LEVEL KEY		... with another protection key
 *	set REGISTER VALUE		cr0 cr3 cr4 efer pkru
 *	toggle BIT			WP SMEP SMAP PGE PCIDE PKE NXE
 *	invlpg GVA
 *	fork				copies the tables, for copy on write
 *	flood GPA N			N stores of 0 in a row, as a freed table is cleared
 *	swap GPA			the host takes the page away
 *	dirty on|off|harvest		the host's dirty log
 *	check				every invariant of the machines
 *	next [N]			the next records of a trace
 *	state, stories, map		answer, and change nothing
 *
 * Not here: what they do in detail, and what is answered (show.c).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#define WORDS 8
#define LINE 200

struct play *play_new(void)
{
	struct play *p = calloc(1, sizeof(*p));

	if (p)
		p->with = (struct switches){ 0 };
	return p;
}

void play_free(struct play *p)
{
	if (!p)
		return;
	world_stop(p);
	trace_forget(p);
	free(p->json.at);
	free(p);
}

/* ---- words ---------------------------------------------------------------------------- */

static int number(struct play *p, const char *word, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(word ? word : "", &end, 0);
	if (!word || !*word || *word == '-' || *end || errno)
		return play_fail(p, "'%.40s' is no number", word ? word : "");
	return 0;
}

static int is_canonical(const struct play *p, uint64_t gva)
{
	struct vmmu_regs r;

	vmmu_get_regs(p->machine[NATIVE].cpu, &r);
	return (r.efer & VMMU_EFER_LMA) || gva <= UINT32_MAX;
}

static int parse_access(struct play *p, char **word, uint64_t *gva, uint32_t *access)
{
	static const char types[] = "rwx", whos[] = "sua";
	const char *type = word[2] && !word[2][1] ? strchr(types, *word[2]) : NULL;
	const char *who = !word[3] ? whos : !word[3][1] ? strchr(whos, *word[3]) : NULL;

	if (number(p, word[1], gva))
		return -1;
	if (!type || !who || !*type || !*who)
		return play_fail(p, "access GVA r|w|x [u|s|a] is wanted");
	if (!is_canonical(p, *gva))
		return play_fail(p,
				 "0x%llx has more than 32 bits, and the guest is not in long mode",
				 (unsigned long long)*gva);
	*access = (uint32_t)(type - types);
	*access |= *who == 'u' ? VMMU_USER : *who == 'a' ? VMMU_AC : 0;
	return 0;
}

/* ---- entries ---------------------------------------------------------------------------- */

static unsigned entry_bytes(const struct play *p)
{
	const struct vmmu_paging *pg = guest_paging(p);

	return pg->fmt ? pg->fmt->entry_bytes : 8;
}

/* The entry at word[1] as one of level word[2]; 0, or -1. */
static int parse_entry(struct play *p, char **word, uint64_t *gpa, unsigned *level, uint64_t *e)
{
	const struct vmmu_paging *pg = guest_paging(p);
	uint64_t n;

	if (!pg->fmt)
		return play_fail(p, "the guest has no paging, so it has no entries");
	if (number(p, word[1], gpa) || number(p, word[2], &n))
		return -1;
	if (!n || n > pg->fmt->top)
		return play_fail(p, "the guest's tables have levels 1 to %u", pg->fmt->top);
	if (*gpa % entry_bytes(p) || *gpa >= p->ram_bytes)
		return play_fail(p, "no entry lies at 0x%llx", (unsigned long long)*gpa);
	*level = (unsigned)n;
	*e = ram_entry(p, *gpa, entry_bytes(p));
	return 0;
}

static uint64_t bit_of(const struct vmmu_fmt *f, char letter)
{
	switch (letter) {
	case 'P':
		return f->present;
	case 'W':
		return f->w;
	case 'U':
		return f->u;
	case 'A':
		return f->accessed;
	case 'D':
		return f->dirty;
	case 'S':
		return f->leaf_bit;
	case 'G':
		return f->global;
	case 'X':
		return f->x;
	default:
		return 0;
	}
}

static int do_flip(struct play *p, char **word)
{
	uint64_t gpa, e, bit;
	unsigned level;

	if (parse_entry(p, word, &gpa, &level, &e))
		return -1;
	bit = word[3] && !word[3][1] ? bit_of(guest_paging(p)->fmt, *word[3]) : 0;
	if (!bit)
		return play_fail(p, "the guest's entries have no bit '%.10s'",
				 word[3] ? word[3] : "");
	return guest_store(p, gpa, e ^ bit, entry_bytes(p));
}

static int do_point(struct play *p, char **word)
{
	const struct vmmu_fmt *f;
	uint64_t gpa, e, to;
	unsigned level;

	if (parse_entry(p, word, &gpa, &level, &e) || number(p, word[3], &to))
		return -1;
	f = guest_paging(p)->fmt;
	if (to & ~f->addr)
		return play_fail(p, "0x%llx is not the address of a page", (unsigned long long)to);
	return guest_store(p, gpa, (e & ~f->addr) | to, entry_bytes(p));
}

static int do_key(struct play *p, char **word)
{
	const struct vmmu_fmt *f;
	uint64_t gpa, e, key;
	unsigned level;

	if (parse_entry(p, word, &gpa, &level, &e) || number(p, word[3], &key))
		return -1;
	f = guest_paging(p)->fmt;
	if (!f->pkey_shift || key > 15)
		return play_fail(p, "protection keys are 0 to 15, of 4-level and 5-level paging");
	e = (e & ~(15ull << f->pkey_shift)) | key << f->pkey_shift;
	return guest_store(p, gpa, e, entry_bytes(p));
}

/* ---- registers ---------------------------------------------------------------------------- */

enum reg { CR0, CR3, CR4, EFER, PKRU };
static const char *const reg_names[] = { "cr0", "cr3", "cr4", "efer", "pkru" };
#define NR_REGS (sizeof(reg_names) / sizeof(*reg_names))

static int set_one(struct machine *m, enum reg reg, uint64_t value)
{
	switch (reg) {
	case CR0:
		return vmmu_set_cr0(m->cpu, value);
	case CR3:
		return vmmu_set_cr3(m->cpu, value);
	case CR4:
		return vmmu_set_cr4(m->cpu, value);
	case EFER:
		return vmmu_set_efer(m->cpu, value);
	default:
		vmmu_set_pkru(m->cpu, (uint32_t)value);
		return VMMU_OK;
	}
}

static int set_reg(struct play *p, enum reg reg, uint64_t value)
{
	for (unsigned i = 0; i < NR_MACHINES; i++) {
		struct machine *m = &p->machine[i];

		m->status = set_one(m, reg, value);
		if (m->status == VMMU_GP)
			return play_fail(p, "#GP: this CPU in this state refuses %s = 0x%llx",
					 reg_names[reg], (unsigned long long)value);
		if (m->status)
			return play_fail(p, "%s: %s", reg_names[reg], vmmu_strerror(m->status));
	}
	return 0;
}

int guest_set(struct play *p, const char *reg, uint64_t value)
{
	for (unsigned i = 0; i < NR_REGS; i++)
		if (!strcmp(reg, reg_names[i]))
			return set_reg(p, (enum reg)i, value);
	return play_fail(p, "set cr0, cr3, cr4, efer or pkru");
}

static int do_set(struct play *p, char **word)
{
	uint64_t value;

	if (!word[1])
		return play_fail(p, "set cr0, cr3, cr4, efer or pkru");
	if (number(p, word[2], &value))
		return -1;
	if (!strcmp(word[1], "pkru") && value > UINT32_MAX)
		return play_fail(p, "pkru has 32 bits");
	return guest_set(p, word[1], value);
}

static int do_next(struct play *p, char **word)
{
	uint64_t nr = 1;

	if (word[1] && number(p, word[1], &nr))
		return -1;
	return trace_next(p, nr);
}

static int do_toggle(struct play *p, char **word)
{
	static const struct {
		const char *name;
		enum reg reg;
		uint64_t bit;
	} bits[] = {
		{ "WP", CR0, VMMU_CR0_WP },	  { "SMEP", CR4, VMMU_CR4_SMEP },
		{ "SMAP", CR4, VMMU_CR4_SMAP },	  { "PGE", CR4, VMMU_CR4_PGE },
		{ "PCIDE", CR4, VMMU_CR4_PCIDE }, { "PKE", CR4, VMMU_CR4_PKE },
		{ "NXE", EFER, VMMU_EFER_NXE },
	};
	struct vmmu_regs r;

	vmmu_get_regs(p->machine[NATIVE].cpu, &r);
	for (unsigned i = 0; word[1] && i < sizeof(bits) / sizeof(*bits); i++) {
		uint64_t was = bits[i].reg == CR0 ? r.cr0 : bits[i].reg == CR4 ? r.cr4 : r.efer;

		if (!strcmp(bits[i].name, word[1]))
			return set_reg(p, bits[i].reg, was ^ bits[i].bit);
	}
	return play_fail(p, "toggle WP, SMEP, SMAP, PGE, PCIDE, PKE or NXE");
}

/* ---- machines --------------------------------------------------------------------------- */

static int set_switch(struct play *p, struct switches *w, const char *word)
{
	static const struct {
		const char *word;
		size_t at;
		uint8_t value;
	} all[] = {
		{ "tlb=on", offsetof(struct switches, tlb), 1 },
		{ "tlb=off", offsetof(struct switches, tlb), 0 },
		{ "pwc=on", offsetof(struct switches, pwc), 1 },
		{ "pwc=off", offsetof(struct switches, pwc), 0 },
		{ "ntlb=on", offsetof(struct switches, nested_tlb), 1 },
		{ "ntlb=off", offsetof(struct switches, nested_tlb), 0 },
		{ "nested=ept", offsetof(struct switches, ept), 1 },
		{ "nested=npt", offsetof(struct switches, ept), 0 },
		{ "host=2M", offsetof(struct switches, large), 1 },
		{ "host=4K", offsetof(struct switches, large), 0 },
	};

	for (unsigned i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (!strcmp(all[i].word, word)) {
			((uint8_t *)w)[all[i].at] = all[i].value;
			return 0;
		}
	if (!strcmp(word, "shadow=all"))
		w->shadow_off = 0;
	else if (!strcmp(word, "shadow=trap"))
		w->shadow_off = VMMU_SHADOW_ALL & ~(VMMU_SHADOW_CACHE | VMMU_SHADOW_UPDATE);
	else if (!strcmp(word, "shadow=vtlb"))
		w->shadow_off = VMMU_SHADOW_ALL;
	else
		return play_fail(p, "'%.40s' is no switch of the machines", word);
	return 0;
}

static int do_machine(struct play *p, char **word)
{
	struct switches w = p->with;
	struct vmmu_regs regs;

	for (unsigned i = 1; word[i]; i++)
		if (set_switch(p, &w, word[i]))
			return -1;
	vmmu_get_regs(p->machine[NATIVE].cpu, &regs);
	p->with = w;
	return world_start(p, &regs);
}

/* ---- other commands ----------------------------------------------------------------------- */

static int do_access(struct play *p, char **word)
{
	uint64_t gva;
	uint32_t access = 0;

	if (parse_access(p, word, &gva, &access))
		return -1;
	return guest_access(p, gva, access);
}

static int do_store(struct play *p, char **word)
{
	uint64_t gpa, value;

	if (number(p, word[1], &gpa) || number(p, word[2], &value))
		return -1;
	if (entry_bytes(p) == 4 && value > UINT32_MAX)
		return play_fail(p, "the guest's entries have 32 bits");
	return guest_store(p, gpa, value, entry_bytes(p));
}

static int do_invlpg(struct play *p, char **word)
{
	uint64_t gva;

	if (number(p, word[1], &gva))
		return -1;
	for (unsigned i = 0; i < NR_MACHINES; i++)
		p->machine[i].status = vmmu_invlpg(p->machine[i].cpu, vmmu_gva(gva));
	return 0;
}

static int do_fork(struct play *p, char **word)
{
	(void)word;
	return act_fork(p);
}

static int do_flood(struct play *p, char **word)
{
	uint64_t gpa, nr;

	if (number(p, word[1], &gpa) || number(p, word[2], &nr))
		return -1;
	return act_flood(p, gpa, nr > 4096 ? 4096 : (unsigned)nr);
}

static int do_swap(struct play *p, char **word)
{
	uint64_t gpa;

	if (number(p, word[1], &gpa))
		return -1;
	return act_swap(p, gpa);
}

static int do_dirty(struct play *p, char **word)
{
	return act_dirty(p, word[1] ? word[1] : "");
}

static int do_check(struct play *p, char **word)
{
	(void)word;
	for (unsigned i = 0; i < NR_MACHINES; i++)
		if (vmmu_check(p->machine[i].vm))
			return play_fail(p, "machine %u: %s", i, vmmu_reason(p->machine[i].vm));
	return 0;
}

/* ---- a line ------------------------------------------------------------------------------ */

static const struct {
	const char *name;
	int (*act)(struct play *p, char **word);
} commands[] = {
	{ "access", do_access }, { "store", do_store },	    { "flip", do_flip },
	{ "point", do_point },	 { "key", do_key },	    { "set", do_set },
	{ "toggle", do_toggle }, { "invlpg", do_invlpg },   { "fork", do_fork },
	{ "flood", do_flood },	 { "swap", do_swap },	    { "dirty", do_dirty },
	{ "check", do_check },	 { "machine", do_machine }, { "next", do_next },
};

/* Splits in place; the words that a command does not have are NULL. */
static unsigned split(char *line, char *word[WORDS + 1])
{
	unsigned n = 0;
	char *save = NULL, *w;

	memset(word, 0, (WORDS + 1) * sizeof(*word));
	for (w = strtok_r(line, " \t\r\n", &save); w && n < WORDS;
	     w = strtok_r(NULL, " \t\r\n", &save))
		word[n++] = w;
	return n;
}

static int obey(struct play *p, char **word)
{
	if (!strcmp(word[0], "preset")) {
		return word[1] ? preset_make(p, word[1])
			       : play_fail(p, "which preset? %s", preset_names());
	}
	if (!p->machine[NESTED].vm)
		return play_fail(p, "there is no guest yet: begin with preset NAME");
	for (unsigned i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (!strcmp(commands[i].name, word[0])) {
			world_mark(p);
			return commands[i].act(p, word);
		}
	return play_fail(p, "'%.40s' is no command", word[0]);
}

/* What is answered without a change. */
static int answer(struct play *p, const char *name)
{
	if (!strcmp(name, "stories"))
		show_stories(p);
	else if (!strcmp(name, "map") && p->machine[NESTED].vm)
		show_map(p);
	else if (strcmp(name, "state"))
		return 0;
	else
		show_state(p);
	return 1;
}

static const char *told(struct play *p)
{
	static const char none[] = "{\"ok\":false,\"error\":\"out of memory\"}";

	return p->json.failed ? none : p->json.at;
}

static void begin(struct play *p)
{
	p->json.len = 0;
	p->json.failed = 0;
	p->error[0] = 0;
}

/* Splits a command into words that point into `line`; 0, or -1. */
static int read_line(struct play *p, const char *command, char line[LINE], char *word[WORDS + 1])
{
	if (snprintf(line, LINE, "%s", command) >= LINE)
		return play_fail(p, "a command has less than %d characters", LINE);
	if (!split(line, word))
		return play_fail(p, "an empty line is no command");
	return 0;
}

int play_attempt(struct play *p, const char *command)
{
	char line[LINE], *word[WORDS + 1];

	begin(p);
	if (read_line(p, command, line, word))
		return -1;
	if (!obey(p, word))
		return 0;
	return p->error[0] ? -1 : play_fail(p, "the machine refused");
}

const char *play_error(const struct play *p)
{
	return p->error;
}

const char *play_do(struct play *p, const char *command)
{
	char line[LINE], *word[WORDS + 1];

	begin(p);
	if (!read_line(p, command, line, word)) {
		if (answer(p, word[0]))
			return told(p);
		play_attempt(p, command);
	}
	show_state(p);
	return told(p);
}

const char *play_core(struct play *p, const void *bytes, size_t size)
{
	begin(p);
	if (is_trace(bytes, size))
		trace_load(p, bytes, size);
	else
		core_load(p, bytes, size);
	show_state(p);
	return told(p);
}

/* ---- numbers ------------------------------------------------------------------------------ */

static uint64_t exits(const struct vmmu_stats *s)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < VMMU_NR_EXITS; i++)
		sum += s->event[i];
	return sum;
}

static long long number_of(const struct vmmu_stats *s, const char *what)
{
	if (!strcmp(what, "refs"))
		return (long long)s->walk_refs;
	if (!strcmp(what, "walks"))
		return (long long)s->event[VMMU_EV_WALK];
	if (!strcmp(what, "exits"))
		return (long long)exits(s);
	if (!strcmp(what, "hits"))
		return (long long)s->tlb_hits;
	if (!strcmp(what, "sw"))
		return (long long)s->sw_refs;
	for (unsigned i = 0; i < VMMU_NR_EVENTS; i++)
		if (!strcmp(what, vmmu_event_key(i)))
			return (long long)s->event[i];
	return -1;
}

/* Of the access alone: -1 where the last command was none, or ended otherwise. */
static long long access_number(const struct play *p, const struct machine *m, const char *what)
{
	if (p->act != ACT_ACCESS)
		return -1;
	if (!strcmp(what, "gpa"))
		return m->status == VMMU_OK ? (long long)m->xlat.gpa.v : -1;
	if (!strcmp(what, "code"))
		return m->status == VMMU_FAULT ? (long long)m->xlat.fault.code : -1;
	return -1;
}

long long play_number(const struct play *p, const char *name)
{
	static const char *const names[] = { "native.", "shadow.", "nested." };
	struct vmmu_stats now = { .size = sizeof(now) };
	long long all, was;

	for (unsigned i = 0; i < NR_MACHINES; i++) {
		const struct machine *m = &p->machine[i];
		const char *what = name + strlen(names[i]);

		if (strncmp(name, names[i], strlen(names[i])) || !m->vm)
			continue;
		if (!strcmp(what, "gpa") || !strcmp(what, "code"))
			return access_number(p, m, what);
		vmmu_get_stats(m->vm, &now);
		if (!strncmp(what, "all", 3))
			return number_of(&now, what + 3);
		all = number_of(&now, what);
		was = number_of(&m->before, what);
		return all < 0 ? -1 : all - was;
	}
	return -1;
}
