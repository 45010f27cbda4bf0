#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Runs an example and compares what it prints with what the file says it prints.
"$1" | diff -u "$2" -
