# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# POWER11 needs a QEMU newer than any of Debian 12: sid's, fetched on demand.

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
