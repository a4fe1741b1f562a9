/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVSTEP_SHIM_PATH_H
#define HVSTEP_SHIM_PATH_H

#include <limits.h>
#include <stdbool.h>

#define SHIM_NAME	"libhvstep-preload.so"

/*
 * Writes the absolute path of the shim. False if it is nowhere; @path is then
 * where it was looked for last.
 */
bool shim_find(char path[PATH_MAX]);

#endif /* HVSTEP_SHIM_PATH_H */
