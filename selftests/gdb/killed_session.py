# SPDX-License-Identifier: GPL-2.0
"""QEMU is killed, with -9, while GDB steps the guest.

Environment: SESSION_SOCKET (QEMU's gdbstub), SESSION_PID (QEMU's process).
"""

import os
import subprocess
import sys

import gdb

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import target                                           # noqa: E402
from tap import check, group, require, say              # noqa: E402
from target import address, execute, reg, resume        # noqa: E402

STEPS = 20
# Far more than there is time for
MANY = 100000


@group("killed while stepped")
def main():
    target.connect(os.environ["SESSION_SOCKET"])
    execute("break *version_proc_show")
    resume("continue")
    require(reg("pc") == address("version_proc_show"), "a breakpoint is hit")
    execute("delete")
    places = set()
    for _ in range(STEPS):
        resume("stepi")
        places.add(reg("pc"))
    require(len(places) > STEPS / 2, f"stepi leads to {len(places)} places", places)
    # A process of its own: its nap does not depend on the clock (session.sh).
    kill = f"sleep 1; kill -KILL {os.environ['SESSION_PID']}; echo killed"
    with subprocess.Popen(["sh", "-c", kill], stdout=subprocess.PIPE) as killer:
        steps, why = 0, None
        try:
            for steps in range(MANY):
                execute("stepi")
        except gdb.error as e:
            why = str(e)
        killed = killer.stdout.read() == b"killed\n"
    # "Remote connection closed", or "Remote communication error" with the reason
    check(why and why.startswith("Remote co"), f"after {steps} more stepi: {why}")
    check(killed and steps < MANY - 1, "QEMU is gone, and was not before")
    say("session: complete")


main()
