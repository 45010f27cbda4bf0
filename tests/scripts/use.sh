#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# As a stranger uses the library: installed and found by pkg-config, and as a
# Meson subproject.  use.sh SOURCE-ROOT BUILD-ROOT
set -eu
source=$1
build=$2
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

meson install -C "$build" --no-rebuild --destdir "$tmp/root" >/dev/null
pc=$(find "$tmp/root" -name vmmu.pc)
lib=$(dirname "$(dirname "$pc")")
export PKG_CONFIG_SYSROOT_DIR="$tmp/root" PKG_CONFIG_PATH="$(dirname "$pc")"
# shellcheck disable=SC2046 # lists of flags
${CC:-cc} -o "$tmp/embed" "$source/examples/embed.c" $(pkg-config --cflags --libs vmmu)
LD_LIBRARY_PATH=$lib "$tmp/embed" | diff "$source/examples/embed.out" -
echo "installed: shared library, headers and vmmu.pc work"
# The oracle, without the library.
# shellcheck disable=SC2046 # lists of flags
${CC:-cc} -o "$tmp/oracle" "$source/examples/oracle.c" $(pkg-config --cflags --libs vmmu-oracle)
"$tmp/oracle" | diff "$source/examples/oracle.out" -
! nm "$tmp/oracle" | grep -q ' vmmu_'
echo "installed: the oracle works alone"

mkdir -p "$tmp/project/subprojects"
ln -s "$source" "$tmp/project/subprojects/vmmu"
cp "$source/examples/embed.c" "$tmp/project"
cat >"$tmp/project/meson.build" <<END
project('stranger', 'c')
executable('embed', 'embed.c', dependencies: dependency('vmmu', fallback: 'vmmu'))
END
unset PKG_CONFIG_SYSROOT_DIR PKG_CONFIG_PATH
meson setup "$tmp/project/build" "$tmp/project" >/dev/null
ninja -C "$tmp/project/build" >/dev/null
"$tmp/project/build/embed" | diff "$source/examples/embed.out" -
echo "subproject: works"
