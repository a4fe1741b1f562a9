# SPDX-License-Identifier: GPL-2.0
#
# Which of the sources here are programs, for this folder's Makefile and for kselftest's.

kvm := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
LIB := vm mmu guest step sweep ring runner witness recorder swap pass_fd faults
PROGS := $(filter-out $(LIB) without_liburing,$(sort $(patsubst $(kvm)/%.c,%,$(wildcard $(kvm)/*.c))))
