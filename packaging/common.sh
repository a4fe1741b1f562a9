# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034  # this file only defines, others use
#
# What the makers of packages have in common.

PACKAGING_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
TOP_DIR=$(dirname "$PACKAGING_DIR")
MACHINE_SETUP=$TOP_DIR/selftests/machine/setup
DIST_DIR=$TOP_DIR/build/dist

say() { echo "packaging: $*" >&2; }
die() {
	echo "packaging: error: $*" >&2
	exit 1
}

# dkms.conf says which version this is. What has to repeat it is held against it.
VERSION=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"$/\1/p' "$TOP_DIR/dkms.conf")
[ -n "$VERSION" ] || die "no PACKAGE_VERSION in dkms.conf"

check_versions() {
	local deb rpm module
	deb=$(sed -n '1s/^hvstep (\(.*\)-[^-]*) .*/\1/p' "$PACKAGING_DIR/debian/changelog")
	rpm=$(sed -n 's/^Version: *//p' "$PACKAGING_DIR/rpm/hvstep.spec")
	module=$(sed -n 's/^MODULE_VERSION("\(.*\)");$/\1/p' "$TOP_DIR/kmod/main.c")
	[ "$deb" = "$VERSION" ] ||
		die "packaging/debian/changelog is about $deb, dkms.conf about $VERSION"
	[ "$rpm" = "$VERSION" ] ||
		die "packaging/rpm/hvstep.spec is about $rpm, dkms.conf about $VERSION"
	[ "$module" = "$VERSION" ] ||
		die "kmod/main.c is of $module, dkms.conf about $VERSION"
}

NAME=hvstep-$VERSION
TARBALL=$DIST_DIR/$NAME.tar.xz

is_native() { [ "$(uname -m)" = ppc64le ]; }
machine() { "$MACHINE_SETUP" --print "$1"; }

# What make exports is about the tree it was called for; packages decide for themselves.
forget_make() {
	unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES KERNELS O BUILD V WERROR \
		DESTDIR PREFIX BINDIR LIBDIR INCLUDEDIR MANDIR COMPLETIONDIR \
		CC CROSS_COMPILE CFLAGS CPPFLAGS LDFLAGS
}

# The compiler for the POWER host and what it links with, as the top Makefile has it.
CROSS_TRIPLET=powerpc64le-linux-gnu
CROSS_CC=$CROSS_TRIPLET-gcc-12
