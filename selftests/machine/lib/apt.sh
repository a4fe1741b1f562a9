# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Packages of other suites and architectures, without touching the system's
# own apt: each pair of suite and architecture gets private apt directories.
# apt itself verifies signatures and checksums and resumes downloads.

KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
LISTS_MAX_AGE_DAYS=7

# The mirror the system uses for Debian's main archive.
mirror_base() {
	local site release base=
	# shellcheck disable=SC2016  # apt-get's own variables
	while read -r site release; do
		case $release in
		*-updates | *-security | *-backports) ;;
		bookworm | stable | oldstable | trixie | sid | unstable) base=$site && break ;;
		esac
	done < <(apt-get indextargets --format '$(SITE) $(RELEASE)' 'Created-By: Packages')
	[ -n "$base" ] || die "no Debian mirror in the system's apt sources (apt-get indextargets)"
	echo "$base"
}

apt_root() { echo "$CACHE_DIR/apt/$1-$2"; }

# suites_of SUITE: itself and those it needs, the one to take packages from last.
suites_of() {
	case $1 in
	backports) echo bookworm bookworm-backports ;;
	*-backports) echo "${1%-backports}" "$1" ;;
	experimental) echo sid experimental ;;
	*) echo "$1" ;;
	esac
}

# apt_do SUITE ARCH TOOL ARGS...: run apt-get or apt-cache in a private world.
apt_do() {
	local suite=$1 arch=$2 tool=$3 root
	shift 3
	root=$(apt_root "$suite" "$arch")
	mkdir -p "$root/none/partial"
	local -a target=() suites
	read -ra suites < <(suites_of "$suite")
	[ ${#suites[@]} = 1 ] || target=(-t "${suites[-1]}")
	"$tool" -q \
		-oAPT::Architecture="$arch" -oAPT::Architectures="$arch" \
		-oAPT::Install-Recommends=false \
		-oDir::State="$root/state" -oDir::State::Lists="$root/lists" \
		-oDir::State::status=/dev/null \
		-oDir::Etc::SourceList="$root/sources.list" \
		-oDir::Etc::SourceParts="$root/none" \
		-oDir::Etc::Preferences="$root/none/preferences" \
		-oDir::Etc::PreferencesParts="$root/none" \
		-oDir::Cache="$root/cache" -oDir::Cache::archives="$CACHE_DIR/debs" \
		-oDebug::NoLocking=true -oAPT::Sandbox::User=root \
		-oAPT::Update::Post-Invoke-Success= -oAPT::Update::Post-Invoke= \
		-oAcquire::Retries=3 -oAcquire::Languages=none \
		"${target[@]}" "$@"
}

# What a person wants to see of a download: what comes, how much, and errors.
progress() { grep --line-buffered -E '^(Get:|Err:|Fetched|E:|W:)' >&2 || true; }

# apt_update SUITE ARCH: package lists, fetched again after a week or when
# asked for by REFRESH.
apt_update() {
	local suite=$1 arch=$2 root base s
	root=$(apt_root "$suite" "$arch")
	if [ -z "${REFRESH:-}" ] && [ -n "$(find "$root/fetched" -mtime "-$LISTS_MAX_AGE_DAYS" 2>/dev/null)" ]; then
		return
	fi
	# Once an invocation is enough, even with REFRESH.
	[ "${fetched_lists[$suite-$arch]:-}" ] && return
	base=$(mirror_base)
	mkdir -p "$root"/{lists,cache,state}/partial "$root/none" "$CACHE_DIR/debs/partial"
	local -a suites
	read -ra suites < <(suites_of "$suite")
	for s in "${suites[@]}"; do
		echo "deb [signed-by=$KEYRING] $base $s main"
	done >"$root/sources.list"
	say "package lists: ${suites[*]} ($arch)"
	fetched_lists[$suite-$arch]=1
	if apt_do "$suite" "$arch" apt-get update -oAPT::Update::Error-Mode=any 2>&1 | progress; then
		touch "$root/fetched"
	elif [ -e "$root/fetched" ]; then
		say "cannot fetch them: going on with those of $(date -r "$root/fetched" +%F)"
	else
		die "cannot fetch the package lists of $suite ($arch)"
	fi
}
declare -A fetched_lists

# lists_key SUITE ARCH: changes when the archive's lists changed.
lists_key() {
	cat "$(apt_root "$1" "$2")"/lists/*InRelease 2>/dev/null | sha256sum | cut -c1-16
}

# apt_closure SUITE ARCH PACKAGE...: file names of the packages and all they
# depend on, one a line.  (Files that are there already would not be named: so
# look into an empty directory.)
apt_closure() {
	local suite=$1 arch=$2
	shift 2
	apt_do "$suite" "$arch" apt-get install -y --print-uris \
		-oDir::Cache::archives="$(apt_root "$suite" "$arch")/none/" "$@" |
		awk '/^\047/ { print $2 }'
}

# A version that the lists name may have left the archive since: look again,
# once.
fetch_failed() {
	[ -z "${HVSTEP_LISTS_RENEWED:-}" ] || die "cannot download"
	say "download failed: trying again with new package lists"
	HVSTEP_LISTS_RENEWED=1 exec "$0" --refresh "${setup_args[@]}"
}

# apt_fetch_closure SUITE ARCH PACKAGE...: download what apt_closure names.
apt_fetch_closure() {
	local suite=$1 arch=$2
	shift 2
	apt_do "$suite" "$arch" apt-get install -y --download-only "$@" 2>&1 |
		progress || fetch_failed
}

# apt_file SUITE ARCH PACKAGE...: file names of just these packages.
apt_files() {
	local suite=$1 arch=$2
	shift 2
	apt_do "$suite" "$arch" apt-get download --print-uris "$@" | awk '{ print $2 }'
}

# apt_fetch SUITE ARCH PACKAGE...: download just these packages.
apt_fetch() {
	local suite=$1 arch=$2
	shift 2
	(cd "$CACHE_DIR/debs" && apt_do "$suite" "$arch" apt-get download "$@" 2>&1 | progress) ||
		fetch_failed
}

# apt_depends SUITE ARCH PACKAGE PATTERN: the dependencies whose names match.
apt_depends() {
	apt_do "$1" "$2" apt-cache depends --no-recommends --no-suggests \
		--no-conflicts --no-breaks --no-replaces --no-enhances "$3" |
		sed -n 's/^ *\(Pre\)\?Depends: //p' | grep -E "$4" | sort -u
}

# unpack_source DEB DIR [TAR-ARG]...: of a linux-source package, into DIR; in one pass over
# its archive, which is 140 MB of xz.
unpack_source() {
	local deb=$1 dir=$2
	shift 2
	rm -rf "$dir"
	mkdir -p "$dir"
	dpkg-deb --fsys-tarfile "$CACHE_DIR/debs/$deb" |
		tar -xO --wildcards './usr/src/linux-source-*.tar.xz' |
		xz -dc -T0 | tar -C "$dir" --strip-components=1 "$@" -xf - || die "cannot unpack $deb"
}

# unpack DIR: unpack the packages named on stdin into DIR, which gets a merged
# /usr first: not every package of bookworm knows that / and /usr are one.
unpack() {
	local dir=$1 deb d
	mkdir -p "$dir/usr"
	for d in bin sbin lib lib64; do
		[ -e "$dir/$d" ] && continue
		mkdir -p "$dir/usr/$d"
		ln -s "usr/$d" "$dir/$d"
	done
	while read -r deb; do
		dpkg-deb --fsys-tarfile "$CACHE_DIR/debs/$deb" |
			tar -C "$dir" --no-same-owner --keep-directory-symlink -xf - ||
			die "cannot unpack $deb"
	done
}
