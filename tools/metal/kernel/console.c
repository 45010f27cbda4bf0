/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Output and the end: the first serial port, or VGA text where there is none; the debug exit, or
 * a halt.
 */
#include <stdarg.h>
#include <stdio.h>

#include "kernel.h"

#define COM1 0x3f8
#define LINE_STATUS (COM1 + 5)
#define CAN_SEND 0x20
#define SCRATCH (COM1 + 7)
#define DEBUG_EXIT 0xf4
#define VGA 0xb8000
#define COLUMNS 80u
#define ROWS 25u

static bool has_serial;
static unsigned at;

void console_setup(void)
{
	out8(COM1 + 1, 0);    /* no interrupts */
	out8(COM1 + 3, 0x80); /* the divisor: 115,200 baud */
	out8(COM1, 1);
	out8(COM1 + 1, 0);
	out8(COM1 + 3, 3); /* 8 bits */
	out8(COM1 + 2, 7); /* FIFO */
	/* An empty bus reads as ones, a port that can send for ever is no port either. */
	has_serial = in8(LINE_STATUS) != 0xff;
}

static void put_vga(char c)
{
	volatile uint16_t *screen = phys_pointer(VGA);
	unsigned i;

	if (c == '\n')
		at += COLUMNS - at % COLUMNS;
	else
		screen[at++] = (uint16_t)(0x700 | (uint8_t)c);
	if (at < COLUMNS * ROWS)
		return;
	for (i = 0; i < COLUMNS * ROWS; i++)
		screen[i] = i < COLUMNS * (ROWS - 1) ? screen[i + COLUMNS] : 0x720;
	at -= COLUMNS;
}

static void put(char c)
{
	if (!has_serial) {
		put_vga(c);
		return;
	}
	while (!(in8(LINE_STATUS) & CAN_SEND))
		;
	out8(COM1, (uint8_t)c);
}

void print(const char *fmt, ...)
{
	static char line[1024];
	va_list ap;
	char *p;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	for (p = line; *p; p++)
		put(*p);
}

void finish(unsigned status)
{
	out8(DEBUG_EXIT, (uint8_t)status);
	for (;;)
		__asm__ volatile("cli; hlt");
}

void panic(const char *fmt, ...)
{
	static char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	print("end status=panic\npanic: %s\n", text);
	finish(METAL_PANIC);
}
