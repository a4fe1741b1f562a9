# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Of libvirt: the schema of its domains, and the AppArmor profile of its VMs, with the
# compiler for it. Tests check what is packaged for libvirt against them. Nothing of it is
# installed, which would have this host use it.

# shellcheck disable=SC2034  # passed by name
LIBVIRT_PACKAGES=(libvirt0 libvirt-daemon-system apparmor)
# For the emulated host, fetched on demand: the daemon that starts QEMU, and virsh, with what
# the userland there does not have yet. Laid over it by who has it copied (run --copy).
# shellcheck disable=SC2034
LIBVIRTD_PACKAGES=(libvirt-daemon libvirt-daemon-driver-qemu libvirt-clients)

libvirt_setup() {
	unpacked apt_files apt_fetch libvirt bookworm amd64 "$LIBVIRT_ROOT" LIBVIRT_PACKAGES libvirt_finish
}

# Its package's script makes this, for what is added.
libvirt_finish() {
	install -D -m 644 /dev/null "$1/etc/apparmor.d/local/abstractions/libvirt-qemu"
}

libvirtd_setup() {
	unpacked apt_beyond_userland apt_fetch_closure libvirtd backports ppc64el "$LIBVIRTD_ROOT" \
		LIBVIRTD_PACKAGES libvirtd_finish
}

# As apt_closure, without what the userland has
apt_beyond_userland() {
	apt_closure "$@" | grep -vxF -f <(apt_closure "$1" "$2" "${USERLAND_PACKAGES[@]}")
}

libvirtd_finish() {
	rm -rf "$1"/usr/share/{doc,man,locale,info}
}
