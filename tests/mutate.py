# SPDX-License-Identifier: BSD-2-Clause
"""Mutation testing: how many small faults in the source the tests notice.

mutate.py --work DIR [--per-dir N] [--seed S] [--report FILE] [--why FILE] [--again WHICH] [PATH...]
mutate.py --list [--per-dir N] [--seed S] [PATH...]
mutate.py --coverage BUILDDIR

A mutant is the source with one token or statement changed, inside a function.  It is made in
a copy of the source under DIR and built, and then the tests run, fastest first, up to the first
that fails.  What does not compile, or to the object code of the source or of an earlier mutant,
is not counted; what takes three times as long as without the mutation is killed.  PATH is a
directory or a file, else all four directories.

DIR/results.json keeps what was found; --again says what is run all the same: `all`, `open` (the
survivors without a reason, after tests were added) or `none` (for the report alone).  The file of
reasons has for each survivor its file, "- " and the line, "+ " and the line mutated, then
the reason, indented.  A reason that begins with one of EXPLAINED takes the survivor from the
second count: no test of behaviour can fail for it.
"""
import argparse
import glob
import hashlib
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DIRS = ("lib", "shadow", "nested", "realmode")
EXPLAINED = ("equivalent", "speed", "statistics", "message")
GUESTS = ("workloads/protfault.vmt.zst", "d1/d1-x64-4level.json.zst",
          "traces/dt3-i386-2level.vmt.zst")
MEMORY = 40 << 30  # writable, of which the tools reserve far more than they use
LEAST = 3  # seconds that any test may take

BLANKED = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'"
                     r"|^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.S | re.M)
TOKEN = re.compile(r"[A-Za-z_]\w*|0[xX][0-9a-fA-F]+[uUlL]*|\d+[uUlL]*|<<=|>>=|->|\+\+|--|&&|\|\|"
                   r"|[-+*/%&|^=!<>]=|<<|>>|\S")
SWAPS = {
    "<": ("<=", ">="), "<=": ("<", ">"), ">": (">=", "<="), ">=": (">", "<"),
    "==": ("!=",), "!=": ("==",), "&&": ("||",), "||": ("&&",), "+": ("-",), "-": ("+",),
    "&": ("|",), "|": ("&",), "<<": (">>",), ">>": ("<<",), "++": ("--",), "--": ("++",),
    "+=": ("-=",), "-=": ("+=",), "&=": ("|=",), "|=": ("&=",), "<<=": (">>=",), ">>=": ("<<=",),
    "!": ("",),
}
# Unary as well: binary only between spaces, which clang-format sees to.
SPACED = ("+", "-", "&")
# Text for people, and what only keeps a compiler quiet or from being clever.
MESSAGES = ("fail", "vfail", "broken", "vmmu_be_broken", "snprintf", "vsnprintf", "va_start",
            "va_end", "hide", "_Static_assert", "sizeof", "offsetof")
NO_EXPRESSION = re.compile(r"(if|while|for|switch|do|else|return|case|default|goto|const|static|"
                           r"struct|union|enum|unsigned|int|char|void|va_list|hide|__asm__|\w+_t|"
                           r"\w+_FOREACH\w*|HASH_ITER)$")


class Mutant:
    def __init__(self, path, text, start, end, new):
        self.path, self.start, self.end, self.new = path, start, end, new
        self.line = text.count("\n", 0, start) + 1
        head, tail = text.rfind("\n", 0, start) + 1, text.find("\n", end)
        self.old_text = " ".join(text[head:tail].split())
        self.new_text = " ".join((text[head:start] + new + text[end:tail]).split())
        self.key = "\n".join((path, self.old_text, self.new_text))
        # Lines that are in the file twice are two mutants.
        self.name = f"{self.path}:{self.line}+{start - head}: {self.new_text}"

    def apply(self, text):
        """Lines stay where they are."""
        lines = text.count("\n", self.start, self.end) - self.new.count("\n")
        return text[:self.start] + self.new + "\n" * lines + text[self.end:]


def close_of(tokens, at):
    """The token that closes the bracket at `at`."""
    depth = 0
    for i in range(at, len(tokens)):
        depth += (tokens[i].group() in "([{") - (tokens[i].group() in ")]}")
        if not depth:
            return i
    return len(tokens) - 1


def functions(tokens):
    """(first, last, whether it answers an int) of each body: tokens between its braces."""
    i = begin = 0
    while i < len(tokens):
        word = tokens[i].group()
        if word == "{":
            end = close_of(tokens, i)
            if tokens[i - 1].group() == ")":
                head = " ".join(t.group() for t in tokens[begin:i])
                yield i + 1, end, bool(re.search(r"\bint \w+ \(", head))
            i = begin = end
        elif word == ";":
            begin = i
        i += 1


def statement_end(tokens, i, last):
    """The `;` of a statement that begins at i; None: it is none."""
    while i < last:
        word = tokens[i].group()
        if word in "([{":
            i = close_of(tokens, i)
        elif word in ")]}":
            return None
        elif word == ";":
            return i
        i += 1
    return None


def find_mutants(path):
    """All mutants of one file, in order."""
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        text = file.read()
    view = BLANKED.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)
    tokens = list(TOKEN.finditer(view))
    found = []

    def put(start, end, new):
        found.append(Mutant(path, text, start, end, new))

    for first, last, is_int in functions(tokens):
        i, parens, starts, asked = first, [], True, 0
        while i < last:
            word, at, end = tokens[i].group(), tokens[i].start(), tokens[i].end()
            after = tokens[i + 1].group()
            if word in MESSAGES and after == "(":
                # As a token: what begins with it is no statement to delete.
                i = close_of(tokens, i + 1) + 1
                starts = False
                continue
            stop = statement_end(tokens, i, last) if starts and not parens else None
            declares = (re.match(r"\w", word) and re.match(r"[A-Za-z_*]", after)
                        and word not in ("continue", "break"))
            if stop and not NO_EXPRESSION.match(word) and word not in "{};." and not declares \
                    and not view[at:end + 5].startswith("(void)"):
                put(at, tokens[stop].end(), ";")
            if stop and word == "static":
                i = stop + 1
                continue
            if stop and word == "return" and is_int:
                for new in ("return 0;", "return 1;"):
                    if text[at:tokens[stop].end()] != new:
                        put(at, tokens[stop].end(), new)
            if word in ("if", "while") and after == "(":
                close = tokens[close_of(tokens, i + 1)].start()
                inside = tokens[i + 1].end()
                put(inside, close, "!(" + text[inside:close] + ")")
            binary = view[at - 1].isspace() and view[end].isspace()
            if word in SWAPS and (binary or word not in SPACED):
                for new in SWAPS[word]:
                    put(at, end, new)
            if word[0].isdigit():
                put(at, end, f"({word} + 1)")
                if int(word.rstrip("uUlL"), 0):
                    put(at, end, "0")
            if word == "(":
                parens.append(tokens[i - 1].group())
            head = parens.pop() if word == ")" and parens else ""
            # FOREACH macros begin a statement as `for` does.
            starts = (word in (";", "{", "}", "else", "do") or (word == ":" and not asked)
                      or bool(re.match(r"(if|while|for|switch|\w+_FOREACH\w*|HASH_ITER)$", head)))
            asked += (word == "?") - (word == ":" and asked > 0)
            i += 1
    return found


def sample(paths, per_dir, seed):
    """By directory: its mutants, in the order in which to take them until there are N."""
    picked = {}
    for name in DIRS:
        files = sorted(f for end in ("*.c", "*.h")
                       for f in glob.glob(os.path.join(ROOT, name, "**", end), recursive=True))
        files = [os.path.relpath(f, ROOT) for f in files]
        files = [f for f in files if "/include/" not in f and
                 any(f == p or f.startswith(p.rstrip("/") + "/") for p in paths)]
        mutants = [m for f in files for m in find_mutants(f)]
        if per_dir:
            random.Random(f"{seed} {name}").shuffle(mutants)
        if mutants:
            picked[name] = mutants
    return picked


def call(command, limit, cwd=None, env=None):
    """"" if it succeeds, else how it failed; its whole process group ends with it."""
    def confine():
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with subprocess.Popen(command, cwd=cwd, env=env, start_new_session=True, preexec_fn=confine,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        try:
            code = child.wait(limit)
            return "" if not code else f"status {code}" if code > 0 else f"signal {-code}"
        except subprocess.TimeoutExpired:
            return "time"
        finally:
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


class Work:
    """A copy of the source, its build, and what the tests take without a mutation."""

    def __init__(self, path, seed):
        self.path, self.src, self.build = path, os.path.join(path, "src"), os.path.join(path, "b")
        self.copy()
        if not os.path.exists(os.path.join(self.build, "build.ninja")):
            subprocess.run(["meson", "setup", "--buildtype=debugoptimized", "-Doptimization=1",
                            "-Ddebug=false", "-Dplain_tests=true", "-Dtests=enabled",
                            "-Dtools=enabled", self.build, self.src], check=True,
                           stdout=subprocess.DEVNULL)
        self.libs = [f"{d}/libvmmu_{'core' if d == 'lib' else d}.a" for d in DIRS]
        names = [os.path.basename(f)[:-2] for f in glob.glob(os.path.join(ROOT, "tests/test_*.c"))]
        self.programs = [f"tests/{n}" for n in names] + ["tools/vmmu"]
        vmmu, data = os.path.join(self.build, "tools/vmmu"), os.path.join(ROOT, "tests/data")
        self.env = dict(os.environ, VMMU_TESTDATA=data)
        tests = {n: [os.path.join(self.build, "tests", n)] for n in names}
        tests["vmmu check"] = [vmmu, "check", "--seed", str(seed), "--seconds", "6"]
        for guest in GUESTS:
            tests["compare " + guest.split("/")[1].split(".")[0]] = [
                "sh", os.path.join(self.src, "tests/guests.sh"), vmmu, "compare",
                os.path.join(data, guest)]
        # Another build of the library: made for those alone that all else lets pass.
        self.late = ["tests/vmmu-yield"]
        races = ["sh", os.path.join(self.src, "tests/scripts/races.sh"),
                 os.path.join(self.build, self.late[0]), vmmu]
        if not self.make(self.libs) or not self.make(self.programs + self.late):
            sys.exit("the source does not build")
        self.sums = {self.sum()}
        self.tests = []
        for name, command in tests.items():
            self.tests.append((self.time_of(name, command), name, command))
        self.tests.sort()
        self.tests.append((self.time_of("races", races), "races", races))

    def time_of(self, name, command):
        """What it takes without a mutation, when it has to pass."""
        start = time.monotonic()
        failed = call(command, 600, self.build, self.env)
        if failed:
            sys.exit(f"{name} fails without a mutation: {failed}")
        return time.monotonic() - start

    def copy(self):
        """The source as it is now, the same files untouched."""
        out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, text=True,
                             check=True, stdout=subprocess.PIPE).stdout
        for name in out.splitlines():
            here, there = os.path.join(ROOT, name), os.path.join(self.src, name)
            if name.startswith("tests/data/") or not os.path.exists(here):
                continue
            os.makedirs(os.path.dirname(there), exist_ok=True)
            with open(here, "rb") as new:
                data = new.read()
            if os.path.exists(there):
                with open(there, "rb") as old:
                    if old.read() == data:
                        continue
            shutil.copy(here, there)
            os.utime(there)
        data = os.path.join(self.src, "tests/data")
        if not os.path.islink(data):
            os.symlink(os.path.join(ROOT, "tests/data"), data)

    def make(self, targets):
        return not call(["ninja", "-j1", "-C", self.build, *targets], 600)

    def sum(self):
        """Of the library's object code."""
        sums = hashlib.sha256()
        for lib in self.libs:
            for name in sorted(glob.glob(os.path.join(self.build, lib + ".p", "*.o"))):
                with open(name, "rb") as file:
                    sums.update(file.read())
        return sums.hexdigest()

    def judge(self, mutant):
        """What becomes of it: "killed by ...", "survived", or why it does not count."""
        path = os.path.join(self.src, mutant.path)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        try:
            with open(path, "w", encoding="utf-8") as file:
                file.write(mutant.apply(text))
            if not self.make(self.libs):
                return "does not compile"
            if self.sum() in self.sums:
                return "same code"
            self.sums.add(self.sum())
            if not self.make(self.programs):
                return "does not compile"
            for took, name, command in self.tests:
                if name == "races" and not self.make(self.late):
                    return "does not compile"
                failed = call(command, max(3 * took, LEAST), self.build, self.env)
                if failed:
                    return f"killed by {name}: {failed}"
            return "survived"
        finally:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)


def run(args, picked):
    """Judges until each directory has as many that count as are asked for; by directory."""
    store = os.path.join(args.work, "results.json")
    known = {}
    if os.path.exists(store):
        with open(store, encoding="utf-8") as file:
            known = json.load(file)
    work, reasons = None, read_reasons(args.why)
    done = {name: [] for name in picked}
    for name, mutants in picked.items():
        for m in mutants:
            if args.per_dir and len(done[name]) >= args.per_dir:
                break
            result = known.get(m.name)
            is_open = result == "survived" and not reasons.get(m.key, "").startswith(EXPLAINED)
            if not result or args.again == "all" or (args.again == "open" and is_open):
                work = work or Work(args.work, args.seed)
                start = time.monotonic()
                result = known[m.name] = work.judge(m)
                with open(store, "w", encoding="utf-8") as file:
                    json.dump(known, file, indent=0)
                print(f"{time.monotonic() - start:6.1f} s  {m.name}\n          {result}",
                      file=sys.stderr)
            if result == "survived" or result.startswith("killed"):
                done[name].append((m, result))
    return done


def read_reasons(path):
    """By a mutant's key."""
    reasons, lines = {}, []
    if path and os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
    for i, line in enumerate(lines):
        if line.startswith("+ "):
            text = []
            for more in lines[i + 1:]:
                if not more.startswith("\t"):
                    break
                text.append(more.strip())
            reasons["\n".join((lines[i - 2], lines[i - 1][2:], line[2:]))] = " ".join(text)
    return reasons


def percent(part, whole):
    return f"{100 * part / whole:.1f} %" if whole else "-"


def code(text):
    return "`" + text.replace("|", "\\|") + "`"


def write_report(args, done):
    reasons = read_reasons(args.why)
    options = [f"--per-dir {args.per_dir}"] * bool(args.per_dir) + [f"--seed {args.seed}"]
    options += [f"--why {args.why}"] * bool(args.why) + [f"--report {args.report}"]
    options += args.path if args.path != list(DIRS) else []
    out = [f"Made by `python3 tests/mutate.py --work DIR {' '.join(options)}`.", "",
           "| directory | mutants | killed | | survivors explained | killed of the others |",
           "|---|---|---|---|---|---|"]
    rows, killers = [], {}
    for name, mutants in done.items():
        left = [m for m, result in mutants if result == "survived"]
        explained = [m for m in left if reasons.get(m.key, "").startswith(EXPLAINED)]
        killed, others = len(mutants) - len(left), len(mutants) - len(explained)
        out.append(f"| `{name}/` | {len(mutants)} | {killed} | {percent(killed, len(mutants))} | "
                   f"{len(explained)} | {percent(killed, others)} |")
        rows += ["", f"### {name}/: {len(left)} survivors", ""]
        rows += ["| where | source | mutant | why |", "|---|---|---|---|"] * bool(left)
        for m in sorted(left, key=lambda m: (m.path, m.start)):
            rows.append(f"| `{m.path}:{m.line}` | {code(m.old_text)} | {code(m.new_text)} | "
                        f"{reasons.get(m.key, '')} |")
        for _, result in mutants:
            if result != "survived":
                by = result.split(":")[0][len("killed by "):]
                killers[by] = killers.get(by, 0) + 1
    first = sorted(killers.items(), key=lambda k: (-k[1], k[0]))
    out += ["", "The first test to fail, fastest first: " +
            ", ".join(f"{by} {nr}" for by, nr in first) + "."]
    with open(args.report, "w", encoding="utf-8") as file:
        file.write("\n".join(out + rows) + "\n")


def coverage(build):
    """Lines and branches that a build with -Db_coverage=true has run, by directory."""
    rows = {}
    for data in sorted(glob.glob(os.path.join(build, "**", "*.gcda"), recursive=True)):
        if not re.search(r"/libvmmu_\w+\.a\.p/", data):
            continue
        out = subprocess.run(["gcov", "--json-format", "--stdout", "-b", os.path.abspath(data)],
                             cwd=build, check=True, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL).stdout
        for file in json.loads(out)["files"]:
            path = os.path.relpath(os.path.join(build, file["file"]), ROOT)
            if path.split("/")[0] not in DIRS:
                continue
            names = [f"`{path.split('/')[0]}/`"]
            # Its instances have the branches of every format, and the formats are constants.
            names += [names[0] + " but `walk_fast.c`"] * (names[0] == "`lib/`" and
                                                          "walk_fast" not in data)
            for name in names:
                lines, branches = rows.setdefault(name, ({}, {}))
                for line in file["lines"]:
                    key = path, line["line_number"]
                    lines[key] = lines.get(key, 0) + line["count"]
                    here = [b["count"] for b in line["branches"] if not b["throw"]]
                    # An inline function is told of by each file that has it.
                    for i, count in enumerate(here):
                        at = (*key, len(here), i)
                        branches[at] = branches.get(at, 0) + count
    print("| directory | lines | run | | branches | taken | |\n|---|---|---|---|---|---|---|")
    for name, both in sorted(rows.items()):
        cells = []
        for counts in both:
            run_ = sum(n > 0 for n in counts.values())
            cells += [str(len(counts)), str(run_), percent(run_, len(counts))]
        print(f"| {name} | " + " | ".join(cells) + " |")


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n", 2)[1])
    parser.add_argument("path", nargs="*", default=list(DIRS))
    parser.add_argument("--work")
    parser.add_argument("--per-dir", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, choices=[1], default=1)
    parser.add_argument("--again", choices=["all", "open", "none"], default="all")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--report")
    parser.add_argument("--why")
    parser.add_argument("--coverage", metavar="BUILDDIR")
    args = parser.parse_args()
    if args.coverage:
        return coverage(args.coverage)
    picked = sample(args.path, args.per_dir, args.seed)
    if args.list:
        for name, mutants in picked.items():
            for m in mutants[:args.per_dir or None]:
                print(f"{m.path}:{m.line}: {m.old_text}  =>  {m.new_text}")
        return None
    if not args.work:
        parser.error("--work DIR is needed")
    os.makedirs(args.work, exist_ok=True)
    args.work = os.path.abspath(args.work)
    done = run(args, picked)
    if args.report:
        write_report(args, done)
    return None


if __name__ == "__main__":
    main()
