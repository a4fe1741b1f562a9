# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# ppc64el libraries beyond libc that our programs are linked with.  The same
# versions are in the emulated host's userland.

SYSROOT_PACKAGES=(liburing2 liburing-dev libelf1 libelf-dev libcapstone4 libcapstone-dev
	zlib1g libzstd1)

sysroot_setup() {
	local fast key
	local -a debs
	apt_update backports ppc64el
	fast="$(recipe_key sysroot.sh) $(lists_key backports ppc64el)"
	step_is_current sysroot.fast "$fast" && [ -d "$SYSROOT_DIR" ] && return
	mapfile -t debs < <(apt_files backports ppc64el "${SYSROOT_PACKAGES[@]}")
	[ ${#debs[@]} = ${#SYSROOT_PACKAGES[@]} ] || die "sysroot: packages not found"
	key="$(recipe_key sysroot.sh) ${debs[*]}"
	if ! step_is_current sysroot "$key" || [ ! -d "$SYSROOT_DIR" ]; then
		say "sysroot: ${SYSROOT_PACKAGES[*]}"
		apt_fetch backports ppc64el "${SYSROOT_PACKAGES[@]}"
		rm -rf "$SYSROOT_DIR.new"
		printf '%s\n' "${debs[@]}" | unpack "$SYSROOT_DIR.new"
		publish "$SYSROOT_DIR.new" "$SYSROOT_DIR"
		step_done sysroot "$key"
	fi
	step_done sysroot.fast "$fast"
}
