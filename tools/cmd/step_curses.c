/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmmu step in a terminal, by ncurses.
 * Draws and reads keys; what it shows is told by step.c and the engine.
 */
#include "step.h"

#include <ncurses.h>
#include <stdlib.h>
#include <string.h>

struct screen {
	struct step *s;
	unsigned machine, at; /* the one looked at, and references shown */
	char note[240];
};

static unsigned steps(const struct screen *c)
{
	struct play_walk w;

	return play_walk(c->s->play, c->machine, &w) ? w.nr : 0;
}

/* Text from a line on, wrapped at words; the line after it. */
static int put_wrapped(int y, const char *text)
{
	int x = 0;

	while (*text && y < LINES) {
		int n = (int)strcspn(text, " ");

		if (x && x + n >= COLS) {
			y++;
			x = 0;
		}
		mvaddnstr(y, x, text, n);
		x += n + 1;
		text += n + (text[n] == ' ');
	}
	return y + 1;
}

static int put_head(const struct screen *c)
{
	const struct step *s = c->s;
	char text[120];
	int y = 0;

	attron(A_BOLD);
	if (s->story)
		mvprintw(y++, 0, "%s  (%u of the story)", s->story->title, s->scene + 1);
	else
		mvaddstr(y++, 0, "vmmu step");
	attroff(A_BOLD);
	if (s->story)
		y = put_wrapped(y, s->story->scene[s->scene].say);
	if (s->nr_done)
		mvprintw(y++, 0, "> %s", s->done[s->nr_done - 1]);
	if (play_guest(s->play, text, sizeof(text)))
		mvprintw(y++, 0, "guest: %s", text);
	return y + 1;
}

static int put_counts(const struct screen *c, int y)
{
	char text[200];

	for (unsigned i = 0; i < PLAY_MACHINES; i++, y++) {
		if (i == c->machine)
			attron(A_REVERSE);
		mvprintw(y, 0, " %-7s", play_machine[i]);
		attroff(A_REVERSE);
		step_counts(c->s, i, text, sizeof(text));
		mvprintw(y, 9, "%s", text);
		if (play_outcome(c->s->play, i, text, sizeof(text)))
			printw("  = %.*s", COLS > 60 ? COLS - 60 : 0, text);
	}
	return y + 1;
}

static int put_walk(const struct screen *c, int y)
{
	struct play_walk w;
	char text[200];

	if (!play_walk(c->s->play, c->machine, &w)) {
		mvaddstr(y, 0, "no walk: nothing was read");
		return y + 2;
	}
	mvprintw(y++, 0, "reference %u of %u", c->at, w.nr);
	for (unsigned i = 0; i < c->at && y < LINES - 2; i++) {
		/* The end of a walk that is longer than the screen. */
		if (c->at - i > (unsigned)(LINES - 2 - y))
			continue;
		step_line(&w.step[i], i + 1, text, sizeof(text));
		if (i + 1 == c->at)
			attron(A_BOLD);
		mvaddnstr(y++, 0, text, COLS);
		attroff(A_BOLD);
	}
	if (w.refs < w.nr && y < LINES - 1)
		mvprintw(y++, 0, "%u of %u were read; a cache knew the others", w.refs, w.nr);
	return y + 1;
}

static void put_events(const struct screen *c, int y)
{
	char text[300];

	for (unsigned i = 0;
	     y < LINES - 1 && play_event(c->s->play, c->machine, i, text, sizeof(text)); i++)
		mvprintw(y++, 0, "- %.*s", COLS - 3, text);
}

static void draw(const struct screen *c)
{
	int y;

	erase();
	y = put_counts(c, put_head(c));
	put_events(c, put_walk(c, y));
	if (c->note[0])
		mvaddnstr(LINES - 1, 0, c->note, COLS - 1);
	else
		mvaddnstr(LINES - 1, 0,
			  c->s->story ? "arrows: play  Tab: machine  n b: story  : command  u: "
					"undo  q: quit"
				      : "arrows: play  Tab: machine  : command  u: undo  q: quit",
			  COLS - 1);
	refresh();
}

static void to_end(struct screen *c)
{
	c->at = steps(c);
}

static void complain(struct screen *c)
{
	const char *why = play_error(c->s->play);

	snprintf(c->note, sizeof(c->note), "%s", *why ? why : "there is no room for more commands");
}

static void ask_command(struct screen *c)
{
	char line[200] = "";

	mvaddch(LINES - 1, 0, ':');
	clrtoeol();
	echo();
	curs_set(1);
	mvgetnstr(LINES - 1, 1, line, sizeof(line) - 1);
	noecho();
	curs_set(0);
	if (*line && step_do(c->s, line) < 0)
		complain(c);
	to_end(c);
}

static void undo(struct screen *c)
{
	if (c->s->nr_done > (c->s->core ? 0 : 1) && step_again(c->s, 1) < 0)
		complain(c);
	to_end(c);
}

static void turn_page(struct screen *c, int by)
{
	const struct story *t = c->s->story;
	unsigned n = c->s->scene + (unsigned)by;

	if (!t || (by < 0 && !c->s->scene))
		return;
	if (n >= sizeof(t->scene) / sizeof(*t->scene) || !t->scene[n].say) {
		snprintf(c->note, sizeof(c->note), "%s", t->question.ask);
		return;
	}
	if (step_scene(c->s, n) < 0)
		complain(c);
	to_end(c);
}

/* 0: enough. */
static int press(struct screen *c, int key)
{
	c->note[0] = 0;
	switch (key) {
	case 'q':
		return 0;
	case KEY_RIGHT:
	case ' ':
		c->at += c->at < steps(c);
		break;
	case KEY_LEFT:
		c->at -= c->at > 0;
		break;
	case KEY_HOME:
		c->at = 0;
		break;
	case KEY_END:
		to_end(c);
		break;
	case '\t':
		c->machine = (c->machine + 1) % PLAY_MACHINES;
		to_end(c);
		break;
	case 'n':
		turn_page(c, 1);
		break;
	case 'b':
		turn_page(c, -1);
		break;
	case 'u':
		undo(c);
		break;
	case ':':
		ask_command(c);
		break;
	default:
		break;
	}
	return 1;
}

int step_curses(struct step *s)
{
	struct screen c = { .s = s, .machine = PLAY_NESTED };
	SCREEN *terminal = newterm(NULL, stdout, stdin);
	int key;

	if (!terminal)
		return 1;
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	curs_set(0);
	to_end(&c);
	do
		draw(&c);
	while ((key = getch()) != ERR && press(&c, key));
	endwin();
	delscreen(terminal);
	return 0;
}
