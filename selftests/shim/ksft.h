/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's kselftest.h where there is one (KSELFTEST_DIR), or as much of it
 * as is needed to print the same.
 */
#ifndef SHIM_KSFT_H
#define SHIM_KSFT_H

#if __has_include(<kselftest.h>)
#include <kselftest.h>
#else

#include <stdio.h>
#include <stdlib.h>

static unsigned int ksft_passed, ksft_failed;

static inline void ksft_print_header(void)
{
	printf("TAP version 13\n");
}

static inline void ksft_set_plan(unsigned int plan)
{
	printf("1..%u\n", plan);
}

#define ksft_test_result(condition, fmt, ...) do {			\
	if (condition)							\
		printf("ok %u " fmt, ++ksft_passed + ksft_failed, ##__VA_ARGS__); \
	else								\
		printf("not ok %u " fmt, ksft_passed + ++ksft_failed, ##__VA_ARGS__); \
} while (0)

static inline void ksft_exit_skip(const char *why)
{
	printf("1..0 # SKIP %s", why);
	exit(4);
}

static inline void ksft_finished(void)
{
	printf("# Totals: pass:%u fail:%u xfail:0 xpass:0 skip:0 error:0\n",
	       ksft_passed, ksft_failed);
	exit(ksft_failed != 0);
}

#endif
#endif /* SHIM_KSFT_H */
