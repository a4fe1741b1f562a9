# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# For the tests that install something: results in TAP, and whether they may. Sourced.

failed=0
said=$(mktemp)
trap 'rm -f "$said"' EXIT

# They change the system that they run on: only one that is thrown away afterwards,
# or whose owner wants it.
may_install() {
	if [ "${HVSTEP_INSTALL_TEST:-}" != 1 ]; then
		echo "1..0 # SKIP this installs and removes packages: HVSTEP_INSTALL_TEST=1 allows it"
		exit 4
	fi
	[ "$(id -u)" = 0 ] || { echo "Bail out! must be root" && exit 1; }
}

uptime_seconds() { cut -d. -f1 /proc/uptime; }

# ok STATUS WHAT: what was said last is shown if it is a failure.
ok() {
	if [ "$1" = 0 ]; then
		echo "ok - $2"
		return
	fi
	echo "not ok - $2"
	failed=1
	sed 's/^/# /' "$said"
	return 1
}

# run COMMAND...: what it says goes to $said; what it cost is shown if that was much.
run() {
	local start status
	start=$(uptime_seconds)
	echo "# \$ $*"
	"$@" >"$said" 2>&1 </dev/null
	status=$?
	set -- $(($(uptime_seconds) - start))
	[ "$1" -lt 10 ] || echo "# took $1 s"
	return $status
}

# try WHAT COMMAND...
try() {
	local what=$1
	shift
	run "$@"
	ok $? "$what"
}

# A compiler on an emulated processor takes its time.
progress() {
	local objects
	while sleep 60; do
		objects=$(find /var/lib/dkms/hvstep/*/build -name '*.o' 2>/dev/null | wc -l)
		[ "$objects" = 0 ] || echo "# ... $objects object files"
	done
}

# try_build WHAT COMMAND...: something that compiles the module
try_build() {
	local status
	progress &
	try "$@"
	status=$?
	kill $!
	return $status
}

# try_status STATUS WHAT COMMAND...
try_status() {
	local expected=$1 what=$2 status
	shift 2
	run "$@"
	status=$?
	[ "$status" = "$expected" ]
	ok $? "$what" || echo "# exit status $status, expected $expected"
}

# nothing WHAT COMMAND...: it prints nothing.
nothing() {
	local what=$1
	shift
	"$@" >"$said" 2>/dev/null
	[ ! -s "$said" ]
	ok $? "$what"
}

# Not about hvstep: apt talks to a file; dkms looks for a compiler's name in what the
# headers have for a vmlinux; dpkg does not know that /lib and /usr/lib are one.
ALWAYS="apt does not have a stable CLI|readelf: Warning: Section '.comment' was not dumped"
ALWAYS+="|directory '.*' not empty so not removed"

# no_warning WHAT: in what was said last
no_warning() {
	! grep -vE "$ALWAYS" "$said" |
		grep -iE 'warning|deprecated|error|bad exit status' | sed 's/^/# bad: /' | grep .
	ok $? "$1"
}

# Where hvstep's module could be, for any kernel
module_files() {
	find /lib/modules/ -name 'hvstep*'
}
