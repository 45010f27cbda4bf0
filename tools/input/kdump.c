/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kdump-compressed dumps, and what else libkdumpfile reads, where it was there at build time (else
 * kdump_none.c).
 * The library reads in a process of its own, because a damaged file makes some of its versions
 * write past their buffers or run for ever (0.5.1 trusts the sizes of pages).  What that process
 * says is trusted no more than a file is.
 * Invariant: memory is asked for when its contents have come, whatever the file claims.
 */
#include "kdump.h"
#include "dump.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The library may take so long between two messages. */
#define SILENT_SECONDS 60

struct receiver {
	struct core *core;
	const char *path;
	struct err *err;
	int in;
	size_t cap;	/* of core->segment */
	uint64_t total; /* bytes of contents */
};

enum came { CAME_ALL, CAME_END, CAME_LATE };

static enum came receive(struct receiver *r, void *buf, size_t len)
{
	for (size_t done = 0; done < len;) {
		struct pollfd p = { .fd = r->in, .events = POLLIN };
		int ready = poll(&p, 1, SILENT_SECONDS * 1000);
		ssize_t n;

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0)
			return CAME_LATE;
		n = read(r->in, (uint8_t *)buf + done, len - done);
		if (n <= 0)
			return CAME_END;
		done += (size_t)n;
	}
	return CAME_ALL;
}

static int no_memory(struct receiver *r)
{
	return err_input(r->err, "%s: out of memory", r->path);
}

static int add_segment(struct receiver *r, const struct kdump_message *m, uint8_t *data)
{
	struct core *core = r->core;

	if (core->nr_segments == r->cap) {
		size_t cap = r->cap ? r->cap * 2 : 64;
		struct core_segment *p = realloc(core->segment, cap * sizeof(*p));

		if (!p)
			return no_memory(r);
		core->segment = p;
		r->cap = cap;
	}
	core->segment[core->nr_segments++] =
		(struct core_segment){ m->gpa, m->bytes, data, data ? m->bytes : 0 };
	return 0;
}

static int take_pages(struct receiver *r, const struct kdump_message *m, uint8_t **payload)
{
	r->total += m->payload;
	if (r->total > DUMP_MOST)
		return err_input(r->err, "%s: more memory than the %zu bytes allowed here", r->path,
				 DUMP_MOST);
	if (add_segment(r, m, *payload) < 0)
		return -1;
	*payload = NULL;
	return 0;
}

/* Returns 1 if more messages follow, 0 after the last, -1: *err. */
static int take(struct receiver *r, const struct kdump_message *m, uint8_t **payload)
{
	switch (m->kind) {
	case KDUMP_LONG_MODE:
		r->core->long_mode = 1;
		return 1;
	case KDUMP_NOTES:
		return notes_take(r->core, *payload, m->payload, m->gpa, r->path, r->err) < 0 ? -1
											      : 1;
	case KDUMP_RAM:
		return add_segment(r, m, NULL) < 0 ? -1 : 1;
	case KDUMP_PAGES:
		return take_pages(r, m, payload) < 0 ? -1 : 1;
	case KDUMP_ERROR:
		return err_input(r->err, "%s: %.*s", r->path, (int)m->payload, (char *)*payload);
	default:
		return 0;
	}
}

static int is_sound(const struct kdump_message *m)
{
	static const uint32_t most[] = {
		[KDUMP_NOTES] = KDUMP_NOTES_MOST,
		[KDUMP_PAGES] = KDUMP_PIECE_BYTES,
		[KDUMP_ERROR] = KDUMP_ERROR_MOST,
		[KDUMP_END] = 0,
	};

	if (m->kind > KDUMP_END || m->payload > most[m->kind])
		return 0;
	if (m->kind == KDUMP_PAGES && m->bytes != m->payload)
		return 0;
	if (m->kind != KDUMP_PAGES && m->kind != KDUMP_RAM)
		return 1;
	return m->gpa < RAM_MOST && m->bytes <= RAM_MOST - m->gpa;
}

/* Returns zero or -1.  *came is CAME_ALL if *err is filled, else why no message came. */
static int take_all(struct receiver *r, enum came *came)
{
	int more = 1;

	while (more > 0) {
		struct kdump_message m;
		uint8_t *payload = NULL;

		*came = receive(r, &m, sizeof(m));
		if (*came != CAME_ALL || !is_sound(&m)) {
			*came = *came == CAME_ALL ? CAME_END : *came;
			return -1;
		}
		payload = malloc(m.payload ? m.payload : 1);
		if (!payload)
			return no_memory(r);
		*came = receive(r, payload, m.payload);
		more = *came == CAME_ALL ? take(r, &m, &payload) : -1;
		free(payload);
	}
	return more;
}

/* The library's process, which does not return. */
static void be_child(int fd, int out)
{
	static const int fatal[] = { SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGPIPE };
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	/* If the library ends the process, the parent says so; nothing else may. */
	for (unsigned i = 0; i < sizeof(fatal) / sizeof(*fatal); i++)
		(void)signal(fatal[i], SIG_DFL);
	if (null >= 0)
		(void)dup2(null, STDERR_FILENO);
	kdump_child(fd, out);
	_exit(0);
}

static int ended(struct receiver *r, enum came came, int status)
{
	if (came == CAME_LATE)
		return err_input(r->err, "%s: damaged: libkdumpfile says nothing for %d seconds",
				 r->path, SILENT_SECONDS);
	return err_input(r->err, "%s: damaged: libkdumpfile failed on it (%s %d)", r->path,
			 WIFSIGNALED(status) ? "signal" : "status",
			 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

int kdump_read_dump(struct core *core, int fd, const char *path, struct err *err)
{
	struct receiver r = { .core = core, .path = path, .err = err };
	enum came came = CAME_ALL;
	int ends[2], status, ret;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_input(err, "%s: no pipe: %s", path, strerror(errno));
	child = fork();
	if (child == 0)
		be_child(fd, ends[1]);
	close(ends[1]);
	r.in = ends[0];
	ret = child < 0 ? err_input(err, "%s: no process to read it: %s", path, strerror(errno))
			: take_all(&r, &came);
	close(ends[0]);
	if (child < 0)
		return -1;
	if (ret < 0)
		(void)kill(child, came == CAME_END ? SIGTERM : SIGKILL);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return ret < 0 && came != CAME_ALL ? ended(&r, came, status) : ret;
}
