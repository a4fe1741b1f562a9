# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Of libvirt: the schema of its domains, and the AppArmor profile of its VMs, with the
# compiler for it. Tests check what is packaged for libvirt against them. Nothing of it is
# installed, which would have this host use it.

LIBVIRT_PACKAGES=(libvirt0 libvirt-daemon-system apparmor)

libvirt_setup() {
	local fast key
	local -a debs
	apt_update bookworm amd64
	fast="$(recipe_key libvirt.sh) $(lists_key bookworm amd64)"
	step_is_current libvirt.fast "$fast" && [ -d "$LIBVIRT_ROOT" ] && return
	mapfile -t debs < <(apt_files bookworm amd64 "${LIBVIRT_PACKAGES[@]}")
	[ ${#debs[@]} = ${#LIBVIRT_PACKAGES[@]} ] || die "libvirt: packages not found"
	key="$(recipe_key libvirt.sh) ${debs[*]}"
	if ! step_is_current libvirt "$key" || [ ! -d "$LIBVIRT_ROOT" ]; then
		say "libvirt: ${LIBVIRT_PACKAGES[*]}"
		apt_fetch bookworm amd64 "${LIBVIRT_PACKAGES[@]}"
		rm -rf "$LIBVIRT_ROOT.new"
		printf '%s\n' "${debs[@]}" | unpack "$LIBVIRT_ROOT.new"
		# Its package's script makes this, for what is added.
		install -D -m 644 /dev/null "$LIBVIRT_ROOT.new/etc/apparmor.d/local/abstractions/libvirt-qemu"
		publish "$LIBVIRT_ROOT.new" "$LIBVIRT_ROOT"
		step_done libvirt "$key"
	fi
	step_done libvirt.fast "$fast"
}

# For the emulated host, fetched on demand: the daemon that starts QEMU, and virsh, with what
# the userland there does not have yet. Laid over it by who has it copied (run --copy).
LIBVIRTD_PACKAGES=(libvirt-daemon libvirt-daemon-driver-qemu libvirt-clients)

libvirtd_setup() {
	local fast key
	local -a debs
	apt_update backports ppc64el
	fast="$(recipe_key libvirt.sh userland.sh) $(lists_key backports ppc64el)"
	step_is_current libvirtd.fast "$fast" && [ -d "$LIBVIRTD_ROOT" ] && return
	mapfile -t debs < <(apt_closure backports ppc64el "${LIBVIRTD_PACKAGES[@]}" |
		grep -vxF -f <(apt_closure backports ppc64el "${USERLAND_PACKAGES[@]}"))
	[ ${#debs[@]} -gt 0 ] || die "libvirt for ppc64el: packages not found"
	key="$(recipe_key libvirt.sh) ${debs[*]}"
	if ! step_is_current libvirtd "$key" || [ ! -d "$LIBVIRTD_ROOT" ]; then
		say "libvirt for ppc64el: ${#debs[@]} packages"
		apt_fetch_closure backports ppc64el "${LIBVIRTD_PACKAGES[@]}"
		rm -rf "$LIBVIRTD_ROOT.new"
		printf '%s\n' "${debs[@]}" | unpack "$LIBVIRTD_ROOT.new"
		rm -rf "$LIBVIRTD_ROOT.new"/usr/share/{doc,man,locale,info}
		publish "$LIBVIRTD_ROOT.new" "$LIBVIRTD_ROOT"
		step_done libvirtd "$key"
	fi
	step_done libvirtd.fast "$fast"
}
