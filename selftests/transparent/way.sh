# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# For on-host and doctor: VMMs that are started in some way. Sourced.

way_here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=selftests/gdb/session.sh
. "$way_here/../gdb/session.sh"
# shellcheck source=selftests/gdb/tap.sh
. "$way_here/../gdb/tap.sh"

# shellcheck disable=SC2034  # used by who sources this
BOOT_SECONDS=90
# A user of no name, and one who has nothing to do with KVM
# shellcheck disable=SC2034
USER_ID=1000 STRANGER_ID=65534
# shellcheck disable=SC2034
kvm_gid=$(stat -c %g /dev/kvm 2>/dev/null) kvm_group=$(stat -c %G /dev/kvm 2>/dev/null)

# It ends with 1, as doctor and the small VMM do if all is well with them and not with what they look at.
fails() {
	local status
	"$@"
	status=$?
	[ "$status" = 1 ]
}

# Changes to this host's modules are for hosts that are thrown away.
is_machine() {
	[ -n "${MACHINE:-}" ]
}

nr_attached() {
	hvstep status --json | grep -q "\"attached\":$1[,}]"
}

# as_user UID COMMAND...: in no group but that of KVM
as_user() {
	local uid=$1
	shift
	setpriv --reuid "$uid" --regid "$uid" --groups "$kvm_gid" -- "$@"
}

# as_stranger COMMAND...: nor in that
as_stranger() {
	setpriv --reuid "$STRANGER_ID" --regid "$STRANGER_ID" --clear-groups -- "$@"
}

# In the cgroup $1
in_cgroup() {
	# shellcheck disable=SC2016  # of the inner shell
	sh -c 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"' - "$@"
}

# The same for the background: COMMAND takes the shell's place, so that its number is known.
in_cgroup_exec() {
	local to=$1
	shift
	echo "$BASHPID" >"$to/cgroup.procs"
	exec "$@"
}

# Sets cgroup; false if there is none to be had. The mount is this mount namespace's.
cgroup_make() {
	[ -e /sys/fs/cgroup/cgroup.procs ] || mount -t cgroup2 cgroup2 /sys/fs/cgroup || return
	cgroup=/sys/fs/cgroup/hvstep-selftest-$$
	mkdir "$cgroup"
}

# filter_on DEVICE: nobody in the cgroup can open it any more; sets filter_pid.
filter_on() {
	rm -f "$dir/filter"
	# shellcheck disable=SC2016  # of the inner shell
	"$way_here/device-filter" "$cgroup" "$(cat "/sys/class/misc/$1/dev")" \
		sh -c 'echo $$ >"$1"; exec sleep 600' - "$dir/filter" 2>"$dir/filter.err" &
	filter_pid=$!
	until [ -s "$dir/filter" ]; do
		kill -0 "$filter_pid" 2>/dev/null || return
		sleep 0.1
	done
}

filter_off() {
	kill "$(cat "$dir/filter")"
	wait "$filter_pid" 2>/dev/null
}

# The profiles of profiles.apparmor, which have to come in one write; false if there is no AppArmor
profiles_load() {
	local to=/sys/kernel/security/apparmor/.replace
	[ -e "$to" ] || mount -t securityfs securityfs /sys/kernel/security
	[ -e "$way_here/profiles" ] && dd if="$way_here/profiles" of="$to" bs=1M status=none
}

profiles_remove() {
	local profile
	for profile in hvstep-selftest hvstep-selftest-permitted; do
		echo -n "$profile" >/sys/kernel/security/apparmor/.remove
	done
}

# under_profile PROFILE COMMAND...: for the background; COMMAND takes the shell's place.
under_profile() {
	echo -n "exec $1" >/proc/self/attr/exec
	shift
	exec "$@"
}

# The same, with the shim: not for what is started on the way.
with_shim_under() {
	export LD_PRELOAD=$shim
	under_profile "$@"
}

# vmm_start COMMAND...: the small VMM, which waits to be asked for a round of steps. Sets
# vmm_pid.
vmm_start() {
	rm -f "$dir/in" "$dir/out"
	mkfifo "$dir/in"
	"$@" --rounds <"$dir/in" >"$dir/out" 2>"$dir/err" &
	vmm_pid=$!
	exec 9>"$dir/in"
	guest_pid=$vmm_pid wait_for 30 grep -q '^ready' "$dir/out"
}

# A line more than before
vmm_has_answered() {
	[ "$(wc -l <"$dir/out")" -gt "$1" ]
}

# vmm_round WORD: it does a round, and says it has WORD.
vmm_round() {
	local before
	before=$(wc -l <"$dir/out")
	echo >&9
	wait_for 60 vmm_has_answered "$before"
	tail -n 1 "$dir/out" "$dir/err"
	tail -n 1 "$dir/out" | grep -q "^$1:"
}

vmm_stop() {
	exec 9>&-
	wait "$vmm_pid" 2>/dev/null
}
