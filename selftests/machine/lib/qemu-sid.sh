# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The newest QEMU for ppc64el, to be tested in the emulated host: of sid, which is too far
# ahead of the userland there to be mixed with it. Fetched on demand; with all its libraries,
# started through its own ld.so, from wherever it lies (run --copy).

# The programs of the packages' scripts, and what they are for, stay behind.
QEMU_SID_PARTS=(usr/bin/qemu-system-ppc64 usr/lib64 usr/lib/powerpc64le-linux-gnu
	usr/share/qemu usr/share/slof)

qemu_sid_setup() {
	local fast key part new=$QEMU_SID_ROOT.new work=$QEMU_SID_ROOT.work
	local -a debs
	apt_update sid ppc64el
	fast="$(recipe_key qemu-sid.sh) $(lists_key sid ppc64el)"
	step_is_current qemu-sid.fast "$fast" && [ -d "$QEMU_SID_ROOT" ] && return
	mapfile -t debs < <(apt_closure sid ppc64el qemu-system-ppc)
	[ ${#debs[@]} -gt 0 ] || die "sid's qemu-system-ppc for ppc64el: not found"
	key="$(recipe_key qemu-sid.sh) ${debs[*]}"
	if ! step_is_current qemu-sid "$key" || [ ! -d "$QEMU_SID_ROOT" ]; then
		say "sid's QEMU for ppc64el: ${#debs[@]} packages"
		apt_fetch_closure sid ppc64el qemu-system-ppc
		rm -rf "$new" "$work"
		printf '%s\n' "${debs[@]}" | unpack "$work"
		mkdir -p "$new/bin" "$new/root/usr/"{bin,lib,share}
		for part in "${QEMU_SID_PARTS[@]}"; do
			[ ! -e "$work/$part" ] || mv "$work/$part" "$new/root/$part"
		done
		rm -rf "$work" "$new/root/usr/lib/powerpc64le-linux-gnu/"{gconv,perl,perl-base,dri,security}
		cat >"$new/bin/qemu-system-ppc64" <<-'END'
			#!/bin/sh
			r=$(dirname "$(dirname "$(readlink -f "$0")")")/root/usr
			l=$r/lib/powerpc64le-linux-gnu
			export QEMU_MODULE_DIR=$l/qemu
			exec "$l/ld64.so.2" --library-path "$l" "$r/bin/qemu-system-ppc64" \
				-L "$r/share/qemu" -L "$r/share/slof" "$@"
		END
		chmod +x "$new/bin/qemu-system-ppc64"
		publish "$new" "$QEMU_SID_ROOT"
		step_done qemu-sid "$key"
	fi
	step_done qemu-sid.fast "$fast"
}
