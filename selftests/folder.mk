# SPDX-License-Identifier: GPL-2.0
#
# What the folders here that are built for the POWER host, or installed there, have in
# common. Their Makefiles say which folder it is, `here`, and include this.

top := $(abspath $(here)/../..)
BUILD ?= $(top)/build/selftests/$(notdir $(here))
libexecdir ?= /usr/libexec
installdir = $(DESTDIR)$(libexecdir)/hvstep/selftests/$(notdir $(here))

# Debian's versioned cross compilers come without an unversioned name.
ifeq ($(origin CC),default)
CC := $(firstword $(foreach c,gcc gcc-12 gcc-13 gcc-14,$(shell command -v $(CROSS_COMPILE)$(c))))
endif
