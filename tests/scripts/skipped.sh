#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# skipped.sh REASON: a test that this build cannot do; the log says why.
echo "skipped: $1"
exit 77
