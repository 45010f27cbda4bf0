#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Puts the page into one file.
usage: build.py OUT PAGE.html PAGE.css PAGE.js ENGINE.wasm ZSTD-FOLDER
ZSTD-FOLDER has what fetch.sh got; without a decoder in it the page is made without."""
import base64
import os
import sys

out, html, css, js, wasm, zstd = sys.argv[1:]


def text(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def optional(name):
    path = os.path.join(zstd, name)
    return text(path) if os.path.exists(path) else ""


page = text(html)
with open(wasm, "rb") as f:
    engine = base64.b64encode(f.read()).decode()
parts = {
    "/*STYLE*/": text(css),
    "/*WASM*/": engine,
    "/*ZSTD*/": optional("fzstd.js"),
    "/*LICENCES*/": optional("LICENSE"),
    "/*SCRIPT*/": text(js),
}
for mark, content in parts.items():
    if page.count(mark) != 1:
        sys.exit(f"{html}: {mark} is wanted once")
    if "</script" in content.lower():
        sys.exit(f"what stands for {mark} ends a script")
    before, after = page.split(mark)
    page = before + content + after
with open(out, "w", encoding="utf-8") as f:
    f.write(page)
print(f"{out}: {len(page.encode())} bytes, "
      f"{'with' if parts['/*ZSTD*/'] else 'without'} a zstd decoder")
