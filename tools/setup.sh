# SPDX-License-Identifier: BSD-2-Clause
# Sourced by demo.sh and tests/run.sh: installs what is missing, with apt where
# there is one; elsewhere says what is needed.  need PACKAGE... of Debian's.
need()
{
	missing=
	if command -v dpkg-query >/dev/null 2>&1; then
		for package; do
			dpkg-query -W -f '${Status}' "$package" 2>/dev/null |
				grep -q 'ok installed' || missing="$missing $package"
		done
		[ -z "$missing" ] && return 0
		sudo=
		[ "$(id -u)" = 0 ] || sudo=sudo
		echo "Installing:$missing" >&2
		$sudo apt-get -qq update >&2 || true
		# shellcheck disable=SC2086 # a list
		DEBIAN_FRONTEND=noninteractive $sudo apt-get -qq install -y \
			--no-install-recommends $missing >&2 && return 0
		echo "Could not install:$missing" >&2
		return 1
	fi
	command -v meson >/dev/null 2>&1 && command -v cc >/dev/null 2>&1 && return 0
	cat >&2 <<-END
	This is not a Debian system. Please install a C compiler, Meson (1.0 or
	newer), Ninja, pkg-config, and the development files of uthash, libbsd,
	libzstd, libelf, json-c and (for the tests) Criterion, and try again.
	Fedora: gcc meson libbsd-devel uthash-devel libzstd-devel
	        elfutils-libelf-devel json-c-devel
	Arch:   gcc meson libbsd uthash zstd libelf json-c criterion
	END
	return 1
}

build_packages="gcc libc6-dev meson ninja-build pkg-config libbsd-dev uthash-dev libzstd-dev libelf-dev libjson-c-dev liblzma-dev libncurses-dev libkdumpfile-dev"
. tools/unicorn.sh
