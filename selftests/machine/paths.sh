# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034  # this file only defines, others use
#
# Where things lie.  Sourced by every script of the machine; `setup --print
# NAME` gives single values to Makefiles.

MACHINE_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
TOP_DIR=$(cd "$MACHINE_DIR/../.." && pwd -P)

# Downloads and everything unpacked from them: shared by all checkouts.
CACHE_DIR=${HVSTEP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hvstep}

# What this checkout built: a DESTDIR-like tree, and one module a kernel.
PAYLOAD_DIR=$TOP_DIR/build/ppc64el
KMOD_BUILD_DIR=$TOP_DIR/build/kmod

KERNELS=(6.1 6.12 6.12-64k 7.2)
# What other suites carry, for `make matrix` alone, or when named.
MATRIX_KERNELS=(7.2-64k trixie trixie-backports experimental)
# Of the default kernel's source, instrumented: debug-kernel builds them.
DEBUG_KERNELS=(6.12-kasan 6.12-kcsan)
DEFAULT_KERNEL=6.12
DEFAULT_MACHINE=powernv9

# Per kernel: vmlinux, initramfs, modules, the headers to build against, and
# `build.mk`, the make arguments for a cross build.
kernel_dir() { echo "$CACHE_DIR/kernel/$1"; }

# Whether a kernel is of a newer suite than bookworm: built with sid's compiler then.
kernel_is_newer() {
	case $1 in
	6.*) false ;;
	esac
}

QEMU_ROOT=$CACHE_DIR/qemu           # QEMU for this machine, relocated
QEMU_BIN=$CACHE_DIR/bin/qemu-system-ppc64
QEMU_POWERNV11_ROOT=$CACHE_DIR/qemu-powernv11   # sid's, only if asked for
QEMU_POWERNV11_BIN=$CACHE_DIR/bin/qemu-powernv11
GCC_ROOT=$CACHE_DIR/gcc             # a compiler new enough for newer suites, relocated
QEMU_SID_ROOT=$CACHE_DIR/qemu-sid-ppc64el        # sid's, for ppc64el, only if asked for
USERLAND_IMAGE=$CACHE_DIR/userland.ext4
DEBIAN_IMAGE=$CACHE_DIR/debian.ext4  # one with dpkg, dkms and a compiler
SYSROOT_DIR=$CACHE_DIR/sysroot        # ppc64el libraries to link with
SYSROOT_DPKG_DIR=$CACHE_DIR/sysroot.dpkg   # and dpkg's database of them
KSELFTEST_DIR=$CACHE_DIR/kselftest  # lib.mk, kselftest.h, runner
LIBVIRT_ROOT=$CACHE_DIR/libvirt      # its schemas and its AppArmor profiles
LIBVIRTD_ROOT=$CACHE_DIR/libvirtd-ppc64el    # libvirt itself, only if asked for
KSELFTEST_TREES_DIR=$CACHE_DIR/kselftest-tree   # only if asked for: setup --kselftest
CHECKPATCH=$CACHE_DIR/checkpatch/scripts/checkpatch.pl
CROSS_COMPILE_DEFAULT=powerpc64le-linux-gnu-
