#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Gets the zstd decoder fzstd (MIT) from npm, for the page; nothing where it cannot be had.
# usage: fetch.sh FOLDER
set -eu
mkdir -p "$1"
cd "$1"
[ -s fzstd.js ] || {
	rm -rf package fzstd-*.tgz
	npm pack --silent fzstd@0.1.1 >/dev/null 2>&1 && tar xzf fzstd-0.1.1.tgz &&
		grep -q 'MIT License' package/LICENSE &&
		{ echo "fzstd 0.1.1, the zstd decoder:"; cat package/LICENSE; } >LICENSE &&
		cp package/umd/index.js fzstd.js || echo "fzstd cannot be had from npm" >&2
	rm -rf package fzstd-*.tgz
}

