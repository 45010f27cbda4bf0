#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Compares the ABI of the shared library with the description in libvmmu.abi, by libabigail.
# New functions pass.  A changed struct or function fails, and so does one that is gone.
# usage: abi.sh check SOURCE-ROOT LIBVMMU.so   0: compatible; 77: no abidiff, or another machine
#        abi.sh renew SOURCE-ROOT LIBVMMU.so   writes the description again: after a change that is
#                                              meant, from a build with debug information
# The check first shows that it fails where it should, on changed copies of the library.
set -eu

what=$1
source=$2
lib=$3
stored=$source/tests/abi/libvmmu.abi

for tool in abidw abidiff cc; do
	command -v $tool >/dev/null 2>&1 || {
		echo "SKIPPED: there is no $tool (Debian: abigail-tools)"
		exit 77
	}
done
case $(uname -m) in
x86_64) ;;
*) echo "SKIPPED: the description is of x86_64, not of $(uname -m)"; exit 77 ;;
esac

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# headers SOURCE: the installed headers of a source tree, in one folder.
headers()
{
	rm -rf "$tmp/h"
	mkdir -p "$tmp/h"
	cp "$1"/lib/include/vmmu/*.h "$1"/shadow/include/vmmu/*.h "$1"/nested/include/vmmu/*.h "$tmp/h"
}

# describe SOURCE LIB FILE
describe()
{
	headers "$1"
	abidw --no-show-locs --no-corpus-path --no-comp-dir-path --drop-private-types \
		--headers-dir "$tmp/h" --out-file "$3" "$2"
}

# compatible DESCRIPTION SOURCE LIB: what differs is in $tmp/diff.  Status 4 of abidiff and above
# is a change; anything else that is not 0 is a failure of abidiff itself.
compatible()
{
	describe "$2" "$3" "$tmp/now.abi"
	status=0
	abidiff --leaf-changes-only --no-added-syms "$1" "$tmp/now.abi" >"$tmp/diff" 2>&1 || status=$?
	case $status in
	0) return 0 ;;
	4 | 8 | 12) return 1 ;;
	esac
	cat "$tmp/diff"
	echo "abi.sh: abidiff itself failed with status $status" >&2
	exit 1
}

# A copy of the library's source in $tmp/s.
copy()
{
	rm -rf "$tmp/s"
	mkdir "$tmp/s"
	for dir in lib realmode shadow nested; do
		cp -R "$source/$dir" "$tmp/s/"
	done
}

# edit FILE SED-SCRIPT: changes the copy.
edit()
{
	sed "$2" "$tmp/s/$1" >"$tmp/edited"
	if cmp -s "$tmp/s/$1" "$tmp/edited"; then
		echo "abi.sh: '$2' changes nothing in $1; mend the script" >&2
		exit 1
	fi
	cp "$tmp/edited" "$tmp/s/$1"
}

build()
{
	# shellcheck disable=SC2046 # a list
	(cd "$tmp/s" && cc -std=gnu11 -g -O0 -w -fPIC -shared -fvisibility=hidden -Ilib/include \
		-Ishadow/include -Inested/include -Irealmode -Ishadow -o "$tmp/copy.so" \
		$(find . -name '*.c' ! -name 'yield.c'))
}

if [ "$what" = renew ]; then
	describe "$source" "$lib" "$stored"
	echo "$(grep -c '<elf-symbol' "$stored") symbols described"
	exit 0
fi

n=$(grep -c '<elf-symbol' "$stored")
[ "$n" -gt 100 ] || { echo "$stored describes only $n symbols" >&2; exit 1; }

wrong()
{
	echo "the checker is wrong: $*" >&2
	cat "$tmp/diff" >&2
	exit 1
}

# The checker itself.  A library is compatible with itself, and a new function does no harm.
copy
build
describe "$tmp/s" "$tmp/copy.so" "$tmp/base.abi"
compatible "$tmp/base.abi" "$tmp/s" "$tmp/copy.so" || wrong "a library differs from itself"
edit lib/vm/stats.c '$a VMMU_API int vmmu_new_one(void); int vmmu_new_one(void) { return 7; }'
build
compatible "$tmp/base.abi" "$tmp/s" "$tmp/copy.so" || wrong "a new function fails"
# Changed structs are named, each of them.
copy
edit lib/include/vmmu/vmmu.h 's|^\tuint64_t page_size;|\tuint64_t node, page_size;|'
edit lib/include/vmmu/vmmu.h 's|^\tuint64_t nested_info;|\tuint64_t more; &|'
edit lib/include/vmmu/hw.h 's|^\tuint32_t pkru, pkrs;$|\tuint64_t pkru, pkrs;|'
edit lib/include/vmmu/backend.h 's|^\tvoid (\*fini)(struct vmmu \*vm);$|\tvoid *more; &|'
build
! compatible "$tmp/base.abi" "$tmp/s" "$tmp/copy.so" || wrong "changed structs pass"
refused=0
for name in vmmu_slot_info vmmu_xlat vmmu_regs vmmu_backend; do
	grep -q "struct $name.* changed" "$tmp/diff" || wrong "struct $name does not fail"
	refused=$((refused + 1))
done
# A function that is gone.
copy
edit lib/include/vmmu/vmmu.h 's|^VMMU_API \(uint64_t vmmu_slot_leaf\)|\1|'
build
! compatible "$tmp/base.abi" "$tmp/s" "$tmp/copy.so" || wrong "a function may be gone"
grep -q vmmu_slot_leaf "$tmp/diff" || wrong "vmmu_slot_leaf is not named"
refused=$((refused + 1))

compatible "$stored" "$source" "$lib" || {
	cat "$tmp/diff"
	cat <<-END
	The library's ABI is no longer what tests/abi/libvmmu.abi describes (above). Before a release, if
	the change is meant: ninja -C BUILD renew-abi, and a line in NEWS.md. After 1.0: use reserved
	room or a size field, or raise the library's soversion.
	END
	exit 1
}
echo "$n symbols as described; $refused broken things named"
