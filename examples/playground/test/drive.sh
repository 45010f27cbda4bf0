#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The page in a real browser; skipped where there is none, or no npm to get what drives it.
# usage: drive.sh PAGE.html PLAYGROUND DATA-FOLDER MODULES-FOLDER
set -eu
skip() { echo "skipped: $*"; exit 77; }
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) ||
	skip "no Chromium was found"
command -v node >/dev/null || skip "node was not found"
command -v zstd >/dev/null || skip "zstd was not found"
if [ ! -d "$4/node_modules/axe-core" ] || [ ! -d "$4/node_modules/playwright-core" ]; then
	command -v npm >/dev/null || skip "npm was not found"
	mkdir -p "$4"
	npm install --silent --no-audit --no-fund --prefix "$4" playwright-core@1.65.1 axe-core@4.14.1 \
		>/dev/null 2>&1 || skip "npm cannot be reached: playwright-core and axe-core are wanted"
fi
exec node "$(dirname "$0")/drive.mjs" "$1" "$2" "$browser" "$3" "$4"
