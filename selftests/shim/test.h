/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Each TEST() runs in a process of its own: the shim keeps state for the life
 * of a process, and the first of the tests must not be the only one to see it
 * new.
 */
#ifndef SHIM_TEST_H
#define SHIM_TEST_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "fake.h"

struct test {
	const char *name;
	void (*run)(void);
	struct test *next;
};

void test_add(struct test *test);

#define TEST(id, title)							\
	static void test_##id(void);					\
	__attribute__((constructor)) static void add_##id(void)		\
	{								\
		static struct test test = { title, test_##id, NULL };	\
		test_add(&test);					\
	}								\
	static void test_##id(void)

#define CHECK(condition) do {						\
	if (!(condition)) {						\
		printf("# %s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
		fflush(stdout);						\
		_exit(1);						\
	}								\
} while (0)

/* Everything that goes to stderr between the two calls. */
void capture(void);
const char *captured(void);

/* The module is there, and so is kvm-hv; returns /dev/kvm. */
int setup_loaded(void);
/* The same without the module. */
int setup_unloaded(void);

int create_vm(int kvm);
int create_vcpu(int vm);
int set_debug(int vcpu, unsigned int control);

#define STEP	(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP)

#endif /* SHIM_TEST_H */
