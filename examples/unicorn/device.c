/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The devices of a PC that a small kernel needs: COM1's output, the exit port, two 8259s, channel
 * 0 of an 8254, the size of memory in fw_cfg, and registers of xAPIC and IOAPIC that only store
 * values.  Time advances with the blocks of code that the guest executes, so a run can be repeated
 * exactly.
 * Not here: any other device.  Its ports read as ones, as on an empty bus.
 * Invariant: an interrupt stays pending until it is acknowledged or masked.
 */
#include "run.h"

#include <stdlib.h>
#include <string.h>

#define COM1 0x3f8u
#define BLOCKS_PER_TICK 64u /* of the timer's 1.193182 MHz */

struct pic {
	uint8_t mask, request, service, base, step, read_service;
	int auto_eoi;
};

struct device {
	FILE *serial;
	struct pic pic[2];
	uint8_t serial_reg[8];
	uint16_t pit_latch;  /* what a latch command froze */
	uint32_t pit_reload; /* 0: not programmed */
	uint8_t pit_control, pit_byte, pit_latched, pit_low;
	uint64_t now, next; /* in blocks of code; next: when the timer fires, 0: never */
	uint16_t fw_key;
	uint32_t fw_at;
	uint32_t apic[0x400], ioapic[0x40], io_select;
};

int device_open(struct run *r, FILE *serial)
{
	struct device *d = calloc(1, sizeof(*d));

	r->device = d;
	if (!d)
		return -1;
	d->serial = serial;
	d->pic[0].mask = d->pic[1].mask = 0xff;
	d->pic[0].base = 8;
	d->pic[1].base = 0x70;
	d->apic[0x30 / 4] = 0x00050014; /* version */
	d->apic[0xf0 / 4] = 0xff;
	d->ioapic[1] = 0x00170011;
	return 0;
}

void device_close(struct run *r)
{
	if (r->device)
		fflush(r->device->serial);
	free(r->device);
	r->device = NULL;
}

/* ---- interrupts ------------------------------------------------------------------------------ */

/* The pending line with the highest priority that no line in service blocks, or -1. */
static int pic_line(const struct pic *p)
{
	for (int line = 0; line < 8; line++) {
		if (p->service >> line & 1)
			return -1;
		if ((p->request & ~p->mask) >> line & 1)
			return line;
	}
	return -1;
}

int device_irq(struct run *r)
{
	const struct pic *p = r->device->pic;
	int line = pic_line(p);

	return line < 0 ? -1 : p[0].base + line;
}

void device_ack(struct run *r)
{
	struct pic *p = &r->device->pic[0];
	int line = pic_line(p);

	if (line < 0)
		return;
	p->request &= (uint8_t) ~(1u << line);
	if (!p->auto_eoi)
		p->service |= (uint8_t)(1u << line);
}

static void pic_command(struct pic *p, uint32_t value)
{
	if (value & 0x10) { /* ICW1 */
		p->step = 1;
		p->mask = p->service = p->request = 0;
		p->auto_eoi = 0;
	} else if (value & 8) { /* OCW3 */
		if (value & 2)
			p->read_service = value & 1;
	} else if (value & 0x20) { /* OCW2: EOI */
		if (value & 0x40)
			p->service &= (uint8_t) ~(1u << (value & 7));
		else
			p->service &= (uint8_t)(p->service - 1);
	}
}

static void pic_data(struct pic *p, uint32_t value)
{
	switch (p->step) {
	case 1: /* ICW2 */
		p->base = (uint8_t)(value & 0xf8);
		p->step = 2;
		break;
	case 2: /* ICW3: there is always a second one */
		p->step = 3;
		break;
	case 3: /* ICW4 */
		p->auto_eoi = (value & 2) != 0;
		p->step = 0;
		break;
	default:
		p->mask = (uint8_t)value;
	}
}

/* ---- the timer ---- */

static uint64_t pit_period(const struct device *d)
{
	return (uint64_t)(d->pit_reload ? d->pit_reload : 0x10000) * BLOCKS_PER_TICK;
}

static int pit_repeats(const struct device *d)
{
	return (d->pit_control >> 1 & 3) >= 2; /* modes 2 and 3 */
}

/* Fires the timer up to d->now.  1: an interrupt is pending. */
static int catch_up(struct run *r)
{
	struct device *d = r->device;

	while (d->next && d->now >= d->next) {
		d->pic[0].request |= 1;
		d->next = pit_repeats(d) ? d->next + pit_period(d) : 0;
	}
	return pic_line(&d->pic[0]) >= 0;
}

int device_tick(struct run *r)
{
	r->device->now++;
	return catch_up(r);
}

int device_wait(struct run *r)
{
	struct device *d = r->device;

	if (pic_line(&d->pic[0]) >= 0)
		return 1;
	if (!d->next || (d->pic[0].mask & 1))
		return 0;
	d->now = d->next;
	return catch_up(r);
}

static void pit_start(struct run *r, uint32_t reload)
{
	struct device *d = r->device;

	d->pit_reload = reload;
	d->next = d->now + pit_period(d);
	if (r->ticking == TICKS_OFF) {
		r->ticking = TICKS_WANTED;
		uc_emu_stop(r->uc);
	}
}

static void pit_write(struct run *r, uint32_t value)
{
	struct device *d = r->device;
	unsigned access = d->pit_control >> 4 & 3;

	value &= 0xff;
	if (access == 1) {
		pit_start(r, value);
	} else if (access == 2) {
		pit_start(r, value << 8);
	} else if (!d->pit_byte) {
		d->pit_low = (uint8_t)value;
		d->pit_byte = 1;
	} else {
		d->pit_byte = 0;
		pit_start(r, value << 8 | d->pit_low);
	}
}

static uint32_t pit_read(struct device *d)
{
	uint64_t left = d->next > d->now ? (d->next - d->now) / BLOCKS_PER_TICK : 0;
	uint32_t count = d->pit_latched ? d->pit_latch : (uint32_t)left & 0xffff;

	d->pit_byte ^= 1;
	if (d->pit_byte)
		return count & 0xff;
	d->pit_latched = 0;
	return count >> 8;
}

static void pit_command(struct run *r, uint32_t value)
{
	struct device *d = r->device;

	if (value >> 6)
		return; /* the other channels are not connected */
	d->pit_byte = 0;
	if (value >> 4 & 3) {
		d->pit_control = (uint8_t)value;
		d->next = 0;
	} else {
		d->pit_latched = 1;
		d->pit_latch =
			(uint16_t)(d->next > d->now ? (d->next - d->now) / BLOCKS_PER_TICK : 0);
	}
}

/* ---- ports ---- */

static uint32_t serial_read(struct device *d, uint32_t reg)
{
	if (reg == 5)
		return 0x60; /* the transmitter is empty */
	if (reg == 2)
		return 1; /* no interrupt */
	return reg == 0 ? 0 : d->serial_reg[reg];
}

static void serial_write(struct device *d, uint32_t reg, uint32_t value)
{
	if (reg == 0 && !(d->serial_reg[3] & 0x80)) /* with DLAB this is the divisor */
		fputc((int)(value & 0xff), d->serial);
	else
		d->serial_reg[reg] = (uint8_t)value;
}

/* Has signature, size of RAM and number of CPUs.  All other keys are empty. */
static uint32_t fw_read(struct run *r)
{
	struct device *d = r->device;
	uint64_t value = 0;

	switch (d->fw_key) {
	case 0:
		value = 'Q' | 'E' << 8 | 'M' << 16 | (uint64_t)'U' << 24;
		break;
	case 3:
		value = r->ram.bytes;
		break;
	case 5:
	case 15:
		value = 1;
		break;
	}
	return d->fw_at < 8 ? (uint32_t)(value >> 8 * d->fw_at++) & 0xff : 0;
}

uint32_t device_in(struct run *r, uint32_t port, unsigned n)
{
	struct device *d = r->device;
	uint32_t ones = n == 1 ? 0xff : n == 2 ? 0xffff : 0xffffffff;
	const struct pic *p = &d->pic[port >= 0xa0];

	if (port >= COM1 && port < COM1 + 8)
		return serial_read(d, port - COM1);
	switch (port) {
	case 0x20:
	case 0xa0:
		return p->read_service ? p->service : p->request;
	case 0x21:
	case 0xa1:
		return p->mask;
	case 0x40:
		return pit_read(d);
	case 0x61:
		return 0x20;
	case 0x511:
		return fw_read(r);
	default:
		return ones;
	}
}

void device_out(struct run *r, uint32_t port, unsigned n, uint32_t value)
{
	struct device *d = r->device;

	(void)n;
	if (port >= COM1 && port < COM1 + 8) {
		serial_write(d, port - COM1, value);
		return;
	}
	switch (port) {
	case 0x20:
	case 0xa0:
		pic_command(&d->pic[port == 0xa0], value);
		break;
	case 0x21:
	case 0xa1:
		pic_data(&d->pic[port == 0xa1], value);
		break;
	case 0x40:
		pit_write(r, value);
		break;
	case 0x43:
		pit_command(r, value);
		break;
	case 0xf4:
		r->exit_status = (value << 1 | 1) & 0xff;
		run_end(r, END_EXIT, "exit port: 0x%x", value);
		break;
	case 0x510:
		d->fw_key = (uint16_t)value;
		d->fw_at = 0;
		break;
	}
}

/* ---- memory-mapped registers ---- */

static uint32_t *memory_register(struct device *d, uint64_t gpa)
{
	if (gpa >> 12 == 0xfee00 && (gpa & 0xfff) < sizeof(d->apic))
		return &d->apic[(gpa & 0xfff) / 4];
	if (gpa == 0xfec00000)
		return &d->io_select;
	if (gpa == 0xfec00010)
		return &d->ioapic[d->io_select & 0x3f];
	return NULL;
}

uint64_t device_read(struct run *r, uint64_t gpa, unsigned n)
{
	const uint32_t *reg = memory_register(r->device, gpa & ~3ull);

	if (reg)
		return *reg >> 8 * (gpa & 3);
	return n == 8 ? ~0ull : (1ull << 8 * n) - 1;
}

void device_write(struct run *r, uint64_t gpa, unsigned n, uint64_t value)
{
	uint32_t *reg = memory_register(r->device, gpa);

	if (reg && n == 4)
		*reg = (uint32_t)value;
}
