#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The whole suite, in four builds with warnings as errors:
#   gcc      everything, the recorded guests on every backend too
#   clang    everything but the recorded guests
#   asan     the same under AddressSanitizer and UBSan, which clang has more of
#   tsan     what runs in threads, under ThreadSanitizer (plain main)
# With names of builds as arguments: only those.  Ends with a line that counts
# the tests that ran; the exit status is 0 if none failed and some ran.
set -u
cd "$(dirname "$0")/.."
. tools/setup.sh
need $build_packages libcriterion-dev clang libclang-rt-dev llvm python3 tmux zstd || exit 1
need_unicorn
# The checks of the ABI and of the model; without these, their tests are skipped.
need abigail-tools spin || echo "The library's ABI or the freeing model will not be checked." >&2
# The page and the browser that tries it; without them its test is skipped.
# shellcheck disable=SC2046 # nothing, or a package
need clang lld wasi-libc libclang-rt-14-dev-wasm32 chromium \
	$(command -v npm >/dev/null 2>&1 || echo npm) ||
	echo "The playground's page will not be tested." >&2
root=${BUILD:-build-tests}
mkdir -p "$root"
logs=
broken=0

# build NAME COMPILER MESON-OPTION... -- MESON-TEST-OPTION...
build()
{
	name=$1
	compiler=$2
	dir=$root/$name
	shift 2
	options=
	while [ "$1" != -- ]; do
		options="$options $1"
		shift
	done
	shift
	echo "== $name"
	rm -f "$dir/meson-logs/testlog.json"
	# shellcheck disable=SC2086 # lists
	if { [ -f "$dir/build.ninja" ] ||
		CC=$compiler meson setup "$dir" -Dwerror=true -Dtests=enabled -Dtools=enabled \
			$options >"$dir.log" 2>&1; } &&
		ninja -C "$dir" >"$dir.log" 2>&1; then
		meson test -C "$dir" --no-rebuild --print-errorlogs "$@" 2>&1 |
			grep -Ev '^(ninja|Full log)|^$'
	else
		tail -n 40 "$dir.log"
		broken=1
	fi
	logs="$logs $dir/meson-logs/testlog.json"
}

[ $# -gt 0 ] || set -- gcc clang asan tsan
for which; do
	case $which in
	gcc)
		build gcc gcc -Dbuildtype=debugoptimized -- ;;
	clang)
		build clang clang -Dbuildtype=debugoptimized -- --no-suite guests ;;
	asan)
		# Unicorn never frees 32 bytes of each run.
		echo leak:libunicorn >"$root/leaks"
		export LSAN_OPTIONS="suppressions=$(cd "$root" && pwd)/leaks:print_suppressions=0"
		export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
		VMMU_OPS=${VMMU_OPS:-20000} \
			build asan clang -Dbuildtype=debugoptimized -Dplain_tests=true \
			-Db_sanitize=address,undefined -Db_lundef=false -- --no-suite guests --timeout-multiplier 3
		;;
	tsan)
		build tsan clang -Dbuildtype=debugoptimized -Dplain_tests=true \
			-Db_sanitize=thread -Db_lundef=false -- --suite threads
		;;
	*)
		echo "$0: no build is called $which" >&2
		exit 2 ;;
	esac
done
# shellcheck disable=SC2086 # a list
python3 tests/count.py "$broken" $logs
