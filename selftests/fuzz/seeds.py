#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Trace files for the fuzzer to begin with: seeds.py DIR. Of both byte orders, with calls,
interrupts and gaps, for each of the formats that the first byte chooses."""

import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "report"))

from synthetic import Cpu, sample     # noqa: E402


def trace():
    made = sample()
    for vcpu in range(2):
        # Behind a gap
        Cpu(made, 0xc000000000010000, vcpu=vcpu, seq=50).run(2)
    return made


def main():
    os.makedirs(sys.argv[1], exist_ok=True)
    for choice in range(8):
        with open(os.path.join(sys.argv[1], f"sample-{choice}"), "wb") as f:
            f.write(bytes([choice]) + trace().bytes("<>"[choice % 2]))


if __name__ == "__main__":
    main()
