/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sections of the page, and how runs are named in all of them (runs.c).
 * Private to html.c and the sections' files.
 */
#ifndef TOOLS_REPORT_PAGE_H
#define TOOLS_REPORT_PAGE_H

#include "report.h"

#define RUN_LABEL 96

/* Writes a run's name, as in "nested 2M".  It says NPT or EPT only if both are among the runs. */
void page_run_label(char buf[RUN_LABEL], const struct report *r, const struct result *run);
/* Returns the class with the run's colour. */
const char *page_run_class(const struct result *run);
/* Returns native's cycles divided by the run's; 0 if there is nothing to compare. */
double page_performance(const struct report *r, const struct report_input *in, unsigned run);

/* Begins a <section> with a heading. */
void page_section(FILE *f, const char *title);
/*
 * Adds the exits of shadow and of nested paging on 4K host pages.  Returns -1 if not both of them
 * ran.
 */
int page_exits(const struct report_input *in, uint64_t *shadow, uint64_t *nested);

void page_performance_section(FILE *f, const struct report *r);
void page_cycles_section(FILE *f, const struct report *r);
void page_exits_section(FILE *f, const struct report *r);
void page_walks_section(FILE *f, const struct report *r);
void page_tlb_section(FILE *f, const struct report *r);
void page_memory_section(FILE *f, const struct report *r);
/* These write nothing if the user did not ask for them. */
void page_sweep_section(FILE *f, const struct report *r);
void page_sensitivity_section(FILE *f, const struct report *r);
void page_numbers_section(FILE *f, const struct report *r);

#endif
