/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The door of machine/: virtual machines that inputs run on.
 *
 * vm.h        a VM with one vCPU on a backend chosen by name
 * strategy.h  techniques of shadow paging by name
 * state.h     a guest at one moment, and machines made from it
 */
#ifndef TOOLS_MACHINE_MACHINE_H
#define TOOLS_MACHINE_MACHINE_H

#include "state.h"
#include "strategy.h"
#include "vm.h"

#endif
