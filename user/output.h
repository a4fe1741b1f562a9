/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVSTEP_OUTPUT_H
#define HVSTEP_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

/*
 * Where a report goes: to standard output, or to a file that is there once it is
 * complete, and not before. One at a time.
 */
struct output {
	FILE *stream;
	const char *name;	/* NULL: standard output */
	char *target;		/* the file that @temporary is to become */
	char *temporary;
	int fd;
	int err;		/* of the first write that failed */
};

/* Both say what is wrong. */
bool output_open(struct output *output, const char *name);
/* Without @complete the file is as it was before. */
bool output_close(struct output *output, bool complete);

/* Whether it makes no sense to go on. */
static inline bool output_failed(const struct output *output)
{
	return output->err;
}

#endif /* HVSTEP_OUTPUT_H */
