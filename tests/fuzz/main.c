/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs files through a fuzz target without libFuzzer: each once, and with -mutate N SEED also N
 * mutations of each.  No coverage and no search: the suite's fixed share, the same on every run.
 * Invariant: the target gets a buffer that ends where the input ends.
 */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MORE_BYTES 4096u /* by how much mutations may make an input longer */
#define HANG_SECONDS 60u
#define DIED "fuzz-died"

struct buf {
	uint8_t *data;
	size_t size, cap;
};

static pid_t runner;
static uint64_t mutations, state;
static const uint8_t *running;
static size_t running_size;

/* Sanitizers end a process without a signal that we would see. */
extern void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void keep_input(void)
{
	static const char told[] = "the input is in ./" DIED "\n";
	int fd;

	if (!running || getpid() != runner) /* a reader's own process may die of a bad input */
		return;
	fd = open(DIED, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	if (fd >= 0 && write(fd, running, running_size) == (ssize_t)running_size)
		(void)!write(2, told, sizeof(told) - 1);
	running = NULL;
}

static void die(int signal_number)
{
	keep_input();
	(void)signal(signal_number, SIG_DFL);
	(void)raise(signal_number);
}

static void catch_deaths(void)
{
	static const int signals[] = { SIGABRT, SIGALRM, SIGBUS, SIGFPE, SIGILL, SIGSEGV };

	runner = getpid();
	if (__sanitizer_set_death_callback) {
		__sanitizer_set_death_callback(keep_input);
		(void)signal(SIGABRT, die);
		(void)signal(SIGALRM, die);
		return;
	}
	for (unsigned i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		(void)signal(signals[i], die);
}

static void *get(size_t size)
{
	void *p = malloc(size ? size : 1);

	fuzz_holds(p != NULL, "there is memory");
	return p;
}

static void run(const uint8_t *bytes, size_t size)
{
	uint8_t *copy = get(size);

	memcpy(copy, bytes, size);
	running = copy;
	running_size = size;
	(void)alarm(HANG_SECONDS);
	(void)LLVMFuzzerTestOneInput(copy, size);
	(void)alarm(0);
	running = NULL;
	free(copy);
}

/* ---- mutations ------------------------------------------------------------ */

/* splitmix64 */
static uint64_t draw(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static size_t below(size_t n)
{
	return n ? (size_t)(draw() % n) : 0;
}

/* Replaces cut bytes at `at` by put ones; NULL: random ones. */
static void replace(struct buf *b, size_t at, size_t cut, const void *bytes, size_t put)
{
	if (at > b->size || cut > b->size - at || b->size - cut + put > b->cap)
		return;
	memmove(b->data + at + put, b->data + at + cut, b->size - at - cut);
	b->size = b->size - cut + put;
	if (bytes)
		memcpy(b->data + at, bytes, put);
	for (size_t i = 0; !bytes && i < put; i++)
		b->data[at + i] = (uint8_t)draw();
}

static void splice_number(struct buf *b)
{
	static const uint64_t numbers[] = {
		0,	    1,	       0x10,	   0xff,       0x1000,
		0xffff,	    0x10000,   0x7fffffff, 0x80000000, 0xffffffff,
		1ull << 44, INT64_MAX, 1ull << 63, UINT64_MAX, UINT64_MAX - 0xfff,
	};
	uint64_t v = numbers[below(sizeof(numbers) / sizeof(*numbers))];
	size_t width = (size_t)1 << below(4), at = below(b->size);
	uint8_t le[8];

	if (draw() & 1)
		at &= ~(width - 1);
	for (unsigned i = 0; i < 8; i++)
		le[i] = (uint8_t)(v >> 8 * i);
	if (at + width <= b->size)
		replace(b, at, width, le, width);
}

static void splice_text(struct buf *b)
{
	static const char *const texts[] = {
		"0",	 "-1",	     "0x7fffffff", "18446744073709551616",
		"1e999", "null",     "\"",	   "{",
		"[",	 "]",	     "}",	   ",",
		":",	 "\n",	     "0x",	   " ",
		"-",	 "[[[[[[[[",
	};
	const char *text = texts[below(sizeof(texts) / sizeof(*texts))];
	size_t at = below(b->size + 1), most = b->size - at;

	replace(b, at, below((most < 8 ? most : 8) + 1), text, strlen(text));
}

/* A piece of it a second time, elsewhere. */
static void repeat(struct buf *b)
{
	size_t from = below(b->size), len = 1 + below(b->size - from < 64 ? b->size - from : 64);
	uint8_t piece[64];

	if (len > b->size - from || len > sizeof(piece))
		return;
	memcpy(piece, b->data + from, len);
	replace(b, below(b->size + 1), 0, piece, len);
}

static void mutate_once(struct buf *b)
{
	size_t at = below(b->size);

	switch (draw() % 8) {
	case 0:
		if (b->size)
			b->data[at] ^= (uint8_t)(1u << below(8));
		break;
	case 1:
		replace(b, at, 1, NULL, 1);
		break;
	case 2:
		replace(b, at, 0, NULL, 1 + below(16));
		break;
	case 3:
		replace(b, at, 1 + below(16), NULL, 0);
		break;
	case 4:
		b->size = draw() % 4 ? b->size : at;
		break;
	case 5:
		splice_text(b);
		break;
	case 6:
		repeat(b);
		break;
	default:
		splice_number(b);
	}
}

static void run_mutations(const struct buf *seed)
{
	struct buf b = { get(seed->size + MORE_BYTES), 0, seed->size + MORE_BYTES };

	for (uint64_t i = 0; i < mutations; i++) {
		size_t nr = 1 + below(6);

		memcpy(b.data, seed->data, seed->size);
		b.size = seed->size;
		while (nr--)
			mutate_once(&b);
		run(b.data, b.size);
	}
	free(b.data);
}

/* ---- files ---------------------------------------------------------------- */

static int failed(const char *path)
{
	fprintf(stderr, "%s: %s\n", path, strerror(errno));
	return -1;
}

static int run_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	struct buf b = { NULL, 0, 0 };
	struct stat st;
	int ret = -1;

	if (!f || fstat(fileno(f), &st) < 0) {
		failed(path);
	} else {
		b.cap = (size_t)st.st_size;
		b.data = get(b.cap);
		b.size = fread(b.data, 1, b.cap, f);
		ret = ferror(f) ? failed(path) : 0;
	}
	if (f)
		(void)fclose(f);
	if (ret == 0) {
		run(b.data, b.size);
		run_mutations(&b);
	}
	free(b.data);
	return ret;
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int run_directory(const char *path)
{
	struct dirent **entry;
	int nr = scandir(path, &entry, is_visible, alphasort), ret = 0;

	if (nr < 0)
		return failed(path);
	for (int i = 0; i < nr; i++) {
		char *file;

		fuzz_holds(asprintf(&file, "%s/%s", path, entry[i]->d_name) >= 0,
			   "there is memory");
		if (ret == 0)
			ret = run_file(file);
		free(file);
		free(entry[i]);
	}
	free(entry);
	if (nr == 0)
		fprintf(stderr, "%s: no files in it\n", path);
	return nr ? ret : -1;
}

static int run_path(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return failed(path);
	return S_ISDIR(st.st_mode) ? run_directory(path) : run_file(path);
}

int main(int argc, char **argv)
{
	int i = 1;

	if (argc > 4 && strcmp(argv[1], "-mutate") == 0) {
		mutations = strtoull(argv[2], NULL, 0);
		state = strtoull(argv[3], NULL, 0);
		i = 4;
	}
	if (i == argc || argv[i][0] == '-') {
		fprintf(stderr, "usage: %s [-mutate N SEED] FILE-OR-DIRECTORY...\n", argv[0]);
		return 2;
	}
	catch_deaths();
	for (; i < argc; i++)
		if (run_path(argv[i]) < 0)
			return 1;
	return 0;
}
