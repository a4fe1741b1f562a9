// SPDX-License-Identifier: GPL-2.0
/* A hash table with open addressing. */
#include <stdlib.h>

#include "map.h"
#include "memory.h"

static size_t hash(uint64_t a, uint64_t b)
{
	uint64_t h = (a ^ (b << 32 | b >> 32)) * 0x9e3779b97f4a7c15ULL;

	h = (h ^ h >> 29) * 0xbf58476d1ce4e5b9ULL;
	return h ^ h >> 32;
}

/* Where the key is, or would be. */
static struct map_place *place_of(const struct map *map, uint64_t a, uint64_t b)
{
	size_t i = hash(a, b) & (map->room - 1);
	struct map_place *place = &map->places[i];

	while (place->value_plus_one && (place->a != a || place->b != b)) {
		i = (i + 1) & (map->room - 1);
		place = &map->places[i];
	}
	return place;
}

uint32_t map_find(const struct map *map, uint64_t a, uint64_t b)
{
	/* Nothing and less one is MAP_NONE. */
	return map->room ? place_of(map, a, b)->value_plus_one - 1 : MAP_NONE;
}

static void double_room(struct map *map)
{
	struct map old = *map;

	map->room = old.room ? old.room * 2 : 64;
	map->places = allocate_zeroed(map->room, sizeof(*map->places));
	for (size_t i = 0; i < old.room; i++) {
		const struct map_place *place = &old.places[i];

		if (place->value_plus_one)
			*place_of(map, place->a, place->b) = *place;
	}
	free(old.places);
}

void map_add(struct map *map, uint64_t a, uint64_t b, uint32_t value)
{
	if (map->nr >= map->room / 2)
		double_room(map);
	*place_of(map, a, b) = (struct map_place){ a, b, value + 1 };
	map->nr++;
}

void map_free(struct map *map)
{
	free(map->places);
	*map = (struct map){ 0 };
}
