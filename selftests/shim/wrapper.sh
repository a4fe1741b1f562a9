#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# hvstep run: wrapper.sh USER-BUILD TEST-BUILD

# Expansions are for inner shells, functions are called through expect.
# shellcheck disable=SC2016,SC2317

here=$(dirname "$0")
# shellcheck source=tap.sh
. "$here/tap.sh"
hvstep=$1/hvstep
shim=$(realpath "$1/libhvstep-preload.so")
fake=$(realpath "$2/libfake.so")
static=$2/static
static_pie=$2/static-pie
unset LD_PRELOAD HVSTEP_PRELOAD HVSTEP_POLICY HVSTEP_QUIET

# With the module there, so that nothing but the subject of a test is warned of.
loaded() {
	LD_PRELOAD=$fake FAKE_HOST=1 "$@"
}

unloaded() {
	LD_PRELOAD=$fake FAKE_OPEN_ERRNO=2 "$@"
}

missing="hvstep: warning: single stepping will not work: /dev/hvstep: No such file or directory; load the module: modprobe hvstep (hvstep doctor knows why, if it fails)"
tmp=$tap_dir/tmp
mkdir -p "$tmp"
: >"$tmp/not-executable"
printf '#!/bin/sh\nexit 5\n' >"$tmp/script"
chmod +x "$tmp/script"

plan 49

# Exit status, as env(1)
expect -s 0 -e '' "a VMM's success" loaded "$hvstep" run true
expect -s 3 -e '' "a VMM's failure" loaded "$hvstep" run sh -c 'exit 3'
expect -s 5 -e '' "a script for a VMM" loaded "$hvstep" run "$tmp/script"
expect -s 143 "a VMM that a signal ends" sh -c '"$@"; exit $?' - "$hvstep" run sh -c 'kill $$'
expect -s 127 -e '*hvstep: no-such-vmm: No such file or directory' "a VMM that is not there" \
	loaded "$hvstep" run no-such-vmm
expect -s 126 -e '*Permission denied' "a VMM that cannot be executed" \
	loaded "$hvstep" run "$tmp/not-executable"
expect -s 126 -e '*Permission denied' "a directory for a VMM" loaded "$hvstep" run "$tmp"
expect -s 125 -o '' -e '*the VMM is missing*--help*' "no VMM" "$hvstep" run
expect -s 125 -o '' -e '*--help*' "an unknown option" "$hvstep" run --frobnicate true
expect -s 125 -o '' -e '*--help*' "an unknown option before the command" "$hvstep" --frobnicate run
expect -s 125 -o '' -e '*no such command: fly*--help*' "an unknown command" "$hvstep" fly
expect -s 125 -o '' -e '*a command is missing*--help*' "no command" "$hvstep"

# Help
expect -e '' -o 'Usage: hvstep *run*status*' "--help goes to stdout" "$hvstep" --help
expect -e '' -o 'Usage: hvstep run *--policy*HVSTEP_PRELOAD*' "run --help" "$hvstep" run --help
expect -e '' -o 'Usage: hvstep status *--json*' "status --help" "$hvstep" status --help
expect -e '' -o 'hvstep [0-9]*' "--version" "$hvstep" --version

# What belongs to whom
expect -o '-v --policy=x -- --help' "options after the VMM are the VMM's" \
	loaded "$hvstep" run echo -v --policy=x -- --help
expect -o '-n' "-- ends the options" loaded "$hvstep" run -- printf %s -n
expect -s 127 -e '*hvstep: --frobnicate: *' "behind -- anything is a VMM" \
	loaded "$hvstep" run -- --frobnicate
expect -o '-- x' "only the first -- is hvstep's" loaded "$hvstep" run -- echo -- x
expect -o '<a b><><*>' "arguments arrive as they are" \
	loaded "$hvstep" run printf '<%s>' 'a b' '' '*'

# LD_PRELOAD
show='printf %s "$LD_PRELOAD"'
expect -o "$shim" "the shim is preloaded" env -u LD_PRELOAD "$hvstep" run sh -c "$show"
expect -o "$shim" "an empty LD_PRELOAD leaves no empty element" \
	env LD_PRELOAD= "$hvstep" run sh -c "$show"
expect -o "$shim:$fake" "what is preloaded already stays, behind the shim" \
	loaded "$hvstep" run sh -c "$show"
expect -o '1' "the shim is loaded indeed" loaded "$hvstep" run sh -c \
	'grep -l libhvstep-preload.so /proc/self/maps | wc -l'
expect -o 'same' "hvstep becomes the VMM: no fork" sh -c \
	'exec "$1" run sh -c "[ \$\$ = $$ ] && echo same"' - "$hvstep"

# Where the shim comes from
expect -s 127 -o '' -e 'hvstep: cannot find the shim: /nonexistent/shim.so: No such file or directory' \
	"a shim that is not there" env HVSTEP_PRELOAD=/nonexistent/shim.so "$hvstep" run echo no
cp "$shim" "$tmp/other.so"
expect -o "$tmp/other.so" "HVSTEP_PRELOAD names another" \
	env HVSTEP_PRELOAD="$tmp/other.so" "$hvstep" run sh -c "$show"
expect -o "$tmp/other.so" "a relative one becomes absolute" \
	sh -c 'cd "$1" && HVSTEP_PRELOAD=other.so "$2" run sh -c "$3"' - "$tmp" "$(realpath "$hvstep")" "$show"
mkdir "$tmp/a b"
cp "$shim" "$tmp/a b/"
expect -s 125 -e '*a b/*cannot be preloaded' "a path that LD_PRELOAD cannot express" \
	env HVSTEP_PRELOAD="$tmp/a b/libhvstep-preload.so" "$hvstep" run echo no
multiarch=$(strings "$hvstep" | sed -n 's,^\.\./lib/\(..*\),\1,p')
for dir in lib "lib/${multiarch:-.}" lib64; do
	root=$tmp/root-$(echo "$dir" | tr / -)
	mkdir -p "$root/bin" "$root/$dir"
	cp "$hvstep" "$root/bin/"
	cp "$shim" "$root/$dir/"
	expect -o "$(realpath "$root/$dir")/libhvstep-preload.so" "installed in ../$dir" \
		"$root/bin/hvstep" run sh -c "$show"
done
if [ -e /usr/lib/libhvstep-preload.so ] || [ -e "/usr/lib/$multiarch/libhvstep-preload.so" ]; then
	skip "a command without a shim" "one is installed"
else
	mkdir -p "$tmp/alone/bin"
	cp "$hvstep" "$tmp/alone/bin/"
	expect -s 127 -o '' -e 'hvstep: cannot find the shim: /*' "a command without a shim" \
		"$tmp/alone/bin/hvstep" run echo no
fi

# The module
expect -o 'runs' -e "$missing" "without the module: one line, and the VMM runs" \
	unloaded "$hvstep" run echo runs
expect -o 'runs' -e '' "HVSTEP_QUIET silences it" \
	unloaded env HVSTEP_QUIET=1 "$hvstep" run echo runs
expect -o 'runs' -e '*kvm-hv is not loaded; load it: modprobe kvm_hv' "without kvm-hv" \
	loaded env FAKE_HOST=2 "$hvstep" run echo runs
expect -e '*the module is loaded*preloading */libhvstep-preload.so into true' "--verbose" \
	loaded "$hvstep" run --verbose true

# Policy
policy='printf %s "${HVSTEP_POLICY-unset}"'
expect -o unset "no policy unless asked for" loaded "$hvstep" run sh -c "$policy"
expect -o trace-all "--policy=trace-all" loaded "$hvstep" run --policy=trace-all sh -c "$policy"
expect -o atomic,deliver "--policy=atomic,deliver" \
	loaded "$hvstep" run --policy=atomic,deliver sh -c "$policy"
expect -s 125 -e '*no such policy: fast; known: trace-all, atomic, exclusive, deliver*' "an unknown policy" \
	"$hvstep" run --policy=fast true

# VMMs that cannot be preloaded
cannot='it cannot be preloaded; stepping will not work for it, unless it is attached *hvstep attach*auto_attach=1)'
for program in "$static" "$static_pie"; do
	if [ -e "$program" ]; then
		expect -e "hvstep: warning: $program is statically linked: $cannot" \
			"a VMM that is ${program##*/}" loaded "$hvstep" run "$program"
	else
		skip "a VMM that is ${program##*/}" "this C library cannot be linked so"
	fi
done
ldso=$(readelf -l "$hvstep" | sed -n 's/.*interpreter: \(.*\)\]/\1/p')
expect -o 'runs' -e '' "the dynamic linker as a command is not static" \
	loaded "$hvstep" run "$ldso" "$(command -v echo 2>/dev/null | grep / || echo /bin/echo)" runs
PATH=$tmp:$PATH
if [ -e "$static" ]; then
	cp "$static" "$tmp/static-in-path"
	expect -e "hvstep: warning: static-in-path is statically linked: $cannot" \
		"one found through PATH" loaded "$hvstep" run static-in-path
else
	skip "one found through PATH" "this C library cannot be linked so"
fi
true=$(which true)
if [ "$(id -u)" = 0 ]; then
	cp "$true" "$tmp/setuid"
	cp "$true" "$tmp/setgid"
	cp "$true" "$tmp/own"
	chown 65534 "$tmp/setuid"
	chgrp 65534 "$tmp/setgid"
	chmod u+s "$tmp/setuid" "$tmp/own"
	chmod g+s "$tmp/setgid"
	expect -e "*/setuid is setuid: $cannot" "a setuid VMM" loaded "$hvstep" run "$tmp/setuid"
	expect -e "*/setgid is setgid: $cannot" "a setgid VMM" loaded "$hvstep" run "$tmp/setgid"
	expect -e '' "setuid to oneself changes nothing" loaded "$hvstep" run "$tmp/own"
else
	skip "a setuid VMM" "not root"
	skip "a setgid VMM" "not root"
	skip "setuid to oneself changes nothing" "not root"
fi
finish
