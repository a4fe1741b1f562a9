# SPDX-License-Identifier: GPL-2.0
"""What GDB does today. Environment: SESSION_SOCKET."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../gdb")]

import target                                           # noqa: E402
import transcript                                       # noqa: E402
from transcript import command, remark, run             # noqa: E402

BOUND = 8

transcript.connect(os.environ["SESSION_SOCKET"])
command("break *uptime_proc_show")
run("continue")
before = target.reg("pc")
remark(before == target.address("uptime_proc_show"), "the breakpoint is hit")
print(f"\n(the next one would wait for ever: Ctrl-C comes after {BOUND} s)", flush=True)
timer = target.interrupt_after(BOUND)
command("stepi")
timer.cancel()
remark(target.interrupted(), f"stepi did not come back: the guest has run free for {BOUND} s")
remark(target.reg("pc") != before + 4, "and is not at the next instruction")
transcript.leave()
