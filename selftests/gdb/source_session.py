# SPDX-License-Identifier: GPL-2.0
"""A bare guest compiled with -g: what GDB does by stepping, by source lines.

Environment: SESSION_SOCKET (QEMU's gdbstub), SESSION_SOURCE (directory of the
guest's source), SESSION_OFFSET (where QEMU has loaded what is linked at 0).
"""

import os
import re
import sys
import time

import gdb

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import target                                               # noqa: E402
from tap import check, diag, group, require, say            # noqa: E402
from target import execute, resume                          # noqa: E402

SOURCE = os.path.join(os.environ["SESSION_SOURCE"], "bare.c")
NUMBERS = (3, 1, 4, 1, 5, 9)


def find_lines():
    """Statements are named by a comment behind them."""
    found = {}
    with open(SOURCE, encoding="ascii") as source:
        for number, text in enumerate(source, 1):
            match = re.search(r"/\* (\w+: [\w ]+) \*/$", text.rstrip())
            if match:
                found[match.group(1)] = number
    return found


LINES = find_lines()


def where():
    """(function, name of the line or its number)"""
    frame = gdb.selected_frame()
    line = frame.find_sal().line
    names = [n for n, at in LINES.items() if at == line]
    return frame.name(), names[0] if names else line


def value(text):
    return int(gdb.parse_and_eval(text))


def returned():
    """The value that finish has shown is in GDB's value history."""
    return int(gdb.history(0))


def stop_at(location, seconds=20):
    execute(f"tbreak {location}")
    resume("continue", seconds)


def expect(command, function, line, seconds=20):
    resume(command, seconds)
    check(where() == (function, line), f"{command}: {function}(), {line}", where())


@group("step and next")
def step_and_next():
    stop_at(f"bare.c:{LINES['main: work']}")
    check(where() == ("main", "main: work"), "break at a line of main()", where())
    expect("step", "work", "work: count")
    expect("next", "work", "work: sum")
    check(value("counter") == value("tick"), "the statement stepped over was executed",
          f"{value('counter')} {value('tick')}")
    expect("step", "sum_squares", "sum: init")
    frames = []
    frame = gdb.newest_frame()
    while frame:
        frames.append(frame.name())
        frame = frame.older()
    check(frames[:3] == ["sum_squares", "work", "main"], "backtrace", frames)
    expect("next", "sum_squares", "sum: loop")
    sums, indexes = [], []
    for i in range(3):
        expect("next", "sum_squares", "sum: add")
        indexes.append(value("i"))
        expect("next", "sum_squares", "sum: loop")
        sums.append(value("sum"))
    check(indexes == [0, 1, 2], "the loop's variable", indexes)
    check(sums == [9, 10, 26], "and its sum, after each call stepped over", sums)


@group("finish and until")
def finish_and_until():
    stop_at("square")
    check(where() == ("square", "square: body"), "break in a function", where())
    argument = value("x")
    resume("finish")
    check(returned() == argument ** 2, f"finish: the value returned is {argument ** 2}", returned())
    check(where() == ("sum_squares", "sum: add"), "in the middle of the caller's line", where())
    expect("next", "sum_squares", "sum: loop")
    expect("next", "sum_squares", "sum: add")
    expect("next", "sum_squares", "sum: loop")
    # At the loop's end, until does not go back into it.
    expect("until", "sum_squares", "sum: return")
    check(value("sum") == sum(n * n for n in NUMBERS), "until has run the loop to its end",
          value("sum"))
    resume("finish")
    check(where() == ("work", "work: sum"), "finish: back in work()", where())
    expect(f"advance {LINES['work: add sum']}", "work", "work: add sum")
    check(value("fib") == 5, "advance went over a recursion", value("fib"))
    expect(f"until {LINES['work: add fib']}", "work", "work: add fib")


@group("recursion")
def recursion():
    # next must not stop in an inner call that comes by the same line.
    stop_at("fibonacci")
    check(value("n") == 5, "break in a recursive function: outermost call", value("n"))
    expect("next", "fibonacci", "fib: recurse")
    expect("step", "fibonacci", "fib: test")
    check(value("n") == 4, "step goes one call deeper", value("n"))
    resume("finish")
    check(returned() == 3 and value("n") == 5, "finish: fibonacci(4) is 3", returned())


@group("software watchpoint")
def watchpoint():
    stop_at("sum_squares")
    resume("next")
    execute("watch sum")
    seen, start = [], target.WATCH.stops
    while len(seen) < len(NUMBERS) and target.WATCH.stops - start < 10:
        resume("continue", 60)
        seen.append(value("sum"))
    execute("delete")
    sums = [sum(n * n for n in NUMBERS[:i + 1]) for i in range(len(NUMBERS))]
    check(seen == sums, "watch: stops at each change and nowhere else", f"{seen}, not {sums}")


@group("conditional breakpoint")
def conditional():
    execute("break square if x == 9")
    seen = []
    for _ in range(2):
        resume("continue")
        seen.append((where()[0], value("x")))
    execute("delete")
    check(seen == [("square", 9)] * 2, "a condition that is false five times out of six", seen)


@group("the end")
def leave():
    seen = target.WATCH
    check(not seen.problems, f"no SE in MSR, vectors unchanged after {seen.stops} stops",
          "\n".join(seen.problems[:5]))
    require(seen.stops > 30, "enough stops to say so", seen.stops)


def main():
    target.connect(os.environ["SESSION_SOCKET"])
    execute(f"symbol-file -o {os.environ['SESSION_OFFSET']} {os.environ['SESSION_IMAGE']}")
    execute(f"directory {os.environ['SESSION_SOURCE']}")
    target.watch(vectors=((0x100, 0xfa0),), seldom=())
    for part in (step_and_next, finish_and_until, recursion, watchpoint, conditional):
        start = time.monotonic()
        part()
        execute("delete")
        diag(f"{time.monotonic() - start:.1f} s {part.__name__}")
    leave()
    execute("detach")
    say("session: complete")


main()
