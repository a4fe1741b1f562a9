#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Whatever is in a file: an exit status of 0 or 1, no signal, and no word of a sanitizer.
The same files each time."""

import json
import os
import random
import subprocess

from synthetic import (BCTRL, BL, BLR, HCALL, HEAD_SIZE, RFID, SC, Cpu, Trace, elf, head,
                       sample)
from tap import HVSTEP, main, test, write

K = 0xc000000000010000
FORMATS = (["-i"], ["-f", "json"], ["-f", "perfetto"], ["-f", "folded"])
VMLINUX = elf([(f"function{n}", K + n * 0x40, 0x40, 2, 1, n % 8) for n in range(64)])
SYMBOLS = ["-s", write("vmlinux", VMLINUX)]
ENVIRONMENT = {**os.environ, "HVSTEP_QUIET": "1",
               "ASAN_OPTIONS": "exitcode=99:detect_leaks=0:allocator_may_return_null=0"}


def survives(*args, allowed=(0, 1)):
    done = subprocess.run([HVSTEP, "report", *args], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=120, check=False, env=ENVIRONMENT)
    if done.returncode not in allowed or b"runtime error" in done.stderr:
        raise AssertionError(f"{args}: {done.returncode}: {done.stderr.decode(errors='replace')}")
    if done.returncode == 0 and "-f" in args and ("json" in args or "perfetto" in args):
        json.loads(done.stdout)
    return done.returncode


@test
def flipped_bits():
    rng = random.Random(4711)
    for nr in range(160):
        data = bytearray(sample().bytes("<>"[nr % 2]))
        for _ in range(rng.choice((1, 3, 20, 200))):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        # The magic is what most would die of.
        data[:8] = sample().bytes("<>"[nr % 2])[:8]
        survives(*FORMATS[nr % 4], *SYMBOLS, write("flipped", data))


@test
def random_bytes():
    rng = random.Random(42)
    for nr in range(40):
        survives(*FORMATS[nr % 4], *SYMBOLS, write("random", rng.randbytes(rng.randrange(5000))))
        data = head(50, "<>"[nr % 2]) + rng.randbytes(50 * 64)
        survives(*FORMATS[nr % 4], *SYMBOLS, write("random", data))


@test
def random_branches():
    rng = random.Random(7)
    words = (BL, BLR, BCTRL, SC, HCALL, RFID, 0x60000000, 0x48000000, 0x06000000)
    edges = (0, 4, 0x500, 0xc00, K, 2**64 - 4, 2**63, 2**32 - 4, 0xc000000000004900)
    for nr in range(40):
        trace = Trace()
        for seq in range(500):
            nip, to = (rng.choice(edges) if rng.random() < 0.2 else K + rng.randrange(64) * 0x40
                       for _ in range(2))
            trace.add(seq if rng.random() < 0.95 else rng.getrandbits(64), nip, to,
                      rng.choice(words), rng.getrandbits(64), rng.randrange(3),
                      rng.randrange(8), rng.randrange(4), rng.getrandbits(64))
        survives(*FORMATS[nr % 4], *SYMBOLS, write("branches", trace.bytes("<>"[nr % 2])))


@test
def heads_of_every_length():
    data = sample().bytes()
    for length in range(0, HEAD_SIZE + 130, 7):
        survives(write("cut", data[:length]))


@test
def very_deep():
    trace = Trace()
    cpu = Cpu(trace, K)
    for nr in range(3000):
        cpu.call(K + nr % 64 * 0x40)
    for args in FORMATS:
        survives(*args, *SYMBOLS, write("deep", trace.bytes()))
    survives(*SYMBOLS, "--depth=100000", "--min-percent=0", write("deep", trace.bytes()))


@test
def symbols_of_any_kind():
    rng = random.Random(99)
    trace = write("trace", sample().bytes())
    for nr in range(100):
        data = bytearray(elf([("f", K, 64), ("g", K + 64, 0)], order="<>"[nr % 2],
                             opd=[K, 0, 0, K + 64, 0, 0] if nr % 3 else None))
        for _ in range(rng.choice((1, 3, 10))):
            data[rng.randrange(4, len(data))] ^= 1 << rng.randrange(8)
        survives("-s", write("symbols", data), trace, allowed=(0, 125))
    for length in range(0, len(VMLINUX), 61):
        survives("-s", write("symbols", VMLINUX[:length]), trace, allowed=(0, 125))


@test
def every_instruction():
    """Capstone is not ours, but it must not take us along."""
    trace = Trace()
    rng = random.Random(3)
    for seq in range(20000):
        trace.add(seq, K + seq * 4, K + seq * 4 + 4, rng.getrandbits(32))
    survives("-i", write("words", trace.bytes()), allowed=(0,))


main()
