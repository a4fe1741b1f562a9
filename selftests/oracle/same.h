/* SPDX-License-Identifier: GPL-2.0 */
/* Has a step done what the reference says? */
#ifndef ORACLE_SAME_H
#define ORACLE_SAME_H

#include "reference.h"

enum same_verdict {
	SAME,
	MAY_DIFFER,		/* same but for same->fields: to be made so */
	DIFFERENT,
	AT_END,			/* of the reference */
};

/**
 * struct same - the state of a comparison
 * @fields:	1 << enum reference_field, see MAY_DIFFER
 * @larx:	nip of the last load and reserve
 * @patience:	steps left to get back there after a store conditional that has not
 *		stored; the reference is behind one that has
 * @again:	it is there
 * @retries:	sequences that did
 * @adopted:	fields that were made the same
 */
struct same {
	__u64 fields;
	__u64 larx;
	unsigned int patience;
	bool again;
	unsigned long retries;
	unsigned long adopted;
};

bool same_start(struct same *same, struct reference *ref, const __u64 *state);
enum same_verdict same_step(struct same *same, struct reference *ref, const __u64 *state);
void same_explain(const struct reference *ref, const __u64 *state, FILE *to);

#endif /* ORACLE_SAME_H */
