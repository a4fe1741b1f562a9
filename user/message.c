// SPDX-License-Identifier: GPL-2.0
/* Lines to stderr. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

void error(const char *format, ...)
{
	va_list ap;

	fputs("hvstep: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void warning(const char *format, ...)
{
	const char *quiet = getenv("HVSTEP_QUIET");
	va_list ap;

	if (quiet && *quiet && strcmp(quiet, "0") != 0)
		return;
	fputs("hvstep: warning: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
}
