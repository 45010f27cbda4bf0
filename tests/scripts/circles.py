#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""No circles: files of a folder do not call each other in circles, nor do folders.

usage: circles.py SOURCE-ROOT BUILD-ROOT TOP...

A TOP is a folder of the source, as in `tools`, with the folders in it.  Who calls whom is read from
the object files with nm: a file depends on the file that defines a symbol which it uses, be it a
function or data.  Headers of a folder do not include each other in circles either.
"""
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.M)


def symbols(objects):
    """Of object files: (file, kind, name) of each symbol, by one nm for many."""
    for i in range(0, len(objects), 100):
        out = subprocess.run(["nm", "-A", *objects[i:i + 100]], capture_output=True, text=True,
                             check=True).stdout
        for line in out.splitlines():
            obj, rest = line.split(":", 1)
            kind, name = rest.split()[-2:]
            yield obj, kind, name


def calls(objects):
    """objects: (source file, object file).  {source file: {source file: symbol}}"""
    source_of = {obj: source for source, obj in objects}
    owner, wanted = {}, {source: set() for source, _ in objects}
    for obj, kind, name in symbols(sorted(source_of)):
        if kind == "U":
            wanted[source_of[obj]].add(name)
        elif kind in "TDBRCVW":
            owner.setdefault(name, source_of[obj])
    graph = {}
    for source, wants in wanted.items():
        to = graph.setdefault(source, {})
        for name in sorted(wants):
            if owner.get(name, source) != source:
                to.setdefault(owner[name], name)
    return graph


def circles(graph):
    """Sets of nodes that reach each other (Tarjan's strongly connected components)."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for to in graph.get(node, {}):
            if to not in index:
                visit(to)
                low[node] = min(low[node], low[to])
            elif to in stack:
                low[node] = min(low[node], index[to])
        if low[node] == index[node]:
            at = stack.index(node)
            if len(stack) - at > 1 or node in graph.get(node, {}):
                found.append(sorted(stack[at:]))
            del stack[at:]

    for node in graph:
        if node not in index:
            visit(node)
    return found


def tell(graph):
    """A text for each circle: who needs what of whom."""
    return ["a circle:\n  " + "\n  ".join(
        f"{a} -> {b} ({graph[a][b]})" for a in c for b in c if b in graph.get(a, {}))
        for c in circles(graph)]


def within_folders(graph):
    same = os.path.dirname
    return {a: {b: s for b, s in to.items() if same(a) == same(b)} for a, to in graph.items()}


def of_folders(graph):
    folders = {}
    for a, to in graph.items():
        mine = folders.setdefault(os.path.dirname(a), {})
        for b, symbol in to.items():
            if os.path.dirname(b) != os.path.dirname(a):
                mine.setdefault(os.path.dirname(b), f"{os.path.basename(a)}: {symbol}")
    return folders


def headers(root, tops):
    graph = {}
    for folder, _, names in (w for top in tops for w in os.walk(os.path.join(root, top))):
        for name in names:
            if not name.endswith(".h"):
                continue
            path = os.path.relpath(os.path.join(folder, name), root)
            with open(os.path.join(folder, name), encoding="utf-8") as f:
                for inc in INCLUDE.findall(f.read()):
                    at = os.path.normpath(os.path.join(os.path.dirname(path), inc))
                    graph.setdefault(path, {})[at] = "include"
    return graph


def compiled(root, build, tops):
    """The object files of the build of what lies in the folders."""
    objects = []
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as f:
        for entry in json.load(f):
            source = os.path.relpath(os.path.join(entry["directory"], entry["file"]), root)
            obj = os.path.join(entry["directory"], entry["output"])
            if source.split(os.sep)[0] == ".." or not os.path.exists(obj):
                continue
            if any(source.startswith(top + "/") for top in tops):
                objects.append((source, obj))
    return objects


def compiler(build):
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as f:
        words = shlex.split(json.load(f)[0]["command"])
    return words[:2] if os.path.basename(words[0]) in ("ccache", "sccache", "distcc") else words[:1]


def check_itself(cc):
    """Circles that were made up: of two files, of three by data, of folders; and none."""
    files = {
        "x/a.c": "int b(void); int a(void); int a(void) { return b(); }",
        "x/b.c": "int c(void); int b(void); int b(void) { return c() + 1; }",
        "x/c.c": "int c(void); int c(void) { return 3; }",
        "y/d.c": "int a(void); extern int e; int d(void); int d(void) { return a() + e; }",
        "y/e.c": "int e = 3;",
    }
    cases = [
        ({}, [], []),
        ({"x/b.c": "int a(void); int b(void); int b(void) { return a(); }"}, [["x/a.c", "x/b.c"]], []),
        ({"x/c.c": "int a(void); int (*at)(void) = a; int c(void); int c(void) { return 1; }"},
         [["x/a.c", "x/b.c", "x/c.c"]], []),
        ({"x/c.c": "extern int e; int c(void); int c(void) { return e; }"}, [], [["x", "y"]]),
    ]
    for change, want_files, want_folders in cases:
        with tempfile.TemporaryDirectory() as d:
            objects = []
            for name, text in {**files, **change}.items():
                os.makedirs(os.path.join(d, os.path.dirname(name)), exist_ok=True)
                path = os.path.join(d, name)
                with open(path, "w", encoding="utf-8") as f:
                    f.write(text + "\n")
                subprocess.run([*cc, "-c", path, "-o", path + ".o"], check=True)
                objects.append((name, path + ".o"))
            graph = calls(objects)
            assert circles(within_folders(graph)) == want_files, (change, graph)
            assert circles(of_folders(graph)) == want_folders, (change, graph)
            assert len(tell(of_folders(graph))) == len(want_folders)
    with tempfile.TemporaryDirectory() as d:
        for name, inc in ("a.h", "b.h"), ("b.h", "a.h"):
            with open(os.path.join(d, name), "w", encoding="utf-8") as f:
                f.write(f'#include "{inc}"\n')
        assert circles(headers(d, ["."])) == [["a.h", "b.h"]]


def main():
    root, build, *tops = sys.argv[1:]
    check_itself(compiler(build))
    objects = compiled(root, build, tops)
    for top in tops:
        assert any(s.startswith(top + "/") for s, _ in objects), f"nothing of {top} is built"
    graph = calls(objects)
    wrong = tell(within_folders(graph)) + tell(of_folders(graph)) + tell(headers(root, tops))
    if wrong:
        sys.exit("circles.py:\n" + "\n".join(wrong))


main()
