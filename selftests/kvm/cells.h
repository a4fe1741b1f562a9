/* SPDX-License-Identifier: GPL-2.0 */
/* The harness fixture of nearly all tests: one attached VM with one vCPU. */
#ifndef CELLS_H
#define CELLS_H

#include "kselftest_harness.h"
#include "step.h"

#define CELL(fixture, variant_name, ...)				\
	FIXTURE_VARIANT_ADD(fixture, variant_name) {			\
		.cell = { __VA_ARGS__ },				\
	}

/* Code and handlers of one endianness, as of one operating system */
#define CELLS(fixture)							\
	CELL(fixture, be_real, .be_code = true);			\
	CELL(fixture, le_real, .ile = true);				\
	CELL(fixture, be_ail3, .ail = true, .be_code = true);		\
	CELL(fixture, le_ail3, .ile = true, .ail = true)

/* Handlers of the other endianness than the code: firmware and boot do that */
#define MIXED_CELLS(fixture)						\
	CELL(fixture, be_real_le_code, .ile = false);			\
	CELL(fixture, le_real_be_code, .ile = true, .be_code = true);	\
	CELL(fixture, be_ail3_le_code, .ail = true);			\
	CELL(fixture, le_ail3_be_code, .ile = true, .ail = true, .be_code = true)

/* POWER9 and later, where the cells above are radix guests */
#define HASH_CELLS(fixture)						\
	CELL(fixture, be_hash, .ail = true, .hash = true, .be_code = true); \
	CELL(fixture, le_hash, .ile = true, .ail = true, .hash = true)

#define CELL_FIXTURE(fixture)						\
	FIXTURE(fixture) {						\
		struct vm *vm;						\
		struct vcpu *v;						\
	};								\
	FIXTURE_VARIANT(fixture) {					\
		struct cell cell;					\
	};								\
	FIXTURE_SETUP(fixture)						\
	{								\
		const char *missing = cell_missing(&variant->cell);	\
									\
		if (missing)						\
			SKIP(return, "%s", missing);			\
		self->vm = vm_create(&variant->cell);			\
		self->v = vm_vcpu(self->vm, 0);				\
		vm_attach(self->vm);					\
	}								\
	FIXTURE_TEARDOWN(fixture)					\
	{								\
		vm_destroy(self->vm);					\
	}

#define SKIP_BELOW_POWER(n, what)					\
	do {								\
		if (vm_host_power() < (n))				\
			SKIP(return, "%s needs POWER%d", what, n);	\
	} while (0)

/* The VMM maps real mode in POWER8's hash tables, the tests' does not. */
#define SKIP_WITHOUT_VRMA()						\
	do {								\
		if (!variant->cell.ail)					\
			SKIP_BELOW_POWER(9, "MMIO in real mode, not mapped here,"); \
	} while (0)

/* Interrupts, signals, other vCPUs: what a breakpoint cannot stand for */
#define SKIP_REFERENCE()						\
	do {								\
		if (getenv("HVSTEP_REFERENCE"))				\
			SKIP(return, "nothing to refer to");		\
	} while (0)

/* Exit status 4 with the reason, if nothing can be tested at all */
#define KVM_TEST_MAIN							\
	int main(int argc, char **argv)					\
	{								\
		const char *missing = vm_missing();			\
									\
		if (missing && !(argc > 1 && argv[1][0] == '-' &&	\
				 strchr("lh", argv[1][1]))) {		\
			ksft_print_header();				\
			ksft_exit_skip("%s\n", missing);		\
		}							\
		return test_harness_run(argc, argv);			\
	}

#endif /* CELLS_H */
