#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Step a guest through QEMU's gdbstub until a file appears, and let it run on.

	step_until.py SOCKET FILE

Each pc is compared with the one next pc that the instruction has. Exit status: 0 all of
them were right, 1 not.
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../transparent"))

import stepper      # noqa: E402

BOUND = 30.0


def main():
    where, enough = sys.argv[1:]
    stub = stepper.Stub(where)
    steps = 0
    while not os.path.exists(enough):
        problem = stepper.step(stub, BOUND)
        if problem:
            print(f"step {steps + 1}: {problem}")
            return 1
        steps += 1
        if steps % 50 == 0:
            print(f"{steps} steps", flush=True)
    stub.ask("D")
    print(f"{steps} steps in all")
    return 0


if __name__ == "__main__":
    sys.exit(main())
