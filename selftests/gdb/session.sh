# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# A guest under QEMU, and what must be there for it. Sourced.

session_here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# Built but not installed: the command lies beside the tests.
[ ! -x "$session_here/../../../../bin/hvstep" ] || PATH=$session_here/../../../../bin:$PATH
# shellcheck disable=SC2034  # used by who sources this
QEMUS=(/opt/qemu-7.2/bin/qemu-system-ppc64 qemu-system-ppc64)
GUEST_DIR=$session_here/../guest
: "${SESSION_KERNEL:=$([ -e /srv/guest/vmlinux ] && echo /srv/guest/vmlinux || echo "/boot/vmlinux-$(uname -r)")}"
: "${SESSION_INITRD:=/srv/guest/initrd.cpio}"
# A GDB for inside the guest: small, without Python. Does without if there is none.
: "${SESSION_GUEST_GDB:=/srv/guest/gdb}"
# For inside the guest, too (Debian: kexec-tools)
: "${SESSION_KEXEC:=/usr/sbin/kexec}"
# Where the bare guest is loaded: QEMU's default kernel-addr
# shellcheck disable=SC2034
BARE_OFFSET=0x400000
# Of the guest's console: the debugger has broken the guest.
# shellcheck disable=SC2034
COMPLAINTS='guest: exception|selfdebug: failed|Oops|BUG:|WARNING:|Unable to handle|Kernel panic|unhandled signal|Bad page'

die() {
	echo "${0##*/}: $*" >&2
	exit 2
}

# Those of the commands that this host has.
present() {
	local command
	for command; do
		! command -v "$command" >/dev/null || echo "$command"
	done
}

# Says what is missing on this host, in TAP's words.
check_host() {
	local missing='' command
	for command in gdb hvstep taskset; do
		command -v "$command" >/dev/null || missing="the command $command"
	done
	if [ "$(uname -m)" != ppc64le ]; then
		missing="a POWER host; this is $(uname -m)"
	elif [ ! -d /sys/module/kvm_hv ]; then
		missing='KVM-HV: this host is no bare-metal POWER machine with kvm_hv loaded (modprobe kvm_hv)'
	elif [ ! -w /dev/kvm ]; then
		missing='write access to /dev/kvm (group kvm)'
	elif [ ! -w /dev/hvstep ]; then
		missing='hvstep: load its module (modprobe hvstep; group kvm)'
	elif [ ! -r "$SESSION_KERNEL" ]; then
		missing="a Linux guest: $SESSION_KERNEL cannot be read, give --kernel"
	fi
	[ -z "$missing" ] && return
	echo "Bail out! missing: $missing"
	exit 1
}

# guest_start DIR KIND CPUS QEMU...: QEMU with its gdbstub at DIR/gdb and its
# console in DIR/console. Sets guest_pid.
guest_start() {
	local dir=$1 kind=$2 cpus=$3 initrd=$SESSION_INITRD program=calls
	local -a guest overlays
	shift 3
	if [ "$kind" = source ]; then
		guest=(-m 256 -kernel "$GUEST_DIR/bare.elf")
	else
		if [ ! -e "$initrd" ]; then
			initrd=$dir/initrd.busybox
			"$GUEST_DIR/make-initrd" "$initrd" || return
		fi
		case $kind in
		selfdebug | kexec) program=$kind ;;
		esac
		overlays=("$GUEST_DIR/$program.cpio")
		if [ "$kind" = selfdebug ] && [ -x "$SESSION_GUEST_GDB" ]; then
			"$GUEST_DIR/make-overlay" "$dir/gdb.cpio" "$SESSION_GUEST_GDB" || return
			overlays+=("$dir/gdb.cpio")
		elif [ "$kind" = kexec ]; then
			"$GUEST_DIR/make-overlay" "$dir/kexec.cpio" "$SESSION_KEXEC" \
				"kexec-init=$GUEST_DIR/kexec-init" "kexec/initrd=$initrd" \
				"kexec/vmlinux=$SESSION_KERNEL" || return
			overlays=("$dir/kexec.cpio")
		fi
		cat "$initrd" "${overlays[@]}" >"$dir/initrd"
		# Without mitigations: some are loops, which would be stepped through.
		guest=(-m 512 -kernel "$SESSION_KERNEL" -initrd "$dir/initrd"
			-append "console=hvc0 quiet mitigations=off rdinit=/$program-init")
	fi
	rm -f "$dir/gdb" "$dir/console"
	# shellcheck disable=SC2086  # words of a command line
	"$@" ${INNER_QEMU_ARGS:--M pseries,x-vof=on -accel kvm} -smp "$cpus" \
		-nodefaults -nographic -serial "file:$dir/console" "${guest[@]}" \
		-chardev "socket,path=$dir/gdb,server=on,wait=off,id=gdb" -gdb chardev:gdb \
		>"$dir/qemu" 2>&1 </dev/null &
	guest_pid=$!
}

guest_stop() {
	[ -n "${guest_pid:-}" ] || return 0
	kill "$guest_pid" 2>/dev/null
	wait "$guest_pid" 2>/dev/null
	guest_pid=
}

# wait_for SECONDS COMMAND...
#
# Counted in naps, not by the clock: on an emulated host whose own processors are
# busy, KVM's switching of the timebase can lose 2^24 ticks on one CPU, and then
# the vDSO's clock is off by 2^40 ns now and then.
wait_for() {
	local naps=$(($1 * 5))
	shift
	until "$@"; do
		[ "$naps" -gt 0 ] || return
		naps=$((naps - 1))
		# Nothing will come any more.
		[ -z "${guest_pid:-}" ] || kill -0 "$guest_pid" 2>/dev/null || return
		sleep 0.2
	done
}

# The number of the guest's last tick, or -1
ticks() {
	local n
	n=$(sed -n 's/^.*guest: tick \([0-9]*\) .*/\1/p' "$1/console" 2>/dev/null | tail -n 1)
	echo "${n:--1}"
}

ticks_reach() {
	[ "$(ticks "$1")" -ge "$2" ]
}

# Lines that the guest's program has printed about itself: all that it does.
selfdebug_reach() {
	[ "$(grep -c '^selfdebug: run ' "$1/console")" -ge "$2" ] &&
		{ [ ! -e "$1/gdb.cpio" ] || grep -q '^selfdebug: gdb ' "$1/console"; }
}
