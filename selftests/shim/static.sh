#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What the shim is made of: static.sh DIR, the directory it was built in.

here=$(dirname "$0")
# shellcheck source=tap.sh
. "$here/tap.sh"
build=$1
shim=$build/libhvstep-preload.so

undefined() {
	nm -D --undefined-only "$shim" | sed 's/.* //; s/@.*//'
}

# Those of $* that the shim imports.
imports() {
	undefined | grep -xE "$(echo "$*" | tr ' ' '|')" | tr '\n' ' '
}

init_array() {
	readelf -SW "$shim" | sed -n 's/.* \.init_array *INIT_ARRAY *[0-9a-f]* [0-9a-f]* \([0-9a-f]*\) .*/\1/p'
}

word() {
	case $(readelf -h "$shim" | sed -n 's/.*Class: *//p') in
	ELF64) echo 000008 ;;
	ELF32) echo 000004 ;;
	esac
}

plan 11
is "ioctl is the only symbol exported" \
	"$(nm -D --defined-only "$shim" | sed 's/^[0-9a-f]* //')" "T ioctl"
# The compiler's own start file has one entry, frame_dummy.
is "no constructor in the library" "$(init_array)" "$(word)"
is "none in its objects either" \
	"$(readelf -SW "$build"/preload*.o "$build/policy.o" "$build/remedy.o" |
		grep -cE '\.(init_array|ctors|preinit_array|fini_array|dtors)')" 0
is "no memory is allocated" \
	"$(imports malloc calloc realloc free strdup asprintf vasprintf open_memstream mmap mmap64)" ""
is "no stdio stream is used" \
	"$(undefined | grep -xE 'stderr|stdout|f(open|printf|puts|write|flush|close)|printf|puts|.*printf_chk|perror' |
		grep -vx '__snprintf_chk')" ""
is "no thread, no process, no program is started" \
	"$(imports pthread_create fork vfork _Fork clone posix_spawn system popen 'exec.*')" ""
is "it does not end the VMM" "$(imports abort exit _exit __assert_fail err errx)" ""
is "files are opened by open() alone" "$(undefined | grep -E 'open|stat64|fcntl64' | tr '\n' ' ')" "open "
is "ioctl() itself is not imported: it would be the shim's own" "$(imports ioctl)" ""
is "all symbols are bound when loaded" \
	"$(readelf -d "$shim" | grep -ow BIND_NOW | head -n 1)" BIND_NOW
is "its name is its file's" \
	"$(readelf -d "$shim" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')" libhvstep-preload.so
finish
