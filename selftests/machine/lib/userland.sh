# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The emulated host's root file system: a ppc64el userland with two QEMUs (of
# bookworm-backports, and bookworm's in /opt/qemu-7.2), GDB, and a Linux guest
# to run in them.  Made without running any package script, so without root.

USERLAND_PACKAGES=(base-files base-passwd bash coreutils dash grep sed findutils
	gawk diffutils tar gzip procps util-linux hostname kmod iproute2 strace
	busybox-static qemu-system-ppc gdb python3-minimal python3 liburing2
	libelf1 libcapstone4 libaio1 libc-bin ncurses-base binutils socat trace-cmd)
OLD_QEMU_PACKAGES=(qemu-system-ppc)
# For inside the Linux guest, whose memory is small: that GDB has no Python.
GUEST_PACKAGES=(gdb-minimal kexec-tools)
USERLAND_SIZE=3G

userland_setup() {
	local fast key
	local -a debs old inner
	apt_update backports ppc64el
	apt_update bookworm ppc64el
	apt_update bookworm amd64
	fast="$(recipe_key userland.sh guest-init) $(lists_key backports ppc64el) $(cat "$CACHE_DIR/stamps/kernel-6.12")"
	step_is_current userland.fast "$fast" && [ -f "$USERLAND_IMAGE" ] && return
	mapfile -t debs < <(apt_closure backports ppc64el "${USERLAND_PACKAGES[@]}")
	mapfile -t old < <(apt_closure bookworm ppc64el "${OLD_QEMU_PACKAGES[@]}" |
		grep -vxF -f <(printf '%s\n' "${debs[@]}"))
	mapfile -t inner < <(apt_files backports ppc64el "${GUEST_PACKAGES[@]}")
	if [ ${#debs[@]} = 0 ] || [ ${#old[@]} = 0 ] || [ ${#inner[@]} != ${#GUEST_PACKAGES[@]} ]; then
		die "userland: packages not found"
	fi
	key="$(recipe_key userland.sh guest-init) ${debs[*]} ${old[*]} ${inner[*]} $(cat "$(kernel_dir 6.12)/release")"
	if ! step_is_current userland "$key" || [ ! -f "$USERLAND_IMAGE" ]; then
		say "userland: ${#debs[@]} packages, and ${#old[@]} for the old QEMU"
		apt_fetch_closure backports ppc64el "${USERLAND_PACKAGES[@]}"
		apt_fetch_closure bookworm ppc64el "${OLD_QEMU_PACKAGES[@]}"
		apt_fetch backports ppc64el "${GUEST_PACKAGES[@]}"
		apt_fetch bookworm amd64 busybox-static
		make_userland
		step_done userland "$key"
	fi
	step_done userland.fast "$fast"
}

# Uses debs, old and inner of the caller.
make_userland() {
	local tree=$CACHE_DIR/userland.tree host=$CACHE_DIR/userland.host
	local small=$CACHE_DIR/userland.guest
	rm -rf "$tree" "$host" "$small"
	printf '%s\n' "${debs[@]}" | unpack "$tree"
	apt_files bookworm amd64 busybox-static | unpack "$host"
	printf '%s\n' "${inner[@]}" | unpack "$small"
	userland_config "$tree"
	userland_busybox "$tree" "$host/bin/busybox"
	userland_old_qemu "$tree"
	userland_guest "$tree"
	# Its libraries are among those of the userland.
	install -m 755 "$small/usr/bin/gdb" "$tree/srv/guest/gdb"
	install -m 755 "$small/usr/sbin/kexec" "$tree/usr/sbin/kexec"
	rm -rf "$tree"/usr/share/{doc,man,info,locale,lintian} "$tree"/var/cache/apt
	say "userland: making the file system"
	rm -f "$USERLAND_IMAGE.new"
	/sbin/mke2fs -q -t ext4 -O ^has_journal -E root_owner=0:0 -L hvstep-userland \
		-d "$tree" "$USERLAND_IMAGE.new" "$USERLAND_SIZE" ||
		die "mke2fs failed"
	mv "$USERLAND_IMAGE.new" "$USERLAND_IMAGE"
	rm -rf "$tree" "$host" "$small"
}

# What the packages' scripts would have left behind.
userland_config() {
	local tree=$1
	mkdir -p "$tree"/{proc,sys,dev,run,tmp,root,mnt,srv/guest,srv/copy,etc,lib/modules}
	cp "$tree/usr/share/base-passwd/passwd.master" "$tree/etc/passwd"
	cp "$tree/usr/share/base-passwd/group.master" "$tree/etc/group"
	echo kvm:x:106: >>"$tree/etc/group"
	echo hvstep-machine >"$tree/etc/hostname"
	echo '127.0.0.1 localhost hvstep-machine' >"$tree/etc/hosts"
	[ -e "$tree/bin/sh" ] || ln -s dash "$tree/usr/bin/sh"
	[ -e "$tree/usr/bin/awk" ] || ln -s gawk "$tree/usr/bin/awk"
	[ -e "$tree/usr/bin/which" ] || ln -s which.debianutils "$tree/usr/bin/which"
	ln -sf /proc/self/mounts "$tree/etc/mtab"
	chmod 1777 "$tree/tmp"
}

# Applets fill the gaps between the real programs.
userland_busybox() {
	local tree=$1 host=$2 applet
	"$host" --list-full | while read -r applet; do
		applet=${applet##*/}
		[ "$applet" = busybox ] || [ -e "$tree/usr/bin/$applet" ] || [ -L "$tree/usr/bin/$applet" ] ||
			[ -e "$tree/usr/sbin/$applet" ] || ln -s busybox "$tree/usr/bin/$applet"
	done
}

userland_old_qemu() {
	local tree=$1 root=$1/opt/qemu-7.2
	printf '%s\n' "${old[@]}" | unpack "$root/root"
	mkdir -p "$root/bin"
	cat >"$root/bin/qemu-system-ppc64" <<-'END'
		#!/bin/sh
		r=/opt/qemu-7.2/root/usr
		l=lib/powerpc64le-linux-gnu
		export QEMU_MODULE_DIR=$r/$l/qemu
		export LD_LIBRARY_PATH=$r/$l${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
		exec $r/bin/qemu-system-ppc64 -L $r/share/qemu -L $r/share/slof "$@"
	END
	chmod +x "$root/bin/qemu-system-ppc64"
}

userland_guest() {
	local tree=$1 work=$1/srv/initrd kernel
	kernel=$(kernel_dir 6.12)
	cp -L "$kernel/vmlinux" "$tree/srv/guest/vmlinux"
	mkdir -p "$work"/{bin,proc,sys,dev}
	cp "$tree/usr/bin/busybox" "$work/bin/"
	install -m 755 "$MACHINE_DIR/lib/guest-init" "$work/init"
	(cd "$work" && find . -print0 | cpio -0 -o -H newc -R 0:0 --quiet) >"$tree/srv/guest/initrd.cpio"
	rm -rf "$work"
}
