# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# TAP for the scripts here.
#
#   plan N
#   expect [-s STATUS] [-o STDOUT] [-e STDERR] TITLE COMMAND...
#	runs COMMAND and compares; -o and -e take patterns as `case` does, and
#	what is not given is not looked at, but for a status of 0
#   is TITLE GOT WANTED
#   skip TITLE WHY
#   finish

tap_count=0
tap_failed=0
tap_skipped=0
tap_dir=$(mktemp -d)
trap 'rm -rf "$tap_dir"' EXIT

plan() {
	echo "TAP version 13"
	echo "1..$1"
	tap_plan=$1
}

tap_result() {
	tap_count=$((tap_count + 1))
	if [ -z "$2" ]; then
		echo "ok $tap_count $1"
	else
		tap_failed=$((tap_failed + 1))
		printf '%s\n' "$2" | sed 's/^/# /'
		echo "not ok $tap_count $1"
	fi
}

tap_matches() {
	# shellcheck disable=SC2254 # $2 is a pattern
	case $1 in
	$2) return 0 ;;
	esac
	return 1
}

expect() {
	tap_status=0
	tap_out='*'
	tap_err='*'
	while :; do
		case $1 in
		-s) tap_status=$2 ;;
		-o) tap_out=$2 ;;
		-e) tap_err=$2 ;;
		*) break ;;
		esac
		shift 2
	done
	tap_title=$1
	shift
	tap_got=0
	"$@" </dev/null >"$tap_dir/out" 2>"$tap_dir/err" || tap_got=$?
	tap_why=
	[ "$tap_got" = "$tap_status" ] || tap_why="status $tap_got, not $tap_status"
	tap_matches "$(cat "$tap_dir/out")" "$tap_out" || tap_why="$tap_why
stdout is not: $tap_out"
	tap_matches "$(cat "$tap_dir/err")" "$tap_err" || tap_why="$tap_why
stderr is not: $tap_err"
	[ -z "$tap_why" ] || tap_why="$tap_why
stdout: $(cat "$tap_dir/out")
stderr: $(cat "$tap_dir/err")"
	tap_result "$tap_title" "$tap_why"
}

is() {
	tap_why=
	[ "$2" = "$3" ] || tap_why="got:    $2
wanted: $3"
	tap_result "$1" "$tap_why"
}

skip() {
	tap_count=$((tap_count + 1))
	tap_skipped=$((tap_skipped + 1))
	echo "ok $tap_count $1 # SKIP $2"
}

finish() {
	if [ "$tap_count" != "$tap_plan" ]; then
		echo "# planned $tap_plan tests, ran $tap_count"
		tap_failed=$((tap_failed + 1))
	fi
	echo "# Totals: pass:$((tap_count - tap_failed - tap_skipped)) fail:$tap_failed" \
		"xfail:0 xpass:0 skip:$tap_skipped error:0"
	[ "$tap_failed" = 0 ]
	exit
}
