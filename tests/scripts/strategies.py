#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""docs/comparing.md's tables of shadow strategies, from the command's own numbers.

usage: strategies.py VMMU DATA-FOLDER
Exits for each operation, and of these the trapped stores beside the trace's own count of stores.
"""
import json
import os
import subprocess
import sys

WORKLOADS = ["kernbench", "fork_exit", "fork_exec", "fork_sh", "pf_anon", "mmap_4m", "ctx_16p_16k"]
STRATEGIES = ["vtlb", "trap", "all", "no-unsync", "no-flood", "no-prefetch", "no-update"]


def figure(number):
    if number >= 100:
        return f"{number:,.0f}"
    return f"{number:.2f}" if number else "0"


def row(cells):
    print("| " + " | ".join(cells) + " |")


def head(cells):
    row(cells)
    row(["---"] * len(cells))


def runs_of(vmmu, trace):
    text = subprocess.run(
        [vmmu, "compare", "--shadow", ",".join(STRATEGIES), "--json", "-", trace],
        check=True, stdout=subprocess.PIPE).stdout
    runs = json.loads(text)["inputs"][0]["runs"]
    if any(run["mismatches"] for run in runs):
        sys.exit(f"{trace}: mismatches")
    return {run["strategy"]: run["exits"] for run in runs if "strategy" in run}


def main():
    vmmu, data = sys.argv[1:]
    exits, traps = [], []
    for name in WORKLOADS:
        base = os.path.join(data, "workloads", name)
        with open(base + ".json", encoding="ascii") as f:
            side = json.load(f)
        ops, runs = side["ops"], runs_of(vmmu, base + ".vmt.zst")
        live = side["ptw"] - side["ptw_preload"]
        exits.append([name] + [figure(runs[s]["total"] / ops) for s in STRATEGIES])
        traps.append([name, figure(side["ptw"] / ops), figure(live / ops)] +
                     [figure(runs[s]["pt_write"] / ops) for s in STRATEGIES])
    head(["exits per operation"] + STRATEGIES)
    for cells in exits:
        row(cells)
    print()
    head(["trapped stores per operation", "stores", "live"] + STRATEGIES)
    for cells in traps:
        row(cells)


if __name__ == "__main__":
    main()
