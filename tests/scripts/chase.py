#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""docs/chase.md: cycles of one load of a pointer chase, by heap, guest pages and host pages.

usage: chase.py VMMU [PROFILE]
"""
import json
import subprocess
import sys

SIZES = ["1M", "4M", "16M", "64M", "256M", "1G", "4G"]
LOADS = 100000
COLUMNS = ["native", "nested 4K", "nested 2M", "nested 1G"]


def cycles(vmmu, profile, size, page):
    """Of one load, on each of COLUMNS; None where the heap has no whole page of that size."""
    name = f"workload:chase,size={size},page={page},n={LOADS}"
    done = subprocess.run([vmmu, "compare", "--profile", profile, "--set", "data.accesses=yes",
                           "--json", "-", name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if done.returncode:
        return None
    runs = json.loads(done.stdout)["inputs"][0]["runs"]
    if any(run["mismatches"] for run in runs):
        sys.exit(f"{name}: mismatches")
    return [run["cycles"]["total"] / LOADS for run in (runs[0], *runs[2:])]


def main():
    vmmu, profile = sys.argv[1], (sys.argv[2:] or ["phenom"])[0]
    print(f"""# A pointer chase

Cycles of one load that depends on the one before, in a heap of this size, on `{profile}`. Made by
`python3 tests/scripts/chase.py VMMU {profile} >docs/chase.md`: each row is a run of
`vmmu compare --profile {profile} --set data.accesses=yes workload:chase,size=SIZE,page=PAGE,n={LOADS}`.

| guest pages | heap | """ + " | ".join(COLUMNS) + """ |
| --- | --- | ---: | ---: | ---: | ---: |""")
    for page in ("4K", "2M", "1G"):
        for size in SIZES:
            row = cycles(vmmu, profile, size, page)
            if row:
                print(f"| {page} | {size} | " + " | ".join(f"{c:.0f}" for c in row) + " |",
                      flush=True)
    print("""
A step in a column is where something ends: the data caches first, then what the TLBs reach with
pages of this size, then the tables' own place in the page-walk and data caches. In two dimensions
the smaller of both pages decides how far the TLBs reach.""")


main()
