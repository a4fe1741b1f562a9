#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make deb: what is in the packages, and what lintian says.

# Functions are called through expect.
# shellcheck disable=SC2317

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
# shellcheck source=../shim/tap.sh
. "$here/../shim/tap.sh"
version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$top/dkms.conf")
# With the revision of the package
release=$(sed -n '1s/.*(\(.*\)).*/\1/p' "$top/packaging/debian/changelog")
out=$top/build/deb

# The file of a package
deb() {
	local arch=ppc64el
	[ "$1" != hvstep-dkms ] || arch=all
	echo "$out/$1_${release}_$arch.deb"
}

unpacked() { echo "$tap_dir/$1"; }

# But for what all packages have
files() {
	(cd "$(unpacked "$1")" && find . ! -type d ! -path './usr/share/doc/*' -printf '%P\n' |
		LC_ALL=C sort)
}

# Names only
depends() {
	dpkg-deb -f "$(deb "$1")" Depends | sed 's/ ([^)]*)//g; s/, /\n/g' | LC_ALL=C sort |
		tr '\n' ' '
}

# Of the library that the emulated host has, or an older one
satisfied() {
	local name relation wanted
	dpkg-deb -f "$(deb "$1")" Depends | sed 's/, /\n/g' |
		while read -r name relation wanted; do
			wanted=${wanted%)}
			[ "$relation" = "(>=" ] || continue
			dpkg --compare-versions "$(installed "$name")" ge "$wanted" ||
				echo "$name: $wanted, there is $(installed "$name")"
		done
}

if [ "$(uname -m)" = ppc64le ]; then
	database=/var/lib/dpkg
else
	database=$("$top/selftests/machine/setup" --print SYSROOT_DPKG_DIR)
fi
installed() { dpkg-query --admindir="$database" -W -f '${Version}\n' "$1"; }

unpack() {
	local package
	for package in hvstep hvstep-dkms libhvstep0 libhvstep-dev; do
		dpkg-deb -x "$(deb "$package")" "$(unpacked "$package")" || return
		dpkg-deb -e "$(deb "$package")" "$(unpacked "$package").control" || return
	done
}

module_source() {
	(cd "$top" && find Kbuild dkms.conf include kmod -name __pycache__ -prune -o -type f -print) |
		sed "s,^,usr/src/hvstep-$version/," | LC_ALL=C sort
}

# Its machine, and what strip leaves
elf() {
	readelf -hSW "$1" | grep -oE 'PowerPC64|\.debug_info|\.symtab' | tr '\n' ' '
}

# In another place, of the tarball
again() {
	tar -C "$tap_dir" -xf "$top/build/dist/hvstep-$version.tar.xz" &&
		"$tap_dir/hvstep-$version/packaging/make-deb"
}

differing() {
	local deb
	for deb in "$out"/*.deb; do
		cmp "$deb" "$tap_dir/hvstep-$version/build/deb/${deb##*/}" 2>&1
	done
}

lib=usr/lib/powerpc64le-linux-gnu
plan 25
expect "make deb" "$top/packaging/make-deb"
expect "there is a package of each name" unpack
# There is nothing to look at.
[ "$tap_failed" = 0 ] || finish
is "hvstep has the command, the shim, the manual, the completion and the rule" "$(files hvstep)" \
"usr/bin/hvstep
usr/bin/hvstep-qemu
usr/lib/modprobe.d/hvstep.conf
usr/lib/modules-load.d/hvstep.conf
$lib/libhvstep-preload.so
usr/lib/udev/rules.d/60-hvstep.rules
usr/share/bash-completion/completions/hvstep
usr/share/lintian/overrides/hvstep
usr/share/man/man1/hvstep-attach.1.gz
usr/share/man/man1/hvstep-qemu.1.gz
usr/share/man/man1/hvstep-report.1.gz
usr/share/man/man1/hvstep-step.1.gz
usr/share/man/man1/hvstep-trace.1.gz
usr/share/man/man1/hvstep.1.gz
usr/share/man/man4/hvstep.4.gz
usr/share/man/man5/hvstep-trace.5.gz"
is "what libvirt needs is among its examples" \
	"$(cd "$(unpacked hvstep)/usr/share/doc/hvstep/examples" && echo ./* | sed 's,\./,,g') " \
	"domain-emulator.xml domain-env.xml libvirt-qemu.hvstep qemu.conf.hvstep "
is "libhvstep0 has the library" "$(files libhvstep0)" "$lib/libhvstep.so.0"
is "libhvstep-dev has what a compiler wants" "$(files libhvstep-dev)" \
"usr/include/hvstep-trace.h
usr/include/libhvstep.h
usr/include/linux/hvstep.h
$lib/libhvstep.so
$lib/pkgconfig/libhvstep.pc
usr/share/man/man3/libhvstep.3.gz"
is "hvstep-dkms has all of the module's source" "$(files hvstep-dkms)" "$(module_source)"
is "in the directory that its dkms.conf names" \
	"$(cd "$(unpacked hvstep-dkms)" && sed -n 's/^PACKAGE_\(NAME\|VERSION\)="\(.*\)"/\2/p' \
		usr/src/*/dkms.conf | paste -sd-)" "hvstep-$version"
is "and its scripts" \
	"$(cd "$(unpacked hvstep-dkms).control" && sed -n 's/^ *DKMS_\(NAME\|VERSION\)=//p' postinst prerm | paste -sd' ')" \
	"hvstep $version hvstep $version"
# Later releases of Debian have later ones.
expect -o "libc6 libcapstone[0-9] libelf1* liburing2 " \
	"hvstep depends on the libraries it is linked with" depends hvstep
is "in versions that the emulated host has" "$(satisfied hvstep)" ""
is "libhvstep0 on the C library" "$(depends libhvstep0)" "libc6 "
is "in such a version, too" "$(satisfied libhvstep0)" ""
is "libhvstep-dev on just this library" "$(dpkg-deb -f "$(deb libhvstep-dev)" Depends)" \
	"libhvstep0 (= $release)"
is "hvstep-dkms on dkms" "$(depends hvstep-dkms)" "dkms "
is "the command is of POWER, and stripped" "$(elf "$(unpacked hvstep)/usr/bin/hvstep")" "PowerPC64 "
is "so is the library" "$(elf "$(unpacked libhvstep0)/$lib/libhvstep.so.0")" "PowerPC64 "
is "the device is the group's" \
	"$(grep -v '^#' "$(unpacked hvstep)/usr/lib/udev/rules.d/60-hvstep.rules")" \
	'KERNEL=="hvstep", SUBSYSTEM=="misc", GROUP="kvm", MODE="0660", SECLABEL{selinux}="system_u:object_r:kvm_device_t:s0"'
is "that of a loaded module, too" \
	"$(grep -oE 'udevadm (control|trigger).*=hvstep' "$(unpacked hvstep).control/postinst")" \
	"udevadm trigger --action=add --sysname-match=hvstep"
is "the module is loaded at boot" \
	"$(grep -v '^#' "$(unpacked hvstep)/usr/lib/modules-load.d/hvstep.conf")" hvstep
is "after KVM" \
	"$(grep -v '^#' "$(unpacked hvstep)/usr/lib/modprobe.d/hvstep.conf")" "softdep hvstep pre: kvm_hv"
is "no symbol of the library is forgotten" \
	"$(sed -n 's/^ \(hvstep.*\)@.*/\1/p' "$(unpacked libhvstep0).control/symbols")" \
	"$(sed -n 's/^\t\(hvstep.*\);/\1/p' "$top/user/libhvstep.map" | LC_ALL=C sort)"
expect -o '' "lintian has nothing to say" lintian --fail-on error,warning "$out"/*.changes
expect "the same from an unpacked tarball" again
is "makes the same packages" "$(differing)" ""
finish
