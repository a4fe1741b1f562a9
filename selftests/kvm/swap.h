/* SPDX-License-Identifier: GPL-2.0 */
/* A host that swaps, whether it is short of memory or not */
#ifndef SWAP_H
#define SWAP_H

#include <stddef.h>

/* Somewhere to swap to: why there is none, or NULL */
const char *swap_begin(void);
/* Nothing, if it was there before */
void swap_end(void);

/* Have these pages, which nobody else has mapped, written there. */
void swap_out(void *mem, size_t size);
/* Pages that the host has swapped out since it was started */
unsigned long swapped_out(void);

#endif /* SWAP_H */
