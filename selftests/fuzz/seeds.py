#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Trace files for the fuzzer to begin with: seeds.py DIR. Of both byte orders, with calls,
interrupts and gaps, for each of the formats that the first byte chooses."""

import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "report"))

from synthetic import BCTRL, KERNEL, RFID, SC, USER, Cpu, Trace     # noqa: E402

K = 0xc000000000010000


def sample():
    trace = Trace()
    for vcpu in range(2):
        cpu = Cpu(trace, K, vcpu=vcpu)
        back = cpu.run(2).call(K + 0x40)
        at = cpu.run(2).fault(K - 0xc000)
        cpu.ret(cpu.call(K + 0x80, BCTRL))
        cpu.rfid(at, KERNEL, RFID)
        cpu.ret(back)
        cpu.step(SC, 0xc00, USER)
        cpu.lose(3)
        cpu.run(2)
    return trace


def main():
    os.makedirs(sys.argv[1], exist_ok=True)
    for choice in range(8):
        with open(os.path.join(sys.argv[1], f"sample-{choice}"), "wb") as f:
            f.write(bytes([choice]) + sample().bytes("<>"[choice % 2]))


if __name__ == "__main__":
    main()
