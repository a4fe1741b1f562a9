# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Results in TAP, of scripts that set dir, where what a command says is kept. Sourced.

# Functions are called through try, variables are read by who sources this.
# shellcheck disable=SC2317,SC2034,SC2154

failed=0 count=0

# ok STATUS WHAT
ok() {
	count=$((count + 1))
	if [ "$1" = 0 ]; then
		echo "ok $count - $2"
	else
		echo "not ok $count - $2"
		failed=1
	fi
	return "$1"
}

# skip WHAT WHY
skip() {
	count=$((count + 1))
	echo "ok $count - $1 # SKIP $2"
}

# try WHAT COMMAND...: what it says is kept, and shown if it fails.
try() {
	local what=$1
	shift
	"$@" >"$dir/said" 2>&1
	ok $? "$what" || sed 's/^/# /' "$dir/said"
}

# said WHAT TEXT: by the command before
said() {
	grep -qE -- "$2" "$dir/said"
	ok $? "$1" || { echo "# not said: $2" && sed 's/^/# /' "$dir/said"; }
}

nobody_attached() {
	hvstep status --json | grep -q '"attached":0'
}
