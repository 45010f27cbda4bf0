/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the kernel is started on each target.
 * Invariant: a target's standard output is the kernel's console.
 */
#include "metal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

int metal_target_find(struct metal_target *t, struct err *err)
{
	static const char *const places[] = { "metal/kernel/metal64", "../share/vmmu/metal64" };
	char directory[PATH_BYTES];
	unsigned i;

	for (i = 0; program_directory(directory) == 0 && i < sizeof(places) / sizeof(*places);
	     i++) {
		if (strlen(directory) + strlen(places[i]) >= sizeof(t->kernel))
			break;
		strcpy(t->kernel, directory);
		strcat(t->kernel, places[i]);
		if (access(t->kernel, R_OK) == 0)
			return 0;
	}
	return err_input(err,
			 "the kernel metal64 is missing: it is built by a compiler for x86-64");
}

static int copy_sequences(FILE *to, const char *path, struct err *err)
{
	FILE *f = strcmp(path, "-") ? fopen(path, "r") : stdin;
	char line[1024];

	if (!f)
		return err_input(err, "%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), f))
		fputs(line[0] == '|' ? line + 1 + (line[1] == ' ') : line, to);
	if (f != stdin)
		fclose(f);
	return 0;
}

int metal_target_module(struct metal_target *t, const struct metal_known *k, const char *replay,
			struct err *err)
{
	const char *line;
	FILE *f;
	int fd, ret = 0;

	t->module[0] = '\0';
	if (!k->text && !replay)
		return 0;
	strcpy(t->module, "/tmp/vmmu-metal-XXXXXX");
	fd = mkstemp(t->module);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!f)
		return err_input(err, "%s: %s", t->module, strerror(errno));
	for (line = k->text; line && *line; line += strcspn(line, "\n"), line += *line == '\n')
		if (!strncmp(line, "known ", 6))
			fprintf(f, "%.*s\n", (int)strcspn(line, "\n"), line);
	if (replay)
		ret = copy_sequences(f, replay, err);
	if (fclose(f) != 0 && ret == 0)
		ret = err_input(err, "%s: %s", t->module, strerror(errno));
	return ret;
}

void metal_target_end(struct metal_target *t)
{
	if (t->module[0])
		unlink(t->module);
	t->module[0] = '\0';
}

/* ---- their command lines ------------------------------------------------------------------- */

static void add(struct metal_target *t, const char *const *words)
{
	unsigned n = 0;

	while (t->word[n])
		n++;
	while (*words && n + 1 < METAL_WORDS)
		t->word[n++] = *words++;
	t->word[n] = NULL;
}

static void words_of_qemu(struct metal_target *t, int kvm)
{
	const char *const first[] = { "qemu-system-x86_64",
				      "-accel",
				      kvm ? "kvm" : "tcg",
				      "-cpu",
				      t->cpu ? t->cpu
				      : kvm  ? "host"
					     : "max",
				      "-m",
				      "128",
				      "-kernel",
				      t->kernel,
				      "-append",
				      t->args,
				      "-serial",
				      "stdio",
				      "-display",
				      "none",
				      "-monitor",
				      "none",
				      "-nic",
				      "none",
				      "-no-reboot",
				      "-device",
				      "isa-debug-exit,iobase=0xf4,iosize=4",
				      NULL };

	add(t, first);
	if (t->module[0])
		add(t, (const char *const[]){ "-initrd", t->module, NULL });
}

static int words_of_run(struct metal_target *t, struct err *err)
{
	if (t->module[0])
		return err_set(err, STATUS_USAGE,
			       "--on run loads no modules: without --known and --replay");
	add(t,
	    (const char *const[]){ "/proc/self/exe", "run", "--backend",
				   t->backend ? t->backend : "native", t->kernel, t->args, NULL });
	return 0;
}

static int words_of(struct metal_target *t, struct err *err)
{
	if (!strcmp(t->on, "qemu") || !strcmp(t->on, "kvm")) {
		words_of_qemu(t, t->on[0] == 'k');
		return 0;
	}
	if (!strcmp(t->on, "run"))
		return words_of_run(t, err);
	if (!strncmp(t->on, "command:", 8)) {
		setenv("KERNEL", t->kernel, 1);
		setenv("MODULE", t->module, 1);
		setenv("ARGS", t->args, 1);
		add(t, (const char *const[]){ "sh", "-c", t->on + 8, NULL });
		return 0;
	}
	return err_set(err, STATUS_USAGE, "--on %s: wants qemu, kvm, run or command:...", t->on);
}

pid_t metal_target_start(struct metal_target *t, int *fd, struct err *err)
{
	int ends[2];
	pid_t pid;

	if (words_of(t, err) < 0)
		return -1;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_input(err, "pipe: %s", strerror(errno));
	pid = fork();
	if (pid < 0) {
		close(ends[0]);
		close(ends[1]);
		return err_input(err, "fork: %s", strerror(errno));
	}
	if (pid == 0) {
		int null = open("/dev/null", O_RDONLY);

		setpgid(0, 0);
		/* No target outlives the command. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(null, 0);
		dup2(ends[1], 1);
		/* exec() changes nothing of the words; its type is older than const. */
		execvp(t->word[0], (char *const *)(uintptr_t)t->word);
		fprintf(stderr, "vmmu: %s: %s\n", t->word[0], strerror(errno));
		_exit(127);
	}
	close(ends[1]);
	*fd = ends[0];
	return pid;
}
