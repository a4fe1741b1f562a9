/* SPDX-License-Identifier: GPL-2.0 */
/* Random numbers that a seed repeats, a sequence for each thread */
#ifndef RANDOM_H
#define RANDOM_H

#include <stdbool.h>
#include <linux/types.h>

struct random {
	__u64 state;
};

/* Sequence @nr of @seed: independent of those of other numbers */
void random_init(struct random *r, __u64 seed, __u64 nr);
__u64 random_bits(struct random *r);
/* 0 to @n - 1 */
unsigned int random_below(struct random *r, unsigned int n);
/* Once in @n times */
static inline bool random_one_in(struct random *r, unsigned int n)
{
	return !random_below(r, n);
}

#endif /* RANDOM_H */
