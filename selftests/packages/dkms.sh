#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# dkms.conf: the kernels and machines that the module is built for.

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
# shellcheck source=../shim/tap.sh
. "$here/../shim/tap.sh"

# As dkms does
takes() (
	# shellcheck disable=SC2034  # for dkms.conf
	dkms_tree=/nowhere kernel_source_dir=/nowhere
	# shellcheck source=/dev/null
	. "$top/dkms.conf"
	[[ $1 =~ ${!2} ]]
)

for_each() {
	local said=$1 variable=$2 name
	shift 2
	for name in "$@"; do
		takes "$name" "$variable"
		is "$variable: $name" $? "$said"
	done
}

kernels=(6.1.0-50-powerpc64le 6.1.0 6.1 6.10.11 6.12.95+deb12-powerpc64le 6.12.95+deb12-powerpc64le-64k
	6.12+ 7.2.13+deb14-powerpc64le 7.3-powerpc64le 7.3+deb14-powerpc64le "7.3~rc4+deb14-powerpc64le"
	7.3-rc1-powerpc64le 7.3.0-rc1+ 6.12.0-124.8.1.el10_1.ppc64le 6.14.0-37-generic 10.0.1)
others=(6.0.0-6-powerpc64le 6.0 5.10.0-30-powerpc64le 5.14.0-570.12.1.el9_6.ppc64le 4.19 16 x6.1)
plan $((${#kernels[@]} + ${#others[@]} + 4))
for_each 0 BUILD_EXCLUSIVE_KERNEL "${kernels[@]}"
for_each 1 BUILD_EXCLUSIVE_KERNEL "${others[@]}"
for_each 0 BUILD_EXCLUSIVE_ARCH ppc64le
for_each 1 BUILD_EXCLUSIVE_ARCH ppc64 ppc x86_64
finish
