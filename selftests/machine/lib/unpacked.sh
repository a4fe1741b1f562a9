# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Packages of a suite, unpacked into a directory of the cache and nowhere installed.

# unpacked LIST FETCH NAME SUITE ARCH DIR PACKAGES_ARRAY [FINISH]: DIR is made of what LIST
# (apt_files, apt_closure, or one like them) names for these packages, which FETCH downloads.
# FINISH NEW DIR does the rest, in NEW, which becomes DIR. It is made anew when another
# version comes, or when the file that this is called from says another thing.
unpacked() {
	local list=$1 fetch=$2 name=$3 suite=$4 arch=$5 dir=$6 finish=${8:-:} recipe fast key
	local -n packages=$7
	local -a debs
	apt_update "$suite" "$arch"
	recipe=$(recipe_key unpacked.sh relocate.sh "${BASH_SOURCE[1]##*/}")
	fast="$recipe $(lists_key "$suite" "$arch")"
	step_is_current "$name.fast" "$fast" && [ -d "$dir" ] && return
	mapfile -t debs < <("$list" "$suite" "$arch" "${packages[@]}")
	[ ${#debs[@]} -ge ${#packages[@]} ] || die "$name: packages not found: ${packages[*]}"
	key="$recipe ${debs[*]}"
	if ! step_is_current "$name" "$key" || [ ! -d "$dir" ]; then
		say "$name: ${#debs[@]} packages of $suite"
		"$fetch" "$suite" "$arch" "${packages[@]}"
		rm -rf "$dir.new"
		printf '%s\n' "${debs[@]}" | unpack "$dir.new"
		"$finish" "$dir.new" "$dir"
		publish "$dir.new" "$dir"
		step_done "$name" "$key"
	fi
	step_done "$name.fast" "$fast"
}
