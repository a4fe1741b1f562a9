// SPDX-License-Identifier: GPL-2.0
/* The line that says how far it is. */
#include <stdio.h>

#include "progress.h"

const char *human(unsigned long long bytes, char buf[HUMAN_SIZE])
{
	static const char * const units[] = { "B", "kB", "MB", "GB", "TB" };
	double value = bytes;
	unsigned int unit = 0;

	while (value >= 1000 && unit < sizeof(units) / sizeof(units[0]) - 1) {
		value /= 1000;
		unit++;
	}
	snprintf(buf, HUMAN_SIZE, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
	return buf;
}

void progress_show(unsigned long long steps, double rate, unsigned long long lost,
		   unsigned long long size)
{
	char text[HUMAN_SIZE];

	/* To the end of the line: the one before may have been longer. */
	fprintf(stderr, "\r%llu steps, %.0f/s, %llu lost, %s\033[K", steps, rate, lost,
		human(size, text));
}

void progress_clear(void)
{
	fputs("\r\033[K", stderr);
}
