# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What belongs to kselftest in the source of each kernel, laid out as there: trees in
# which hvstep's tests can be built, installed and run as the kernel's own.

KSELFTEST_TREE_KERNELS=(6.1 6.12 7.2)
# Patterns of tar(1), below the source's top directory.  Of the tests only one that is
# always there, for they come to half a gigabyte.
KSELFTEST_TREE_FILES=(scripts/subarch.include 'tools/scripts/Makefile.*' tools/scripts/utilities.mak
	tools/testing/selftests/Makefile tools/testing/selftests/lib.mk
	'tools/testing/selftests/*kselftest*.sh' 'tools/testing/selftests/*kselftest*.h'
	tools/testing/selftests/kselftest)

kselftest_trees_setup() {
	local k
	for k in "${KSELFTEST_TREE_KERNELS[@]}"; do
		kselftest_tree_setup "$k"
	done
	[ -n "${native:-}" ] || kselftest_make_setup
}

kselftest_tree_setup() {
	local k=$1 suite fast key package deb tree=$KSELFTEST_TREES_DIR/$1
	read -r suite _ < <(kernel_source "$k")
	apt_update "$suite" amd64
	fast="$(recipe_key kselftest-tree.sh) $(lists_key "$suite" amd64)"
	step_is_current "kselftest-tree-$k.fast" "$fast" && [ -d "$tree" ] && return
	package=$(apt_depends "$suite" amd64 linux-source '^linux-source-[0-9]')
	[ -n "$package" ] || die "kselftest of $k: no linux-source in $suite"
	deb=$(apt_files "$suite" amd64 "$package")
	key="$(recipe_key kselftest-tree.sh) $deb"
	if ! step_is_current "kselftest-tree-$k" "$key" || [ ! -d "$tree" ]; then
		say "kselftest of $k: $package"
		apt_fetch "$suite" amd64 "$package"
		unpack_source "$deb" "$tree.new" --wildcards --no-wildcards-match-slash \
			"${KSELFTEST_TREE_FILES[@]/#/*/}"
		publish "$tree.new" "$tree"
		step_done "kselftest-tree-$k" "$key"
	fi
	step_done "kselftest-tree-$k.fast" "$fast"
}

# What run_tests needs on the emulated host, whose userland is without.
# shellcheck disable=SC2034  # passed by name
KSELFTEST_MAKE_PACKAGES=(make)

kselftest_make_setup() {
	unpacked apt_files apt_fetch kselftest-make backports ppc64el "$KSELFTEST_TREES_DIR/make" \
		KSELFTEST_MAKE_PACKAGES
}
