#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Builds libvmmu and compares native, shadow and nested paging on the guests in
# tests/data: a compiler run, fork and exit, and a dump of a running Linux.
# With arguments: on those traces or dumps instead.
set -eu
cd "$(dirname "$0")/.."
. tools/setup.sh
need $build_packages
need_unicorn
build=${BUILD:-build}
if [ ! -f "$build/build.ninja" ]; then
	# A tenth faster; what clang's linker needs for it is not everywhere.
	case "$(${CC:-cc} --version)" in
	*"Free Software Foundation"*) lto=true ;;
	*) lto=false ;;
	esac
	meson setup "$build" -Dbuildtype=release -Db_lto=$lto -Dtests=disabled -Dtools=enabled >"$build.log" 2>&1 ||
		{ cat "$build.log" >&2; exit 1; }
	rm -f "$build.log"
fi
ninja -C "$build" --quiet tools/vmmu >&2
if [ $# -eq 0 ]; then
	set -- tests/data/workloads/kernbench.vmt.zst tests/data/workloads/fork_exit.vmt.zst \
		tests/data/d1/d1-x64-4level.json.zst
fi
exec "$build/tools/vmmu" compare "$@"
