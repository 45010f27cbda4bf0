/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ends the programs of the headers that compile alone, in C and in C++.
 * Not here: the headers; there is one file for each, made of alone.c.in.
 * Keeps: a header that is not in the list below is not installed.
 */
int alone_backend(void), alone_event(void), alone_explain(void), alone_hw(void);
int alone_nested(void), alone_shadow(void), alone_trace(void), alone_vmmu(void);

int main(void)
{
	return alone_backend() || alone_event() || alone_explain() || alone_hw() ||
	       alone_nested() || alone_shadow() || alone_trace() || alone_vmmu();
}
