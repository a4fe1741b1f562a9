/* SPDX-License-Identifier: GPL-2.0 */
/* A program of the Linux guest that debugs itself (selfdebug.c). */
#ifndef SELFDEBUG_H
#define SELFDEBUG_H

#include <stddef.h>
#include <stdint.h>

/* What one part has seen: how often, and a hash (FNV-1a) of all of it. */
struct result {
	uint64_t count;
	uint64_t hash;
};

#define RESULT_INIT	{ 0, 0xcbf29ce484222325 }

void result_add(struct result *r, const void *data, size_t len);
void result_add_u64(struct result *r, uint64_t value);

/* Of the parts: they end the program if something cannot be done at all. */
void die(const char *what);

void ptrace_step(struct result *r);
void ptrace_block(struct result *r);
void ptrace_breakpoint(struct result *r);

void probes_init(void);
void probes_kernel(struct result *r);
void probes_user(struct result *r);

/* selfdebug_code.S: nothing in there depends on a library. */
void walk(long pid, void *data);
void on_signal(int sig);
long called_emulated(long a, long b);
double called_stepped(double a, double b);
extern const uint32_t walk_bp[], probe_emulated[], probe_stepped[];

#endif
