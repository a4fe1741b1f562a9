/* SPDX-License-Identifier: GPL-2.0 */
/* What the programs of this folder have in common: numbers on the command line, TAP */
#ifndef VERDICT_H
#define VERDICT_H

#include <argp.h>
#include <stdbool.h>
#include <linux/types.h>

/* Of an option's argument; anything but a number ends the program */
unsigned long option_number(const char *arg, struct argp_state *state);

/* So many tests, of a host that can be tested; anything else ends the program. */
void verdict_begin(int tests);

/*
 * As many VMs are attached as before. Whoever holds a session has died with its process,
 * if a little later.
 */
bool nothing_is_left(__u32 before);

/* A line of TAP; returns @yes */
bool ok(int nr, bool yes, const char *what);
/* The last one: that the kernel has not died, warned or hung since verdict_begin() */
bool verdict_no_splat(int nr);

#endif /* VERDICT_H */
