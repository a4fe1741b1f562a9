// SPDX-License-Identifier: GPL-2.0
/* The tree of calls with the steps counted in it, and what that means for each function. */
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "profile.h"

/* A tree larger than this nobody reads; what would be below counts where it was called. */
#define NODES_MAX	(1U << 20)

/* The first level has numbers of vCPUs, which are no functions. */
static uint32_t node_new(struct profile *profile, uint32_t parent, uint32_t function)
{
	uint32_t nr = profile->nr_nodes;

	profile->nodes = array_grow(profile->nodes, nr, &profile->room, sizeof(*profile->nodes));
	profile->nodes[nr] = (struct node){
		.function = function,
		.parent = parent,
		.sibling = nr ? profile->nodes[parent].child : 0,
	};
	if (nr)
		profile->nodes[parent].child = nr;
	profile->nr_nodes++;
	return nr;
}

void profile_init(struct profile *profile, const struct functions *functions)
{
	*profile = (struct profile){ .functions = functions };
	node_new(profile, 0, 0);
}

static uint32_t child_of(struct profile *profile, uint32_t parent, uint32_t function)
{
	uint32_t nr = map_find(&profile->by_way, parent, function);

	if (nr != MAP_NONE)
		return nr;
	/* There is always room for a vCPU. */
	if (parent && profile->nr_nodes >= NODES_MAX)
		return MAP_NONE;
	nr = node_new(profile, parent, function);
	map_add(&profile->by_way, parent, function, nr);
	return nr;
}

void profile_enter(struct profile *profile, struct calls_vcpu *vcpu, uint32_t function,
		   enum entering how)
{
	uint32_t nr = MAP_NONE;

	if (!vcpu->node)
		vcpu->node = child_of(profile, 0, vcpu->id);
	if (!vcpu->nodes_missing)
		nr = child_of(profile, vcpu->node, function);
	if (nr == MAP_NONE) {
		vcpu->nodes_missing++;
		profile->folded++;
		return;
	}
	vcpu->node = nr;
	profile->nodes[nr].calls += how != ENTER_ROOT && how != ENTER_MOVED;
}

void profile_leave(struct profile *profile, struct calls_vcpu *vcpu)
{
	if (vcpu->nodes_missing)
		vcpu->nodes_missing--;
	else
		vcpu->node = profile->nodes[vcpu->node].parent;
}

void profile_step(struct profile *profile, struct calls_vcpu *vcpu)
{
	profile->nodes[vcpu->node].self++;
}

/* Children come behind their parents. */
static void add_up(struct profile *profile)
{
	struct node *nodes = profile->nodes;

	for (size_t nr = profile->nr_nodes; nr-- > 0;) {
		nodes[nr].inclusive += nodes[nr].self;
		if (nr)
			nodes[nodes[nr].parent].inclusive += nodes[nr].inclusive;
	}
}

static const struct node *sort_nodes;

static int by_inclusive(const void *a, const void *b)
{
	const struct node *x = &sort_nodes[*(const uint32_t *)a];
	const struct node *y = &sort_nodes[*(const uint32_t *)b];

	if (x->inclusive != y->inclusive)
		return x->inclusive > y->inclusive ? -1 : 1;
	return x->function < y->function ? -1 : x->function > y->function;
}

static void sort_children(struct profile *profile, struct node *parent, uint32_t *order)
{
	uint32_t *link = &parent->child;
	size_t nr = 0;

	for (uint32_t child = parent->child; child; child = profile->nodes[child].sibling)
		order[nr++] = child;
	qsort(order, nr, sizeof(*order), by_inclusive);
	for (size_t i = 0; i < nr; i++) {
		*link = order[i];
		link = &profile->nodes[order[i]].sibling;
	}
	*link = 0;
}

static void sort_all_children(struct profile *profile)
{
	uint32_t *order = allocate_zeroed(profile->nr_nodes, sizeof(*order));

	sort_nodes = profile->nodes;
	for (size_t nr = 0; nr < profile->nr_nodes; nr++)
		if (profile->nodes[nr].child)
			sort_children(profile, &profile->nodes[nr], order);
	free(order);
}

/* @on_way: of each function, how often it is above. As deep as CALLS_DEPTH_MAX. */
static void count_uses(struct profile *profile, uint32_t nr, uint32_t *on_way)
{
	const struct node *node = &profile->nodes[nr];
	struct function_use *use = &profile->uses[node->function];

	use->self += node->self;
	use->calls += node->calls;
	if (!on_way[node->function]++)
		use->inclusive += node->inclusive;
	for (uint32_t child = node->child; child; child = profile->nodes[child].sibling)
		count_uses(profile, child, on_way);
	on_way[node->function]--;
}

static int by_self(const void *a, const void *b)
{
	const struct function_use *x = a, *y = b;

	if (x->self != y->self)
		return x->self > y->self ? -1 : 1;
	if (x->inclusive != y->inclusive)
		return x->inclusive > y->inclusive ? -1 : 1;
	return x->function < y->function ? -1 : x->function > y->function;
}

void profile_end(struct profile *profile)
{
	uint32_t nr_functions = functions_nr(profile->functions);
	uint32_t *on_way = allocate_zeroed(nr_functions, sizeof(*on_way));
	struct node *nodes = profile->nodes;

	add_up(profile);
	sort_all_children(profile);
	profile->uses = allocate_zeroed(nr_functions, sizeof(*profile->uses));
	for (uint32_t i = 0; i < nr_functions; i++)
		profile->uses[i].function = i;
	for (uint32_t vcpu = nodes[0].child; vcpu; vcpu = nodes[vcpu].sibling)
		for (uint32_t child = nodes[vcpu].child; child; child = nodes[child].sibling)
			count_uses(profile, child, on_way);
	free(on_way);
	for (uint32_t i = 0; i < nr_functions; i++)
		if (profile->uses[i].inclusive || profile->uses[i].calls)
			profile->uses[profile->nr_uses++] = profile->uses[i];
	qsort(profile->uses, profile->nr_uses, sizeof(*profile->uses), by_self);
}

void profile_free(struct profile *profile)
{
	free(profile->nodes);
	free(profile->uses);
	map_free(&profile->by_way);
}

const char *node_name(const struct profile *profile, const struct node *node, char *buffer)
{
	return function_name(profile->functions, node->function, buffer);
}
