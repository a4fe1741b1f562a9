# SPDX-License-Identifier: GPL-2.0
"""What the sessions with a Linux guest have in common: parts that are timed, and
what is to be as before at the end of them."""

import time

import insn
import target
from stepcheck import Diverted
from tap import check, diag
from target import execute


def trace_handler():
    """As a debugger's user would look at it."""
    return execute(f"x/i {insn.AIL3 + insn.TRACE:#x}").strip()


def before_anything():
    """Returns what unharmed() is to be given."""
    target.watch()
    handler = trace_handler()
    check("0x00dddd00" not in handler and ".long" not in handler, f"before: {handler}")
    return handler


def unharmed(handler):
    watch = target.WATCH
    check(trace_handler() == handler,
          f"the trace handler still begins with {handler}")
    check(not [p for p in watch.problems if "SE" in p], f"no SE in MSR after {watch.stops} stops",
          "\n".join(watch.problems[:5]))
    check(not [p for p in watch.problems if "SE" not in p],
          f"all interrupt vectors, and the next instruction, unchanged after {watch.stops} stops",
          "\n".join(watch.problems[:5]))


def legal(steps, what):
    return check(not steps.problems, f"{what}: {steps.summary()}", "\n".join(steps.problems[:5]))


def attempt(part):
    for _ in range(6):
        try:
            return part()
        except Diverted as e:
            diag(f"{part.__name__}: {e}, once more")
        finally:
            execute("set scheduler-locking off")
    return check(False, f"{part.__name__}: undisturbed once in six times")


def timed(function_):
    start = time.monotonic()
    attempt(function_)
    execute("delete")
    diag(f"{time.monotonic() - start:.1f} s {function_.__name__}")
