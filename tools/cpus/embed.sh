#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The CPU profiles as C, so that the command has them wherever it is.
# usage: embed.sh OUT.c FILE.cpu...
set -eu
out=$1
shift
{
	echo '#include "model/builtin.h"'
	for file; do
		echo "static const unsigned char $(basename "$file" .cpu | tr - _)[] = {"
		od -An -v -tu1 "$file" | sed 's/\([0-9]\)\( \|$\)/\1,\2/g'
		echo '};'
	done
	echo 'const struct cpu_builtin cpu_builtin[] = {'
	for file; do
		name=$(basename "$file" .cpu)
		id=$(echo "$name" | tr - _)
		echo "	{ \"$name\", $id, sizeof($id) },"
	done
	echo '	{ 0, 0, 0 },'
	echo '};'
} >"$out"
