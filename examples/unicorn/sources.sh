#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# tools/unicorn.sh derives the next suite's sources from every way of writing a source.
# usage: sources.sh SOURCE-ROOT
set -eu
. "$1/tools/unicorn.sh"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir -p "$tmp/apt/sources.list.d" "$tmp/none/sources.list.d" "$tmp/work"
cat >"$tmp/apt/sources.list" <<'END'
# deb http://comment.example/debian bookworm main
deb http://one.example/debian bookworm main contrib # trailing
deb [arch=amd64 signed-by=/k] http://two.example/debian bookworm main
deb [ trusted=yes ] http://three.example/snapshot/20250520T000000Z bookworm main
deb http://one.example/debian bookworm-updates main
deb-src http://one.example/debian bookworm main
deb http://other.example/apt stable main
END
cat >"$tmp/apt/sources.list.d/x.sources" <<'END'
Types: deb deb-src
# a comment within
URIs: http://four.example/debian
Suites: bookworm bookworm-updates
Components: main
 contrib
Signed-By:
 -----BEGIN PGP-----
 .
 key

Types: deb
URIs: http://five.example/security
Suites: bookworm-security
Components: main

Enabled: no
Types: deb
URIs: http://six.example/debian
Suites: bookworm
Components: main
END
cd "$tmp/work"
suite_sources "$tmp/apt" bookworm trixie
cat >"$tmp/list" <<'END'
deb http://one.example/debian trixie main
deb [arch=amd64 signed-by=/k] http://two.example/debian trixie main
deb [ trusted=yes ] http://three.example/snapshot/20250520T000000Z trixie main
END
cat >"$tmp/sources" <<'END'
Types: deb
URIs: http://four.example/debian
Signed-By:
 -----BEGIN PGP-----
 .
 key
Suites: trixie
Components: main

END
diff "$tmp/list" unicorn.list
diff "$tmp/sources" unicorn.sources
if suite_sources "$tmp/none" bookworm trixie || suite_sources "$tmp/apt" sid trixie; then
	echo "sources out of nothing" >&2
	exit 1
fi
echo "sources of the next suite: right"
