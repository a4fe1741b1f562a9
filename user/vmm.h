/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVSTEP_VMM_H
#define HVSTEP_VMM_H

#include <stdbool.h>

/*
 * Why nothing can be preloaded into @name, a command as execvp() takes it, as a
 * phrase that follows "it is"; NULL if nothing speaks against it.
 */
const char *vmm_unpreloadable(const char *name);

/* Whether the program in the open file is statically linked. */
bool vmm_is_static(int fd);

#endif /* HVSTEP_VMM_H */
