#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The engine without a page: what it says of a few situations, and of commands that are none.
# usage: engine.sh PLAYGROUND
set -eu
exe=$1
fail() { echo "$*" >&2; exit 1; }
ask() { printf '%s\n' "$@" | "$exe" | tail -n 1; }

[ "$(ask 'preset four' 'access 0x8080604abc r u' 'number native.refs')" = 4 ] || fail "four references"
[ "$(ask 'preset four' 'access 0x8080604abc r u' 'access 0x8080604abc r u' 'number nested.refs')" = 24 ] ||
	fail "twenty-four references"
[ "$(ask 'preset five' 'access 0x10100c0805abc r u' 'number native.refs')" = 5 ] || fail "five levels"
[ "$(ask 'preset pae' 'access 0x40403000 r u' 'number native.refs')" = 2 ] || fail "PAE"
[ "$(ask 'preset two' 'access 0x402000 r u' 'number native.refs')" = 2 ] || fail "two levels"
[ "$(ask 'preset four' 'number nested.nonsense')" = -1 ] || fail "a number that is none"

# What is wrong is said, and changes nothing.
while IFS='|' read -r command words; do
	case $(ask 'preset four' "$command") in
	*'"ok":false'*"$words"*) ;;
	*) fail "$command: no '$words' in the answer" ;;
	esac
done <<'END'
access|is no number
access 0x1000 q|is wanted
access 0x1000 r z|is wanted
store 0x4021 1|is no place
store 0xffffffffffffffff 1|is no place
store -1 1|is no number
flip 0x4020 9 P|levels 1 to 4
flip 0x4020 1 Q|have no bit
point 0x4020 1 0x123|is not the address of a page
key 0x4020 1 16|protection keys
set cr9 1|set cr0
set cr4 0x8000000000000000|#GP
toggle XYZ|toggle WP
machine tlb=maybe|is no switch
swap 0x40000000|is not memory
dirty maybe|on, off or harvest
preset nine|no preset is called
nonsense|is no command
END
case $(ask 'access 0x1000 r') in *'there is no guest yet'*) ;; *) fail "no guest" ;; esac
case $(ask 'preset four' "access $(head -c 300 /dev/zero | tr '\0' 1)") in *'less than 200'*) ;; *) fail "long line" ;; esac

# The same commands give the same answers.
one=$(ask 'preset four' 'machine tlb=on' 'access 0x8080604abc w u' fork 'access 0x8080604abc w u')
two=$(ask 'preset two' 'access 0x402000 r u' 'preset four' 'machine tlb=on' 'access 0x8080604abc w u' fork 'access 0x8080604abc w u')
[ "$one" = "$two" ] || fail "what was before shows"
echo "the engine answers"
