/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One test body, two runners.  With Criterion each test is a process of its
 * own; with -DT_PLAIN the same bodies get a plain main (t_main.c), for
 * ThreadSanitizer, valgrind and cross builds, where Criterion cannot run.
 *
 *	Test(subject, behaviour) { t_check(x == 1, "x is %d", x); }
 */
#ifndef T_H
#define T_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

#ifdef T_PLAIN

struct t_test {
	const char *suite, *name;
	void (*run)(void);
	struct t_test *next;
};

void t_register(struct t_test *t);
_Noreturn void t_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define Test(suite_, name_)                                                                        \
	static void t_##suite_##_##name_(void);                                                    \
	__attribute__((constructor)) static void t_reg_##suite_##_##name_(void)                    \
	{                                                                                          \
		static struct t_test t = { #suite_, #name_, t_##suite_##_##name_, NULL };          \
		t_register(&t);                                                                    \
	}                                                                                          \
	static void t_##suite_##_##name_(void)

#define t_check(cond, ...)                                                                         \
	do {                                                                                       \
		if (!(cond))                                                                       \
			t_fail(__FILE__, __LINE__, __VA_ARGS__);                                   \
	} while (0)

#else

#include <criterion/criterion.h>
#define t_check(cond, ...) cr_assert(cond, __VA_ARGS__)

#endif

#define t_eq(a, b)                                                                                 \
	do {                                                                                       \
		uint64_t t_a = (uint64_t)(a), t_b = (uint64_t)(b);                                 \
		t_check(t_a == t_b, "%s is 0x%" PRIx64 ", not %s = 0x%" PRIx64, #a, t_a, #b, t_b); \
	} while (0)

#define t_true(cond) t_check(cond, "%s", #cond)

#endif
