# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# ppc64el libraries beyond libc that our programs are linked with.  The same
# versions are in the emulated host's userland.

SYSROOT_PACKAGES=(liburing2 liburing-dev libelf1 libelf-dev libcapstone4 libcapstone-dev
	zlib1g libzstd1)

sysroot_setup() {
	unpacked apt_files apt_fetch sysroot backports ppc64el "$SYSROOT_DIR" SYSROOT_PACKAGES
}
