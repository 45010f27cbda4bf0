/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The plain runner of t.h: runs every test of the program in turn, in one
 * process, and counts as Criterion does.  Exit status 1 if any failed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include "t.h"

static struct t_test *tests;
static jmp_buf failed;

void t_register(struct t_test *t)
{
	t->next = tests;
	tests = t;
}

_Noreturn void t_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "%s:%d: ", file, line);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	longjmp(failed, 1);
}

int main(void)
{
	volatile int tested = 0, passing = 0;
	struct t_test *volatile t;

	for (t = tests; t; t = t->next) {
		tested++;
		if (!setjmp(failed)) {
			t->run();
			passing++;
		} else {
			fprintf(stderr, "FAIL %s::%s\n", t->suite, t->name);
		}
	}
	fprintf(stderr, "[====] Synthesis: Tested: %d | Passing: %d | Failing: %d | Crashing: 0\n",
		tested, passing, tested - passing);
	return passing != tested || !tested;
}
