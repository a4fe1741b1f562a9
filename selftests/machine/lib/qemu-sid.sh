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
	unpacked apt_closure apt_fetch_closure qemu-sid sid ppc64el "$QEMU_SID_ROOT" QEMU_PACKAGES \
		qemu_sid_finish
}

qemu_sid_finish() {
	local new=$1 all=$1.all part
	rm -rf "$all"
	mv "$new" "$all"
	mkdir -p "$new/bin" "$new/root/usr/"{bin,lib,share}
	for part in "${QEMU_SID_PARTS[@]}"; do
		[ ! -e "$all/$part" ] || mv "$all/$part" "$new/root/$part"
	done
	rm -rf "$all" "$new/root/usr/lib/powerpc64le-linux-gnu/"{gconv,perl,perl-base,dri,security}
	cat >"$new/bin/qemu-system-ppc64" <<-'END'
		#!/bin/sh
		r=$(dirname "$(dirname "$(readlink -f "$0")")")/root/usr
		l=$r/lib/powerpc64le-linux-gnu
		export QEMU_MODULE_DIR=$l/qemu
		exec "$l/ld64.so.2" --library-path "$l" "$r/bin/qemu-system-ppc64" \
			-L "$r/share/qemu" -L "$r/share/slof" "$@"
	END
	chmod +x "$new/bin/qemu-system-ppc64"
}
