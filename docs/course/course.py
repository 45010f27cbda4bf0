#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Listings, outputs, figures and exercises of the course, from the programs and live runs.

usage: course.py VMMU PROGRAM... [--write]
A PROGRAM is the built form of the .c file with its name.  Compares, or writes with --write.
What a chapter shows is told by comments: "program FILE", "output PROGRAM", "figure FILE: ARGUMENTS of
vmmu step --svg -", "exercises N".  Links into the playground are tried by the engine, too.
"""
import glob
import os
import re
import shlex
import subprocess
import sys

write = "--write" in sys.argv
vmmu, *programs = [a for a in sys.argv[1:] if a != "--write"]
programs = {os.path.basename(p): os.path.abspath(p) for p in programs}
here = os.path.dirname(os.path.abspath(__file__))
wrong = []


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True,
                          stdin=subprocess.DEVNULL).stdout


def keep(path, text):
    """The file has this text, or is made so."""
    full = os.path.join(here, path)
    old = open(full, encoding="utf-8").read() if os.path.exists(full) else None
    if old == text:
        return
    if write:
        with open(full, "w", encoding="utf-8") as f:
            f.write(text)
    else:
        wrong.append(f"{path} is not what a run makes now")


def listing(match):
    kind, name = match.group(1), match.group(2)
    if kind == "program":
        with open(os.path.join(here, name), encoding="utf-8") as f:
            text = f.read()
        if text.count("\n") > 60:
            wrong.append(f"{name} has more than 60 lines")
        return f"<!-- program {name} -->\n```c\n{text}```"
    return f"<!-- output {name} -->\n```\n{run(programs[name])}```"


def chapter(path):
    with open(path, encoding="utf-8") as f:
        text = f.read()
    text = re.sub(r"<!-- (program|output) (\S+) -->\n```c?\n.*?```", listing, text, flags=re.S)
    for n in re.findall(r"<!-- exercises (\d+) -->", text):
        asked = run(vmmu, "course", "exercises", n)
        text = re.sub(r"(<!-- exercises \d+ -->\n).*?(<!-- end -->)",
                      lambda m: m.group(1) + asked + m.group(2), text, flags=re.S)
    keep(os.path.basename(path), text)
    for name, arguments in re.findall(r"<!-- figure (\S+): (.*?) -->", text):
        keep(name, run(vmmu, "step", "--svg", "-", *shlex.split(arguments)))
    links = re.findall(r"playground\.html#c=([^&)]*)", text)
    for link in links:
        first, *rest = [c.replace("+", " ") for c in link.split(";")]
        run(vmmu, "step", "--plain", "--preset", first.split()[1], *rest)
    if not links:
        wrong.append(f"{path} has no link into the playground")


chapters = sorted(glob.glob(os.path.join(here, "[0-9]*.md")))
for path in chapters:
    chapter(path)
if len(chapters) != 10:
    wrong.append(f"{len(chapters)} chapters")
for line in wrong:
    print(line, file=sys.stderr)
if not wrong:
    print(f"{len(chapters)} chapters, {len(programs)} programs")
sys.exit(1 if wrong else 0)
