# SPDX-License-Identifier: GPL-2.0
"""The problem itself: a Linux guest that hvstep does not know of.

Environment: SESSION_SOCKET (QEMU's gdbstub), SESSION_BOUND (seconds to wait).
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import target                                           # noqa: E402
from tap import check, group, require, say              # noqa: E402
from target import address, execute, reg, resume        # noqa: E402

BOUND = float(os.environ.get("SESSION_BOUND", "10"))


@group("without hvstep")
def main():
    target.connect(os.environ["SESSION_SOCKET"])
    execute("break *version_proc_show")
    resume("continue")
    require(reg("pc") == address("version_proc_show"), "a breakpoint is hit, once")
    _, came_back = target.run_for("stepi", BOUND)
    check(not came_back, f"stepi does not return within {BOUND:.0f} s", hex(reg("pc")))
    execute("delete")
    execute("tbreak *version_proc_show")
    resume("continue")
    execute("break *version_proc_show")
    _, came_back = target.run_for("continue", BOUND)
    check(not came_back, f"continue does not hit the breakpoint again within {BOUND:.0f} s",
          hex(reg("pc")))
    execute("delete")
    execute("detach")
    say("session: complete")


main()
