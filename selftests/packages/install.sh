#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make install and uninstall.

# Functions are called through expect.
# shellcheck disable=SC2317

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
# shellcheck source=../shim/tap.sh
. "$here/../shim/tap.sh"
root=$tap_dir/root

# Everything is prepared already. Other paths go into other objects.
make_in_root() {
	make -s -C "$top" -o machine-setup O="$tap_dir/objects" DESTDIR="$root" "$@"
}

files() { (cd "$root" && find . ! -type d -printf '%P\n' | sort); }

# Where this machine, or the one that is built for, has its libraries
libdir=lib/powerpc64le-linux-gnu

# Of the prefix $1
wanted() {
	sort <<-END
		$1/bin/hvstep
		$1/bin/hvstep-qemu
		$1/include/hvstep-trace.h
		$1/include/libhvstep.h
		$1/include/linux/hvstep.h
		$1/$libdir/libhvstep-preload.so
		$1/$libdir/libhvstep.so
		$1/$libdir/libhvstep.so.0
		$1/$libdir/pkgconfig/libhvstep.pc
		$1/lib/modprobe.d/hvstep.conf
		$1/lib/modules-load.d/hvstep.conf
		$1/lib/udev/rules.d/60-hvstep.rules
		$1/share/bash-completion/completions/hvstep
		$1/share/man/man1/hvstep-attach.1
		$1/share/man/man1/hvstep-qemu.1
		$1/share/man/man1/hvstep-report.1
		$1/share/man/man1/hvstep-step.1
		$1/share/man/man1/hvstep-trace.1
		$1/share/man/man1/hvstep.1
		$1/share/man/man3/libhvstep.3
		$1/share/man/man4/hvstep.4
		$1/share/man/man5/hvstep-trace.5
	END
}

plan 17
expect "make install" make_in_root install
is "it installs what it should" "$(files)" "$(wanted usr)"
expect "make uninstall" make_in_root uninstall
is "and nothing of it is left" "$(files)" ""
expect "make install PREFIX=/usr/local" make_in_root PREFIX=/usr/local install
is "everything is below that" "$(files)" "$(wanted usr/local)"
# Of others
touch "$root/usr/local/lib/udev/rules.d/61-other.rules"
expect "make uninstall PREFIX=/usr/local" make_in_root PREFIX=/usr/local uninstall
is "only what is not ours is left" "$(files)" usr/local/lib/udev/rules.d/61-other.rules
rm -r "$root"
expect -e '*do not look below /opt:*' "make install elsewhere says what is not found there" \
	make_in_root PREFIX=/opt install
is "and does it" "$(files)" "$(wanted opt)"
rm -r "$root"
expect -e '*do not look below /opt:*unless you set MODULESLOADDIR MODPROBEDIR:*' "and of what is put elsewhere not" \
	make_in_root PREFIX=/opt UDEVRULESDIR=/etc/udev/rules.d install
rm -r "$root"
expect -e '' "/usr/local/ is /usr/local" make_in_root PREFIX=/usr/local/ install
is "everything is below that" "$(files)" "$(wanted usr/local)"
expect -s 2 -e '*cannot have blanks*' "nor is one that ends with a blank taken for another" \
	make_in_root PREFIX='/usr/local ' uninstall
is "nothing is gone" "$(files)" "$(wanted usr/local)"
root="$tap_dir/ro ot"
expect -s 2 -e '*cannot have blanks*' "a directory of two words is refused" make_in_root install
is "before anything is done" "$(ls -d "$tap_dir"/ro* "$top"/ot "$top"/*/ot 2>/dev/null)" "$tap_dir/root"
finish
