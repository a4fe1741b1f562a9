# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Messages, privileges and the bookkeeping of finished steps.

say() { echo "machine: $*" >&2; }
die() {
	echo "machine: error: $*" >&2
	exit 1
}

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# A step is finished when its stamp holds the key it would be made from now.
# Two keys: a cheap one (the package lists did not change, so neither can the
# outcome) and the real one (the very packages).
step_is_current() { # NAME KEY
	[ "$(cat "$CACHE_DIR/stamps/$1" 2>/dev/null)" = "$2" ]
}

step_done() { # NAME KEY
	mkdir -p "$CACHE_DIR/stamps"
	echo "$2" >"$CACHE_DIR/stamps/$1.new"
	mv "$CACHE_DIR/stamps/$1.new" "$CACHE_DIR/stamps/$1"
}

# publish NEW OLD: put a finished directory or file in the place of an old one.
publish() {
	rm -rf "$2.old"
	[ ! -e "$2" ] || mv "$2" "$2.old"
	mv "$1" "$2"
	rm -rf "$2.old"
}

digest() { sha256sum | cut -c1-16; }

# recipe_key FILE...: changes when the way a step is done changes.
recipe_key() {
	(cd "$MACHINE_DIR/lib" && cat "$@") | digest
}
