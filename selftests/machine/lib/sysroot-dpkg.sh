# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# dpkg's database of the sysroot: which package a library is of, and which versions
# of it have a symbol. From it dpkg-shlibdeps knows what packages of ours depend on,
# while the dpkg of this machine need not know of ppc64el.

sysroot_dpkg_setup() {
	local fast key
	local -a debs wanted=("${SYSROOT_PACKAGES[@]}" libc6)
	fast="$(recipe_key sysroot-dpkg.sh sysroot.sh) $SYSROOT_DIR $(lists_key backports ppc64el)"
	step_is_current sysroot-dpkg.fast "$fast" && [ -d "$SYSROOT_DPKG_DIR" ] && return
	mapfile -t debs < <(apt_files backports ppc64el "${wanted[@]}")
	[ ${#debs[@]} = ${#wanted[@]} ] || die "sysroot: packages not found"
	key="$(recipe_key sysroot-dpkg.sh) $SYSROOT_DIR ${debs[*]}"
	if ! step_is_current sysroot-dpkg "$key" || [ ! -d "$SYSROOT_DPKG_DIR" ]; then
		apt_fetch backports ppc64el "${wanted[@]}"
		make_sysroot_dpkg "$SYSROOT_DPKG_DIR.new"
		publish "$SYSROOT_DPKG_DIR.new" "$SYSROOT_DPKG_DIR"
		step_done sysroot-dpkg "$key"
	fi
	step_done sysroot-dpkg.fast "$fast"
}

# Uses debs of the caller.
make_sysroot_dpkg() {
	local dir=$1 deb
	rm -rf "$dir"
	mkdir -p "$dir/info" "$dir/updates"
	echo 1 >"$dir/info/format"
	dpkg --print-architecture >"$dir/arch"
	echo ppc64el >>"$dir/arch"
	for deb in "${debs[@]}"; do
		sysroot_dpkg_add "$dir" "$CACHE_DIR/debs/$deb" || die "cannot read $deb"
	done
}

sysroot_dpkg_add() {
	local dir=$1 deb=$2 name lib file
	name=$(dpkg-deb -f "$deb" Package)
	[ "$(dpkg-deb -f "$deb" Multi-Arch)" != same ] || name=$name:ppc64el
	{
		dpkg-deb -f "$deb"
		printf 'Status: install ok installed\n\n'
	} >>"$dir/status"
	# The C library is the cross compiler's own, which Debian makes of the same source.
	case $name in
	libc6:*) lib=/usr/powerpc64le-linux-gnu/lib ;;
	*) lib=$SYSROOT_DIR/usr/lib/powerpc64le-linux-gnu ;;
	esac
	dpkg-deb --fsys-tarfile "$deb" | tar -t |
		sed -n "s|^\./\(usr/\)\?lib/powerpc64le-linux-gnu/\(.*[^/]\)$|$lib/\2|p" >"$dir/info/$name.list"
	for file in symbols shlibs; do
		dpkg-deb -I "$deb" $file >"$dir/info/$name.$file" 2>/dev/null ||
			rm "$dir/info/$name.$file"
	done
}
