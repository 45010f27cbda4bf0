#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The C code in a document is code that is built and run: every fragment is quoted from a source.

usage: fragments.py [--update] DOCUMENT...

A fragment follows a line `<!-- FILE: NAME -->`; it is what stands in FILE (from the document's
parent's parent) between `/* doc: NAME */` and the next `/* end */`.  --update writes it there.
"""
import pathlib
import re
import sys
import textwrap

FENCE = re.compile(r"(?:<!-- (\S+): (\S+) -->\n)?```c\n(.*?)```\n", re.S)


def quote(root, name, mark):
    """The marked part of a source, as it is to be quoted."""
    path = root / name
    if not path.is_file():
        sys.exit(f"{name}: no such file")
    found = re.findall(r"[ \t]*/\* doc: " + re.escape(mark) + r" \*/\n(.*?)[ \t]*/\* end \*/\n",
                       path.read_text(), re.S)
    if len(found) != 1:
        sys.exit(f"{name}: {len(found)} parts are marked `doc: {mark}`, not 1")
    # Marks of parts that begin inside are not the reader's.
    return textwrap.dedent(re.sub(r"[ \t]*/\* doc: \S+ \*/\n", "", found[0]))


def examine(document, update):
    """Whether all is well; the number of fragments."""
    path = pathlib.Path(document)
    text = path.read_text()
    root = path.resolve().parent.parent
    bad = []

    def one(match):
        name, mark, code = match.groups()
        if not name:
            bad.append(f"{document}: a fragment has no source: {code.splitlines()[:1]}")
            return match.group(0)
        right = quote(root, name, mark)
        if code != right and not update:
            bad.append(f"{document}: not what {name} has as `{mark}` (try --update)")
        return f"<!-- {name}: {mark} -->\n```c\n{right}```\n"

    new, count = FENCE.subn(one, text)
    if update and new != text:
        path.write_text(new)
    print("\n".join(bad) if bad else f"{document}: {count} fragments are their sources'")
    return not bad and count > 0


def main():
    args = sys.argv[1:]
    update = "--update" in args
    documents = [a for a in args if a != "--update"]
    if not documents:
        sys.exit(__doc__)
    sys.exit(0 if all([examine(d, update) for d in documents]) else 1)


main()
