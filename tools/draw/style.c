/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Colours and fonts of all pictures, as CSS.
 * Classes k0 to k6 are fills for runs, p0 to p6 for parts of cycles; near, far, mixed, skip, none
 * and stop are for a walk's references, by where they were found.
 * Invariant: text has a contrast of at least 4.5 to its ground, in both colour schemes.
 */
#include "svg.h"

static const char light[] =
	"--bg:#fff;--fg:#1f2328;--dim:#57606a;--rule:#d0d7de;--soft:#f6f8fa;--bad:#cf222e;"
	"--k0:#7d8590;--k1:#d96a0b;--k2:#2563c9;--k3:#0f8a7e;--k4:#8250df;--k5:#a87900;--k6:#"
	"c2255c;"
	"--p0:#9aa3ad;--p1:#54aeff;--p2:#2da44e;--p3:#2563c9;--p4:#d4a72c;--p5:#cf222e;--p6:#"
	"f0883e;"
	"--near:#c8f0d2;--far:#ffd0b8;--mixed:#fff1b0;--skip:#eef1f4;--stop:#ffc9cc";

static const char dark[] =
	"--bg:#0d1117;--fg:#e6edf3;--dim:#9da7b3;--rule:#30363d;--soft:#161b22;--bad:#ff7b72;"
	"--k0:#8b949e;--k1:#f0883e;--k2:#58a6ff;--k3:#3fc1b0;--k4:#b392f0;--k5:#d4a72c;--k6:#"
	"f778ba;"
	"--p0:#6e7681;--p1:#a5d6ff;--p2:#3fb950;--p3:#388bfd;--p4:#e3b341;--p5:#ff6b63;--p6:#"
	"f0883e;"
	"--near:#12401f;--far:#6b2e12;--mixed:#4f4008;--skip:#1c2128;--stop:#6e1f26";

static const char rules[] =
	"text{font:12px system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;"
	"fill:var(--fg)}\n"
	"text.m{text-anchor:middle}text.e{text-anchor:end}text.dim{fill:var(--dim)}\n"
	"text.small{font-size:10.5px}text.big{font-size:15px;font-weight:600}text.b{font-weight:"
	"600}\n"
	"text.mono{font-family:ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;"
	"font-size:10px}\n"
	"text.bad{fill:var(--bad);font-weight:600}\n"
	"path{fill:none;stroke:var(--dim);stroke-width:1}path.rule{stroke:var(--rule)}\n"
	"path.thick{stroke-width:2}path.bad{stroke:var(--bad);stroke-width:2}\n"
	".clear{fill:none}.ground{fill:var(--bg)}\n"
	".near{fill:var(--near)}.far{fill:var(--far)}.mixed{fill:var(--mixed)}.skip{fill:var(--"
	"skip)}\n"
	".stop{fill:var(--stop);stroke:var(--bad);stroke-width:2}\n"
	".none{fill:none;stroke:var(--rule);stroke-dasharray:3 3}\n"
	".near,.far,.mixed,.skip{stroke:var(--rule)}\n";

static void series(FILE *f, char letter)
{
	for (int i = 0; i < 7; i++)
		fprintf(f,
			".%c%d{fill:var(--%c%d)}path.%c%d{fill:none;stroke:var(--%c%d);"
			"stroke-width:2}\n",
			letter, i, letter, i, letter, i, letter, i);
}

void svg_style(FILE *f)
{
	fprintf(f, ":root{color-scheme:light dark;%s}\n", light);
	fprintf(f, "@media screen and (prefers-color-scheme:dark){:root{%s}}\n", dark);
	fputs(rules, f);
	series(f, 'k');
	series(f, 'p');
}
