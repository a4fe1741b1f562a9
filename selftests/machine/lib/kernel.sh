# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# A Debian ppc64el kernel: image, modules, an initramfs for the machine, and
# headers made fit for a cross build on amd64.

# kernel_source K: suite and flavour.  7.2 stands for what sid carries, a suite's name
# for what that does.
kernel_source() {
	case $1 in
	6.1) echo bookworm powerpc64le ;;
	6.12) echo backports powerpc64le ;;
	6.12-64k) echo backports powerpc64le-64k ;;
	7.2) echo sid powerpc64le ;;
	7.2-64k) echo sid powerpc64le-64k ;;
	trixie | trixie-backports | experimental) echo "$1" powerpc64le ;;
	*) die "unknown kernel $1 (known: ${KERNELS[*]} ${MATRIX_KERNELS[*]})" ;;
	esac
}

# What the emulated host needs beyond its root file system's driver: the
# console channels, KVM, and devices tests may want to hand to inner guests.
KERNEL_MODULES=(virtio_pci virtio_blk virtio_console ext4 kvm kvm_hv
	virtio_net virtio_rng overlay tun vhost_net 9p 9pnet_virtio)

# image_packages SUITE FLAVOUR: the image and all it is split into.
image_packages() {
	local p
	local -a todo=("linux-image-$2") seen=()
	while [ ${#todo[@]} -gt 0 ]; do
		p=${todo[0]}
		todo=("${todo[@]:1}")
		[[ " ${seen[*]} " = *" $p "* ]] && continue
		seen+=("$p")
		mapfile -t -O ${#todo[@]} todo < <(apt_depends "$1" ppc64el "$p" \
			'^linux-(image|binary|modules|base)-')
	done
	printf '%s\n' "${seen[@]:1}"
}

kernel_setup() {
	local k=$1 suite flavour fast image headers common kbuild key dir
	read -r suite flavour < <(kernel_source "$k")
	apt_update "$suite" ppc64el
	apt_update "$suite" amd64
	fast="$(recipe_key kernel.sh initramfs-init) $(lists_key "$suite" ppc64el) $(lists_key "$suite" amd64)"
	dir=$(kernel_dir "$k")
	step_is_current "kernel-$k.fast" "$fast" && [ -d "$dir" ] && return

	mapfile -t image < <(image_packages "$suite" "$flavour")
	headers=$(apt_depends "$suite" ppc64el "linux-headers-$flavour" '^linux-headers-.*[0-9]' | head -n1)
	common=$(apt_depends "$suite" ppc64el "$headers" '^linux-headers-.*-common' | head -n1)
	kbuild=$(apt_depends "$suite" ppc64el "$headers" '^linux-kbuild-' | head -n1)
	if [ -z "${image[*]}" ] || [ -z "$common" ] || [ -z "$kbuild" ]; then
		die "kernel $k: packages not found in $suite"
	fi
	local -a debs
	mapfile -t debs < <(
		apt_files "$suite" ppc64el "${image[@]}" "$headers" "$common"
		apt_files "$suite" amd64 "$kbuild"
		apt_files "$suite" ppc64el busybox-static
	)
	key="$(recipe_key kernel.sh initramfs-init) ${debs[*]}"
	if ! step_is_current "kernel-$k" "$key" || [ ! -d "$dir" ]; then
		say "kernel $k: ${image[0]}"
		apt_fetch "$suite" ppc64el "${image[@]}" "$headers" "$common" busybox-static
		apt_fetch "$suite" amd64 "$kbuild"
		rm -rf "$dir.new"
		printf '%s\n' "${debs[@]}" | unpack "$dir.new/root"
		kernel_finish "$k" "$dir.new" "$dir"
		publish "$dir.new" "$dir"
		step_done "kernel-$k" "$key"
	fi
	step_done "kernel-$k.fast" "$fast"
}

# kernel_finish K NEW FINAL: what the packages' own scripts would have done,
# and what a foreign host needs.  NEW becomes FINAL.
kernel_finish() {
	local k=$1 new=$2 final=$3 release vmlinux
	release=$(basename "$(echo "$new"/root/lib/modules/*)")
	echo "$release" >"$new/release"
	# A plain ELF file with a symbol table under either name.
	for vmlinux in "boot/vmlinux-$release" "lib/modules/$release/vmlinuz" none; do
		[ ! -f "$new/root/$vmlinux" ] || break
	done
	[ "$vmlinux" != none ] || die "kernel $k: no vmlinux in its packages"
	ln -s "root/$vmlinux" "$new/vmlinux"
	/sbin/depmod -b "$new/root" "$release"
	kernel_headers "$k" "$new" "$final" "$release"
	make_initramfs "$new" "$release"
}

# The headers packages expect to lie in /usr/src, with the build host's own
# compiler.
kernel_headers() {
	local k=$1 new=$2 final=$3 release=$4 src=$2/root/usr/src f
	local h=$src/linux-headers-$release
	grep -rlI --include=Makefile --include=.kernelvariables '/usr/src/' \
		"$src"/linux-headers-* --exclude-dir=include --exclude-dir=arch |
		while read -r f; do
			sed -i "s,/usr/src/,$final/root/usr/src/,g" "$f"
		done
	# build-kmod chooses the compiler.
	sed -i -e '/^override CC\b/d' -e '/^CC *[:?]*=/d' -e '/^override CROSS_COMPILE/d' \
		"$h/.kernelvariables" 2>/dev/null || true
	ln -s "root/usr/src/linux-headers-$release" "$new/headers"
	! kernel_is_newer "$k" ||
		relocate "$new/root" "$GCC_ROOT" "$new"/root/usr/lib/linux-kbuild-*/scripts/{,*/,*/*/}* \
			"$new"/root/usr/lib/linux-kbuild-*/tools/{*/,*/*/}*
}

make_initramfs() {
	local new=$1 release=$2 tree=$1/initramfs m path
	local modules=$tree/lib/modules/$release
	mkdir -p "$tree"/{bin,dev,proc,sys,root,mnt} "$modules"
	cp "$new/root/usr/bin/busybox" "$tree/bin/"
	cp "$MACHINE_DIR/lib/initramfs-init" "$tree/init"
	chmod +x "$tree/init"
	for m in "${KERNEL_MODULES[@]}"; do
		/sbin/modprobe -d "$new/root" -S "$release" --show-depends "$m" 2>/dev/null |
			sed -n 's/^insmod \([^ ]*\).*/\1/p'
	done | awk '!seen[$0]++' | while read -r path; do
		install -D -m 644 "$path" "$modules/kernel/${path#*/modules/"$release"/kernel/}"
	done
	cp "$new/root/lib/modules/$release"/modules.{builtin,order}* "$modules/"
	# Loading a compressed module needs a decompressor; an initramfs is
	# compressed as a whole anyway.
	find "$modules" -name '*.ko.xz' -exec xz -d {} +
	find "$modules" -name '*.ko.zst' -exec zstd -q --rm -d {} +
	/sbin/depmod -b "$tree" "$release"
	(cd "$tree" && find . -print0 | cpio -0 -o -H newc -R 0:0 --quiet) | gzip -1 >"$new/initramfs.gz"
	rm -rf "$tree"
}
