#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Which folder may include which: the table below, and that the source keeps to it.

usage: layers.py SOURCE-ROOT

A file includes headers of its own folder, and the doors of the folders that the table allows: a
door is the header that has its folder's name.  A folder with C files has a line in the table, and a
line names only folders of earlier lines, so folders cannot include each other in circles.
Besides, lib/ names no backend.
"""
import os
import re
import sys
import tempfile

# folder: the folders whose doors it may include.  <vmmu/...> is for everybody.
LAYERS = {
    "lib/include/vmmu": "",
    "shadow/include/vmmu": "",
    "nested/include/vmmu": "",
    "lib": "",
    "lib/core": "lib",
    "lib/silicon": "lib",
    "lib/tables": "lib lib/core lib/silicon",
    "lib/host": "lib lib/core lib/silicon lib/tables",
    "lib/vm": "lib lib/core lib/silicon lib/tables lib/host",
    "realmode": "",
    "shadow": "realmode",
    "nested": "realmode",
    "examples/native": "",
    "examples/playground": "examples/native",
    "examples": "examples/native",
    "tools/check/oracle/include/vmmu-oracle": "",
    "tools/check/oracle": "tools/check/oracle/include/vmmu-oracle",
    "tools/check": "tools/check/oracle/include/vmmu-oracle examples/native",
    "tools/base": "",
    "tools/input": "tools/base",
    "tools/guest": "tools/base tools/input",
    "tools/model": "tools/base tools/input",
    "tools/machine": "tools/base tools/input tools/model examples/native",
    "tools/replay": "tools/base tools/input tools/machine",
    "tools/draw": "tools/base",
    "tools/walk": "tools/base tools/draw",
    "tools/report": "tools/base tools/model tools/draw",
    "tools/metal": "tools/base",
    "tools/metal/kernel/libc": "",
    "tools/metal/kernel": "tools/check",
    "tools/cmd": "tools/base tools/input tools/guest tools/model tools/machine tools/replay"
                 " tools/walk tools/report tools/metal tools/check examples/native examples/playground",
}
# The door of a folder is the header of its name; these have others, None: every header.
DOORS = {
    "examples/playground": ["play.h"],
    "lib": ["util.h"],
    "lib/silicon": ["silicon.h", "entry.h"],
    "tools/check": None,
    "tools/check/oracle/include/vmmu-oracle": None,
}
# Where a quoted include is looked for, beside the file's own folder.
PATHS = {
    "shadow": ["realmode"],
    "nested": ["realmode"],
    "examples": ["examples/native"],
    "tools": ["tools", "examples/native"],
}
# Of <vmmu/...>: what is offered to everybody, and what these folders may have of it.
PUBLIC = ["lib/include", "shadow/include", "nested/include", "tools/check/oracle/include"]
ONLY_PUBLIC = {
    "lib/silicon": ["hw.h", "silicon.h"],
    "lib/tables": ["backend.h", "hw.h", "silicon.h", "yield.h"],
}
# Not held to layers: one program each, of files of their own folder.
PROGRAMS = ["examples/unicorn", "examples/guests"]
TOP = ["lib", "shadow", "nested", "realmode", "examples", "tools"]

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)
BACKEND = re.compile(r"\bvmmu_(?:shadow|nested_npt|nested_ept|native)\b|\brealmode_[a-z]+\(")


def sources(root, top):
    for folder, _, names in os.walk(os.path.join(root, top)):
        for name in sorted(names):
            if name.endswith((".c", ".h")):
                yield os.path.relpath(os.path.join(folder, name), root)


def find(root, folder, name):
    """The file that a quoted include of a folder means, from the root; None: there is none."""
    paths = [folder] + PATHS.get(folder, PATHS.get(folder.split("/")[0], []))
    for path in paths:
        at = os.path.normpath(os.path.join(path, name))
        if os.path.exists(os.path.join(root, at)):
            return at
    return None


def bad_quoted(root, folder, name):
    at = find(root, folder, name)
    if at is None:
        return "there is no such header for this folder"
    to = os.path.dirname(at)
    if to == folder:
        return None if name == os.path.basename(name) else "its own folder's, without a path"
    if to not in LAYERS.get(folder, "").split():
        return f"{folder} may not include {to}"
    doors = DOORS.get(to, [os.path.basename(to) + ".h"])
    if doors is not None and os.path.basename(at) not in doors:
        return f"private to {to}, whose door is {', '.join(doors)}"
    return None


def bad_angle(root, folder, name):
    if ".." in name or name.endswith("priv.h"):
        return "a private header"
    if any(os.path.exists(os.path.join(root, top, name)) for top in TOP):
        return "ours is included in quotes"
    if name.startswith("vmmu/") and folder in ONLY_PUBLIC:
        if name[len("vmmu/"):] not in ONLY_PUBLIC[folder]:
            return f"of <vmmu/...>, {folder} has {', '.join(ONLY_PUBLIC[folder])}"
    if name == "native.h":
        return None if "examples/native" in LAYERS[folder].split() else "not for this folder"
    if name.startswith(("vmmu/", "vmmu-oracle/")):
        if not any(os.path.exists(os.path.join(root, p, name)) for p in PUBLIC):
            return "there is no such public header"
    return None


def check(root):
    """What is wrong, a line for each."""
    wrong = []
    for path in (p for top in TOP for p in sources(root, top)):
        folder = os.path.dirname(path)
        if folder in PROGRAMS:
            continue
        with open(os.path.join(root, path), encoding="utf-8") as f:
            text = f.read()
        if folder not in LAYERS:
            wrong.append(f"{path}: its folder has no line in LAYERS of tests/scripts/layers.py")
            continue
        for mark, name in INCLUDE.findall(text):
            why = (bad_quoted if mark == '"' else bad_angle)(root, folder, name)
            if why:
                wrong.append(f"{path}: {name}: {why}")
        if folder.startswith("lib"):
            for name in BACKEND.findall(text):
                wrong.append(f"{path}: names a backend: {name}")
    return wrong


def check_table():
    """The table names what there is, and only what stands above."""
    seen = []
    for folder, allowed in LAYERS.items():
        for name in allowed.split():
            assert name in seen, f"LAYERS: {folder} includes {name}, which is not above it"
        seen.append(folder)


def check_itself():
    """Each way to break the layers is found in a tree that has it, and nothing in one that has none."""
    good = {
        "lib/util.h": "", "lib/include/vmmu/hw.h": "", "lib/include/vmmu/vmmu.h": "",
        "lib/core/core.h": '#include "../util.h"\n',
        "lib/silicon/silicon.h": "#include <vmmu/hw.h>\n", "lib/silicon/tlb.h": "",
        "lib/silicon/bus.c": '#include "silicon.h"\n#include "../util.h"\n#include <string.h>\n',
        "lib/tables/tables.h": '#include "../core/core.h"\n#include "../silicon/silicon.h"\n',
        "realmode/realmode.h": "", "shadow/shadow_priv.h": '#include "realmode.h"\n',
        "examples/native/native.h": "", "tools/base/base.h": '#include "err.h"\n',
        "tools/base/err.h": "", "tools/input/input.h": '#include "base/base.h"\n',
        "tools/check/world.h": "#include <native.h>\n",
        "tools/cmd/main.c": '#include "input/input.h"\n#include "check/world.h"\n#include <vmmu/vmmu.h>\n',
    }
    bad = {
        "a header above the folders": ("lib/silicon/bus.c", '#include "../priv.h"\n', {"lib/priv.h": ""}),
        "an upper layer": ("lib/silicon/bus.c", '#include "../core/core.h"\n', {}),
        "a public header that is the hypervisor's": ("lib/silicon/bus.c", "#include <vmmu/vmmu.h>\n", {}),
        "what a folder keeps to itself": ("lib/tables/tables.h", '#include "../silicon/tlb.h"\n', {}),
        "the library's own": ("shadow/shadow_priv.h", '#include "../lib/core/core.h"\n', {}),
        "the same by a path": ("shadow/shadow_priv.h", "#include <core/core.h>\n", {}),
        "upwards": ("lib/core/core.h", '#  include "../tables/tables.h"\n', {}),
        "past a door": ("tools/cmd/main.c", '#include "base/err.h"\n', {}),
        "a circle of folders": ("tools/base/err.h", '#include "input/input.h"\n', {}),
        "a lower layer's tester": ("tools/input/input.h", '#include "check/world.h"\n', {}),
        "nothing": ("tools/base/err.h", '#include "no.h"\n', {}),
        "a private header": ("tools/base/err.h", "#include <shadow_priv.h>\n", {}),
        "a new folder": ("tools/new/new.c", "", {}),
        "a backend": ("lib/core/core.h", "extern const struct vmmu_backend vmmu_shadow;\n", {}),
    }
    for what, (path, line, more) in {"": ("lib/util.h", "", {}), **bad}.items():
        with tempfile.TemporaryDirectory() as root:
            for name, text in {**good, **more, path: good.get(path, "") + line}.items():
                os.makedirs(os.path.dirname(os.path.join(root, name)), exist_ok=True)
                with open(os.path.join(root, name), "w", encoding="utf-8") as f:
                    f.write(text)
            wrong = check(root)
            assert [w.split(":")[0] for w in wrong] == ([path] if what else []), (what, wrong)


def main():
    check_table()
    check_itself()
    root = sys.argv[1]
    wrong = [f"{f}: no such folder; it has a line in LAYERS" for f in LAYERS
             if not os.path.isdir(os.path.join(root, f))]
    wrong += check(root)
    if wrong:
        sys.exit("layers.py:\n" + "\n".join(wrong))


main()
