/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmmu step: one guest on three machines, walks reference by reference, in a terminal or as text.
 * The drawing in a terminal is step_curses.c, what is drawn step_state.c.
 */
#include "cmd.h"
#include "input/input.h"
#include "step.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CORE_MOST ((size_t)1 << 30)
#define COLUMNS 96

/* ---- as text --------------------------------------------------------------------------- */

/* Words of a text, in lines of COLUMNS. */
static void print_wrapped(const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t n = strcspn(text, " ");

		if (column && column + 1 + n > COLUMNS) {
			putchar('\n');
			column = 0;
		}
		column += (size_t)printf("%s%.*s", column ? " " : "", (int)n, text);
		text += n + (text[n] == ' ');
	}
	putchar('\n');
}

static void print_machine(const struct step *s, unsigned machine)
{
	struct play_walk w;
	char text[300];

	step_counts(s, machine, text, sizeof(text));
	printf("%s: %s\n", play_machine[machine], text);
	for (unsigned i = 0; play_event(s->play, machine, i, text, sizeof(text)); i++)
		printf("  - %s\n", text);
	if (play_walk(s->play, machine, &w)) {
		for (unsigned i = 0; i < w.nr; i++) {
			step_line(&w.step[i], i + 1, text, sizeof(text));
			printf("    %s\n", text);
		}
		if (w.refs < w.nr)
			printf("    %u of these were read; a cache knew the others\n", w.refs);
	}
	if (play_outcome(s->play, machine, text, sizeof(text)))
		printf("  = %s\n", text);
}

static void print_state(const struct step *s)
{
	for (unsigned i = 0; i < PLAY_MACHINES; i++)
		print_machine(s, i);
	putchar('\n');
}

static int failed(const struct step *s, const char *command, struct err *err)
{
	return err_set(err, STATUS_USAGE, "%s: %s", command, play_error(s->play));
}

/* A command, and what it did. */
static int print_command(struct step *s, const char *command, struct err *err)
{
	printf("> %s\n", command);
	if (step_do(s, command) < 0)
		return failed(s, command, err);
	print_state(s);
	return 0;
}

static int print_lines(struct step *s, const char *lines, struct err *err)
{
	char *copy = strdup(lines), *save = NULL;
	int ret = copy ? 0 : err_input(err, "out of memory");

	for (char *l = copy ? strtok_r(copy, "\n", &save) : NULL; l && ret >= 0;
	     l = strtok_r(NULL, "\n", &save))
		ret = print_command(s, l, err);
	free(copy);
	return ret;
}

static int print_question(struct step *s, struct err *err)
{
	const struct story_question *q = &s->story->question;

	print_wrapped(q->ask);
	if (q->proof && print_lines(s, q->proof, err) < 0)
		return -1;
	if (q->number)
		printf("%lld. ", play_number(s->play, q->number));
	else
		printf("%s. ", q->option[0]);
	puts(q->because);
	return 0;
}

/* All of it, without anybody pressing a key. */
static int print_story(struct step *s, struct err *err)
{
	printf("%s\n\n", s->story->title);
	for (const struct story_scene *c = s->story->scene; c->say; c++) {
		print_wrapped(c->say);
		if (print_lines(s, c->commands, err) < 0)
			return -1;
	}
	return print_question(s, err);
}

/* ---- the command --------------------------------------------------------------------------- */

static const struct story *story_find(const char *name)
{
	for (unsigned i = 0; i < nr_stories; i++)
		if (!strcmp(stories[i].name, name))
			return &stories[i];
	return NULL;
}

static int list_stories(void)
{
	for (unsigned i = 0; i < nr_stories; i++)
		printf("%-11s %s\n", stories[i].name, stories[i].title);
	printf("\nPresets to begin with: %s\n", play_presets());
	return STATUS_OK;
}

struct asked {
	const char *preset, *core, *svg, *machine;
	int plain, list, help;
};

static int parse(int argc, char **argv, struct asked *a, struct err *err)
{
	static const struct option table[] = { { "preset", required_argument, NULL, 'p' },
					       { "core", required_argument, NULL, 'c' },
					       { "plain", no_argument, NULL, 'P' },
					       { "svg", required_argument, NULL, 's' },
					       { "machine", required_argument, NULL, 'm' },
					       { "list", no_argument, NULL, 'l' },
					       { "help", no_argument, NULL, 'h' },
					       { NULL, 0, NULL, 0 } };
	int c;

	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", table, NULL)) != -1) {
		if (c == 'p')
			a->preset = optarg;
		else if (c == 'c')
			a->core = optarg;
		else if (c == 's')
			a->svg = optarg;
		else if (c == 'm')
			a->machine = optarg;
		else if (c == 'P')
			a->plain = 1;
		else if (c == 'l')
			a->list = 1;
		else if (c == 'h')
			a->help = 1;
		else
			return err_set(err, STATUS_USAGE,
				       c == ':' ? "%s needs a value" : "unknown option %s",
				       argv[optind - 1]);
	}
	if (!a->help && !a->list && !a->preset == !a->core)
		return err_set(err, STATUS_USAGE,
			       "--preset NAME or --core FILE is wanted; --list tells names");
	return optind;
}

static int begin(struct step *s, const struct asked *a, struct err *err)
{
	char command[64];

	if (a->core) {
		if (step_core(s) < 0)
			return err_input(err, "%s: %s", a->core, play_error(s->play));
		return 0;
	}
	s->story = story_find(a->preset);
	if (s->story)
		return 0;
	snprintf(command, sizeof(command), "preset %.50s", a->preset);
	return step_do(s, command) < 0 ? failed(s, "--preset", err) : 0;
}

static int print_all(struct step *s, int argc, char **argv, struct err *err)
{
	if (s->story && print_story(s, err) < 0)
		return -1;
	for (int i = 0; i < argc; i++)
		if (print_command(s, argv[i], err) < 0)
			return -1;
	return STATUS_OK;
}

/* All of a story and the commands, in silence, and then a picture. */
static int draw(struct step *s, const struct asked *a, int argc, char **argv, struct err *err)
{
	unsigned machine = PLAY_NESTED;

	for (unsigned i = 0; a->machine && i <= PLAY_MACHINES; i++) {
		if (i == PLAY_MACHINES)
			return err_set(err, STATUS_USAGE, "--machine native, shadow or nested");
		machine = i;
		if (!strcmp(a->machine, play_machine[i]))
			break;
	}
	for (unsigned i = 0; s->story && s->story->scene[i].say; i++)
		if (step_scene(s, i) < 0)
			return failed(s, s->story->name, err);
	for (int i = 0; i < argc; i++)
		if (step_do(s, argv[i]) < 0)
			return failed(s, argv[i], err);
	return step_svg(s, machine, a->svg, err);
}

static int show(struct step *s, const struct asked *a, int argc, char **argv, struct err *err)
{
	if (begin(s, a, err) < 0)
		return -1;
	if (a->svg)
		return draw(s, a, argc, argv, err);
	if (a->plain || !isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO))
		return print_all(s, argc, argv, err);
	if (s->story && step_scene(s, 0) < 0)
		return failed(s, s->story->name, err);
	for (int i = 0; i < argc; i++)
		if (step_do(s, argv[i]) < 0)
			return failed(s, argv[i], err);
	if (!step_curses(s))
		return STATUS_OK;
	step_forget(s, s->story ? 0 : s->nr_done);
	return print_all(s, argc, argv, err);
}

static int run(int argc, char **argv, struct err *err)
{
	struct asked a = { 0 };
	struct step s = { 0 };
	struct bytes core = { 0 };
	int first = parse(argc, argv, &a, err), ret;

	if (first < 0)
		return -1;
	if (a.help)
		return command_help(&command_step);
	if (a.list)
		return list_stories();
	if (a.core && input_slurp(a.core, CORE_MOST, &core, err) < 0)
		return -1;
	s.core = core.data;
	s.core_bytes = core.size;
	s.play = play_new();
	ret = s.play ? show(&s, &a, argc - first, argv + first, err)
		     : err_input(err, "out of memory");
	step_forget(&s, 0);
	play_free(s.play);
	free(core.data);
	return ret;
}

const struct command command_step = {
	"step",
	"native, shadow and nested paging side by side, reference by reference",
	"--preset NAME | --core FILE [--plain] [COMMAND]...\n\n"
	"Shows one guest on three machines, native, shadow and nested, in a terminal.  Left and\n"
	"right play a walk, Tab goes to the next machine, N and B go through a story, : takes a\n"
	"command, U undoes the last one, and Q ends the program.  man vmmu has all commands;\n"
	"some are 'access 0x8080604abc r u', 'store 0x4020 0x47067', 'invlpg 0x8080604abc',\n"
	"'set cr3 0x8000', 'fork' and 'swap 0x40000'.  Without a terminal, everything is written\n"
	"as text.\n"
	"\n"
	"  --preset NAME        begin with a story or a small guest; --list shows the names\n"
	"  --core FILE          begin with a guest's ELF core (dump-guest-memory), of up to\n"
	"                       512 MiB of RAM, or with an event trace\n"
	"  --plain              write text: the whole story, then the result of each COMMAND\n"
	"  --svg FILE           do everything, then draw the last walk (- is standard output)\n"
	"  --machine NAME       draw it on native, shadow or nested (default)\n"
	"  --list               list the stories and the small guests\n"
	"  --help\n"
	"Any file may be compressed with zstd; - is standard input.\n",
	run,
};
