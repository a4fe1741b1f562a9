# SPDX-License-Identifier: GPL-2.0
#
# The human front end; `make help` explains.  Kbuild has the module, user/ and
# selftests/ have their own Makefiles, selftests/machine/ the emulated host.

TOP := $(CURDIR)
MACHINE := $(TOP)/selftests/machine
NATIVE := $(filter ppc64le,$(shell uname -m))

# What is built for the POWER host, laid out as it would be installed there.
PAYLOAD := $(TOP)/build/ppc64el

ifdef NATIVE
KERNELS ?= native
# Who builds and installs on a POWER host has its distribution's compiler and headers;
# what tests need in addition, those fetch.
SETUP :=
else
SETUP := machine-setup
KERNELS ?= 6.1 6.12 6.12-64k 7.2
CROSS_COMPILE ?= powerpc64le-linux-gnu-
# Debian's versioned cross compiler has no unversioned name beside it.
ifeq ($(origin CC),default)
CC := $(CROSS_COMPILE)gcc-12
endif
# Headers and libraries of the POWER host that are not part of its C library.
SYSROOT := $(shell $(MACHINE)/setup --print SYSROOT_DIR)
CPPFLAGS += -I$(SYSROOT)/usr/include
LDFLAGS += -L$(SYSROOT)/usr/lib/powerpc64le-linux-gnu
endif
KSELFTEST_DIR ?= $(shell $(MACHINE)/setup --print KSELFTEST_DIR)
export CROSS_COMPILE CC CPPFLAGS LDFLAGS KSELFTEST_DIR

.DEFAULT_GOAL := all
.PHONY: all
all: modules user selftests

.PHONY: help
help:
	@echo 'make                everything below that is built: modules, user, selftests'
	@echo 'make modules        hvstep.ko for each of KERNELS ($(KERNELS))'
	@echo 'make user           shim, library and command'
	@echo 'make selftests      the test programs'
	@echo 'make check          build, then run all tests (on amd64 in emulated POWER hosts)'
	@echo 'make check-full     the same, without leaving out what takes long on further kernels (an hour)'
	@echo 'make soak           a million steps of random instructions, compared with TCG (half an hour)'
	@echo 'make trace-check    traces of a million instructions and of 8 vCPUs, verified (20 minutes)'
	@echo 'make installcheck   packages and dkms, the module compiled in emulated hosts (an hour)'
	@echo 'make torture        all that can be done to guests at once, at random: SECONDS=600 SEED=1'
	@echo 'make garbage        senseless calls by a user without rights: CALLS=1000000 SEED=1'
	@echo 'make debug-check    on kernels with KASAN, lockdep and more, which it builds (some hours)'
	@echo 'make fuzz           libFuzzer on what takes anything, FUZZ_SECONDS=600 of each'
	@echo 'make bench          what a step costs, in host instructions (8 boots, 6 minutes)'
	@echo 'make demo           step a Linux guest under QEMU with GDB and watch'
	@echo 'make matrix         short tests on all emulated machines with all kernels; libvirt, dkms (hours)'
	@echo 'make sign           sign the modules: KEY=FILE CERT=FILE, or with a pair made for it'
	@echo 'make style          what checkers say: shellcheck, checkpatch, sparse, clang-tidy, pyflakes'
	@echo 'make machine-setup  fetch and prepare what all of these need (they do it themselves)'
	@echo 'make install        shim, library, command and udev rule, below DESTDIR and PREFIX'
	@echo 'make uninstall      remove what install has put there'
	@echo 'make dist           the release tarball, in build/dist'
	@echo 'make deb, make rpm  Debian and RPM packages for ppc64el, in build/deb and build/rpm'
	@echo 'make clean          remove build/'
	@echo
	@echo 'KERNELS="6.12" restricts the kernels, WERROR=1 makes warnings errors, V=1 shows commands.'
	@echo 'Downloads: $(shell $(MACHINE)/setup --print CACHE_DIR) (HVSTEP_CACHE=... changes it).'

.PHONY: machine-setup
machine-setup:
	$(MACHINE)/setup $(if $(NATIVE),,$(KERNELS:%=--kernel %))

.PHONY: modules
modules: $(KERNELS:%=module-%)

# One at a time: each is parallel in itself.
.PHONY: $(KERNELS:%=module-%)
$(KERNELS:%=module-%): module-%: $(SETUP)
	+$(MACHINE)/build-kmod $* $(if $(V),V=$(V))

.PHONY: user
user: $(SETUP)
	$(MAKE) -C user all
	$(MAKE) -C user install DESTDIR=$(PAYLOAD)

.PHONY: selftests
selftests: machine-setup user
	$(MAKE) -C selftests all
	$(MAKE) -C selftests install DESTDIR=$(PAYLOAD)

.PHONY: bench-setup demo-setup packages-setup debian-setup kselftest-setup
bench-setup demo-setup packages-setup debian-setup kselftest-setup: %-setup: machine-setup
	$(MACHINE)/setup --$* $(if $(NATIVE),,$(KERNELS:%=--kernel %))

FUZZ_SECONDS ?= 600
.PHONY: fuzz
fuzz: machine-setup
	selftests/fuzz/run --seconds $(FUZZ_SECONDS)

.PHONY: check check-full demo soak torture garbage bench trace-check installcheck
bench: bench-setup
demo: demo-setup
check check-full: kselftest-setup
check check-full installcheck: packages-setup debian-setup deb
check check-full demo soak torture garbage bench trace-check installcheck: all
	$(MAKE) -C selftests $@ KERNELS='$(KERNELS)'

.PHONY: install
install: $(SETUP)
	$(MAKE) -C user all
	$(MAKE) -C user install DESTDIR=$(DESTDIR)
	$(MAKE) -C packaging install DESTDIR=$(DESTDIR)

.PHONY: uninstall
uninstall:
	$(MAKE) -C user uninstall DESTDIR=$(DESTDIR)
	$(MAKE) -C packaging uninstall DESTDIR=$(DESTDIR)

.PHONY: dist deb rpm
deb rpm: $(if $(NATIVE),,packages-setup)
dist deb rpm:
	$(MAKE) -C packaging $@

.PHONY: style
style: machine-setup
	selftests/style/run $(STYLE_ARGS)

# Builds the kernels, and the module for them, first
.PHONY: debug-check
debug-check: all
	$(MACHINE)/debug-kernel
	$(foreach k,$(shell $(MACHINE)/setup --print DEBUG_KERNELS),$(MACHINE)/build-kmod $k &&) :
	selftests/check --debug $(CHECK_ARGS)

# All that takes too long for `make check`, each to its end. Fetches further kernels, and
# builds for them, itself.
.PHONY: matrix matrix-readme
matrix: all kselftest-setup packages-setup debian-setup deb
	status=0; \
	selftests/matrix/run $(MATRIX_ARGS) || status=1; \
	selftests/check --matrix || status=1; \
	exit $$status
matrix-readme:
	selftests/matrix/table.py --readme

# With KEY and CERT, or a pair that is made for it
.PHONY: sign
sign: modules
	$(foreach k,$(KERNELS),packaging/sign --kernel $k $(if $(KEY),--key '$(KEY)') \
		$(if $(CERT),--cert '$(CERT)') \
		build/kmod/$(if $(filter native,$k),$(shell uname -r),$k)/hvstep.ko &&) :

.PHONY: clean
clean:
	rm -rf build
