// SPDX-License-Identifier: GPL-2.0
/* Memory, or the end. */
#include <stdlib.h>

#include "command.h"
#include "memory.h"

static void *or_exit(void *memory)
{
	if (memory)
		return memory;
	error("out of memory");
	exit(EXIT_HVSTEP);
}

void *allocate_zeroed(size_t nr, size_t size)
{
	return or_exit(calloc(nr, size));
}

void *array_grow(void *array, size_t nr, size_t *room, size_t size)
{
	if (nr < *room)
		return array;
	*room = *room ? *room * 2 : 16;
	return or_exit(reallocarray(array, *room, size));
}
