/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The door of input/: readers of all that the command reads.
 *
 * stream.h   bytes and lines of a file, of standard input or of a program's making, unpacked
 * core.h     memory dumps
 * sidecar.h  the JSON beside a dump
 * golden.h   what QEMU's monitor answered
 * trace.h    event traces (VMTRACE1)
 * regs.h     registers of which only some are known
 * tcg.h      what QEMU's emulator leaves in captures and no CPU would
 */
#ifndef TOOLS_INPUT_INPUT_H
#define TOOLS_INPUT_INPUT_H

#include "core.h"
#include "golden.h"
#include "regs.h"
#include "sidecar.h"
#include "stream.h"
#include "tcg.h"
#include "trace.h"

#endif
