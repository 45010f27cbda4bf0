/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmmu walk: how one address is translated, reference by reference.
 * The access is made first, so that host tables for it exist.
 * Invariant: only what vmmu_explain() reports is shown.
 */
#include "cmd.h"
#include "help.h"
#include "options.h"
#include "base/base.h"
#include "query.h"
#include "machine/machine.h"
#include "walk/walk.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct show {
	const struct options *o;
	struct machine *m;
	struct query q;
	struct walk_style style;
	struct vmmu_regs regs;
	int status; /* the text of the access */
	struct vmmu_xlat x;
};

static unsigned terminal_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize ws;
	uint64_t n;

	if (columns && parse_u64(columns, &n) == 0 && n > 0 && n < 10000)
		return (unsigned)n;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col)
		return ws.ws_col;
	return 120;
}

static const char *mode_name(const struct vmmu_regs *r)
{
	if (!(r->cr0 & VMMU_CR0_PG))
		return r->cr0 & VMMU_CR0_PE ? "paging is off" : "real mode, no paging";
	if (r->efer & VMMU_EFER_LMA)
		return r->cr4 & VMMU_CR4_LA57 ? "5-level paging" : "4-level paging";
	return r->cr4 & VMMU_CR4_PAE ? "PAE paging" : "2-level paging";
}

static void guest_text(char *buf, size_t len, const struct show *s)
{
	int on = s->m->backend->hypervisor;

	snprintf(buf, len, "guest: %s, CR3 0x%llx; backend %s%s%s%s", mode_name(&s->regs),
		 (unsigned long long)s->regs.cr3, s->m->backend->name, on ? " on " : "",
		 on ? page_size_name(s->o->machine.host_page) : "", on ? " host pages" : "");
}

static void query_text(char *buf, size_t len, const struct show *s)
{
	char words[64];

	query_words(words, sizeof(words), &s->q);
	snprintf(buf, len, "GVA 0x%llx: %s", (unsigned long long)s->q.gva, words);
}

static void print_head(const struct show *s)
{
	char text[160];

	query_text(text, sizeof(text), s);
	puts(text);
	guest_text(text, sizeof(text), s);
	printf("%s\n\n", text);
}

/* With PAE paging the top level is a register and not read from memory. */
static void print_pdpte(const struct show *s)
{
	unsigned i = (unsigned)(s->q.gva >> 30 & 3);

	if (!(s->regs.cr0 & VMMU_CR0_PG) || !(s->regs.cr4 & VMMU_CR4_PAE) ||
	    (s->regs.efer & VMMU_EFER_LMA))
		return;
	printf("the CPU holds PDPTE[%u] of the guest in a register: 0x%llx\n", i,
	       (unsigned long long)s->regs.pdpte[i]);
}

static void explain(const struct show *s, enum vmmu_explain_what what, struct walk_record *w,
		    const char *space)
{
	memset(w, 0, sizeof(*w));
	w->space = w->target = space;
	vmmu_explain(s->m->cpu, vmmu_gva(s->q.gva), s->q.access, what, walk_collect, w, &w->walk);
}

static void print_count(const struct walk_record *w)
{
	unsigned nested = 0;

	for (unsigned i = 0; i < w->nr; i++)
		nested += w->step[i].dim == 2;
	printf("\n%u reference%s", w->nr, w->nr == 1 ? "" : "s");
	if (nested)
		printf(": %u to the guest's tables, %u to the nested table", w->nr - nested,
		       nested);
	puts("");
}

static void print_shadow(const struct show *s, struct walk_record *guest)
{
	struct walk_record hw;
	char why[256];

	explain(s, VMMU_EXPLAIN_HW, &hw, "hpa");
	walk_print_both(&s->style, guest,
			s->regs.cr0 & VMMU_CR0_PG ? "the guest's own tables"
						  : "the guest has none: GPA = GVA",
			&hw, "the shadow tables, which the CPU walks");
	print_count(&hw);
	vmmu_explain_walk(&hw.walk, why, sizeof(why));
	printf("shadow: %s\n", why);
	if (hw.walk.status == VMMU_WALK_OK)
		return;
	puts(s->status == VMMU_FAULT
		     ? "        so the hypervisor stepped in, walked the guest's own tables, and\n"
		       "        handed the guest the fault that they say"
		     : "        so the hypervisor steps in at each access: nothing is mapped here");
}

static void print_plain(const struct show *s, struct walk_record *hw)
{
	explain(s, VMMU_EXPLAIN_HW, hw, "gpa");
	walk_print(&s->style, hw);
	print_count(hw);
}

/* Returns which rule the rights of a present page, accumulated over the levels, do not satisfy. */
static const char *broken_rule(const struct show *s, const struct vmmu_walk *w)
{
	unsigned type = s->q.access & VMMU_TYPE_MASK;
	int user = vmmu_mode(s->q.access) == VMMU_MODE_USER;

	if (user && !(w->rights & VMMU_U))
		return "some level says supervisor only, and this is a user";
	if (type == VMMU_WRITE && !(w->rights & VMMU_W) && (user || s->regs.cr0 & VMMU_CR0_WP))
		return user ? "some level says read-only"
			    : "some level says read-only, and CR0.WP is set";
	if (type == VMMU_FETCH && !(w->rights & VMMU_X))
		return "some level says NX: no instruction fetch";
	if (!user && (w->rights & VMMU_U) && type == VMMU_FETCH)
		return "SMEP: the supervisor may not execute a user page";
	if (w->code & VMMU_PF_PK)
		return "its protection key forbids it";
	return "SMAP: the supervisor may not touch a user page unless EFLAGS.AC=1";
}

/* Writes which entry caused the fault; nothing if no single entry did. */
static void why_text(char *buf, size_t len, const struct show *s, const struct vmmu_walk *w)
{
	*buf = 0;
	if (w->dim != 1)
		return;
	if (w->status == VMMU_WALK_PERM)
		snprintf(buf, len, "%s", broken_rule(s, w));
	else if (w->status == VMMU_WALK_NP)
		snprintf(buf, len, "the level-%u entry is not present", w->level);
	else if (w->status == VMMU_WALK_RSVD)
		snprintf(buf, len, "the level-%u entry has a reserved bit set", w->level);
}

static void code_text(char *buf, size_t len, uint32_t code)
{
	static const struct {
		uint32_t bit;
		const char *set, *clear;
	} bits[] = {
		{ VMMU_PF_P, "the page is present", "not present" },
		{ VMMU_PF_W, "write", NULL },
		{ VMMU_PF_U, "user", "supervisor" },
		{ VMMU_PF_RSVD, "reserved bit set", NULL },
		{ VMMU_PF_I, "instruction fetch", NULL },
		{ VMMU_PF_PK, "protection key", NULL },
	};
	const char *comma = "";

	snprintf(buf, len, "result: page fault, error code %04x (", code);
	for (unsigned i = 0; i < sizeof(bits) / sizeof(*bits); i++) {
		const char *word = code & bits[i].bit ? bits[i].set : bits[i].clear;
		size_t n = strlen(buf);

		if (word)
			snprintf(buf + n, len - n, "%s%s", comma, word);
		comma = word ? ", " : comma;
	}
	snprintf(buf + strlen(buf), len - strlen(buf), ")");
}

static int result_text(char *buf, size_t len, const struct show *s, struct err *err)
{
	const struct vmmu_xlat *x = &s->x;
	unsigned r = x->guest_rights;

	if (s->status == VMMU_OK)
		snprintf(buf, len, "result: gpa 0x%llx, in a %s page of the guest, rights %c%c%c%c",
			 (unsigned long long)x->gpa.v, page_size_name(1ull << x->guest_shift),
			 r & VMMU_R ? 'r' : '-', r & VMMU_W ? 'w' : '-', r & VMMU_X ? 'x' : '-',
			 r & VMMU_U ? 'u' : '-');
	else if (s->status == VMMU_MMIO)
		snprintf(buf, len, "result: no RAM at gpa 0x%llx%s: the access is MMIO",
			 (unsigned long long)x->gpa.v,
			 x->stage == VMMU_STAGE_TABLE ? ", where a guest table should be" : "");
	else if (s->status == VMMU_FAULT && x->fault.vector == 14)
		code_text(buf, len, x->fault.code);
	else if (s->status == VMMU_FAULT)
		snprintf(buf, len, "result: general protection, the address is not canonical");
	else
		return err_set(err, STATUS_MISMATCH, "%s: %s", vmmu_strerror(s->status),
			       vmmu_reason(s->m->vm));
	return 0;
}

static void print_walk(const struct show *s, struct walk_record *w)
{
	print_head(s);
	print_pdpte(s);
	if (s->m->backend->shadow) {
		explain(s, VMMU_EXPLAIN_GUEST, w, "gpa");
		print_shadow(s, w);
	} else {
		print_plain(s, w);
	}
}

static int print_result(const struct show *s, const struct walk_record *w, struct err *err)
{
	char text[256];

	if (result_text(text, sizeof(text), s, err) < 0)
		return -1;
	puts(text);
	if (s->status != VMMU_FAULT)
		return 0;
	why_text(text, sizeof(text), s, &w->walk);
	if (*text)
		printf("why:    %s\n", text);
	return 0;
}

/* ---- as a picture ------------------------------------------------------------------ */

/* Writes the result as one line: "result: ..., because some level says NX". */
static int outcome(char *buf, size_t len, const struct show *s, const struct vmmu_walk *w,
		   struct err *err)
{
	char why[128];

	if (result_text(buf, len, s, err) < 0)
		return -1;
	why_text(why, sizeof(why), s, w);
	if (s->status == VMMU_FAULT && *why)
		snprintf(buf + strlen(buf), len - strlen(buf), ": %s", why);
	return 0;
}

/* Shows what the CPU walks; above it, if that differs, the walk of the guest's own tables. */
static void make_picture(const struct show *s, struct walk_picture *p, struct walk_record w[2])
{
	query_text(p->title, sizeof(p->title), s);
	guest_text(p->about, sizeof(p->about), s);
	p->failed = s->status != VMMU_OK;
	if (s->m->backend->shadow) {
		explain(s, VMMU_EXPLAIN_GUEST, &w[0], "gpa");
		explain(s, VMMU_EXPLAIN_HW, &w[1], "hpa");
		p->part[0] = (struct walk_figure){ "The guest's own tables", &w[0] };
		p->part[1] =
			(struct walk_figure){ "The shadow tables, which the CPU walks", &w[1] };
		p->nr_parts = 2;
		return;
	}
	explain(s, VMMU_EXPLAIN_HW, &w[0], "gpa");
	p->part[0] = (struct walk_figure){ p->head, &w[0] };
	snprintf(p->head, sizeof(p->head), "%u reference%s", w[0].nr, w[0].nr == 1 ? "" : "s");
	p->nr_parts = 1;
}

static int draw(const struct show *s, struct err *err)
{
	struct walk_picture p = { .result = NULL };
	struct walk_record w[2];
	char result[320];
	FILE *f;

	make_picture(s, &p, w);
	p.result = result;
	if (outcome(result, sizeof(result), s, &w[0].walk, err) < 0)
		return -1;
	f = output_text_open(s->o->svg, err);
	if (!f)
		return -1;
	walk_svg(f, &p);
	return output_text_close(f, s->o->svg, err);
}

static int walk(struct show *s, struct err *err)
{
	struct walk_record w;

	s->style = (struct walk_style){ stdout, wants_colour(STDOUT_FILENO), terminal_width() };
	s->status = vmmu_translate(s->m->cpu, vmmu_gva(s->q.gva), 1, s->q.access, &s->x);
	vmmu_get_regs(s->m->cpu, &s->regs);
	if (!s->o->svg || strcmp(s->o->svg, "-") != 0) {
		print_walk(s, &w);
		if (print_result(s, &w, err) < 0)
			return -1;
	}
	return s->o->svg ? draw(s, err) : 0;
}

static int walk_state(struct options *o, const struct query *q, struct err *err)
{
	struct state s;
	struct machine m;
	struct show show = { .o = o, .m = &m, .q = *q };
	int ret;

	if (options_one_machine(o, err) < 0 || state_open(&s, &o->state, err) < 0)
		return -1;
	if (s.note[0])
		say("%s: %s", o->state.core, s.note);
	ret = state_machine(&s, &o->machine, &m, err);
	state_close(&s);
	if (ret < 0)
		return -1;
	ret = walk(&show, err);
	machine_close(&m);
	return ret;
}

/* Joins the operands, GVA [r|w|x] [u|s|a], to one text. */
static int operands(int argc, char **argv, struct query *q, struct err *err)
{
	char text[128] = "";

	for (int i = 0; i < argc; i++) {
		size_t n = strlen(text);

		snprintf(text + n, sizeof(text) - n, "%s%s", i ? " " : "", argv[i]);
	}
	if (argc && query_parse(text, q) == 0)
		return 0;
	return err_set(err, STATUS_USAGE, "GVA [r|w|x] [u|s|a] is wanted");
}

static int run(int argc, char **argv, struct err *err)
{
	static const struct option table[] = { OPTIONS_STATE, OPTIONS_BACKEND, OPTIONS_MACHINE,
					       OPTION("svg", OPT_SVG), OPTIONS_END };
	struct options o;
	struct query q;
	int first = options_parse(argc, argv, table, &o, err);

	if (first < 0)
		return -1;
	if (o.help)
		return command_help(&command_walk);
	if (operands(argc - first, argv + first, &q, err) < 0)
		return -1;
	return walk_state(&o, &q, err);
}

const struct command command_walk = {
	"walk",
	"show how one address is translated, reference by reference",
	"--core FILE --backend NAME [OPTION]... GVA [r|w|x] [u|s|a]\n\n"
	"Makes the access (default: a read by the supervisor), then shows every table entry\n"
	"that the CPU reads for it, in order and decoded.  Under nested paging these are the\n"
	"entries of both dimensions.  Under shadow paging the guest's tables and the shadow\n"
	"tables are shown.\n\n" HELP_STATE HELP_BACKEND
	"  --svg FILE           draw the walk, too; with -, the picture is all that is "
	"written\n" HELP_MACHINE HELP_END,
	run,
};
