# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Programs of a newer suite, run from the cache without a chroot: the whole
# dependency closure is unpacked, C library included, and the programs' ELF
# interpreter and library path are pointed at it.

# Library directories of an unpacked closure.
closure_libs() { # ROOT
	echo "$1/usr/lib/x86_64-linux-gnu:$1/usr/lib"
}

# relocate LIBROOT FINALROOT FILE...: make the ELF programs among the files use
# the libraries below FINALROOT.
relocate() {
	local root=$1 final=$2 f
	shift 2
	for f in "$@"; do
		if [ ! -f "$f" ] || [ -L "$f" ]; then continue; fi
		# Only dynamic executables have an interpreter.
		patchelf --print-interpreter "$f" >/dev/null 2>&1 || continue
		[ -w "$f" ] || chmod u+w "$f"
		# DT_RPATH, unlike DT_RUNPATH, serves the libraries' own needs too.
		patchelf --set-interpreter "$final/lib64/ld-linux-x86-64.so.2" \
			--force-rpath --set-rpath "$(closure_libs "$final")" "$f" ||
			die "patchelf failed on ${f#"$root"/}"
	done
}
