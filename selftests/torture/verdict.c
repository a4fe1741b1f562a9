// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "verdict.h"
#include "world.h"

unsigned long option_number(const char *arg, struct argp_state *state)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(arg, &end, 0);
	if (errno || *end || end == arg || *arg == '-')
		argp_error(state, "%s: not a number", arg);
	return n;
}

/*
 * Bits of Documentation/admin-guide/tainted-kernels.rst: a page was bad (KASAN says that,
 * too), it died, it warned, it hung.
 */
static bool has_splat(void)
{
	unsigned long taint = 0;
	FILE *f = fopen("/proc/sys/kernel/tainted", "r");

	if (f) {
		if (fscanf(f, "%lu", &taint) != 1)
			taint = 0;
		fclose(f);
	}
	return taint & (1UL << 5 | 1UL << 7 | 1UL << 9 | 1UL << 14);
}

static bool splat_before;

void verdict_begin(int tests)
{
	const char *missing = vm_missing();

	if (missing) {
		printf("1..0 # SKIP %s\n", missing);
		exit(4);
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		     -1, 0);
	if (tally == MAP_FAILED)
		vm_fail("no memory");
	splat_before = has_splat();
	printf("TAP version 13\n1..%d\n", tests);
}

bool verdict_no_splat(int nr)
{
	return ok(nr, splat_before || !has_splat(),
		  splat_before ? "the kernel's complaints # SKIP it had complained before" :
		  "the kernel has not complained");
}

bool nothing_is_left(__u32 before)
{
	int naps;

	for (naps = 0; attached() != before; naps++) {
		if (naps == 1000) {
			fprintf(stderr, "# LOST: %u attached, %u before\n", attached(), before);
			return false;
		}
		usleep(10000);
	}
	return true;
}

bool ok(int nr, bool yes, const char *what)
{
	printf("%s %d - %s\n", yes ? "ok" : "not ok", nr, what);
	return yes;
}
