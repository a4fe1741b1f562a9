/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVSTEP_CHANNEL_H
#define HVSTEP_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>

#include "recording.h"

/* A vCPU that is recorded: its ring, and what of that is on its way into the file. */
struct channel {
	unsigned int vcpu;
	struct hvstep_reader *reader;
	bool started;		/* before that, that there are no steps means nothing */
	bool polled;
	bool done;
	bool arrived;		/* at @until */
	size_t records;		/* that are being written */
	unsigned long long read;	/* and those that were, or were thrown away */
	/* Once it has ended: what comes behind is somebody else's, who steps the vCPU as well. */
	bool ended;
	unsigned long long end;
	unsigned long long dropped;
	unsigned long long filtered;
	const char *at;		/* what is left of them, and where in the file */
	size_t left;
	unsigned long long offset;
};

/* Of each vCPU of @rec; NULL if one cannot be had, which was said. Rings may become smaller. */
struct channel *channels_open(struct recording *rec);
void channels_close(const struct recording *rec, struct channel *channels);

/* What the module has counted for it, up to its end. */
unsigned long long channel_recorded(const struct channel *c);
unsigned long long channel_dropped(const struct channel *c);
unsigned long long channel_filtered(const struct channel *c);
unsigned long long channel_steps(const struct channel *c);

/* Behind @end records nothing is its any more; the first time counts. */
void channel_end(struct channel *c, unsigned long long end);

/* @nr records are read. */
void channel_consume(struct channel *c, size_t nr);

#endif /* HVSTEP_CHANNEL_H */
