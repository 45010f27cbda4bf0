#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The page and the pictures: well-formed, complete in themselves, true to the JSON.

usage: html.py VMMU DATA

The numbers of the page are held against those of --json of the same run, and
what --sensitivity says of a number against runs with --set.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET

vmmu, data = sys.argv[1], sys.argv[2]
SMALL = f"{data}/workloads/protfault.vmt.zst"
SVG = "{http://www.w3.org/2000/svg}"


def run(*args, status=0):
    p = subprocess.run([vmmu, *args], capture_output=True)
    assert p.returncode == status, (args, p.returncode, p.stderr[-400:])
    return p


def page(path):
    """The tree of a page that names nothing outside itself."""
    with open(path, "rb") as f:
        raw = f.read()
    text = raw.decode("utf-8")
    assert text.startswith("<!DOCTYPE html>")
    for bad in ("http:", "https:", "<script", "<link", "@import", "url(", "src=", "href="):
        assert bad not in text, bad
    return ET.fromstring(text)


def text_of(element):
    return "".join(element.itertext())


def at(run_, key):
    """A number of the JSON's run by the page's key; None: it has none."""
    for part in key.split("."):
        run_ = run_[int(part)] if isinstance(run_, list) else run_[part]
    return run_


def rows(tree):
    """Tables of all numbers, one for each input: {key: [a number for each run]}."""
    tables = []
    for table in tree.iter("table"):
        found = {}
        for tr in table.iter("tr"):
            if tr.get("data-key"):
                cells = [text_of(td).replace(",", "") for td in tr.findall("td")]
                found[tr.get("data-key")] = [int(c) for c in cells]
        if found:
            tables.append(found)
    return tables


def same_numbers(tree, report):
    tables = rows(tree)
    assert len(tables) == len(report["inputs"])
    for found, input_ in zip(tables, report["inputs"]):
        assert len(found) > 30
        for key, values in found.items():
            want = [at(r, key) for r in input_["runs"]]
            assert values == want, (key, values, want)


def leaves(value, path=""):
    """All whole numbers of a JSON run, by the page's keys."""
    if isinstance(value, dict):
        for k, v in value.items():
            yield from leaves(v, f"{path}{k}.")
    elif isinstance(value, list):
        for i, v in enumerate(value):
            yield from leaves(v, f"{path}{i}.")
    elif isinstance(value, int):
        yield path[:-1], value


def nothing_missing(tree, report):
    """What the JSON has and is not 0, the page has."""
    for found, input_ in zip(rows(tree), report["inputs"]):
        for r in input_["runs"]:
            for key, value in leaves(r):
                assert not value or key in found, key


def bars(tree, title):
    """The texts at the ends of the bars of the section with this title."""
    for section in tree.iter("section"):
        if title in text_of(section.find("h2")):
            texts = [[text_of(t) for t in svg.iter("text")] for svg in section.iter("svg")
                     if svg.get("class") == "picture"]
            return texts
    return None


def performance(run_, native):
    return 100 * native["cycles"]["total"] / run_["cycles"]["total"]


def check_bars(tree, report):
    charts = bars(tree, "relative to native")
    assert len(charts) == len(report["inputs"])
    for texts, input_ in zip(charts, report["inputs"]):
        want = [f"{performance(r, input_['runs'][0]):.1f} %" for r in input_["runs"]]
        assert [t for t in texts if t.endswith(" %")] == want, (texts, want)


def check_grids(tree, report):
    """Shares and costs in the cells of the last nested run are those of its cells."""
    grids = [f for f in tree.iter("figure") if f.get("class") == "grid"]
    nested = [r for i in report["inputs"] for r in i["runs"] if r["silicon"]["walks"][1]]
    assert len(grids) == len(nested) > 0
    for figure, r in zip(grids, nested):
        s = r["silicon"]
        texts = [text_of(t) for t in figure.iter("text")]
        for g in range(6):
            for n in range(6):
                refs, near, cycles = s["cells"][g][n]
                if refs:
                    assert f"{100 * refs / s['walks'][1]:.1f} %" in texts, (g, n)
                    assert f"{cycles / refs:.1f} cycles" in texts, (g, n)


def compare(tmp, *args, status=0):
    html, js = f"{tmp}/page.html", f"{tmp}/page.json"
    run("compare", "--html", html, "--json", js, *args, status=status)
    with open(js, "rb") as f:
        report = json.loads(f.read().decode("utf-8", "replace"))
    tree = page(html)
    same_numbers(tree, report)
    nothing_missing(tree, report)
    return tree, report


def headings(tree):
    return [text_of(h) for h in tree.iter("h2")]


def test_profile(tmp):
    tree, report = compare(tmp, "--profile", "phenom", SMALL)
    check_bars(tree, report)
    check_grids(tree, report)
    assert "Where the cycles go" in headings(tree)


def test_no_profile(tmp):
    tree, _ = compare(tmp, SMALL)
    assert "Where the cycles go" not in headings(tree)
    assert "No CPU was modelled" in text_of(tree)
    assert "80 %" in text_of(tree)


def test_many_inputs(tmp):
    tree, report = compare(tmp, "--profile", "phenom", *[SMALL] * 10)
    assert len(report["inputs"]) == 10
    check_bars(tree, report)


def test_strategies(tmp):
    tree, report = compare(tmp, "--profile", "phenom", "--shadow", "all-strategies", SMALL)
    assert len(report["inputs"][0]["runs"]) > 10
    check_bars(tree, report)


def test_dump(tmp):
    core = f"{data}/d5/d5-x64-early.json.zst"
    compare(tmp, core)
    tree, _ = compare(tmp, "--profile", "phenom", core)
    assert "nan" not in text_of(tree) and "inf " not in text_of(tree)


def test_hostile_names(tmp):
    for name in (b"<script>alert(1)<\xe2\x80\xa8", b"\"'&amp;]]>--", b"\xff\xfe\xc0\x80\xed\xa0\x80",
                 b"a\x01\x1b[31m\x7f\n\tb", b"n" * 200):
        path = os.path.join(tmp.encode(), name + b".vmt.zst")
        shutil.copy(SMALL, path)
        tree, _ = compare(tmp, "--profile", "phenom", path)
        if name.startswith(b"<"):
            assert "<script>alert(1)<" in text_of(tree)
        os.unlink(path)


def test_stdout(tmp):
    out = run("compare", "--profile", "phenom", "--html", "-", SMALL).stdout
    with open(f"{tmp}/out.html", "wb") as f:
        f.write(out)
    page(f"{tmp}/out.html")


def shares(tmp, *sets):
    args = [a for s in sets for a in ("--set", s)]
    js = f"{tmp}/set.json"
    run("compare", "--profile", "phenom", *args, "--json", js, SMALL)
    with open(js) as f:
        runs = json.load(f)["inputs"][0]["runs"]
    return [performance(r, runs[0]) / 100 for r in runs]


def near(a, b):
    return all(abs(x - y) < 2e-6 for x, y in zip(a, b))


def check_number(tmp, n):
    for change, factor in (("halved", .5), ("doubled", 2)):
        value = n["value"] * factor
        if not n["linear"]:
            value = int(value)
        elif "latency" in n["key"] and value != int(value):
            continue  # whole in a profile
        if n[change] is None:
            run("compare", "--profile", "phenom", "--set", f"{n['key']}={value:g}", SMALL, status=2)
            continue
        got = shares(tmp, f"{n['key']}={value:g}")
        assert near(got, n[change]), (n["key"], change, got, n[change])
    for even in n["break_even"]:
        if n["key"].startswith("cost.") and even["value"] < 1e9:
            got = shares(tmp, f"{n['key']}={even['value']:.6f}")
            a, b = even["runs"]
            assert abs(got[a] - got[b]) < 1e-5, (n["key"], even, got)


def test_sensitivity(tmp):
    html, js = f"{tmp}/page.html", f"{tmp}/page.json"
    # Cheap exits and dear walks: something has to overtake something.
    run("compare", "--profile", "phenom", "--sensitivity", "--sweep", "--html", html, "--json", js,
        SMALL)
    with open(js) as f:
        input_ = json.load(f)["inputs"][0]
    numbers = {n["key"]: n for n in input_["sensitivity"]}
    assert len(numbers) > 15 and any(not n["linear"] for n in numbers.values())
    assert any(n["break_even"] for n in numbers.values() if n["key"].startswith("cost."))
    for key in ("cost.exit", "cost.instruction", "cost.handler.npf", "cost.fault",
                "memory.latency", "entries.entries", "nested_tlb.entries", "entries.line"):
        if key in numbers:
            check_number(tmp, numbers[key])
    tree = page(html)
    shown = {tr.get("data-sense") for tr in tree.iter("tr")} - {None}
    assert shown == set(numbers)
    check_sweep(tree, input_)


def check_sweep(tree, input_):
    sweep = input_["sweep"]
    assert sweep["entries"][0] == 0
    charts = bars(tree, "References per walk")
    assert len(charts) == 2
    # Four levels in one dimension, no cache: native's walks read about four entries.
    assert 3 < sweep["pwc"][0][0] <= 4
    for runs in sweep["pwc"]:
        assert runs[0] >= runs[-1]
    for k in range(len(input_["runs"])):
        assert any(t.endswith(f" {sweep['pwc'][k][-1]:.2f}") for t in charts[0])


D1 = ["--core", f"{data}/d1/d1-x64-4level.ptcore.zst", "--regs",
      f"{data}/d1/d1-x64-4level.json.zst"]


def picture(tmp, *args):
    svg = f"{tmp}/walk.svg"
    out = run("walk", "--svg", svg, *args).stdout.decode()
    root = ET.parse(svg).getroot()
    assert root.tag == SVG + "svg"
    width, height = float(root.get("width")), float(root.get("height"))
    for rect in root.iter(SVG + "rect"):
        assert float(rect.get("x")) + float(rect.get("width")) <= width
        assert float(rect.get("y")) + float(rect.get("height")) <= height
    return out, [text_of(t) for t in root.iter(SVG + "text")]


def check_picture(tmp, *args):
    """Every reference of the text is in the picture: number, name, address."""
    out, texts = picture(tmp, *args)
    steps = re.findall(r"^ *(\d+)  (\S.*?) +at (hpa|gpa) (0x[0-9a-f]+)", out, re.M)
    for number, name, space, address in steps:
        assert number in texts and name in texts, (number, name)
        assert f"at {space} {address}" in texts, (number, address)
    assert sum(t.startswith("at ") for t in texts) == len(steps)
    assert any(t.startswith("result: ") for t in texts)
    return len(steps), texts


def test_notes_once(tmp):
    """However often an input runs again, what was guessed of it or cleared in it is said once."""
    said = run("compare", "--profile", "phenom", "--sensitivity", "--json", f"{tmp}/json",
               f"{data}/found/pae-pdpte-accessed.vmt", f"{data}/d2/d2-i386-pae.ptcore.zst").stderr
    assert said.count(b"QEMU marked") == 2, said


def test_walk(tmp):
    nr, texts = check_picture(tmp, *D1, "--backend", "nested-npt", "ffff888000001000")
    assert nr == 24 and "24" in texts and "gPA" in texts and "nL1" in texts
    nr, texts = check_picture(tmp, *D1, "--backend", "native", "ffff888000001000")
    assert nr == 4 and "gPA" not in texts
    nr, texts = check_picture(tmp, *D1, "--backend", "nested-ept", "--host-page", "2M",
                              "7fff00001000", "w", "u")
    assert "the walk stops here" in texts and "nL1" not in texts
    assert any("not present" in t for t in texts)
    os.environ["COLUMNS"] = "60"  # the two walks below each other
    _, texts = check_picture(tmp, *D1, "--backend", "shadow", "ffff888000001000")
    assert "The shadow tables, which the CPU walks" in texts
    for state in ("d2/d2-i386-pae", "d3/d3-i386-2level", "d4/d4-x64-la57"):
        files = ["--core", f"{data}/{state}.ptcore.zst", "--regs", f"{data}/{state}.json.zst"]
        for backend in ("native", "nested-npt", "nested-ept"):
            check_picture(tmp, *files, "--backend", backend, "c0001000")
    picture(tmp, *D1, "--backend", "native", "--cr0", "0x80000011", "800000000000")
    check_picture(tmp, *D1, "--backend", "nested-npt", "--cr0", "0x11", "--efer", "0", "1000")
    out = run("walk", "--svg", "-", *D1, "--backend", "native", "1000").stdout
    ET.fromstring(out)


def test_bad_usage(tmp):
    run("compare", "--sensitivity", SMALL, status=2)
    run("compare", "--profile", "phenom", "--sweep", SMALL, status=2)
    run("compare", "--html", f"{tmp}/none/page.html", SMALL, status=3)
    run("walk", "--svg", f"{tmp}/none/walk.svg", *D1, "--backend", "native", "1000", status=3)
    if os.path.exists("/dev/full"):
        run("compare", "--html", "/dev/full", SMALL, status=3)


def main():
    tests = [(n, f) for n, f in sorted(globals().items()) if n.startswith("test_")]
    for name, test in tests:
        with tempfile.TemporaryDirectory() as tmp:
            test(tmp)
        print(name, flush=True)


main()
