# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# A second userland for the emulated host, in which packages are installed: Debian
# with dpkg, apt, dkms, a compiler and the headers of its kernel, and a database
# of packages that says so.  Made without running any package script, as the
# first one (userland.sh), some of whose parts it uses.

# Those that are essential come first: nothing depends on them by name.
DEBIAN_PACKAGES=(base-files base-passwd bash bsdutils coreutils dash debianutils
	diffutils dpkg findutils grep gzip hostname init-system-helpers libc-bin
	login ncurses-base ncurses-bin perl-base sed sysvinit-utils tar util-linux
	mawk apt mount procps kmod udev iproute2 busybox-static
	dkms gcc gcc-12 libc6-dev make patch
	gdb qemu-system-ppc libelf1 liburing2 libcapstone4)
# The kernel whose headers are installed inside, for dkms to build for.
DEBIAN_SECOND_KERNEL=6.1
DEBIAN_SIZE=4G

# Sets wanted, second and release of the caller.
debian_names() {
	local flavour second_flavour headers
	read -r _ flavour < <(kernel_source "$DEFAULT_KERNEL")
	wanted=("${DEBIAN_PACKAGES[@]}" "linux-headers-$flavour")
	release=$(cat "$(kernel_dir "$DEFAULT_KERNEL")/release")
	read -r second_suite second_flavour < <(kernel_source "$DEBIAN_SECOND_KERNEL")
	apt_update "$second_suite" ppc64el
	headers=$(apt_depends "$second_suite" ppc64el "linux-headers-$second_flavour" \
		'^linux-headers-.*[0-9]' | head -n1)
	mapfile -t second < <(apt_depends "$second_suite" ppc64el "$headers" \
		'^linux-(headers-.*-common|kbuild-)')
	second+=("$headers")
}

debian_setup() {
	local fast key release second_suite
	local -a debs second second_debs wanted
	apt_update backports ppc64el
	apt_update bookworm ppc64el
	fast="$(recipe_key debian.sh debian_tree.py userland.sh guest-init) $(lists_key backports ppc64el) $(lists_key bookworm ppc64el) $(cat "$CACHE_DIR/stamps/kernel-$DEFAULT_KERNEL")"
	step_is_current debian.fast "$fast" && [ -f "$DEBIAN_IMAGE" ] && return
	debian_names
	mapfile -t debs < <(apt_closure backports ppc64el "${wanted[@]}")
	mapfile -t second_debs < <(apt_files "$second_suite" ppc64el "${second[@]}")
	if [ ${#debs[@]} = 0 ] || [ ${#second_debs[@]} -lt 3 ]; then
		die "debian: packages not found"
	fi
	key="$(recipe_key debian.sh debian_tree.py userland.sh guest-init) $release ${debs[*]} ${second_debs[*]}"
	if ! step_is_current debian "$key" || [ ! -f "$DEBIAN_IMAGE" ]; then
		[[ " ${debs[*]} " = *" linux-headers-${release}_"* ]] ||
			die "debian: kernel $DEFAULT_KERNEL is $release, which is not the archive's: run setup --refresh"
		say "debian: ${#debs[@]} packages, and the headers of a second kernel"
		apt_fetch_closure backports ppc64el "${wanted[@]}"
		apt_fetch "$second_suite" ppc64el "${second[@]}"
		make_debian
		step_done debian "$key"
	fi
	step_done debian.fast "$fast"
}

# Uses debs, second_debs and release of the caller.
make_debian() {
	local tree=$CACHE_DIR/debian.tree
	rm -rf "$tree"
	unpack "$tree" </dev/null
	printf '%s\n' "${debs[@]/#/$CACHE_DIR/debs/}" | "$MACHINE_DIR/lib/debian_tree.py" "$tree" ||
		die "debian: cannot unpack the packages"
	debian_config "$tree"
	debian_modules "$tree"
	userland_guest "$tree"
	mkdir -p "$tree/srv/debs"
	(cd "$CACHE_DIR/debs" && cp "${second_debs[@]}" "$tree/srv/debs/")
	say "debian: making the file system"
	rm -f "$DEBIAN_IMAGE.new"
	/sbin/mke2fs -q -t ext4 -O ^has_journal -E root_owner=0:0 -L hvstep-debian \
		-d "$tree" "$DEBIAN_IMAGE.new" "$DEBIAN_SIZE" ||
		die "mke2fs failed"
	mv "$DEBIAN_IMAGE.new" "$DEBIAN_IMAGE"
	rm -rf "$tree"
}

# What the packages' scripts would have left behind.
debian_config() {
	local tree=$1
	ln -s mawk "$tree/usr/bin/awk"
	ln -s gcc "$tree/usr/bin/cc"
	userland_config "$tree"
	echo '_apt:x:42:65534::/nonexistent:/usr/sbin/nologin' >>"$tree/etc/passwd"
	ln -sfn /run "$tree/var/run"
	mkdir -p "$tree"/var/{log/apt,lib/apt/lists/partial,cache/apt/archives/partial,cache/debconf}
}

# The modules that a machine of ours loads, and not compressed otherwise than in
# their package: dkms treats its own the same way.  The rest of 4,000 would make
# each depmod inside take a minute.
debian_modules() {
	local tree=$1 kernel m file
	kernel=$(kernel_dir "$DEFAULT_KERNEL")
	zcat "$kernel/initramfs.gz" | cpio -it --quiet | sed -n 's,^\(\./\)\?\(lib/modules/.*\.ko\)$,\2,p' |
		while read -r m; do
			for file in "$kernel/root/$m"*; do
				install -D -m 644 "$file" "$tree/${file#"$kernel/root/"}"
			done
		done
	/sbin/depmod -b "$tree" "$release"
}
