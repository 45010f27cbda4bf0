#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Dumps of one of our guests by QEMU: an ELF core, and the same machine kdump-compressed.

usage: make.py QEMU KERNEL MEBIBYTES SECONDS OUT [QEMU-ARGUMENT]...

The guest runs for so many seconds (0.1, say), stops, and is dumped twice; OUT.elf.zst and
OUT.kdump.zst are what came out.  rom.S starts it: no firmware is in the dumps.
"""
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time

qemu, kernel, mib, seconds, out, *more = sys.argv[1:]


def wait_for(path):
    for _ in range(250):
        try:
            s = socket.socket(socket.AF_UNIX)
            s.connect(path)
            return s.makefile("rw")
        except OSError:
            time.sleep(0.02)
    sys.exit("QEMU does not start")


def ask(qmp, command, **arguments):
    qmp.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
    qmp.flush()
    while True:
        answer = json.loads(qmp.readline())
        if "error" in answer:
            sys.exit(f"{command}: {answer['error']['desc']}")
        if "return" in answer:
            return answer["return"]


with tempfile.TemporaryDirectory() as d, open(kernel, "rb") as f:
    entry = struct.unpack_from("<I", f.read(), 24)[0]
    rom = os.path.join(os.path.dirname(os.path.abspath(__file__)), "rom.S")
    subprocess.run(["gcc", "-m32", "-c", f"-DENTRY={entry}", f"-DUPPER={(int(mib) - 1) * 1024}", rom,
                    "-o", f"{d}/rom.o"], check=True)
    subprocess.run(["objcopy", "-O", "binary", "-j", ".text", f"{d}/rom.o", f"{d}/rom"], check=True)
    machine = subprocess.Popen([
        qemu, "-accel", "tcg", "-m", mib, "-display", "none", "-nodefaults", "-no-reboot", "-bios",
        f"{d}/rom", "-device", f"loader,file={kernel}", "-serial", f"file:{d}/serial", "-qmp",
        f"unix:{d}/qmp,server=on,wait=off", *more])
    qmp = wait_for(f"{d}/qmp")
    qmp.readline()
    ask(qmp, "qmp_capabilities")
    time.sleep(float(seconds))
    ask(qmp, "stop")
    for name, form in ("elf", "elf"), ("kdump", "kdump-zlib"):
        ask(qmp, "dump-guest-memory", paging=False, protocol=f"file:{d}/{name}", format=form)
        subprocess.run(["zstd", "-q", "-19", "-f", f"{d}/{name}", "-o", f"{out}.{name}.zst"], check=True)
    ask(qmp, "quit")
    machine.wait()
    with open(f"{d}/serial", encoding="latin-1") as f:
        print(f.read()[-200:])
