/* SPDX-License-Identifier: GPL-2.0 */
/* Memory that is short, or gone, at one place of a system call (Documentation/fault-injection) */
#ifndef FAULTS_H
#define FAULTS_H

#include <stdbool.h>

#define FAULTS		"/sys/kernel/debug/"
/* More places than any call has */
#define FAULTS_MANY	1000

/* Why no call can be made to fail here, NULL: it can, from now on */
const char *faults_missing(void);
/* The n-th place from here on is to fail, 0: none. */
void faults_begin(int n);
/* Whether the one that was set has failed; none does any more. */
bool faults_end(void);

#endif /* FAULTS_H */
