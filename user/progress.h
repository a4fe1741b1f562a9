/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVSTEP_PROGRESS_H
#define HVSTEP_PROGRESS_H

/* "12.3 MB"; @buf has room for that, and is returned. */
#define HUMAN_SIZE	16
const char *human(unsigned long long bytes, char buf[HUMAN_SIZE]);

/* One line of standard error, over and over, of steps that are being made. */
void progress_show(unsigned long long steps, double rate, unsigned long long lost,
		   unsigned long long size);
void progress_clear(void);

#endif /* HVSTEP_PROGRESS_H */
