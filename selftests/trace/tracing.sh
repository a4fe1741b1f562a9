# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Tests of guests that are traced: what is asked of them again and again. Sourced,
# by scripts that set dir, where a guest's files are, before they start one.

# Functions are called through try, refused and wait_for, variables are read by who sources this.
# shellcheck disable=SC2317,SC2034,SC2154

tracing_here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=selftests/gdb/session.sh
. "$tracing_here/../gdb/session.sh"
# shellcheck source=selftests/gdb/tap.sh
. "$tracing_here/../gdb/tap.sh"

# Built but not installed: the library, too
for lib in "$tracing_here"/../../../../lib/*/libhvstep.so.0; do
	[ ! -e "$lib" ] || export LD_LIBRARY_PATH=${lib%/*}${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
done

BOOT_SECONDS=180

# refused WHAT STATUS TEXT COMMAND...: it fails, and says so.
refused() {
	local what=$1 expected=$2 text=$3 status
	shift 3
	"$@" >"$dir/said" 2>&1
	status=$?
	[ "$status" = "$expected" ] && grep -q -- "$text" "$dir/said"
	ok $? "$what" && return
	echo "# exit status $status, expected $expected and: $text"
	sed 's/^/# /' "$dir/said"
}

attached() {
	hvstep status --json | grep -q '"attached":1'
}

larger_than() {
	[ -e "$1" ] && [ "$(stat -c %s "$1")" -gt "$2" ]
}

runs_on() {
	local before
	before=$(ticks "$dir")
	wait_for 60 ticks_reach "$dir" $((before + 2)) && return
	echo "tick $before, then $(ticks "$dir")"
	tail -n 5 "$dir/console"
	return 1
}

# The next trace's first steps are its own: nobody else's are under way.
steps_end() {
	wait_for 30 hvstep trace "$guest_pid" --count 100 -q -o "$dir/trace" &&
		"$tracing_here/verify" "$dir/trace"
}

# boot CPUS QEMU...
boot() {
	local nr=$1
	shift
	guest_start "$dir" linux "$nr" "$@"
	wait_for "$BOOT_SECONDS" ticks_reach "$dir" 1
	ok $? "a guest of $nr vCPUs is up: $*" && return
	tail -n 5 "$dir/qemu" "$dir/console" | sed 's/^/# /'
	exit 1
}

# In the background, of the whole VM and without an end
trace_start() {
	rm -f "$dir/trace"
	hvstep trace "$guest_pid" -o "$dir/trace" >"$dir/summary" 2>&1 &
	trace_pid=$!
	wait_for 60 larger_than "$dir/trace" 100000
}

# trace_ended STATUS: and says so
trace_ended() {
	local status
	wait "$trace_pid"
	status=$?
	[ "$status" = "$1" ] && return
	cat "$dir/summary"
	echo "exit status $status, expected $1"
	return 1
}
