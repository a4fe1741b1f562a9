# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# POWER11 needs a QEMU newer than any of Debian 12: sid's, fetched on demand; for guests of
# the host, too.

powernv11_setup() {
	relocated_closure qemu-powernv11 sid "$QEMU_POWERNV11_ROOT" QEMU_PACKAGES qemu_finish
	cat >"$QEMU_POWERNV11_BIN.new" <<-END
		#!/bin/sh
		export QEMU_MODULE_DIR="$QEMU_POWERNV11_ROOT/usr/lib/x86_64-linux-gnu/qemu"
		exec "$QEMU_POWERNV11_ROOT/usr/bin/qemu-system-ppc64" -L "$QEMU_POWERNV11_ROOT/usr/share/qemu" "\$@"
	END
	chmod +x "$QEMU_POWERNV11_BIN.new"
	mv "$QEMU_POWERNV11_BIN.new" "$QEMU_POWERNV11_BIN"
	"$QEMU_POWERNV11_BIN" --version >/dev/null || die "the relocated QEMU of sid does not run"
}

# The same QEMU for the host's own use, as guests of KVM see it: a tree for run --copy, with
# the libraries it needs, for the host's are older.
inner_qemu_setup() {
	local fast key root=$QEMU_INNER_ROOT
	local -a debs
	apt_update sid ppc64el
	fast="$(recipe_key powernv11.sh) $(lists_key sid ppc64el)"
	step_is_current qemu-inner.fast "$fast" && [ -d "$root" ] && return
	mapfile -t debs < <(apt_closure sid ppc64el "${QEMU_PACKAGES[@]}")
	[ ${#debs[@]} -gt 0 ] || die "qemu-inner: packages not found: ${QEMU_PACKAGES[*]}"
	key="$(recipe_key powernv11.sh) ${debs[*]}"
	if ! step_is_current qemu-inner "$key" || [ ! -d "$root" ]; then
		say "qemu-inner: ${#debs[@]} packages of sid"
		apt_fetch_closure sid ppc64el "${QEMU_PACKAGES[@]}"
		rm -rf "$root.new"
		printf '%s\n' "${debs[@]}" | unpack "$root.new"
		inner_qemu_finish "$root.new"
		publish "$root.new" "$root"
		step_done qemu-inner "$key"
	fi
	step_done qemu-inner.fast "$fast"
}

# Nothing but what QEMU itself opens, as it is copied at each start of a machine.
inner_qemu_finish() {
	local new=$1 old=$1.all l=usr/lib/powerpc64le-linux-gnu
	rm -rf "$old"
	mv "$new" "$old"
	mkdir -p "$new/bin" "$new/usr/bin" "$new/$l" "$new/usr/share"
	cp -a "$old/usr/bin/qemu-system-ppc64" "$new/usr/bin/"
	find "$old/$l" -maxdepth 1 -name '*.so*' -exec cp -a -t "$new/$l" {} +
	find "$old/usr/share" -maxdepth 1 \( -name qemu -o -name slof \) -exec cp -a -t "$new/usr/share" {} +
	cat >"$new/bin/qemu-system-ppc64" <<-'END'
		#!/bin/sh
		r=$(dirname "$(dirname "$(readlink -f "$0")")")/usr
		l=$r/lib/powerpc64le-linux-gnu
		exec $l/ld64.so.2 --library-path $l $r/bin/qemu-system-ppc64 \
			-L $r/share/qemu -L $r/share/slof "$@"
	END
	chmod +x "$new/bin/qemu-system-ppc64"
	[ -e "$new/$l/ld64.so.2" ] || die "qemu-inner: no ld64.so.2 in sid's C library"
	rm -rf "$old"
}
