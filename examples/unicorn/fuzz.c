/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Executes streams of random instruction bytes and checks how each ends.  The run fails if a
 * stream ends the process, keeps it busy for ten seconds, or makes vmmu-run report a difference.
 * The stream is printed.  A child process executes a batch of streams in one machine.  After a
 * failure the next batch begins behind the stream that failed.
 * Invariant: what is printed about a stream is enough to execute it again (--from N --streams 1).
 */
#include "fuzz.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define BATCH 512u
#define HANG_SECONDS 10u
#define LOOP_MS 10
/* For Unicorn's translations; clearing a larger buffer would take most of the time. */
#define CODE_BYTES (1u << 20)
#define MOST_REASONS 64u

/* Parent and child share this. */
struct progress {
	uint64_t at;		      /* the stream that is being executed */
	uint64_t ended[END_EXIT + 1]; /* how many streams, by enum ending */
	uint64_t delivered;	      /* how many exceptions */
	struct {
		char words[120];
		uint64_t count, first;
	} reason[MOST_REASONS]; /* messages of END_UNSUPPORTED */
};

struct options {
	uint64_t seed, from, streams, limit;
	unsigned batch;
	int check, show, verbose, quiet_children;
	const char *backend;
};

static struct progress *progress;
static struct run *running;

static void show(uint64_t number, const struct fuzz_stream *s)
{
	printf("stream %llu: %s, CPL %u, %s, CR4 0x%x, flags 0x%x, at 0x%llx:",
	       (unsigned long long)number, fuzz_mode_name(s->mode), s->cpl,
	       s->idt ? "an IDT" : "no IDT", s->cr4, s->flags, (unsigned long long)s->at);
	for (unsigned i = 0; i < s->nr; i++)
		printf(" %02x", s->bytes[i]);
	printf("\n  registers");
	for (unsigned i = 0; i < FUZZ_REGS; i++)
		printf(" %llx", (unsigned long long)s->reg[i]);
	putchar('\n');
	fflush(stdout);
}

/* ---- the child ------------------------------------------------------------------------------- */

/* An endless loop of the guest is no failure.  The run ends as if at a limit. */
static void too_long(int signal)
{
	(void)signal;
	if (running && running->end == GOING) {
		running->end = END_LIMIT;
		uc_emu_stop(running->uc);
	}
}

static void set_timer(int ms)
{
	const struct itimerval t = { .it_interval = { 0, ms * 1000 },
				     .it_value = { 0, ms * 1000 } };

	setitimer(ITIMER_VIRTUAL, &t, NULL);
}

static struct run *open_machine(const struct options *o)
{
	struct machine_options m = { o->backend, FUZZ_RAM, 4096, o->check, 1024, 0 };
	struct run *r = calloc(1, sizeof(*r));
	FILE *nowhere = fopen("/dev/null", "w");

	r->end = GOING;
	r->most_instructions = o->limit;
	if (!nowhere || machine_open(r, &m) < 0 || machine_engine(r, CODE_BYTES) < 0 ||
	    device_open(r, nowhere) < 0 || (o->check && check_open(r) < 0)) {
		fprintf(stderr, "fuzz_run: %s\n", r->why);
		exit(2);
	}
	return r;
}

/* Counts a message.  Numbers in it are replaced, so that equal reasons are counted together. */
static void note_reason(const char *why, uint64_t number)
{
	char words[sizeof(progress->reason[0].words)] = { 0 };
	size_t n = 0;

	for (const char *p = why; *p && *p != ';' && n + 1 < sizeof(words); p++) {
		if (p[0] == '0' && p[1] == 'x') {
			p += 2;
			while (p[1] && strchr("0123456789abcdef", p[1]))
				p++;
			words[n++] = '#';
		} else {
			words[n++] = *p;
		}
	}
	for (unsigned i = 0; i < MOST_REASONS; i++) {
		if (!progress->reason[i].count) {
			strcpy(progress->reason[i].words, words);
			progress->reason[i].first = number;
		}
		if (!strcmp(progress->reason[i].words, words)) {
			progress->reason[i].count++;
			return;
		}
	}
}

/* Whether the instruction before RIP is HLT or MWAIT. */
static int has_halted(struct run *r)
{
	uint64_t rip = cpu_reg(&r->cpu, UC_X86_REG_RIP);
	uint8_t before[3] = { 0 };

	(void)sense_bytes(r, insn_address(r, rip - 3), before, sizeof(before));
	return before[2] == 0xf4 || (before[1] == 0x01 && before[2] == 0xc9);
}

/* 0; or -1: vmmu-run reported a difference, or its report is wrong. */
static int execute(struct run *r, const struct options *o, uint64_t number)
{
	struct fuzz_stream s;
	const char *name;

	progress->at = number;
	fuzz_make(&s, o->seed, number);
	if (o->show)
		show(number, &s);
	r->end = GOING;
	r->instructions = 0;
	memset(r->delivered, 0, sizeof(r->delivered));
	running = NULL;
	fuzz_enter(r, &s);
	set_timer(LOOP_MS);
	running = r;
	if (r->end == GOING)
		run_loop(r);
	running = NULL;
	set_timer(0);
	for (unsigned v = 0; v < 256; v++)
		progress->delivered += r->delivered[v];
	check_invariants(r);
	progress->ended[r->end]++;
	if (r->end == END_UNSUPPORTED)
		note_reason(r->why, number);
	if (o->show)
		printf("  ends %d: %s\n", r->end, r->end == END_LIMIT ? "a loop" : r->why);
	if (r->end == END_HALTED && !has_halted(r))
		snprintf(r->why, sizeof(r->why), "halted at 0x%llx, behind what is no HLT",
			 (unsigned long long)cpu_reg(&r->cpu, UC_X86_REG_RIP));
	else if (fuzz_registers_differ(r, &name))
		snprintf(r->why, sizeof(r->why),
			 "%s has changed, and the library has not been told", name);
	else if (r->end != END_DIFFERENT && r->end != END_INPUT)
		return 0;
	printf("ended as %d: %s\n", r->end, r->why);
	return -1;
}

static int child(const struct options *o, uint64_t first, uint64_t nr)
{
	struct run *r = open_machine(o);
	int ret = 0;

	signal(SIGVTALRM, too_long);
	for (uint64_t i = 0; i < nr && ret == 0; i++)
		ret = execute(r, o, first + i);
	fflush(stdout);
	_exit(ret ? 3 : 0);
}

/* ---- the parent ------------------------------------------------------------------------------ */

/* Waits for the child and kills it if it hangs.  Returns its status. */
static int wait_for(pid_t pid, int *hung)
{
	uint64_t last = progress->at;
	unsigned still = 0;
	int status;

	*hung = 0;
	for (;;) {
		pid_t done = waitpid(pid, &status, WNOHANG);

		if (done == pid)
			return status;
		usleep(2000);
		still = progress->at == last ? still + 1 : 0;
		last = progress->at;
		if (still > HANG_SECONDS * 500) {
			*hung = 1;
			kill(pid, SIGKILL);
			still = 0;
		}
	}
}

/* Returns how many streams from `first` on were executed.  *bad: the last of them failed. */
static uint64_t batch(const struct options *o, uint64_t first, uint64_t nr, int *bad)
{
	struct fuzz_stream s;
	int hung, status;
	pid_t pid;

	progress->at = first;
	fflush(stdout);
	pid = fork();
	if (pid < 0) {
		fprintf(stderr, "fuzz_run: fork: %s\n", strerror(errno));
		exit(2);
	}
	if (pid == 0)
		child(o, first, nr);
	status = wait_for(pid, &hung);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return nr;
	*bad = 1;
	fuzz_make(&s, o->seed, progress->at);
	show(progress->at, &s);
	if (hung)
		printf("  hangs\n");
	else if (WIFSIGNALED(status))
		printf("  the process dies by signal %d\n", WTERMSIG(status));
	else
		printf("  the process exits with %d\n", WEXITSTATUS(status));
	return progress->at - first + 1;
}

static void print_totals(const struct options *o, unsigned bad)
{
	static const struct {
		enum ending end;
		const char *name;
	} names[] = { { END_HALTED, "halted" },
		      { END_DEAD, "triple fault" },
		      { END_UNSUPPORTED, "not emulated" },
		      { END_LIMIT, "a loop" },
		      { END_EXIT, "exit port" } };

	printf("%llu streams of seed %llu on %s:", (unsigned long long)o->streams,
	       (unsigned long long)o->seed, o->backend);
	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
		printf(" %s %llu,", names[i].name,
		       (unsigned long long)progress->ended[names[i].end]);
	printf(" exceptions %llu, bad %u\n", (unsigned long long)progress->delivered, bad);
	for (unsigned i = 0; o->verbose && i < MOST_REASONS && progress->reason[i].count; i++)
		printf("%8llu  %s (first: %llu)\n", (unsigned long long)progress->reason[i].count,
		       progress->reason[i].words, (unsigned long long)progress->reason[i].first);
}

static int parse(int argc, char **argv, struct options *o)
{
	static const struct option table[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "from", required_argument, NULL, 'f' },
		{ "streams", required_argument, NULL, 'n' },
		{ "limit", required_argument, NULL, 'l' },
		{ "batch", required_argument, NULL, 'b' },
		{ "backend", required_argument, NULL, 'k' },
		{ "check", no_argument, NULL, 'c' },
		{ "show", no_argument, NULL, 'w' },
		{ "verbose", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	int opt;

	*o = (struct options){ .seed = 1, .streams = 1000, .batch = BATCH, .backend = "native" };
	while ((opt = getopt_long(argc, argv, "", table, NULL)) != -1) {
		uint64_t n = optarg ? strtoull(optarg, NULL, 0) : 0;

		switch (opt) {
		case 's':
			o->seed = n;
			break;
		case 'f':
			o->from = n;
			break;
		case 'n':
			o->streams = n;
			break;
		case 'l':
			o->limit = n;
			break;
		case 'b':
			o->batch = n ? (unsigned)n : 1;
			break;
		case 'k':
			o->backend = optarg;
			break;
		case 'c':
			o->check = 1;
			break;
		case 'w':
			o->show = 1;
			break;
		case 'v':
			o->verbose = 1;
			break;
		default:
			return -1;
		}
	}
	return machine_has_backend(o->backend) ? 0 : -1;
}

int main(int argc, char **argv)
{
	struct options o;
	unsigned bad = 0;

	if (parse(argc, argv, &o) < 0) {
		fprintf(stderr, "usage: fuzz_run [--seed S] [--from N] [--streams N] [--limit "
				"INSTRUCTIONS] [--batch N] [--backend NAME] [--check] [--show] "
				"[--verbose]\n");
		return 2;
	}
	progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	if (progress == MAP_FAILED)
		return 2;
	for (uint64_t done = 0; done < o.streams;) {
		uint64_t nr = o.streams - done < o.batch ? o.streams - done : o.batch;
		int failed = 0;

		done += batch(&o, o.from + done, nr, &failed);
		bad += (unsigned)failed;
	}
	print_totals(&o, bad);
	return bad != 0;
}
