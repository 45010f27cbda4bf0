/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sections of the page, and how runs are named in all of them (runs.c).
 * Private to html.c and the sections' files.
 */
#ifndef TOOLS_REPORT_PAGE_H
#define TOOLS_REPORT_PAGE_H

#include "report.h"

#define RUN_LABEL 96

/* "nested 2M"; the vendor's name of it only where both are among the runs. */
void page_run_label(char buf[RUN_LABEL], const struct report *r, const struct result *run);
/* Its colour. */
const char *page_run_class(const struct result *run);
/* Native's cycles over the run's; 0: there is nothing to compare. */
double page_performance(const struct report *r, const struct report_input *in, unsigned run);

/* A heading and an open <section>. */
void page_section(FILE *f, const char *title);
/* Adds those of shadow and of nested paging, both on 4K host pages; -1: not both were run. */
int page_exits(const struct report_input *in, uint64_t *shadow, uint64_t *nested);

void page_performance_section(FILE *f, const struct report *r);
void page_cycles_section(FILE *f, const struct report *r);
void page_exits_section(FILE *f, const struct report *r);
void page_walks_section(FILE *f, const struct report *r);
void page_tlb_section(FILE *f, const struct report *r);
void page_memory_section(FILE *f, const struct report *r);
/* Nothing where it was not asked for. */
void page_sweep_section(FILE *f, const struct report *r);
void page_sensitivity_section(FILE *f, const struct report *r);
void page_numbers_section(FILE *f, const struct report *r);

#endif
