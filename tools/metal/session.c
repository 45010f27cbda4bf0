/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads what the kernel prints, line by line, until the target ends or says nothing any more.
 * Invariant: the target's process group is gone when metal_session_run() returns.
 */
#include "metal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

uint64_t metal_number(const char *line, const char *key)
{
	const char *at = strstr(line, key);

	return at && strlen(key) ? strtoull(at + strlen(key), NULL, 10) : 0;
}

static void take_line(struct metal_session *s, const char *line)
{
	if (!strncmp(line, "vmmu-metal ", 11))
		s->begun = 1;
	if (!s->begun)
		return; /* a loader's */
	if (!strncmp(line, "progress ", 9) || !strncmp(line, "end ", 4))
		s->ops = metal_number(line, " ops=");
	if (!strncmp(line, "end ", 4))
		s->ended = 1;
	s->line(s->ctx, line);
}

void metal_session_run(struct metal_session *s, const struct metal_target *t, pid_t pid, int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char line[1024];
	size_t n = 0;
	char c[256];

	for (;;) {
		int ready = poll(&p, 1, t->quiet_seconds * 1000);
		ssize_t got, i;

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready == 0 && !s->ended)
			s->hung = 1;
		if (ready <= 0)
			break;
		got = read(fd, c, sizeof(c));
		if (got <= 0)
			break;
		for (i = 0; i < got; i++) {
			if (c[i] == '\r')
				continue;
			if (c[i] != '\n' && n + 1 < sizeof(line)) {
				line[n++] = c[i];
				continue;
			}
			line[n] = '\0';
			n = 0;
			take_line(s, line);
		}
	}
	kill(-pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(fd);
}
