#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# hvstep status: status.sh USER-BUILD TEST-BUILD

# Expansions are for inner shells, functions are called through expect.
# shellcheck disable=SC2016,SC2317

here=$(dirname "$0")
# shellcheck source=tap.sh
. "$here/tap.sh"
hvstep=$1/hvstep
fake=$(realpath "$2/libfake.so")

status() {
	LD_PRELOAD=$fake "$hvstep" status "$@"
}

json() {
	status --json | python3 -c 'import json, sys; o = json.load(sys.stdin); h = o["host"]; print(*eval(sys.argv[1]))' "$1"
}

nl='
'
plan 14
export FAKE_HOST=0x1b
expect -e '' -o "module:       loaded${nl}features:     step-one counters bit40${nl}policies:     trace-all${nl}kvm-hv:       loaded${nl}host:         POWER10 or later, radix MMU${nl}attached VMs: 2" \
	"in words" status
FAKE_HOST=0x0d
expect -e '' -o "*host:         POWER9, hash MMU, itself a guest${nl}*" "another host" status
FAKE_HOST=0x01
expect -e '' -o "*host:         POWER8, hash MMU${nl}*" "an old host" status
if python3 -c '' 2>/dev/null; then
	FAKE_HOST=0x1b
	expect -o "step-one counters bit40 trace-all" "--json: features" \
		json "o['features'] + o['policies']"
	expect -o "True True True False 3.1 2" "--json: the rest" \
		json "o['loaded'], h['kvm_hv'], h['radix'], h['nested'], h['isa'], o['attached']"
else
	skip "--json: features" "no python3"
	skip "--json: the rest" "no python3"
fi
expect -s 125 "output that cannot be written" sh -c 'exec >/dev/full; LD_PRELOAD=$1 exec "$2" status' - \
	"$fake" "$hvstep"
FAKE_HOST=0x02
expect -s 1 -o "*kvm-hv:       not loaded*" -e 'hvstep: kvm-hv is not loaded; load it: modprobe kvm_hv' \
	"without kvm-hv" status
export FAKE_OPEN_ERRNO=2
expect -s 1 -o '' -e 'hvstep: /dev/hvstep: No such file or directory; load the module: modprobe hvstep (hvstep doctor knows why, if it fails)' \
	"without the module" status
expect -s 1 -e '' \
	-o '{"device":"/dev/hvstep","loaded":false,"error":"No such file or directory","remedy":"load the module: modprobe hvstep (hvstep doctor knows why, if it fails)"}' \
	"without the module, --json" status --json
FAKE_OPEN_ERRNO=13
expect -s 1 -o '' -e '*Permission denied; join the group*' "without permission" status
unset FAKE_OPEN_ERRNO
export FAKE_INFO_ERRNO=25
expect -s 1 -o '' -e '*it is not the module*modprobe hvstep' "a file that is not the device" status
unset FAKE_INFO_ERRNO
expect -s 125 -o '' -e '*not expected: now*--help*' "an argument" status now
expect -s 125 -o '' -e '*--help*' "an unknown option" status --frobnicate
expect -s 0 -e '' "no module is needed for --help" "$hvstep" status --help
finish
