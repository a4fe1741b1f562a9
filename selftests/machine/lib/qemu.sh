# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The QEMU that emulates the machine: 10.0 or newer.  POWER8 to POWER10 with
# working KVM-HV need it; the system's own is used if it is new enough.

# The gcc closure is also what 7.2's amd64 build tools are run with: pahole, and
# the libraries of modpost, objtool and sign-file.
# shellcheck disable=SC2034  # passed by name
QEMU_PACKAGES=(qemu-system-ppc)
# shellcheck disable=SC2034
GCC_PACKAGES=(gcc-powerpc64le-linux-gnu dwarves libelf1t64 libssl3t64)

system_qemu() {
	local q version
	q=$(command -v qemu-system-ppc64) || return
	version=$("$q" --version | sed -n 's/.*version \([0-9]*\)\..*/\1/p')
	[ "${version:-0}" -ge 10 ] && echo "$q"
}

# relocated_qemu NAME SUITE ROOT BIN: QEMU in ROOT, to be started as BIN
relocated_qemu() {
	local root=$3 bin=$4
	unpacked apt_closure apt_fetch_closure "$1" "$2" amd64 "$root" QEMU_PACKAGES qemu_finish
	cat >"$bin.new" <<-END
		#!/bin/sh
		export QEMU_MODULE_DIR="$root/usr/lib/x86_64-linux-gnu/qemu"
		exec "$root/usr/bin/qemu-system-ppc64" -L "$root/usr/share/qemu" "\$@"
	END
	chmod +x "$bin.new"
	mv "$bin.new" "$bin"
	"$bin" --version >/dev/null || die "the relocated QEMU of $2 does not run"
}

qemu_finish() {
	relocate "$1" "$2" "$1"/usr/bin/qemu-system-ppc64
}

gcc_finish() {
	relocate "$1" "$2" "$1"/usr/bin/* "$1"/usr/libexec/gcc-cross/*/*/*
}

qemu_setup() {
	local system
	system=$(system_qemu) || true
	mkdir -p "$CACHE_DIR/bin"
	if [ -n "$system" ]; then
		ln -sfn "$system" "$QEMU_BIN"
		return
	fi
	[ "$(uname -m)" = x86_64 ] || die "need a QEMU of version 10 or newer (on amd64 it would be fetched)"
	relocated_qemu qemu backports "$QEMU_ROOT" "$QEMU_BIN"
}

gcc_setup() {
	unpacked apt_closure apt_fetch_closure gcc sid amd64 "$GCC_ROOT" GCC_PACKAGES gcc_finish
}
