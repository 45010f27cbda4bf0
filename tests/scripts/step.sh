#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# vmmu step as text, and in a terminal that tmux makes.
# usage: step.sh VMMU DATA-FOLDER CURSES(true|false)
set -eu
vmmu=$1 data=$2 curses=$3
fail() { echo "$*" >&2; exit 1; }
status() { set +e; "$@" >/dev/null 2>&1 </dev/null; echo $?; set -e; }

"$vmmu" step --list | grep -q '^twentyfour ' || fail "--list"
"$vmmu" step --list | sed -n 's/^\([a-z]*\)  *[A-Z].*/\1/p' | while read -r name; do
	[ "$name" = Presets ] || "$vmmu" step --preset "$name" --plain >/dev/null </dev/null || fail "story $name"
done
text=$("$vmmu" step --preset twentyfour --plain)
echo "$text" | grep -q '^nested: 24 references, 0 exits' || fail "no 24 references"
echo "$text" | grep -q '^    24 .*nPTE\[64\]' || fail "no last reference"
echo "$text" | tail -n 1 | grep -q '^24\. ' || fail "no answer"
"$vmmu" step --preset two 'access 0x402000 r u' </dev/null | grep -q '^native: 2 references' || fail "a preset"
"$vmmu" step --core "$data/d1/d1-x64-4level.ptcore.zst" 'access 0xffff888000001000 r' check </dev/null |
	grep -q '^native: [1-4] reference' || fail "a dump"
[ "$(status "$vmmu" step)" = 2 ]
[ "$(status "$vmmu" step --preset nonsense)" = 2 ]
[ "$(status "$vmmu" step --preset two --core x)" = 2 ]
[ "$(status "$vmmu" step --preset two 'no command')" = 2 ]
[ "$(status "$vmmu" step --core "$0")" = 3 ]
[ "$(status "$vmmu" step --core /nonexistent)" = 3 ]

[ "$curses" = true ] || { echo "as text; this build has no ncurses"; exit 0; }
command -v tmux >/dev/null || { echo "as text; tmux was not found"; exit 0; }
socket=vmmu-step-$$
trap 'tmux -L $socket kill-server 2>/dev/null || true' EXIT
tmux -L $socket -f /dev/null new-session -d -x 100 -y 40 "TERM=screen '$vmmu' step --preset twentyfour; echo ended \$?; sleep 30"
# Until the screen has this text.
shows() {
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		tmux -L $socket capture-pane -p | grep -q -- "$1" && return 0
		sleep 0.25
	done
	tmux -L $socket capture-pane -p >&2
	fail "the screen has no '$1'"
}
key() { tmux -L $socket send-keys "$@"; }
shows '1 of the story'
key n
key n
shows 'reference 24 of 24'
key Left
shows 'reference 23 of 24'
key Home
shows 'reference 0 of 24'
key Right
key Right
shows 'reference 2 of 24'
key Tab
shows 'reference 4 of 4'
key n
shows 'How many references'
key b
shows '2 of the story'
key :
key 'store 0x4020 0' Enter
key :
key 'access 0x8080604abc r u' Enter
shows '#PF, error code 0x4'
key u
key u
shows '> access'
key :
key 'nonsense' Enter
shows 'is no command'
key q
shows 'ended 0'
echo "as text and in a terminal"
