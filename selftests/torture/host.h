/* SPDX-License-Identifier: GPL-2.0 */
/* What the host does to its guests: acts of an actor */
#ifndef HOST_H
#define HOST_H

#include "acts.h"

/* Nothing maps the guest's pages any more, as with a balloon; what is in them stays. */
bool unmap(struct actor *a);
/* Out into the swap */
bool page_out(struct actor *a);
/* Pages move. */
bool compact(struct actor *a);
/* The last CPU of the host goes, and comes back. */
bool hotplug(struct actor *a);

/* Before the first of them; and what an episode has not put back that was killed */
void host_begin(void);
bool host_can_hotplug(void);
void host_restore(void);

#endif /* HOST_H */
