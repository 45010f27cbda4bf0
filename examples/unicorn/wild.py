#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Guests that go wild: wild.py VMMU-RUN [FIRST-SEED [SEEDS]]

Each sets up paging of some mode with tables of garbage (themselves, nowhere, reserved bits), an IDT
that may lead anywhere, and then executes random bytes, registers and TLB instructions thrown in.
However it goes, vmmu-run has to say how: a triple fault, something that is not emulated, a limit;
all backends agree (--check) and the process lives.
"""
import random
import struct
import subprocess
import sys
import tempfile

LOAD = 0x100000
TABLES = 0x140000  # 8 pages
IDT = 0x13f000
STACK = 0x13e000
GDT = [0, 0x00cf9a000000ffff, 0x00cf92000000ffff, 0x00af9a000000ffff, 0x00cffa000000ffff,
       0x00cff2000000ffff]
MODES = ["off", "legacy", "pae", "long"]
# 0 halted, 6 triple fault, 8 not emulated, 12 the limit; odd: the guest wrote to the exit port.
GOOD = {0, 6, 8, 12}


def imm32(opcode, value):
    return bytes(opcode) + struct.pack("<I", value & 0xffffffff)


def entry(rng, wide):
    """One entry of a table."""
    kind = rng.random()
    if kind < 0.25:
        return 0
    frame = rng.choice([TABLES + 4096 * rng.randrange(8), 4096 * rng.randrange(512),
                        0x200000 * rng.randrange(32), 0xa0000, 0xfee00000,
                        rng.getrandbits(40) & ~0xfff])
    flags = rng.choice([1, 3, 7, 0x83, 0x87, 0xe3, 0x1e7, rng.getrandbits(9)])
    if wide and kind > 0.9:
        flags |= 1 << rng.choice([52, 62, 63, 51, 45])
    return (frame | flags) & (0xffffffffffffffff if wide else 0xffffffff)


def tables(rng, mode):
    wide = mode != "legacy"
    pages = []
    for _ in range(8):
        if wide:
            page = [entry(rng, True) for _ in range(512)]
        else:
            page = [entry(rng, False) for _ in range(1024)]
        pages.append(page)
    # Mostly the first 4M are there, or nothing would happen.
    if rng.random() < 0.9:
        if mode == "legacy":
            pages[0][0] = 0x87
        elif mode == "pae":
            pages[0][:4] = [TABLES + 4096 + 1, 0, 0, 0]
            pages[1][:2] = [0x87, 0x200087]
        else:
            pages[0][0] = TABLES + 4096 + 7
            pages[1][0] = TABLES + 8192 + 7
            pages[2][:2] = [0x87, 0x200087]
    form = "<512Q" if wide else "<1024I"
    return b"".join(struct.pack(form, *page) for page in pages)


def garbage(rng, size):
    """Random bytes, and instructions that this is about."""
    spice = [b"\x0f\x22\xd8", b"\x0f\x22\xc0", b"\x0f\x22\xe0", b"\x0f\x01\x38", b"\x0f\x30",
             b"\x0f\x01\xef", b"\xcf", b"\xcd\x80", b"\xf4", b"\x8e\xd8", b"\x0f\x20\xd8",
             b"\xa1" + struct.pack("<I", TABLES), b"\xa3" + struct.pack("<I", TABLES + 8),
             b"\xff\x05" + struct.pack("<I", TABLES + 0x1000), b"\xe8\0\0\0\0", b"\xf3\xab",
             imm32([0xb8], TABLES), imm32([0xbf], TABLES), imm32([0xb9], 64), b"\xeb\x02",
             b"\x0f\x01\x15" + struct.pack("<I", LOAD + 0x80), b"\xea" + struct.pack("<IH", LOAD + 0x600, 24)]
    out = b""
    while len(out) < size:
        out += rng.choice(spice) if rng.random() < 0.5 else bytes([rng.getrandbits(8)])
    return out[:size]


def idt(rng):
    gates = b""
    for _ in range(256):
        where = rng.choice([LOAD + 0x400 + rng.randrange(0x800), LOAD + 0x400, rng.getrandbits(32)])
        flags = rng.choice([0x8e00, 0x8f00, 0xee00, 0x8500, 0x0e00, rng.getrandbits(16)])
        gates += struct.pack("<HHHH", where & 0xffff, rng.choice([8, 24, 16, 32, 0, 0xfff8]), flags,
                             where >> 16)
    return gates


def setup(rng, mode):
    code = imm32([0xbc], STACK)
    code += b"\x0f\x01\x15" + struct.pack("<I", LOAD + 0x80)
    code += b"\x0f\x01\x1d" + struct.pack("<I", LOAD + 0x88)
    if mode == "off":
        return code
    cr4 = {"legacy": 0x10, "pae": 0x20, "long": 0x20}[mode] | rng.choice([0, 0x80, 0x100000])
    code += imm32([0xb8], cr4) + b"\x0f\x22\xe0"
    if mode == "long" or rng.random() < 0.3:
        efer = (0x901 if mode == "long" else 0x801)
        code += imm32([0xb9], 0xc0000080) + imm32([0xb8], efer) + b"\x31\xd2\x0f\x30"
    code += imm32([0xb8], TABLES) + b"\x0f\x22\xd8"
    code += imm32([0xb8], rng.choice([0x80000011, 0x80010011])) + b"\x0f\x22\xc0"
    if mode == "long" and rng.random() < 0.7:
        code += b"\xea" + struct.pack("<IH", LOAD + 0x400, 24)
    return code


def image(seed):
    rng = random.Random(seed)
    mode = MODES[seed % len(MODES)]
    size = TABLES + 8 * 4096 - LOAD
    head = struct.pack("<8I", 0x1badb002, 0x10000, -0x1badb002 - 0x10000 & 0xffffffff, LOAD, LOAD, 0,
                       0, LOAD + 0x100)
    data = bytearray(size)
    data[:len(head)] = head
    data[0x80:0x86] = struct.pack("<HI", len(GDT) * 8 - 1, LOAD + 0x40)
    data[0x88:0x8e] = struct.pack("<HI", rng.choice([4095, 2047, 127, 0]), IDT)
    data[0x40:0x40 + 8 * len(GDT)] = struct.pack("<6Q", *GDT)
    code = setup(rng, mode)
    data[0x100:0x100 + len(code)] = code
    data[0x100 + len(code):0x1000] = garbage(rng, 0xf00 - len(code))
    data[IDT - LOAD:IDT - LOAD + 2048] = idt(rng)
    data[TABLES - LOAD:] = tables(rng, mode)
    return bytes(data)


def main():
    run = sys.argv[1]
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    seeds = int(sys.argv[3]) if len(sys.argv) > 3 else 60
    ends = {}
    bad = 0
    for seed in range(first, first + seeds):
        with tempfile.NamedTemporaryFile(suffix=".img") as file:
            file.write(image(seed))
            file.flush()
            command = [run, "--mem", "64M", "--check", "--max-instructions", "3000", "--backend",
                       ["shadow", "nested-npt", "nested-ept", "native"][seed // 4 % 4], file.name]
            try:
                result = subprocess.run(command, capture_output=True, timeout=100, check=False)
                status = result.returncode
                words = result.stderr.decode(errors="replace")
            except subprocess.TimeoutExpired:
                status, words = "hangs", ""
        ends[status] = ends.get(status, 0) + 1
        if status not in GOOD and not (isinstance(status, int) and status > 0 and status % 2 and
                                       "Sanitizer" not in words):
            bad += 1
            print(f"seed {seed}: {status}\n{words[-2500:]}")
    print("how they ended:", " ".join(f"{k}:{v}" for k, v in sorted(ends.items(), key=str)))
    # Several kinds, or the guests did nothing.
    sys.exit(1 if bad or len(ends) < 3 else 0)


main()
