#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# hvstep doctor: doctor.sh USER-BUILD TEST-BUILD
#
# Most of it looks at a tree made here, of a healthy POWER9 host, with one thing
# in it changed for each test.

# Expansions are for inner shells, functions are called through expect.
# shellcheck disable=SC2016,SC2317

here=$(dirname "$0")
# shellcheck source=tap.sh
. "$here/tap.sh"
hvstep=$(realpath "$1/hvstep")
shim=$(realpath "$1/libhvstep-preload.so")
fake=$(realpath "$2/libfake.so")
static=$2/static
unset LD_PRELOAD HVSTEP_PRELOAD
release=6.12.9-test
other=6.1.0-test
version=$("$hvstep" --version | sed -n '1s/.* //p')
root=$tap_dir/root
chmod 755 "$tap_dir"
nl='
'

# One that the tests' user can open, and one that nobody is let into.
device() {
	mkdir -p "$root/dev"
	ln -sf /dev/null "$root/dev/$1"
}

put() {
	mkdir -p "$(dirname "$root/$1")"
	printf '%s\n' "$2" >"$root/$1"
}

# What /proc/cpuinfo says of: processor, platform, MMU
cpuinfo() {
	put proc/cpuinfo "processor	: 0
cpu		: $1, altivec supported
clock		: 2200.000000MHz

timebase	: 512000000
platform	: $2
MMU		: $3"
}

# KERNEL PATH, as depmod has it
installed() {
	put "lib/modules/$1/$2" "~Module signature appended~"
	printf '%s:\n' "$2" >>"$root/lib/modules/$1/modules.dep"
}

healthy() {
	rm -rf "$root"
	put proc/sys/kernel/osrelease $release
	put proc/sys/kernel/arch ppc64le
	put proc/sys/kernel/yama/ptrace_scope 1
	put proc/sys/kernel/io_uring_disabled 0
	put sys/kernel/security/lsm capability
	put proc/self/status "Name:	hvstep
CapEff:	000001ffffffffff"
	cpuinfo "POWER9 (raw)" PowerNV Radix
	mkdir -p "$root/sys/module/kvm_hv" "$root/sys/module/hvstep"
	installed $release kernel/arch/powerpc/kvm/kvm-hv.ko.xz
	installed $release updates/dkms/hvstep.ko
	device kvm
	device hvstep
}

unloaded() {
	healthy
	rm -r "$root/sys/module/hvstep" "$root/dev/hvstep"
}

user_only() {
	put proc/self/status "CapEff:	0000000000000000"
}

doctor() {
	"$hvstep" doctor --root "$root" "$@"
}

# With a line behind the last one, for patterns that end with one.
lines() {
	"$@"
	set -- $?
	echo end
	return "$1"
}

# STATE CHECK TEXT [REMEDY]: the pattern of a line, and of the one below
says() {
	printf '*%-8s %s: %s\n' "$1" "$2" "$3"
	[ $# = 3 ] || printf '         %s\n' "$4"
	echo '*'
}

problem() {
	title=$1
	shift
	expect -s 1 -e '' -o "$(says problem "$@")" "$title" lines doctor
}

note() {
	title=$1
	shift
	expect -e '' -o "$(says note "$@")" "$title" lines doctor
}

ok() {
	title=$1
	shift
	expect -e '' -o "$(says ok "$@")" "$title" lines doctor
}

# How often doctor says $1.
count() {
	doctor | grep -c "$1"
}

# As one whose permissions count, from where all can read.
as_user() {
	setpriv --reuid=65534 --regid=65534 --clear-groups "$tap_dir/hvstep" doctor --root "$root"
}

# This system, with a fake module in it; what it is like otherwise does not matter.
live() {
	LD_PRELOAD=$fake "$hvstep" doctor "$@"
	echo end
}

json() {
	wanted=$1
	shift
	doctor --json "$@" | python3 -c 'import json, sys; o = json.load(sys.stdin); c = {x["check"]: x for x in o["checks"]}; print(*eval(sys.argv[1]))' "$wanted"
}

plan 134
healthy
expect -e '' -o "ok       machine: ppc64le, kernel $release
ok       processor: POWER9, bare metal
ok       kvm-hv: loaded
ok       /dev/kvm: can be opened
ok       module: loaded
ok       /dev/hvstep: can be opened (mode 0666, group 0)
ok       ptrace: hvstep attach, step and trace can take any VMM
ok       io_uring: permitted" "nothing is in the way" doctor

# The machine
put proc/sys/kernel/arch x86_64
problem "not POWER" machine "x86_64: only guests on POWER can be stepped" "run it on a POWER host"
rm "$root/proc/sys/kernel/arch"
ok "a kernel that does not say its architecture" machine "ppc64le, kernel $release"
put proc/sys/kernel/arch ppc64
problem "a big-endian host" machine "ppc64: hvstep is not built for *" "*ppc64le*"
rm "$root/proc/sys/kernel/arch"
rm "$root/proc/cpuinfo"
problem "nothing is known" machine "unknown: *" "run *"
healthy
rm "$root/proc/sys/kernel/osrelease"
put proc/version "Linux version $release (builder) (gcc) #1 SMP"
ok "the kernel from /proc/version" machine "ppc64le, kernel $release"
rm "$root/proc/version"
ok "no kernel known" machine "ppc64le, kernel unknown"
healthy
cpuinfo "POWER7 (raw)" PowerNV Hash
problem "an old processor" processor "POWER7*" "run it on POWER8 or later"
cpuinfo "POWER8 (raw)" PowerNV Hash
ok "POWER8, bare metal" processor "POWER8, bare metal"
cpuinfo "POWER10 (architected)" pSeries Radix
note "itself a guest" processor "POWER10, itself a guest: *cap-nested-hv=on*"
cpuinfo "POWER9 (architected)" pSeries Hash
problem "a guest with the hash MMU" processor "POWER9, hash MMU, itself a guest" \
	"KVM-HV in a guest needs *radix*"
cpuinfo "POWER8 (architected)" pSeries Radix
problem "a guest on POWER8" processor "POWER8, itself a guest" "*"
cpuinfo "POWER9" PowerMac Hash
problem "another platform" processor "POWER9, platform PowerMac" "*"

# KVM
healthy
rm -r "$root/sys/module/kvm_hv"
problem "without kvm-hv" kvm-hv "not loaded" "load it: modprobe kvm_hv"
put proc/modules "kvm_hv 1 0 - Live 0x0"
ok "kvm-hv from /proc/modules" kvm-hv loaded
put proc/modules "kvm_hv2 1 0 - Live 0x0"
mkdir "$root/sys/module/kvm_pr"
problem "kvm-pr instead" kvm-hv "not loaded; guests of kvm-pr*" "*modprobe kvm_hv"
: >"$root/lib/modules/$release/modules.dep"
problem "a kernel without it" kvm-hv "this kernel has none" "*CONFIG_KVM_BOOK3S_64_HV*"
healthy
rm "$root/dev/kvm"
problem "no /dev/kvm" /dev/kvm "No such file or directory" "*modprobe kvm_hv*"
put dev/kvm ""
problem "a file that is not /dev/kvm" /dev/kvm "*not the device" "remove it*"

# The module
unloaded
problem "not loaded" module "not loaded; installed as /lib/modules/$release/updates/dkms/hvstep.ko" \
	"load the module: modprobe hvstep"
expect -s 1 -o "$(says ok signature 'modules need none')" "which needs no signature" lines doctor
rm "$root/sys/kernel/security/lsm"
is "of a collection without securityfs no such thing is said" "$(count signature:)" 0
put sys/kernel/security/lsm capability
is "its device is missing for no other reason" "$(count /dev/hvstep:)" 0
put proc/modules "hvstep 1 0 - Live 0x0"
device hvstep
ok "from /proc/modules" module loaded
unloaded
: >"$root/lib/modules/$release/modules.dep"
installed $release kernel/arch/powerpc/kvm/kvm-hv.ko
problem "installed, and depmod has not run" module "*does not know of */updates/dkms/hvstep.ko" \
	"*depmod -a*modprobe hvstep"
rm "$root/lib/modules/$release/updates/dkms/hvstep.ko"
problem "not installed, and no source" module "not installed" "*the package hvstep-dkms*"
put "usr/src/hvstep-$version/dkms.conf" ""
problem "no headers" module "not installed" "*linux-headers-$release *kernel-devel-$release*dkms install*"
mkdir -p "$root/usr/src/linux-headers"
ln -s /usr/src/linux-headers "$root/lib/modules/$release/build"
problem "the headers' link leads nowhere" module "not installed" "*linux-headers-$release *"
put usr/src/linux-headers/Makefile ""
problem "not installed" module "not installed" "*build it: dkms install hvstep/$version -k $release"
put proc/sys/kernel/osrelease 5.10.0-test
problem "a kernel that hvstep is not for" module "not installed" "*boot Linux 6.1 or later*"
put proc/sys/kernel/osrelease $release
echo "updates/dkms/hvstep.ko:" >>"$root/lib/modules/$release/modules.dep"
problem "removed since depmod ran" module "not installed" "*dkms install*"
installed $other extra/hvstep.ko.xz
problem "installed for another kernel" module "*runs, $release, but for $other" \
	"*dkms install hvstep/* -k $release; or boot $other"
rm "$root/proc/sys/kernel/osrelease"
problem "nothing is known of the kernel" module "not loaded" "*modprobe hvstep"
unloaded
put "lib/modules/$release/updates/dkms/hvstep.ko" "license=GPL vermagic=$other SMP mod_unload"
problem "built for another kernel" module "not loaded; */hvstep.ko is built for another kernel, $other: *" \
	"*dkms install --force hvstep/* -k $release"
put "lib/modules/$release/updates/dkms/hvstep.ko" "license=GPL vermagic=$release SMP mod_unload"
problem "built for this one" module "not loaded; installed as */hvstep.ko" "*modprobe hvstep"
put etc/modprobe.d/local.conf "install kvm /bin/true
 blacklist hvstep2
# blacklist hvstep"
problem "modprobe.d that is about others" module "not loaded; installed as *" "*modprobe hvstep"
put usr/lib/modprobe.d/a.conf "options kvm x=1
 blacklist	hvstep"
problem "blacklisted" module "not loaded; /usr/lib/modprobe.d/a.conf keeps it from being loaded at boot" \
	"*modprobe hvstep; remove that line*"
put etc/modprobe.d/b.conf "install hvstep /bin/false"
problem "an install line changes nothing" module "not loaded; /usr/lib/modprobe.d/a.conf keeps it from being *" \
	"*modprobe hvstep; remove that line*"
rm "$root/usr/lib/modprobe.d/a.conf"
put usr/local/lib/modprobe.d/a.conf "blacklist hvstep"
problem "blacklisted where make install PREFIX=/usr/local puts things" module \
	"not loaded; /usr/local/lib/modprobe.d/a.conf keeps it from being *" "*modprobe hvstep; remove that line*"
rm "$root/usr/local/lib/modprobe.d/a.conf"
put proc/cmdline "root=/dev/sda1 modprobe.blacklist=kvm_hv,hvstep2 module_blacklist=hvstep3 hvstep"
problem "a command line that is about others" module "not loaded; installed as *" "*modprobe hvstep"
put proc/cmdline "root=/dev/sda1 modprobe.blacklist=kvm_hv,hvstep quiet"
problem "blacklisted for modprobe by the command line" module \
	"not loaded; modprobe.blacklist= of the kernel's command line keeps it from being loaded at boot" \
	"*modprobe hvstep; remove*word*"
put proc/cmdline "quiet module_blacklist=hvstep"
problem "forbidden by the command line" module "not loaded; module_blacklist= of *" "boot without that*"
for words in 'a="b c" "module-blacklist=kvm,hvstep"' 'module_blacklist="a,hvstep"'; do
	put proc/cmdline "$words"
	problem "in quotes: $words" module "not loaded; module_blacklist= of *" "boot without that*"
done
for words in 'a="b module_blacklist=hvstep"' 'module_blacklist=hvstep module_blacklist=a' 'a -- module_blacklist=hvstep'; do
	put proc/cmdline "$words"
	problem "which does not forbid it: $words" module "not loaded; installed as *" "*modprobe hvstep"
done
rm "$root/proc/cmdline"
put proc/sys/kernel/modules_disabled 1
problem "no module can be loaded" modules "kernel.modules_disabled=1*" "boot again*"
put proc/sys/kernel/modules_disabled 0
is "unless it is 0" "$(count modules_disabled)" 0
healthy
put sys/module/hvstep/version 0.0.1-other
note "another version" module "loaded, version 0.0.1-other; this command is *" "*modprobe -r*"
put sys/module/hvstep/version "$("$hvstep" --version | sed 's/.* //')"
ok "the same version" module "loaded, version *"

# Its device
healthy
rm "$root/dev/hvstep"
problem "no device" /dev/hvstep "not there, though *" "*udevadm trigger*"
rm -r "${root:?}/dev"
expect -e '' -o "*module: loaded${nl}ok       ptrace*" "a tree without /dev" doctor
put dev/hvstep ""
problem "a file that is not the device" /dev/hvstep "not the module's device*" "*remove it*"
healthy
put sys/class/misc/hvstep/dev 10:99
problem "a node of before" /dev/hvstep "an old node: its number is 1:3, the device's is 10:99" "remove it*udev*"
put sys/class/misc/hvstep/dev 1:3
ok "the node of now" /dev/hvstep "can be opened*"
put sys/module/hvstep/parameters/auto_attach Y
ok "auto_attach" auto_attach "on: any VM*"
put sys/module/hvstep/parameters/auto_attach N
ok "no auto_attach" auto_attach "off: *hvstep run*"
denied="Permission denied (mode 0660, group"
if [ "$(id -u)" = 0 ] && cp "$hvstep" "$tap_dir/" &&
   setpriv --reuid=65534 --regid=65534 --clear-groups "$tap_dir/hvstep" --version >/dev/null 2>&1 &&
   healthy && mknod "$root/null" c 1 3 2>/dev/null; then
	ln -sf "$root/null" "$root/dev/hvstep"
	ln -sf "$root/null" "$root/dev/kvm"
	chmod 660 "$root/null"
	expect -s 1 -o "$(says problem /dev/hvstep "$denied 0)" "*a rule of udev*")" \
		"a device of root's" lines as_user
	expect -s 1 -o "$(says problem /dev/kvm "$denied 0)" "*KERNEL==\"kvm\"*")" \
		"/dev/kvm of root's" lines as_user
	chgrp 7 "$root/null"
	expect -s 1 -o "$(says problem /dev/hvstep "$denied 7)" "join the group*")" \
		"a device of a group" lines as_user
	expect -s 1 -o "$(says problem /dev/kvm "$denied 7)" "join the group*usermod -aG kvm USER*")" \
		"/dev/kvm of another group" lines as_user
	chmod 600 "$root/null"
	expect -s 1 -o "$(says problem /dev/hvstep '*(mode 0600, group 7)' "let its group use it*udev*")" \
		"a device that its group may not use" lines as_user
else
	skip "a device of root's" "not root"
	skip "/dev/kvm of root's" "not root"
	skip "a device of a group" "not root"
	skip "/dev/kvm of another group" "not root"
	skip "a device that its group may not use" "not root"
fi

# What modinfo says: VERMAGIC SIG_ID
modinfo() {
	mkdir -p "$tap_dir/bin"
	cat >"$tap_dir/bin/kmod" <<-END
		#!/bin/sh
		[ "\$1 \$3" = "-F --" ] && [ -e "\$4" ] || exit 1
		case \$2 in
		vermagic) echo "$1" ;;
		sig_id) echo "$2" ;;
		esac
	END
	chmod +x "$tap_dir/bin/kmod"
}

# Signatures
for mode in integrity confidentiality; do
	unloaded
	put sys/kernel/security/lockdown "none [$mode]"
	expect -s 1 -o "$(says note signature "lockdown=$mode: only modules are loaded*trusts; hvstep's is signed" \
		"*Key was rejected*README.md*")" \
		"lockdown=$mode, a signed module" doctor
	put "lib/modules/$release/updates/dkms/hvstep.ko" "a module without a signature, long enough"
	problem "lockdown=$mode, an unsigned module" signature "lockdown=$mode*hvstep's is not" "sign it*"
done
unloaded
put sys/kernel/security/lockdown "[none] integrity confidentiality"
put sys/module/module/parameters/sig_enforce N
put "lib/modules/$release/updates/dkms/hvstep.ko" short
expect -s 1 -o "$(says ok signature 'modules need none')" "sig_enforce=N" lines doctor
put sys/module/module/parameters/sig_enforce Y
problem "sig_enforce=Y" signature "module.sig_enforce*" "sign it*"
rm "$root/lib/modules/$release/updates/dkms/hvstep.ko" "$root/lib/modules/$release/modules.dep"
installed $release updates/dkms/hvstep.ko.xz
PATH=$tap_dir/bin:$PATH
modinfo "$release SMP mod_unload" ""
problem "sig_enforce=Y, compressed and unsigned" signature "module.sig_enforce*hvstep's is not" "sign it*"
modinfo "$release SMP mod_unload" PKCS#7
expect -s 1 -o "$(says note signature "module.sig_enforce*; hvstep's is signed" "*")" \
	"compressed and signed" lines doctor
modinfo "$other SMP mod_unload" PKCS#7
problem "compressed, built for another kernel" module \
	"not loaded; */hvstep.ko.xz is built for another kernel, $other: *" "*dkms install --force*"
expect -s 1 -o "$(says problem module "not loaded; */hvstep.ko.xz is built for another kernel, *" "*")" \
	"by whom children do not matter to" sh -c 'trap "" CHLD && "$@"' - "$hvstep" doctor --root "$root"
printf '#!/bin/sh\nexit 1\n' >"$tap_dir/bin/kmod"
expect -s 1 -o "$(says note signature "module.sig_enforce: only modules*trusts" "*")" \
	"compressed, and modinfo cannot read it" lines doctor
PATH=${PATH#*:}
rm "$root/lib/modules/$release/updates/dkms/hvstep.ko.xz"
installed $release updates/dkms/hvstep.ko
rm "$root/lib/modules/$release/updates/dkms/hvstep.ko"
mkfifo "$root/lib/modules/$release/updates/dkms/hvstep.ko"
expect -s 1 -o "$(says note signature "*" "*")" "a pipe by the name of a module" \
	timeout 10 "$hvstep" doctor --root "$root"
healthy
put sys/module/module/parameters/sig_enforce Y
is "of one that is loaded no signature matters" "$(count signature)" 0

# Permissions
healthy
user_only
note "yama" ptrace "kernel.yama.ptrace_scope=1: *CAP_SYS_PTRACE" "*ptrace_scope=0"
put proc/sys/kernel/yama/ptrace_scope 0
ok "no yama" ptrace "*VMMs of this user"
healthy
put proc/sys/kernel/yama/ptrace_scope 3
note "yama, for root, too" ptrace "kernel.yama.ptrace_scope=3: *nobody*" "start VMMs with hvstep run"
healthy
put proc/sys/kernel/io_uring_disabled 1
ok "io_uring for root" io_uring "permitted to this user"
user_only
note "io_uring, but for root only" io_uring "kernel.io_uring_disabled=1*" "*io_uring_disabled=0*"
put proc/sys/kernel/io_uring_disabled 2
note "no io_uring" io_uring "kernel.io_uring_disabled=2*" "*io_uring_disabled=0*"
rm "$root/proc/sys/kernel/io_uring_disabled"
is "what is not in the tree is not looked at" "$(count io_uring:)" 0
rm "$root/proc/sys/kernel/yama/ptrace_scope"
is "nor who may trace whom" "$(count ptrace:)" 0

# A VMM
healthy
expect -s 1 -o "$(says problem process 'there is no process 1234' 'look for it*')" "no such process" \
	lines doctor --pid 1234
put proc/1234/comm qemu
expect -s 1 -o "$(says problem process 'qemu 1234: No such file*' '*root')" \
	"one that cannot be looked into" lines doctor -p 1234
mkdir "$root/proc/1234/fd"
ln -s /dev/null "$root/proc/1234/fd/0"
expect -s 1 -o "$(says problem process 'qemu 1234 has no VM of KVM' '*accel kvm*')" "no VM" \
	lines doctor --pid=1234
ln -s anon_inode:kvm-vm "$root/proc/1234/fd/10"
for id in 0 8 16; do
	ln -s "anon_inode:kvm-vcpu:$id" "$root/proc/1234/fd/2$id"
done
expect -s 1 -o "$(says ok process 'qemu 1234, VMs: 1, vCPUs: 3')" "its VM and vCPUs" lines doctor -p 1234
expect -s 1 -o "$(says problem attached 'no: *' 'attach it: hvstep attach 1234; *hvstep run')" \
	"not prepared" lines doctor -p 1234
put proc/1234/maps "7fff00000000-7fff00010000 r-xp 00000000 fd:00 77 /usr/lib/libhvstep-preload.so"
expect -o "$(says note attached 'not yet*')" "with the shim in it" lines doctor -p 1234
ln -s anon_inode:hvstep-session "$root/proc/1234/fd/512"
expect -o "$(says ok attached 'by the shim in it')" "and attached" lines doctor -p 1234
rm "$root/proc/1234/fd/512" "$root/proc/1234/maps"
put proc/net/unix "00000000: 00000002 00000000 00010000 0001 01 100 @hvstep-attach/12345/0"
expect -s 1 -o "$(says problem attached '*' '*')" "hvstep attach of another one" lines doctor -p 1234
put proc/net/unix "00000000: 00000002 00000000 00010000 0001 01 100 @hvstep-attach/1234/0"
expect -o "$(says ok attached 'by hvstep attach')" "attached by hvstep attach" lines doctor -p 1234
rm "$root/proc/net/unix"
put sys/module/hvstep/parameters/auto_attach 1
expect -o "$(says ok attached 'by the module: auto_attach*')" "attached by auto_attach" lines doctor -p 1234
rm "$root/sys/module/hvstep/parameters/auto_attach"

# What STATE CHECK TEXT REMEDY: of that VMM, which is not attached
vmm() {
	title=$1
	shift
	expect -s 1 -o "$(says "$@")" "$title" lines doctor -p 1234
}

# The entry that tells ld.so of set-uid, and one before it
auxv() {
	printf '\006\0\0\0\0\0\0\0\0\0\001\0\0\0\0\0\027\0\0\0\0\0\0\0%b\0\0\0\0\0\0\0' \
		"\\00$1" >"$root/proc/1234/auxv"
}

# What keeps the shim out of a VMM
if [ -e "$static" ]; then
	cp "$static" "$root/proc/1234/exe"
	vmm "a static VMM" problem preload 'statically linked: *' '*hvstep attach*auto_attach'
else
	skip "a static VMM" "this C library cannot be linked so"
fi
{ head -c 18 "$hvstep"; printf '\053\053'; tail -c +21 "$hvstep"; } >"$root/proc/1234/exe"
vmm "a foreign VMM" problem preload 'a program of another architecture*' '*auto_attach'
cp "$hvstep" "$root/proc/1234/exe"
is "of an ordinary one nothing is known" "$(doctor -p 1234 | grep -c preload:)" 0
auxv 1
vmm "a set-uid VMM" problem preload 'set-uid, set-gid*' '*hvstep attach*auto_attach'
auxv 0
printf 'PATH=/bin\0LD_PRELOAD=/lib/other.so\0TERM=dumb\0' >"$root/proc/1234/environ"
vmm "a cleaned environment" problem preload 'its environment has no LD_PRELOAD*' 'start it with hvstep run, behind*'
: >"$root/proc/1234/environ"
vmm "an empty environment" problem preload 'its environment has no LD_PRELOAD*' '*<emulator>'
printf 'A=b\0LD_PRELOAD=/opt/libhvstep-preload.so:/lib/other.so\0' >"$root/proc/1234/environ"
vmm "a shim that was not taken" problem preload 'LD_PRELOAD names /opt/libhvstep-preload.so, and ld.so has not*' \
	'*cannot be preloaded*'
mkdir -p "$root/proc/1234/root/dev"
vmm "one that it does not have" problem preload '*which its file system does not have' 'let it have the file*'
vmm "nor the device" problem "its device" 'there is no /dev/hvstep in its file system' '*cgroup_device_acl*'
: >"$root/proc/1234/root/dev/hvstep"
vmm "a file in the place of it" problem "its device" '*not a device*' 'remove it there*'
rm "$root/proc/1234/root/dev/hvstep"
ln -s /dev/null "$root/proc/1234/root/dev/hvstep"
put sys/class/misc/hvstep/dev 10:99
vmm "a node of before" problem "its device" '*in its file system is an old node: *' 'remove it there*'
rm "$root/sys/class/misc/hvstep/dev"
is "another node may be right" "$(doctor -p 1234 | grep -c 'its device:')" 0
put proc/1234/attr/current "libvirt-12ab (enforce)"
vmm "AppArmor" note confinement 'the AppArmor profile libvirt-12ab (enforce)' '*/dev/hvstep rw*'
put proc/1234/attr/current "libvirt-12ab (complain)"
is "one that only complains" "$(doctor -p 1234 | grep -c confinement:)" 0
put proc/1234/attr/current "system_u:system_r:svirt_t:s0:c1,c2"
vmm "SELinux" note confinement 'the SELinux context *svirt_t*' '*--reference=/dev/kvm*'
put proc/1234/attr/current "unconfined_u:unconfined_r:unconfined_t:s0"
is "one that does not confine" "$(doctor -p 1234 | grep -c confinement:)" 0
put proc/1234/status "Name:	qemu
Seccomp:	2"
expect -s 1 -o "*note     seccomp: it has a filter*" "seccomp" doctor -p 1234
ln -s anon_inode:hvstep-session "$root/proc/1234/fd/512"
is "of one that is attached all that does not matter" \
	"$(doctor -p 1234 | grep -cE '^[a-z]+ +(preload|its device|confinement|seccomp):')" 0
rm "$root/proc/1234/fd/512"

expect -s 125 -o '' -e '*not a process ID: 12x*--help*' "no process ID" doctor --pid 12x

expect -s 125 -o '' -e '*not a process ID: 0*--help*' "nor is 0" doctor --pid 0

# This system, with what only a module can tell
all=$((0$(sed -n 's/^#define HVSTEP_FEATURE_.*(1ULL \(<< [0-9]*\)).*/ | 1 \1/p' \
	"$here/../../include/uapi/linux/hvstep.h")))
export FAKE_HOST=1 FAKE_FEATURES="$all"
expect -o "$(says ok module 'loaded*')" "a module that answers is loaded" live
expect -o "$(says ok features 'all that this command knows')" "all features" live
FAKE_FEATURES=$((all | 1 << 40))
expect -o "$(says note features '*newer*: bit40')" "a newer module" live
FAKE_FEATURES=$((all & ~2052)) # trace-all and uring
expect -o "$(says note features '*older*lacks: trace-all uring' '*modprobe -r*')" "an older module" live
FAKE_FEATURES=$((all & ~1))
expect -o "$(says problem features '*cannot step' 'install*')" "one that cannot step" live
export FAKE_OPEN_ERRNO=13
expect -o "$(says problem /dev/hvstep 'Permission denied*' '*')" "may not be opened" live
FAKE_OPEN_ERRNO=1
expect -o "$(says problem /dev/hvstep 'Operation not permitted*' 'a container*')" "a container" live
unset FAKE_OPEN_ERRNO
export FAKE_INFO_ERRNO=25
expect -o "$(says problem /dev/hvstep "not the module's device*" '*')" "another device" live
unset FAKE_INFO_ERRNO

# The shim
expect -o "$(says ok shim "$shim")" "the shim beside the command" live
export HVSTEP_PRELOAD=/nonexistent/shim.so
expect -o "$(says problem shim '/nonexistent/shim.so: No such file*' '*HVSTEP_PRELOAD')" "no shim" live
HVSTEP_PRELOAD=$0
expect -o "$(says problem shim '*doctor.sh is not a library' '*')" "not a library" live
# EM_SPARCV9, which is none of ours; e_machine is at 18, in either byte order
HVSTEP_PRELOAD=$tap_dir/foreign.so
{ head -c 18 "$shim"; printf '\053\053'; tail -c +21 "$shim"; } >"$HVSTEP_PRELOAD"
expect -o "$(says problem shim '*/foreign.so is for another architecture' '*')" "a foreign one" live
unset HVSTEP_PRELOAD

# The command
healthy
if python3 -c '' 2>/dev/null; then
	expect -o "0 8 True" "--json" json "o['problems'], len(c), all(x['state'] == 'ok' for x in o['checks'])"
	rm -r "$root/sys/module/kvm_hv"
	expect -o '1 problem load it: modprobe kvm_hv' "--json of a problem" \
		json "o['problems'], c['kvm-hv']['state'], c['kvm-hv']['remedy']"
	put proc/1234/comm 'q "\e'
	expect -o '2 q "\\e 1234: *' "--json of any name" \
		json "o['problems'], c['process']['text']" --pid 1234
else
	skip "--json" "no python3"
	skip "--json of a problem" "no python3"
	skip "--json of any name" "no python3"
fi
expect -s 125 -o '' -e 'hvstep: /nonexistent: No such file or directory' "no such tree" \
	"$hvstep" doctor --root /nonexistent
expect -s 125 -o '' -e "hvstep: $hvstep: Not a directory" "a tree that is none" \
	"$hvstep" doctor --root "$hvstep"
expect -s 125 -o '' -e 'hvstep: cannot write the findings' "output that cannot be written" \
	sh -c 'exec >/dev/full; exec "$@"' - "$hvstep" doctor --root "$root"
expect -s 125 -o '' -e '*not expected: now*--help*' "an argument" doctor now
expect -e '' -o '*Usage: hvstep doctor *' "--help" "$hvstep" doctor --help
finish
