# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Tests of commands, as TAP. Here and on the host, where sh is dash.

tests=0 failures=0

pass() { tests=$((tests + 1)) && echo "ok $tests $1"; }
fail() {
	tests=$((tests + 1)) failures=$((failures + 1))
	echo "not ok $tests $1"
}

# try NAME COMMAND...
try() {
	_name=$1
	shift
	if _said=$("$@" 2>&1); then
		pass "$_name"
	else
		printf '%s\n' "$_said" | sed 's/^/# /'
		fail "$_name"
	fi
}

# refuse NAME PATTERN COMMAND...: it fails, and says so.
refuse() {
	_name=$1 _pattern=$2
	shift 2
	if _said=$("$@" 2>&1); then
		echo "# it succeeded"
		fail "$_name"
	elif printf '%s\n' "$_said" | grep -q "$_pattern"; then
		pass "$_name"
	else
		printf '%s\n' "$_said" | sed 's/^/# /'
		fail "$_name"
	fi
}

# is NAME GOT WANTED
is() {
	if [ "$2" = "$3" ]; then
		pass "$1"
	else
		printf '# got:    %s\n# wanted: %s\n' "$2" "$3"
		fail "$1"
	fi
}

# Another's tests, numbered anew.
continue_with() {
	while IFS= read -r _line; do
		case $_line in
		"ok "*) _line=${_line#ok * } && pass "$_line" ;;
		"not ok "*) _line=${_line#not ok * } && fail "$_line" ;;
		1..*) ;;
		*) printf '%s\n' "$_line" ;;
		esac
	done <"$1"
}

finish() {
	echo "1..$tests"
	[ $failures = 0 ] && [ $tests -gt 0 ]
}
