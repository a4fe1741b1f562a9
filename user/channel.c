// SPDX-License-Identifier: GPL-2.0
/* A vCPU that is recorded: its ring, and how far it has come. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "channel.h"
#include "command.h"

void channels_close(const struct recording *rec, struct channel *channels)
{
	size_t i;

	for (i = 0; i < rec->nr_vcpus; i++)
		hvstep_reader_close(channels[i].reader);
	free(channels);
}

/*
 * Rings are locked memory, of which a user may have so much (RLIMIT_MEMLOCK): of a size that
 * nobody has asked for take half. If that is possible all are closed, to be opened anew.
 */
static bool shrink(struct recording *rec, struct channel *channels)
{
	if (!rec->any_size || rec->trace.nr_records <= LEAST_RECORDS)
		return false;
	channels_close(rec, channels);
	rec->trace.nr_records /= 2;
	rec->trace.watermark = rec->trace.watermark / 2 ?: 1;
	return true;
}

struct channel *channels_open(struct recording *rec)
{
	struct channel *channels;
	size_t i;
	int ret;

	channels = calloc(rec->nr_vcpus, sizeof(*channels));
	if (!channels) {
		error("%s", strerror(ENOMEM));
		return NULL;
	}
	for (i = 0; i < rec->nr_vcpus; i++) {
		struct hvstep_trace trace = rec->trace;

		trace.vcpu = rec->vcpus[i];
		channels[i].vcpu = rec->vcpus[i];
		ret = hvstep_trace(rec->session, &trace, &channels[i].reader);
		if (!ret)
			continue;
		if (ret == -ENOENT)
			error("the VM has no vCPU %u", trace.vcpu);
		else if (ret == -EBUSY)
			error("vCPU %u is being traced already", trace.vcpu);
		else if (ret == -ENOMEM && shrink(rec, channels))
			return channels_open(rec);
		else if (ret == -ENOMEM)
			error("no memory for the ring of vCPU %u, or none that may be locked (ulimit "
			      "-l): take a smaller one (--ring) than of %u records", trace.vcpu,
			      trace.nr_records);
		else
			error("cannot trace vCPU %u: %s", trace.vcpu, strerror(-ret));
		channels_close(rec, channels);
		return NULL;
	}
	return channels;
}

unsigned long long channel_recorded(const struct channel *c)
{
	return c->ended ? c->end :
	       __atomic_load_n(&hvstep_reader_ring(c->reader)->head, __ATOMIC_ACQUIRE);
}

unsigned long long channel_dropped(const struct channel *c)
{
	return c->ended ? c->dropped :
	       __atomic_load_n(&hvstep_reader_ring(c->reader)->dropped, __ATOMIC_RELAXED);
}

unsigned long long channel_filtered(const struct channel *c)
{
	return c->ended ? c->filtered :
	       __atomic_load_n(&hvstep_reader_ring(c->reader)->filtered, __ATOMIC_RELAXED);
}

unsigned long long channel_steps(const struct channel *c)
{
	return channel_recorded(c) + channel_dropped(c) + channel_filtered(c);
}

void channel_end(struct channel *c, unsigned long long end)
{
	if (c->ended)
		return;
	c->dropped = channel_dropped(c);
	c->filtered = channel_filtered(c);
	c->end = end;
	c->ended = true;
}

void channel_consume(struct channel *c, size_t nr)
{
	hvstep_reader_consume(c->reader, nr);
	c->read += nr;
}
