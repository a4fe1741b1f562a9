/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVSTEP_MAP_H
#define HVSTEP_MAP_H

#include <stddef.h>
#include <stdint.h>

/* What map_find() says of a key that is not there, and no value. */
#define MAP_NONE	UINT32_MAX

/* From pairs of numbers to indices. All zero is an empty one. */
struct map {
	struct map_place {
		uint64_t a, b;
		uint32_t value_plus_one;	/* 0: a free place */
	} *places;
	size_t nr;
	size_t room;				/* a power of two */
};

uint32_t map_find(const struct map *map, uint64_t a, uint64_t b);
/* The key must not be there. */
void map_add(struct map *map, uint64_t a, uint64_t b, uint32_t value);
void map_free(struct map *map);

#endif /* HVSTEP_MAP_H */
