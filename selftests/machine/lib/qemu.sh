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

# relocated_closure NAME SUITE ROOT PACKAGES_ARRAY FINISH: a closure of amd64
# packages, its programs relocated; FINISH NEW FINAL does the rest.
relocated_closure() {
	local name=$1 suite=$2 root=$3 finish=$5 fast key
	local -n packages=$4
	local -a debs
	apt_update "$suite" amd64
	fast="$(recipe_key qemu.sh relocate.sh) $(lists_key "$suite" amd64)"
	step_is_current "$name.fast" "$fast" && [ -d "$root" ] && return
	mapfile -t debs < <(apt_closure "$suite" amd64 "${packages[@]}")
	[ ${#debs[@]} -gt 0 ] || die "$name: packages not found: ${packages[*]}"
	key="$(recipe_key qemu.sh relocate.sh) ${debs[*]}"
	if ! step_is_current "$name" "$key" || [ ! -d "$root" ]; then
		say "$name: ${#debs[@]} packages of $suite"
		apt_fetch_closure "$suite" amd64 "${packages[@]}"
		rm -rf "$root.new"
		printf '%s\n' "${debs[@]}" | unpack "$root.new"
		"$finish" "$root.new" "$root"
		publish "$root.new" "$root"
		step_done "$name" "$key"
	fi
	step_done "$name.fast" "$fast"
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
	relocated_closure qemu backports "$QEMU_ROOT" QEMU_PACKAGES qemu_finish
	cat >"$QEMU_BIN.new" <<-END
		#!/bin/sh
		export QEMU_MODULE_DIR="$QEMU_ROOT/usr/lib/x86_64-linux-gnu/qemu"
		exec "$QEMU_ROOT/usr/bin/qemu-system-ppc64" -L "$QEMU_ROOT/usr/share/qemu" "\$@"
	END
	chmod +x "$QEMU_BIN.new"
	mv "$QEMU_BIN.new" "$QEMU_BIN"
	"$QEMU_BIN" --version >/dev/null || die "the relocated QEMU does not run"
}

gcc_setup() {
	relocated_closure gcc sid "$GCC_ROOT" GCC_PACKAGES gcc_finish
}
