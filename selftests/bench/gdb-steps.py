# SPDX-License-Identifier: GPL-2.0
"""In GDB: what a stepi costs from end to end, by the clock of step-cost (cost.h)."""

import os
import time

import gdb

WARM = 20
STEPS = 200

gdb.execute("set pagination off")
gdb.execute("set architecture powerpc:common64")
gdb.execute("set endian big")
gdb.execute("target remote " + os.environ["BENCH_GDB_SOCKET"])


def step(times):
    begin = time.monotonic_ns()
    for _ in range(times):
        gdb.execute("stepi", to_string=True)
    return (time.monotonic_ns() - begin) / times


step(WARM)
print(f"cost e2e.gdb_stepi {step(STEPS):.1f}", flush=True)
gdb.execute("kill")
