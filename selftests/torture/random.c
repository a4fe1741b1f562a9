// SPDX-License-Identifier: GPL-2.0
#include "random.h"

/* SplitMix64: the same everywhere, and any seed will do */
__u64 random_bits(struct random *r)
{
	__u64 z = r->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

void random_init(struct random *r, __u64 seed, __u64 nr)
{
	r->state = seed;
	r->state = random_bits(r) ^ nr * 0xd6e8feb86659fd93;
	random_bits(r);
}

unsigned int random_below(struct random *r, unsigned int n)
{
	return (random_bits(r) >> 32) % n;
}
