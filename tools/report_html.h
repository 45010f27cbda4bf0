/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The report as a page: everything in one file, pictures, style and numbers.
 * Counts nothing; nothing in it comes from anywhere but the report.
 * Invariant: the page is well-formed XML and names no other file or host.
 */
#ifndef TOOLS_REPORT_HTML_H
#define TOOLS_REPORT_HTML_H

#include "report.h"

/* To a file, or to standard output for "-".  -1: *err. */
int report_html(const struct report *r, const char *path, struct err *err);

#endif
