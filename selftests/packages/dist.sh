#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make dist.

# Functions are called through expect.
# shellcheck disable=SC2317

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
# shellcheck source=../shim/tap.sh
. "$here/../shim/tap.sh"
version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$top/dkms.conf")
name=hvstep-$version

dist() { make -s -C "$1" dist && cp "$1/build/dist/$name.tar.xz" "$tap_dir/$2"; }
same() { cmp "$tap_dir/$1" "$tap_dir/$2"; }

# Another checkout of the same commit and the same changes, made at another time, by
# someone who is stricter about whom to show his files, and has his own settings.
copy() {
	(umask 077 && mkdir "$tap_dir/copy" && cd "$top" &&
		git ls-files -z | xargs -0 cp --parents -t "$tap_dir/copy" &&
		git clone -q --bare . "$tap_dir/copy/.git" &&
		git -C "$tap_dir/copy" config core.bare false &&
		git -C "$tap_dir/copy" reset -q &&
		git ls-files -z | git -C "$tap_dir/copy" update-index -z --add --stdin)
}

tracked() {
	if [ -e "$top/.git" ]; then
		git -C "$top" ls-files
	else
		(cd "$top" && find . -path ./build -prune -o -name __pycache__ -prune -o -type f -printf '%P\n')
	fi | sed "s,^,$name/," | LC_ALL=C sort
}

plan 8
expect "make dist" dist "$top" first
is "it has the files that git tracks" "$(tar -tf "$tap_dir/first")" "$(tracked)"
is "which are nobody's, and everybody's to read" \
	"$(tar --numeric-owner -tvf "$tap_dir/first" | cut -d' ' -f1,2 | sort -u | tr '\n' ' ')" \
	"-rw-r--r-- 0/0 -rwxr-xr-x 0/0 "
if [ -e "$top/.git" ]; then
	expect "another checkout" copy
	TAR_OPTIONS=--xattrs XZ_OPT=-9e XZ_DEFAULTS=--check=crc32 TZ=Asia/Tokyo \
		sh -c 'umask 077; make -s -C "$1/copy" dist' - "$tap_dir" 2>/dev/null
	expect "makes the same bytes" cmp "$tap_dir/first" "$tap_dir/copy/build/dist/$name.tar.xz"
else
	skip "another checkout" "this is none"
	skip "makes the same bytes" "this is none"
fi
expect "it unpacks" tar -C "$tap_dir" -xf "$tap_dir/first"
touch "$tap_dir/$name/README.md"
expect "make dist in there" dist "$tap_dir/$name" second
expect "makes the same bytes" same first second
finish
