#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The manual says what there is, and no more: man.sh USER-BUILD

# Functions are called through without.
# shellcheck disable=SC2317

here=$(dirname "$0")
# shellcheck source=tap.sh
. "$here/tap.sh"
hvstep=$1/hvstep
build=$(realpath "$1")
user=$(realpath "$here/../../user")
include=$(realpath "$here/../../include")
uapi=$include/uapi/linux/hvstep.h
man=$user/man
cc=${CC:-gcc}
command -v "$cc" >/dev/null || cc=cc

# A page as text, of mdoc(7)'s macros only those that matter here.
text() {
	sed -e 's/\\-/-/g' -e 's/^\.[A-Z][a-z] //' "$1"
}

commands() {
	"$hvstep" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'
}

# Those of command $1, or of hvstep itself.
options() {
	# shellcheck disable=SC2086 # none is one word less
	"$hvstep" $1 --help | sed -nE 's/^ +(-., +)?--([a-z][a-z-]*).*/\2/p' | sort -u
}

# The page that describes command $1: one of its own, or that of a sibling, or hvstep's.
page() {
	if [ -e "$man/hvstep-$1.1" ]; then
		echo "$man/hvstep-$1.1"
	else
		grep -lE "^\.Nm hvstep-$1( ,)?$" "$man"/hvstep-*.1 || echo "$man/hvstep.1"
	fi
}

# The options of each page that none of the commands it describes takes.
surplus() {
	for page in "$man"/hvstep.1 "$man"/hvstep-*.1; do
		for command in $(commands); do
			[ "$(page "$command")" != "$page" ] || options "$command"
		done >"$tap_dir/taken"
		[ "$page" != "$man/hvstep.1" ] || options "" >>"$tap_dir/taken"
		[ ! -s "$tap_dir/taken" ] ||
			sed -nE 's/^\.It .*Fl (-|Fl )([a-z-]{2,}).*/\2/p' "$page" |
			grep -vxFf "$tap_dir/taken" | sed "s,^,${page##*/}: --,"
	done
}

# Of the words on stdin, those that command "$@" does not find, in one line.
without() {
	while read -r word; do
		"$@" "$word" || echo "$word"
	done | tr '\n' ' '
}

# mdoc has the first - of an option for a macro, and for some the second one, too.
has_option() {
	grep -qE -- "Fl (-|Fl )$2( |\$)" "$1"
}

has_word() {
	text "$1" | grep -qwF -- "$2"
}

completes() {
	bash -c '. "$1/completion/hvstep" && _hvstep_options "$2" | tr " " "\n" | grep -qxE -- "--$3=?"' \
		- "$user" "$1" "$2"
}

completes_command() {
	bash -c '. "$1/completion/hvstep" && [[ " $_hvstep_commands " == *" $2 "* ]]' - "$user" "$1"
}

has_section() {
	grep -qE "^\.(Nm hvstep|It Cm( [a-z]+ , Cm)*) $1( |\$)" "$man/hvstep.1"
}

fields() {
	sed -n "/^struct $2 {/,/^}/s/.*[ ]\([a-z_0-9]*\)\(\[.*\]\)*;/\1/p" "$1"
}

# The program in a page's last example.
example() {
	sed -n '/^\.Sh EXAMPLES/,/^\.Sh ERRORS/p' "$1" | sed -n '/^\.Bd/,/^\.Ed/p' |
		sed -e '/^\./d' -e 's/\\-/-/g' -e 's/\\e/\\/g'
}

# Where install puts the pages and the completion, from what is built as it is: -o.
installed() {
	make -s -C "$user" -o all BUILD="$build" PREFIX=/usr DESTDIR="$tap_dir/root" install \
		>"$tap_dir/install" 2>&1 || cat "$tap_dir/install"
	(cd "$tap_dir/root/usr/share" && find . -type f | sort | tr '\n' ' ')
}

# What a page refers to as one of ours, and is not there.
dangling() {
	sed -n 's/^\.Xr \(hvstep[a-z-]*\|libhvstep\) \([1-9]\).*/\1.\2/p' "$man"/*.[1-9] | sort -u |
		without test_page
}

test_page() {
	[ -e "$man/$1" ]
}

set -- "$man"/*.[1-9]
# shellcheck disable=SC2046 # a word is a command
plan $(($# + 2 * $(commands | wc -l) + 10))

for page; do
	name=${page##*/}
	if command -v mandoc >/dev/null; then
		is "$name is well formed" "$(mandoc -Tlint -W warning "$page" 2>&1)" ""
	else
		skip "$name is well formed" "no mandoc"
	fi
done

for command in $(commands); do
	page=$(page "$command")
	is "${page##*/} has all options of $command" \
		"$(options "$command" | grep -vxE 'help|usage|version' | without has_option "$page")" ""
	if command -v bash >/dev/null; then
		is "so has the completion" "$(options "$command" | without completes "$command")" ""
	else
		skip "so has the completion" "no bash"
	fi
done

is "no page has other options" "$(surplus)" ""
is "hvstep.1 has all commands" "$(commands | without has_section)" ""
if command -v bash >/dev/null; then
	is "so has the completion" "$(commands | without completes_command)" ""
else
	skip "so has the completion" "no bash"
fi
is "hvstep.1 has all policies" "$(sed -n 's/.*HVSTEP_POLICY_NAMES.*"\(.*\)"/\1/p' "$user/policy.h" |
	sed 's/, /\n/g' | without has_word "$man/hvstep.1")" ""
is "libhvstep.3 has all functions" \
	"$(sed -n 's/^	\(hvstep_[a-z_]*\);/\1/p' "$user/libhvstep.map" |
		without has_word "$man/libhvstep.3")" ""
is "hvstep-trace.5 has all fields" \
	"$({ fields "$include/hvstep-trace.h" hvstep_trace_file; fields "$uapi" hvstep_record; } |
		without has_word "$man/hvstep-trace.5")" ""
is "hvstep.4 has all calls" \
	"$(sed -n 's/^#define \(HVSTEP_[A-Z_]*\)[	 ]*_IO.*/\1/p' "$uapi" |
		without has_word "$man/hvstep.4")" ""
is "pages refer to pages that are there" "$(dangling)" ""
if command -v make >/dev/null; then
	is "all of it is installed" "$(installed)" "$({ echo ./bash-completion/completions/hvstep
		for page in "$man"/*.[1-9]; do
			echo "./man/man${page##*.}/${page##*/}"
		done; } | sort | tr '\n' ' ')"
else
	skip "all of it is installed" "no make"
fi
if command -v "$cc" >/dev/null; then
	example "$man/libhvstep.3" >"$tap_dir/example.c"
	is "the example of libhvstep.3 compiles" \
		"$("$cc" -std=gnu11 -Wall -Wextra -Werror -fsyntax-only -I"$include" -I"$include/uapi" \
			"$tap_dir/example.c" 2>&1)" ""
else
	skip "the example of libhvstep.3 compiles" "no compiler"
fi
finish
