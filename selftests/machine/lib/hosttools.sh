# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What the build host itself needs, installed by name from its own suites.

HOST_PACKAGES_COMMON=(make rsync zstd xz-utils cpio e2fsprogs kmod util-linux
	python3 perl bc file shellcheck ca-certificates debian-archive-keyring
	liburing-dev libelf-dev libcapstone-dev mandoc
	sparse clang-tidy pyflakes3 openssl clang libclang-rt-dev)
HOST_PACKAGES_CROSS=(gcc libc6-dev gcc-12-powerpc64le-linux-gnu
	libc6-dev-ppc64el-cross binutils-powerpc64le-linux-gnu dwarves
	patchelf gdb-multiarch libxml2-utils)
HOST_PACKAGES_NATIVE=(gcc libc6-dev)
HOST_PACKAGES_BENCH=(gnuplot-nox)
HOST_PACKAGES_DEBUG_KERNEL=(flex bison)
# flamegraph.pl
HOST_PACKAGES_DEMO=(libdevel-nytprof-perl)
HOST_PACKAGES_PACKAGES=(debhelper dh-dkms dpkg-dev fakeroot lintian rpm rpmlint)
# Which dpkg-checkbuilddeps takes for granted
HOST_PACKAGES_PACKAGES_NATIVE=(build-essential)

missing_packages() {
	local p present
	present=" $(dpkg-query -W -f '${Package}=${db:Status-Status} ' "$@" 2>/dev/null) " || true
	for p in "$@"; do
		[[ $present = *" $p=installed "* ]] || echo "$p"
	done
}

install_host_tools() {
	local -a want=("${HOST_PACKAGES_COMMON[@]}") missing
	if [ "$(uname -m)" = ppc64le ]; then
		want+=("${HOST_PACKAGES_NATIVE[@]}")
	else
		want+=("${HOST_PACKAGES_CROSS[@]}")
	fi
	[ -z "${bench:-}" ] || want+=("${HOST_PACKAGES_BENCH[@]}")
	[ -z "${demo:-}" ] || want+=("${HOST_PACKAGES_DEMO[@]}")
	[ -z "${debug_kernel:-}" ] || want+=("${HOST_PACKAGES_DEBUG_KERNEL[@]}")
	if [ -n "${packages:-}" ]; then
		want+=("${HOST_PACKAGES_PACKAGES[@]}")
		[ "$(uname -m)" != ppc64le ] || want+=("${HOST_PACKAGES_PACKAGES_NATIVE[@]}")
	fi
	mapfile -t missing < <(missing_packages "${want[@]}")
	[ ${#missing[@]} = 0 ] && return
	say "installing on this host: ${missing[*]}"
	as_root apt-get update -q >&2
	as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get install -q -y --no-install-recommends "${missing[@]}" >&2 ||
		die "cannot install: ${missing[*]}"
}
