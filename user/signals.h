/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVSTEP_SIGNALS_H
#define HVSTEP_SIGNALS_H

#include <stdbool.h>

/* As by nohup: it is to remain so, which one that is caught or blocked does not. */
bool signal_is_ignored(int number);

/* A reader that goes away, or a file that gets too large, is an error of the output only. */
void signals_spare_output(void);

#endif /* HVSTEP_SIGNALS_H */
