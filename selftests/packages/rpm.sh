#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make rpm: what is in the packages, and what rpmlint says.

# Functions are called through expect.
# shellcheck disable=SC2317

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
# shellcheck source=../shim/tap.sh
. "$here/../shim/tap.sh"
version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$top/dkms.conf")
out=$top/build/rpm

# The file of a package
rpm_of() {
	local arch=ppc64le
	[ "$1" != hvstep-dkms ] || arch=noarch
	ls "$out/$1-$version"-*."$arch.rpm"
}

query() { rpm -qp --nosignature "$(rpm_of "$1")" "${@:2}"; }

# But for directories, what documents them, and links for debuggers
files() {
	query "$1" --qf '[%{FILEMODES:perms} %{FILEFLAGS:fflags} %{FILENAMES}\n]' |
		sed -n 's/^[^d][^ ]* [^ld]* \//\//p' | grep -v /.build-id/ | LC_ALL=C sort
}

# But for the C library
requires() {
	query "$1" --requires | grep -o '^lib[a-z]*\.so\.[0-9]*' | grep -v '^libc\.' | sort -u | tr '\n' ' '
}

module_source() {
	(cd "$top" && find Kbuild dkms.conf include kmod -name __pycache__ -prune -o -type f -print) |
		sed "s,^,/usr/src/hvstep-$version/," | LC_ALL=C sort
}

# What dkms is called with when hvstep-dkms is there $1 times: first installed, or upgraded to
post() {
	mkdir -p "$tap_dir/bin"
	printf '#!/bin/sh\necho "$@" >>%s/dkms\n' "$tap_dir" >"$tap_dir/bin/dkms"
	chmod +x "$tap_dir/bin/dkms"
	rm -f "$tap_dir/dkms"
	query hvstep-dkms --qf '%{POSTIN}\n' | PATH=$tap_dir/bin:$PATH sh -s "$1"
	cat "$tap_dir/dkms"
}

lint() { rpmlint -c "$top/packaging/rpm/rpmlint.toml" "$@"; }

plan 14
expect "make rpm" "$top/packaging/make-rpm"
# There is nothing to look at.
[ "$tap_failed" = 0 ] || finish
is "hvstep has the command, the shim, the completion and the rule" "$(files hvstep)" \
"/usr/bin/hvstep
/usr/bin/hvstep-qemu
/usr/lib/modprobe.d/hvstep.conf
/usr/lib/modules-load.d/hvstep.conf
/usr/lib/udev/rules.d/60-hvstep.rules
/usr/lib64/libhvstep-preload.so
/usr/share/bash-completion/completions/hvstep"
is "and the manual" "$(query hvstep -d | sed -n 's,^/usr/share/man/,,p' | tr '\n' ' ')" \
	"man1/hvstep-attach.1.gz man1/hvstep-qemu.1.gz man1/hvstep-report.1.gz man1/hvstep-step.1.gz $(
	)man1/hvstep-trace.1.gz man1/hvstep.1.gz man4/hvstep.4.gz man5/hvstep-trace.5.gz "
is "and what libvirt needs" "$(query hvstep -d | sed -n 's,^/usr/share/doc/[^/]*/,,p' | LC_ALL=C sort | tr '\n' ' ')" \
	"README.md domain-emulator.xml domain-env.xml libvirt-qemu.hvstep qemu.conf.hvstep "
is "libhvstep has the library" "$(files libhvstep)" /usr/lib64/libhvstep.so.0
is "libhvstep-devel has what a compiler wants" "$(files libhvstep-devel)" \
"/usr/include/hvstep-trace.h
/usr/include/libhvstep.h
/usr/include/linux/hvstep.h
/usr/lib64/libhvstep.so
/usr/lib64/pkgconfig/libhvstep.pc"
is "hvstep-dkms has all of the module's source" "$(files hvstep-dkms)" "$(module_source)"
expect -o "libcapstone.so.[0-9] libelf.so.1 liburing.so.2 " \
	"hvstep requires the libraries it is linked with" requires hvstep
is "hvstep-dkms requires dkms" "$(query hvstep-dkms --requires | grep -x dkms)" dkms
build="add -m hvstep -v $version -q --rpm_safe_upgrade
build -m hvstep -v $version -q
install -m hvstep -v $version -q"
is "it builds and installs the module" "$(post 1)" "$build"
is "which an older release has not left behind" "$(post 2)" \
"remove -m hvstep -v $version -q --all
$build"
expect -o '*0 errors, 0 warnings*' "rpmlint accepts the spec" lint "$top/packaging/rpm/hvstep.spec"
expect -o '*0 errors, 0 warnings*' "the source package" lint "$out/hvstep-$version"-*.src.rpm
expect -o '*0 errors, 0 warnings*' "and the packages" lint \
	"$(rpm_of hvstep)" "$(rpm_of hvstep-dkms)" "$(rpm_of libhvstep)" "$(rpm_of libhvstep-devel)"
finish
