#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# kut.sh VMMU: kvm-unit-tests' kernels on every backend, each .flat in the folder that VMMU_KUT names.
# A kernel's own verdict counts: the status of the exit port, and no line of its own that says FAIL.
# VMMU_KUT_SECONDS (600) is how long one may take: one that goes on and has said no FAIL is "cut".
set -u
vmmu=$1
dir=${VMMU_KUT-}
seconds=${VMMU_KUT_SECONDS-600}
if [ -z "$dir" ]; then
	echo "skipped: VMMU_KUT does not name a folder of kvm-unit-tests' kernels (its x86/*.flat)"
	exit 77
fi
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
bad=0
ran=0

# one KERNEL WAY...
one()
{
	kernel=$1
	shift
	timeout "$seconds" "$vmmu" run "$@" "$kernel" </dev/null >"$tmp/out" 2>"$tmp/err"
	status=$?
	verdict=well
	if [ $status -eq 124 ]; then
		verdict=cut
	elif [ $status -ne 1 ]; then
		verdict="status $status"
	fi
	grep -q '^FAIL\|FAIL: ' "$tmp/out" && verdict=FAIL
	printf '%-16s %-32s %s\n' "$(basename "$kernel" .flat)" "$*" "$verdict"
	case $verdict in
	well | cut) ;;
	*)
		tail -n 15 "$tmp/out" "$tmp/err"
		bad=1
		;;
	esac
}

for kernel in "$dir"/*.flat; do
	[ -f "$kernel" ] || continue
	ran=1
	for backend in native shadow nested-npt nested-ept; do
		for page in 4K 2M; do
			one "$kernel" --mem 128M --backend $backend --host-page $page
		done
	done
	one "$kernel" --mem 128M --check
done
[ $ran -eq 1 ] || {
	echo "no .flat in $dir"
	exit 1
}
exit $bad
