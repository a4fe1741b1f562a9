# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The kernel's own test harness and style checker, from its source package.

CHECKPATCH_FILES=(scripts/checkpatch.pl scripts/spelling.txt
	scripts/const_structs.checkpatch .clang-format)

kselftest_setup() {
	local fast key deb work=$CACHE_DIR/source.new f
	apt_update backports amd64
	fast="$(recipe_key kselftest.sh) $(lists_key backports amd64)"
	step_is_current kselftest.fast "$fast" && [ -d "$KSELFTEST_DIR" ] && return
	deb=$(apt_files backports amd64 linux-source-6.12)
	key="$(recipe_key kselftest.sh) $deb"
	if ! step_is_current kselftest "$key" || [ ! -d "$KSELFTEST_DIR" ]; then
		say "kselftest and checkpatch: linux-source-6.12"
		apt_fetch backports amd64 linux-source-6.12
		unpack_source "$deb" "$work" --wildcards \
			'*/tools/testing/selftests/lib.mk' \
			'*/tools/testing/selftests/*kselftest*' \
			'*/tools/scripts/Makefile.*' \
			"${CHECKPATCH_FILES[@]/#/*/}"
		mkdir "$work"/{kselftest,checkpatch}
		for f in "$work"/tools/testing/selftests/*; do
			case ${f##*/} in
			lib.mk | kselftest | *kselftest*) [ ! -d "$f" ] || [ "${f##*/}" = kselftest ] || continue
				cp -a "$f" "$work/kselftest/" ;;
			esac
		done
		for f in "${CHECKPATCH_FILES[@]}"; do
			install -D "$work/$f" "$work/checkpatch/$f"
		done
		publish "$work/kselftest" "$KSELFTEST_DIR"
		publish "$work/checkpatch" "$CACHE_DIR/checkpatch"
		rm -rf "$work"
		step_done kselftest "$key"
	fi
	step_done kselftest.fast "$fast"
}
