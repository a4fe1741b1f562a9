/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVSTEP_MEMORY_H
#define HVSTEP_MEMORY_H

#include <stddef.h>

/*
 * For commands that have nothing to save: where there is no memory left they say so
 * and exit with EXIT_HVSTEP.
 */
void *allocate_zeroed(size_t nr, size_t size);

/* An array that has room for one more than @nr; *@room is how many it has room for. */
void *array_grow(void *array, size_t nr, size_t *room, size_t size);

#endif /* HVSTEP_MEMORY_H */
