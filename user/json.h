/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVSTEP_JSON_H
#define HVSTEP_JSON_H

#include <stdio.h>

/* Names come from files that anybody may have written: none of these takes them as they are. */

/* With its quotes; what is no UTF-8 is replaced. */
void json_string(FILE *out, const char *text);
/* For a terminal, one line: no control characters. */
void plain_string(FILE *out, const char *text);

#endif /* HVSTEP_JSON_H */
