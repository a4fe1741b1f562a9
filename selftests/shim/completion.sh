#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The completion of hvstep's command line, as bash calls it.

# Functions are called through expect.
# shellcheck disable=SC2317

here=$(dirname "$0")
# shellcheck source=tap.sh
. "$here/tap.sh"
# shellcheck source=../../user/completion/hvstep
. "$here/../../user/completion/hvstep"

# What is offered for the last word of $*, in one line.
complete_words() {
	COMP_WORDS=("$@")
	COMP_CWORD=$(($# - 1))
	COMPREPLY=()
	_hvstep 2>&1
	echo "${COMPREPLY[*]}"
}

# TITLE WANTED WORD...
offers() {
	local title=$1 wanted=$2
	shift 2
	expect -e '' -o "$wanted" "$title" complete_words "$@"
}

# A /proc with two VMMs, one of them attached, and a process that is none.
_hvstep_proc=$tap_dir/proc
mkdir -p "$_hvstep_proc"/{12,123,7,self}/fd "$_hvstep_proc/net"
ln -s anon_inode:kvm-vm "$_hvstep_proc/12/fd/9"
ln -s anon_inode:kvm-vm "$_hvstep_proc/123/fd/10"
ln -s anon_inode:kvm-vm "$_hvstep_proc/123/fd/11"
ln -s anon_inode:kvm-vm "$_hvstep_proc/self/fd/10"
ln -s anon_inode:kvm-vcpu:0 "$_hvstep_proc/7/fd/10"
cat >"$_hvstep_proc/net/unix" <<-'EOF'
	Num       RefCount Protocol Flags    Type St Inode Path
	00000000: 00000002 00000000 00010000 0001 01 100 /run/socket
	00000000: 00000002 00000000 00010000 0001 01 101 @hvstep-attach/123/0
EOF
files=$tap_dir/files
mkdir -p "$files/dir"
mkdir -p "$tap_dir/bin"
printf '#!/bin/sh\n' >"$tap_dir/bin/a-vmm-for-tests"
chmod +x "$tap_dir/bin/a-vmm-for-tests"
: >"$files/a.trace"
: >"$files/a file"

plan 39
is "it is bash's for hvstep" "$(complete -p hvstep)" "complete -F _hvstep hvstep"
offers "the commands" "run attach detach step trace report status doctor" hvstep ''
offers "a command" "trace" hvstep tr
offers "no command" "" hvstep x
offers "options before a command" "--help --usage --version" hvstep --
offers "options behind one" "--version" hvstep --usage --v

offers "options of a command" "--json --pid= --root= --help --usage --version" hvstep doctor -
offers "an option with a value" "--seconds=" hvstep trace --sec
offers "options behind a value" "--json" hvstep step --count 5 --js
offers "options behind an =" "--json" hvstep step --count = 5 --js

for command in attach step trace; do
	offers "$command: VMMs" "12 123" hvstep $command ''
done
offers "what a number begins with" "123" hvstep attach 123
offers "detach: what is attached" "123" hvstep detach ''
offers "doctor --pid: VMMs" "12 123" hvstep doctor --pid ''
offers "doctor --pid=: VMMs" "12 123" hvstep doctor --pid =
offers "doctor -p: VMMs" "12 123" hvstep doctor -p 1
offers "doctor: nothing else" "" hvstep doctor ''
offers "a VMM behind options" "12 123" hvstep trace --json -o x -p atomic ''
offers "a VMM behind --policy=" "12 123" hvstep trace --policy = atomic ''

offers "policies" "trace-all atomic exclusive deliver" hvstep run --policy ''
offers "and a word for none" "hold" hvstep trace --policy h
offers "behind an =" "atomic" hvstep run --policy = a
offers "where = does not break words" "--policy=atomic" hvstep run --policy=a
offers "-p" "exclusive" hvstep attach -p e
offers "the second policy" "atomic,deliver" hvstep trace --policy = atomic,d
offers "filter words" "user kernel branches" hvstep trace --filter ''
offers "the second filter word" "kernel,branches" hvstep trace -F kernel,b
offers "nothing for a number" "" hvstep trace --count ''
offers "report's formats" "perfetto" hvstep report --format = p

offers "report: files" "$files/a.trace" hvstep report "$files/a.t"
offers "trace -o: files" "$files/a.trace" hvstep trace -o "$files/a.t"
offers "a file with a space" "$files/a file" hvstep report "$files/a "
offers "--root: directories" "$files/dir" hvstep doctor --root "$files/"

PATH=$tap_dir/bin:$PATH
offers "run: commands" "a-vmm-for-tests" hvstep run a-vmm-
offers "run --: commands" "a-vmm-for-tests" hvstep run -v -- a-vmm-
offers "run: the VMM's arguments" "$files/a.trace" hvstep run -p atomic -- cat -n "$files/a.t"
offers "which are not hvstep's" "" hvstep run cat --poli
finish
