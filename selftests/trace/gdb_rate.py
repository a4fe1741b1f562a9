# SPDX-License-Identifier: GPL-2.0
"""In GDB: how many instructions a second it steps, at its best: without symbols, which
it would look up at each stop. Environment: SESSION_SOCKET, RATE_STEPS."""

import os
import time

import gdb

STEPS = int(os.environ["RATE_STEPS"])

gdb.execute("set pagination off")
gdb.execute("set architecture powerpc:common64")
gdb.execute("set endian little")
gdb.execute("target remote " + os.environ["SESSION_SOCKET"])
# The first one attaches, and reads what is read once.
gdb.execute("stepi", to_string=True)
start = time.monotonic()
for _ in range(STEPS):
    gdb.execute("stepi", to_string=True)
print(f"rate: {STEPS / (time.monotonic() - start):.1f}", flush=True)
gdb.execute("detach")
gdb.execute("quit 0")
