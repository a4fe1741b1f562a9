/* SPDX-License-Identifier: GPL-2.0 */
/* The guest's memory, as KVM is told of it: acts of an actor */
#ifndef MEMSLOTS_H
#define MEMSLOTS_H

#include "acts.h"

/* All of the guest's memory is in one memslot from now on, by way of the first view. */
void memslots_begin(struct world *w);
/* Nobody uses the views any more. */
void memslots_end(struct world *w);

bool dirty_log(struct actor *a);
/* Another one, that nobody uses, comes and goes. */
bool other_memslot(struct actor *a);
/*
 * While no vCPU is in KVM_RUN, the guest's own goes and comes back, by way of the other view
 * or the same; is elsewhere in guest memory for a moment; is short for a moment, with the
 * vectors or with no more than a part of what the guest needs.
 */
bool memslot_anew(struct actor *a);
bool memslot_moved(struct actor *a);
bool memslot_resized(struct actor *a);

#endif /* MEMSLOTS_H */
