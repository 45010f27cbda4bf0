#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""docs/published.md: what was published about shadow and nested paging, beside what the model says.

usage: published.py VMMU DATA-FOLDER [--only NUMBER]
Every figure of ours is from runs of `vmmu compare --profile` that this script makes.  Nothing is
fitted: a figure that lies elsewhere stays as it is, with the one switch that moves it.
"""
import json
import os
import subprocess
import sys

RECORDED = ["kernbench", "fork_exit", "fork_sh", "ctx_16p_64k"]
MODELLED = {
    "build": "workload:build",
    "chase 64M": "workload:chase,size=64M,n=300000",
    "random 256M": "workload:random,size=256M,n=300000",
}
MICRO = ["fork_exit", "mmap_4m", "pf_anon", "ctx_16p_16k", "protfault"]
NATIVE, SHADOW, NESTED_4K, NESTED_2M, NESTED_1G = range(5)
ONE_DIMENSION = ["entries.nested=0", "nested_tlb.entries=0"]
NO_NESTED_TLB = ["nested_tlb.entries=0"]
SMALL_TLB = ["tlb.l2d.entries=128", "tlb.l2i.entries=128"]
STRATEGIES = "vtlb,trap,no-unsync,no-flood,no-prefetch,all"


class Runs:
    """Runs of the command, each made once."""

    def __init__(self, vmmu, folder):
        self.vmmu, self.folder, self.made = vmmu, folder, {}

    def path(self, name):
        if name in MODELLED:
            return MODELLED[name]
        if name.startswith("workload:"):
            return name
        return os.path.join(self.folder, name + ".vmt.zst")

    def get(self, name, profile="phenom", sets=(), extra=()):
        """The runs of one input.  Of a modelled workload every access is recorded, so the
        data caches see them all."""
        path = self.path(name)
        sets = list(sets) + (["data.accesses=yes"] if path.startswith("workload:") else [])
        key = (path, profile, tuple(sets), tuple(extra))
        if key not in self.made:
            options = [word for item in sets for word in ("--set", item)]
            command = [self.vmmu, "compare", "--profile", profile, "--json", "-", *options, *extra,
                       path]
            text = subprocess.run(command, check=True, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL).stdout
            runs = json.loads(text)["inputs"][0]["runs"]
            if any(run["mismatches"] for run in runs):
                sys.exit(f"{path}: mismatches")
            self.made[key] = runs
        return self.made[key]


def cycles(run):
    return run["cycles"]["total"]


def gain(before, after):
    """How much more the guest does in the same time, in percent."""
    return 100 * (cycles(before) / cycles(after) - 1)


def performance(runs, which):
    return 100 * cycles(runs[NATIVE]) / cycles(runs[which])


def cells(run):
    """(g, n) -> references, found near, cycles."""
    return {(g, n): cell for g, row in enumerate(run["silicon"]["cells"])
            for n, cell in enumerate(row) if cell[0]}


def name_of(cell):
    guest = f"gL{cell[0]}" if cell[0] else "gPA"
    return f"nL{cell[1]} of {guest}" if cell[1] else guest


def span(values):
    low, high = min(values), max(values)
    return f"{low:.0f} %" if round(low) == round(high) else f"{low:.0f} to {high:.0f} %"


def each(figures, unit=" %"):
    return ", ".join(f"{name} {value:.1f}{unit}" for name, value in figures.items())


# ---- one function for each row: what the model says, under which configuration, why -----------


def walk_lengths(r):
    runs = r.get("fork_exit", sets=["entries.entries=0", "nested_tlb.entries=0"])
    grid = cells(runs[NESTED_4K])
    return (f"{len(grid)} different references in a walk of 4x4 levels, {len(cells(runs[NATIVE]))} "
            f"in one of 4; on average {runs[NESTED_4K]['walk_refs'] / runs[NESTED_4K]['walks']:.1f}, "
            "for the kernel's 2M pages have a level less, and walks that fail end early",
            "phenom, no page-walk cache and no nested TLB, fork_exit",
            "n tables each need m references to be found, and one to be read, and the final "
            "address needs m: n*m + n + m. The slide's formula has 1 where n entries are read.")


def misses_by_reference(r):
    lines = []
    for name in RECORDED + list(MODELLED):
        run = r.get(name, sets=NO_NESTED_TLB)[NESTED_4K]
        misses = sorted(((c[0] - c[1], k) for k, c in cells(run).items()), reverse=True)
        total = sum(m for m, _ in misses) or 1
        parts = [sum(m for m, _ in misses[a:b]) / total * 100
                 for a, b in ((0, 4), (4, 10), (10, 24))]
        lines.append(f"{name} {parts[0]:.0f}/{parts[1]:.0f}/{parts[2]:.0f}")
    worst = ", ".join(name_of(k) for _, k in misses[:4])
    return ("; ".join(lines), "phenom, no nested TLB, 4K on 4K",
            f"The same shape: last levels have the least reuse (above all {worst}). How steep it "
            "is depends on how far the workload's pages lie apart.")


def level_two_misses(r):
    figures = {}
    for name in RECORDED + list(MODELLED):
        s = r.get(name, sets=NO_NESTED_TLB)[NESTED_4K]["silicon"]
        all_of_them = sum(s["cache_hits"]) + s["memory"]
        figures[name] = 100 * (s["cache_hits"][2] + s["memory"]) / (all_of_them or 1)
    return (each(figures), "phenom, no nested TLB",
            "Recorded traces hold the accesses that miss a small filter, not all: too few of the "
            "guest's own lines to push tables out of the caches. Where all accesses are there "
            "(random 256M), it is near the published figure.")


def nested_tlb_picture(r):
    lines = []
    for name in ("kernbench", "random 256M"):
        run = r.get(name)[NESTED_4K]["silicon"]
        rates = {name_of((g, 0)): 100 * run["nested_hits"][g] / run["nested_looks"][g]
                 for g in (4, 3, 2, 1, 0) if run["nested_looks"][g]}
        lines.append(f"{name}: " + each(rates))
    return ("found in the nested TLB: " + "; ".join(lines), "phenom, 4K on 4K",
            "The slide's picture where pages are far apart: 16 entries hold the upper tables and "
            "few of the last level. A compiler's pages are near each other, and gL1 is found, "
            "too.")


def two_dimensions(r):
    figures = {}
    for name in RECORDED + list(MODELLED):
        figures[name] = gain(r.get(name, sets=ONE_DIMENSION)[NESTED_4K],
                             r.get(name, sets=NO_NESTED_TLB)[NESTED_4K])
    small = gain(r.get("kernbench", sets=ONE_DIMENSION + SMALL_TLB)[NESTED_4K],
                 r.get("kernbench", sets=NO_NESTED_TLB + SMALL_TLB)[NESTED_4K])
    native = r.get("kernbench")[NATIVE]
    rare = native["instructions"] / native["walks"]
    return (each(figures), "phenom, 4K on 4K: entries.nested=0 against 1, no nested TLB",
            f"The gain follows the rate of TLB misses: kernbench here misses once in {rare:,.0f} "
            "instructions. With a second-level TLB of 128 entries instead of 512 it gains "
            f"{small:.0f} %. chase and random do nothing but miss, and gain more than a program.")


def nested_tlb_gain(r):
    figures = {name: gain(r.get(name, sets=NO_NESTED_TLB)[NESTED_4K], r.get(name)[NESTED_4K])
               for name in RECORDED + list(MODELLED)}
    small = gain(r.get("kernbench", sets=NO_NESTED_TLB + SMALL_TLB)[NESTED_4K],
                 r.get("kernbench", sets=SMALL_TLB)[NESTED_4K])
    return (each(figures), "phenom, 4K on 4K: nested_tlb.entries=0 against 16",
            f"As above: with 128 entries in the second-level TLB kernbench gains {small:.1f} %.")


def large_nested_pages(r):
    figures = {name: gain(r.get(name)[NESTED_4K], r.get(name)[NESTED_2M])
               for name in RECORDED + list(MODELLED)}
    drop = cells(r.get("kernbench", sets=NO_NESTED_TLB)[NESTED_2M])
    return (each(figures), "phenom: nested 4K against nested 2M",
            "Fewer references (" + ("no" if not any(n == 1 for _, n in drop) else "a")
            + " nL1 column is left) and larger TLB entries where the guest's pages are large, too. "
            "In the recorded traces also fewer exits: a short trace touches most pages for the "
            "first time.")


def share_of_large_pages(r):
    shares = "0,50,90,100"
    runs = r.get("kernbench", extra=("--host-2m", shares))
    text = ", ".join(f"{s} %: {performance(runs, i + 1):.1f} % of native, "
                     f"{run['backed_bytes'] >> 20} MiB for {run['touched_bytes'] >> 20} MiB used"
                     for i, (s, run) in enumerate(zip(shares.split(","), runs[1:])))
    return (text, "phenom, kernbench, --host-2m " + shares,
            "The last tenth still gains, and costs memory: what 2M pages hold beside the pages "
            "that the guest uses.")


def kernbench_chart(r):
    runs = r.get("kernbench")
    text = ", ".join(f"{name} {performance(runs, which):.1f} %"
                     for name, which in (("shadow", SHADOW), ("nested 4K", NESTED_4K),
                                         ("nested 2M", NESTED_2M), ("nested 1G", NESTED_1G)))
    return (text, "phenom, kernbench (one compiler run of a recorded guest)",
            "The slides' order: shadow behind nested 4K behind nested 2M behind native.")


def exits_avoided(r):
    figures = {}
    for name in RECORDED:
        runs = r.get(name)
        figures[name] = 100 * (1 - runs[NESTED_2M]["exits"]["total"]
                               / runs[SHADOW]["exits"]["total"])
    figures_4k = {name: 100 * (1 - r.get(name)[NESTED_4K]["exits"]["total"]
                               / r.get(name)[SHADOW]["exits"]["total"]) for name in RECORDED}
    return (f"2M: {each(figures)}; 4K: {each(figures_4k)}", "phenom, nested against shadow (all)",
            "Interrupts and I/O, which exit in both, are not in the traces, so the share is of "
            "the MMU's exits alone. On 4K pages, kernbench's exits are first touches of memory.")


def pointer_chase(r):
    lines = []
    for profile in ("nehalem", "phenom"):
        slow = {}
        for size in ("4M", "64M", "512M"):
            runs = r.get(f"workload:chase,size={size},n=200000", profile=profile)
            slow[size] = (100 * (cycles(runs[NESTED_4K]) / cycles(runs[NATIVE]) - 1),
                          100 * (cycles(runs[NESTED_2M]) / cycles(runs[NATIVE]) - 1))
        lines.append(f"{profile}: " + ", ".join(f"{size} {a:.0f} % (2M: {b:.0f} %)"
                                                for size, (a, b) in slow.items()))
    return ("; ".join(lines), "chase, guest 4K, nested 4K and 2M against native",
            "Up to which size the TLBs and page-walk caches reach decides; the lecture does not say "
            "how large its heap was. Beyond the published figure the one switch is the host's page "
            "size: 2M brings the largest heap back.")


def strategies(r):
    spread, nested = {}, {}
    for name in RECORDED + ["mmap_4m"]:
        runs = r.get(name, extra=("--shadow", STRATEGIES))
        full = r.get(name)
        shadows = {run["strategy"]: cycles(run) for run in runs[1:]}
        worst = max(shadows, key=shadows.get)
        best = min([*shadows.values(), *(cycles(run) for run in full[NESTED_4K:NESTED_2M + 1])])
        spread[f"{name} ({worst})"] = shadows[worst] / best
        nested[name] = min(shadows.values()) / cycles(full[NESTED_2M])
    return (f"worst against best: {each(spread, 'x')}; best shadow against nested 2M: "
            f"{each(nested, 'x')}",
            "phenom, shadow as " + STRATEGIES + "; nested 4K and 2M",
            "In brackets what is worst. Processes that come and go punish a pager that traps every "
            "store or keeps nothing; the best shadow stays within the published 3x.")


def shadow_wins(r):
    figures = {name: gain(r.get(name)[NESTED_4K], r.get(name)[SHADOW]) for name in MODELLED}
    return (each(figures), "phenom, shadow against nested 4K",
            "What shadow gains over nested 4K: it wins where tables stand still and the TLB misses, for "
            "its walks have one dimension.")


def choose_each(r):
    names = RECORDED + list(MODELLED)
    ways = {way: sum(cycles(r.get(n)[way]) / cycles(r.get(n)[NATIVE]) for n in names)
            for way in (SHADOW, NESTED_4K)}
    best = sum(min(cycles(r.get(n)[SHADOW]), cycles(r.get(n)[NESTED_4K]))
               / cycles(r.get(n)[NATIVE]) for n in names)
    most = max(max(cycles(r.get(n)[SHADOW]), cycles(r.get(n)[NESTED_4K]))
               / min(cycles(r.get(n)[SHADOW]), cycles(r.get(n)[NESTED_4K])) for n in names)
    return (f"choosing per workload is {100 * (min(ways.values()) / best - 1):.0f} % faster than "
            f"the better of both over all of them, and up to {100 * (most - 1):.0f} % than the "
            "wrong one for one", "phenom, the workloads above, nested 4K and shadow",
            "A choice per workload, not per phase: a lower bound of what switching gains, without "
            "the cost of switching. Agile paging's gain needs switching inside one address space, "
            "which is not modelled.")


def vendors(r):
    lines = []
    for profile in ("nehalem", "phenom"):
        big = {n: gain(r.get(n, profile=profile)[SHADOW], r.get(n, profile=profile)[NESTED_2M])
               for n in ("kernbench", "fork_sh")}
        micro = {n: gain(r.get(n, profile=profile)[SHADOW], r.get(n, profile=profile)[NESTED_2M])
                 for n in MICRO}
        lines.append(f"{profile}: {each(big)}; micro: {each(micro)}")
    return ("; ".join(lines), "nested 2M against shadow (all)",
            "A gap of two and more for what creates processes and maps memory. How wide it is, is the "
            "pager's doing: all techniques are on here, and row 12 has what it is without them.")


def walk_cache_effect(r):
    lines = []
    for name in ("kernbench", "fork_sh", "random 256M"):
        runs = r.get(name, profile="nehalem")
        refs = [run["walk_refs"] / max(run["walks"], 1) for run in (runs[NATIVE], runs[NESTED_4K])]
        lines.append(f"{name} {refs[0]:.1f} native, {refs[1]:.1f} nested")
    return ("; ".join(lines), "nehalem: caches of links in both dimensions",
            "Links by address skip all but the last levels.")


def bookkeeping(r):
    runs = r.get("workload:random,size=256M,n=300000")
    shadow, nested = runs[SHADOW], runs[NESTED_4K]
    pages = (256 << 20) // 4096
    return (f"shadow: {shadow['meta_bytes'] / pages:.1f} bytes for each 4K page mapped, beside "
            f"{shadow['table_bytes'] / pages:.1f} of tables; nested: "
            f"{nested['meta_bytes'] / pages:.1f} beside {nested['table_bytes'] / pages:.1f}",
            "random 256M, touched as a whole",
            "No reverse map under nested paging, as in the TDP MMU; slots and descriptors of "
            "tables are what is left. Ours under shadow paging is larger than KVM's: it keeps each "
            "leaf's GPA, too.")


ROWS = [
    ("EPT lecture", "n*m+n+m references, 24 for 4x4", walk_lengths),
    ("KVM Forum 2008", "of misses of the page-walk cache 70 % come from 4 of the 24 references, "
     "25 % from 6, 5 % from 14", misses_by_reference),
    ("KVM Forum 2008", "1 of 4 misses of the page-walk cache misses the L2 cache, too",
     level_two_misses),
    ("KVM Forum 2008", "the nested TLB has gL4 to gL2; gL1 and the final gPA miss",
     nested_tlb_picture),
    ("Bhargava et al. 2008", "+15 to 38 % by a page-walk cache of both dimensions",
     two_dimensions),
    ("Bhargava et al. 2008", "+3 to 7 % more by the nested TLB", nested_tlb_gain),
    ("Bhargava et al. 2008", "+3 to 22 % by large nested pages", large_nested_pages),
    ("KVM Forum 2008", "\"exclusive use of 2M pages in the hypervisor is difficult\"",
     share_of_large_pages),
    ("KVM Forum 2008", "kernbench: shadow, nested 4K, nested 2M, native, in this order",
     kernbench_chart),
    ("EPT lecture", "EPT avoids 80 % of the exits", exits_avoided),
    ("EPT lecture", "chasing pointers is up to 17 % (Intel) and 39 % (AMD) slower",
     pointer_chase),
    ("Bae et al. 2010", "best against worst approach up to 53x, typically 2x; best shadow against "
     "nested up to 3x", strategies),
    ("Bae et al. 2010", "which approach is best depends on the workload", shadow_wins),
    ("ICPP 2018; Agile Paging 2016", "switching at run time: up to 44 %; over 12 % better than "
     "the better of both", choose_each),
    ("VMware 2009", "EPT up to 48 %, micro 600 % faster than shadow; RVI 42 % and 500 %",
     vendors),
    ("Every Walk's a Hit 2022", "with page-walk caches 1.5 references for a native walk, 4.4 for "
     "a nested one", walk_cache_effect),
    ("Gardon 2019", "rmap 8 bytes for each 4K page, 170 bytes for each page of tables, 0.2 % of "
     "guest memory saved without", bookkeeping),
]

HEAD = """# Published, and ours

What the field measured about shadow and nested paging, and what the model says. This page is made by
`python3 tests/scripts/published.py VMMU tests/data/workloads >docs/published.md`; every figure of ours is of
runs of `vmmu compare --profile` that it makes. The model counts references, exits and flushes of real backends and
multiplies them by the costs of a CPU's profile (`vmmu cpus phenom` lists them, with their sources and what is assumed); none was
chosen to meet a figure here. Recorded workloads (kernbench, fork_exit, fork_sh, ctx_16p_64k ...) are event traces of a
real Linux guest, the others (`vmmu workload`) come from a model of one.

| # | published | what was measured then | what the model says | configuration | why |
| --- | --- | --- | --- | --- | --- |"""

TAIL = """
Not modelled: lock-holder preemption (AMD, Xen Summit 2008: 7 % of guest time on spinlocks) and parallel page faults (Gardon: 98 % of
the time in the MMU lock with 416 vCPUs), because a trace has one vCPU. The direct cost of an exit, 2,000 cycles (SplitX), is not a
result but an input: `cost.exit` of the profiles.
"""


def main():
    runs = Runs(sys.argv[1], sys.argv[2])
    only = int(sys.argv[4]) if sys.argv[3:4] == ["--only"] else None
    print(HEAD)
    for number, (source, then, row) in enumerate(ROWS, 1):
        if only in (None, number):
            ours, configuration, why = row(runs)
            print(f"| {number} | {source} | {then} | {ours} | {configuration} | {why} |", flush=True)
    print(TAIL, end="")


main()
