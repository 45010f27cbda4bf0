/* SPDX-License-Identifier: BSD-2-Clause */
/* The output of a kernel: the first serial port, and the debug exit. */
#include "guest.h"

#define COM1 0x3f8
#define LINE_STATUS (COM1 + 5)
#define CAN_SEND 0x20
#define DEBUG_EXIT 0xf4

void put(char c)
{
	while (!(in8(LINE_STATUS) & CAN_SEND))
		;
	out8(COM1, (uint8_t)c);
}

void finish(unsigned status)
{
	out8(DEBUG_EXIT, (uint8_t)status);
	for (;;)
		__asm__ volatile("cli; hlt");
}
