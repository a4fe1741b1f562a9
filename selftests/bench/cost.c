// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cost.h"

#define NS_PER_512_TICKS	1000

static int compare(const void *a, const void *b)
{
	const unsigned long long *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* What reading the timebase twice costs by itself */
static unsigned long long overhead(void)
{
	static unsigned long long least = -1ULL;
	int i;

	for (i = 0; least == -1ULL || i < 100; i++) {
		unsigned long long tb = timebase();

		tb = timebase() - tb;
		if (tb < least)
			least = tb;
	}
	return least;
}

void cost_report(struct cost *c, const char *fmt, ...)
{
	unsigned long long *s = c->sample + NR_WARM;
	unsigned long long ticks;
	va_list ap;

	qsort(s, NR_SAMPLES, sizeof(*s), compare);
	ticks = s[NR_SAMPLES / 2] - overhead();
	printf("cost ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf(" %.1f\n", (double)ticks * NS_PER_512_TICKS / 512 / (c->divide ?: 1));
	fflush(stdout);
}

void run_expect(struct vcpu *v, __u32 reason)
{
	int ret = ioctl(v->fd, KVM_RUN, 0);

	if (ret || v->run->exit_reason != reason)
		check_exit(v, ret ? -errno : 0, reason, "benchmark");
}
