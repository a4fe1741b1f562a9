# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# POWER11 needs a QEMU newer than any of Debian 12: sid's, fetched on demand.

powernv11_setup() {
	relocated_qemu qemu-powernv11 sid "$QEMU_POWERNV11_ROOT" "$QEMU_POWERNV11_BIN"
}
