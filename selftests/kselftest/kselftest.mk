# SPDX-License-Identifier: GPL-2.0
#
# hvstep as a collection of the kernel's kselftest: what lib.mk of KSELFTEST_DIR is to
# build, install and run.  ../Makefile includes this, with the current folder its own.

$(if $(wildcard $(KSELFTEST_DIR)/lib.mk),,$(error no lib.mk in KSELFTEST_DIR=$(KSELFTEST_DIR): $\
	give tools/testing/selftests of a kernel's source))

# What is compiled, not where: run_tests has nothing for another architecture to run.
# On a host with the programs but no compiler it is that host.
machine = $(eval machine := $(or $(shell $(CC) -dumpmachine 2>/dev/null),$(if $(CROSS_COMPILE),$\
	$(error CC=$(CC) does not run: say which compiler with CC=),$(shell uname -m))))$(machine)
on_power = $(filter powerpc64% ppc64%,$(machine))

include $(here)/kvm/programs.mk
TEST_GEN_PROGS = $(if $(on_power),$(PROGS:%=kvm/%))
TEST_PROGS = $(if $(on_power),,kselftest/not-power.sh)
EXTRA_CLEAN = $(OUTPUT)/kvm/*.o
# kvm/Makefile has the rules.
OVERRIDE_TARGETS := 1

include $(KSELFTEST_DIR)/lib.mk

LIBURING = $(shell echo 'int main(void) { return 0; }' | $(CC) $(CPPFLAGS) -include liburing.h \
	-x c -o /dev/null - $(LDFLAGS) -luring 2>/dev/null && echo -luring)

.PHONY: kvm-programs
kvm-programs:
	@$(MAKE) $(if $(V),,-s) -C $(here)/kvm BUILD='$(OUTPUT)/kvm' KSELFTEST_DIR='$(selfdir)' \
		CC='$(CC)' CFLAGS='-O2 -g $(KHDR_INCLUDES) $(CFLAGS)' LDFLAGS='$(LDFLAGS)' LIBURING='$(LIBURING)' \
		$(TEST_GEN_PROGS)

ifneq ($(on_power),)
$(TEST_GEN_PROGS): kvm-programs ;
endif
