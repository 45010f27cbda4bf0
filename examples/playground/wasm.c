/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the page's script calls: one engine, and a buffer to hand text and files over in.
 */
#include <stdlib.h>

#include "world.h"

#define EXPORT(name) __attribute__((export_name(name), visibility("default")))

static struct play *play;
static char *buffer;

/* Room for so many bytes, until the next call; NULL: there is none. */
EXPORT("room") char *wasm_room(size_t bytes);
EXPORT("command") const char *wasm_command(void);
EXPORT("attempt") int wasm_attempt(void);
EXPORT("core") const char *wasm_core(size_t bytes);
EXPORT("number") double wasm_number(void);

static int is_ready(void)
{
	if (!play)
		play = play_new();
	return play && buffer;
}

char *wasm_room(size_t bytes)
{
	free(buffer);
	buffer = bytes < SIZE_MAX ? malloc(bytes + 1) : NULL;
	if (buffer)
		buffer[bytes] = 0;
	return buffer;
}

/* The buffer holds a command. */
const char *wasm_command(void)
{
	return is_ready() ? play_do(play, buffer) : NULL;
}

/* The same without an answer: 0 if it was done. */
int wasm_attempt(void)
{
	return is_ready() ? play_attempt(play, buffer) : -1;
}

/* The buffer holds a core. */
const char *wasm_core(size_t bytes)
{
	return is_ready() ? play_core(play, buffer, bytes) : NULL;
}

/* The buffer holds the name of a number. */
double wasm_number(void)
{
	return is_ready() ? (double)play_number(play, buffer) : -1;
}
