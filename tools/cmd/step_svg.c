/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last walk of vmmu step as a picture; of shadow paging the guest's own walk stands above.
 * What a cache knew is left out: the picture has what was read.
 */
#include "base/base.h"
#include "step.h"
#include "walk/walk.h"

#include <string.h>

/* 0: there was no walk. */
static int record(const struct step *s, unsigned machine, struct walk_record *w)
{
	struct play_walk walk;

	if (!play_walk(s->play, machine, &walk))
		return 0;
	*w = (struct walk_record){ .walk = *walk.end };
	w->space = w->target = machine == PLAY_SHADOW ? "hpa" : "gpa";
	for (unsigned i = 0; i < walk.nr; i++)
		if (!(walk.known >> i & 1))
			w->step[w->nr++] = walk.step[i];
	return 1;
}

static void describe(const struct step *s, unsigned machine, struct walk_picture *p)
{
	char guest[80] = "";

	play_guest(s->play, guest, sizeof(guest));
	snprintf(p->title, sizeof(p->title), "%.150s", s->nr_done ? s->done[s->nr_done - 1] : "");
	snprintf(p->about, sizeof(p->about), "guest: %s; %s", guest, play_machine[machine]);
}

int step_svg(const struct step *s, unsigned machine, const char *path, struct err *err)
{
	struct walk_record w[2];
	struct walk_picture p = { .nr_parts = 1 };
	char result[300] = "";
	FILE *f;

	if (!record(s, machine, &w[0]))
		return err_set(err, STATUS_USAGE,
			       "--svg: the last command made no walk on the machine %s",
			       play_machine[machine]);
	describe(s, machine, &p);
	snprintf(p.head, sizeof(p.head), "%u reference%s", w[0].nr, w[0].nr == 1 ? "" : "s");
	p.part[0] = (struct walk_figure){ p.head, &w[0] };
	if (machine == PLAY_SHADOW && record(s, PLAY_NATIVE, &w[1])) {
		p.part[1] = (struct walk_figure){ "The shadow tables, which the CPU walks", &w[0] };
		p.part[0] = (struct walk_figure){ "The guest's own tables", &w[1] };
		p.nr_parts = 2;
	}
	play_outcome(s->play, machine, result, sizeof(result));
	p.result = result;
	p.failed = w[0].walk.status != VMMU_WALK_OK;
	f = output_text_open(path, err);
	if (!f)
		return -1;
	walk_svg(f, &p);
	return output_text_close(f, path, err);
}
