# SPDX-License-Identifier: GPL-2.0
"""The guest, seen through QEMU's gdbstub.

Each command that lets the guest run is bounded in time, and after each stop the
guest's interrupt vectors and MSR[SE] are looked at: not a trace of stepping may
be left in them.
"""

import contextlib
import glob
import os
import re
import signal
import struct
import subprocess
import threading

import gdb

import insn
from tap import diag

# Of Linux, with LPCR[AIL] = 3; and in real mode, and of scv
VECTORS = ((0x4300, 0x4f80),)
OTHER_VECTORS = ((0x100, 0x1000), (0x3000, 0x3040))
LINEAR = 0xc000000000000000
# What KVM exits for, and what QEMU and hvstep put where a guest shall stop
SW_BREAKPOINT = 0x00dddd00


class Stuck(Exception):
    """The guest did not stop in time. It is stopped now, by Ctrl-C."""


def execute(command):
    return gdb.execute(command, to_string=True)


def reg(name):
    try:
        return int(gdb.selected_frame().read_register(name)) & insn.MASK
    except gdb.error:
        # QEMU 7.2 shows the SPRs of the first vCPU only.
        return monitor_reg(name)


def monitor_reg(name):
    """From QEMU's monitor, which knows all vCPUs."""
    text = execute("monitor info registers -a").replace("\r", "")
    parts = re.split(r"^CPU#(\d+)\s*$", text, flags=re.M)
    # QEMU numbers its threads from 1.
    values = dict(zip(parts[1::2], parts[2::2]))[str(gdb.selected_thread().ptid[1] - 1)]
    return int(re.search(rf"\b{name.upper()} +([0-9a-f]+)", values).group(1), 16)


def address(symbol):
    return int(gdb.parse_and_eval(f"(unsigned long)&{symbol}"))


def read(at, length):
    return bytes(gdb.selected_inferior().read_memory(at, length))


def read_word(at):
    return struct.unpack("<I", read(at, 4))[0]


def name(at):
    """symbol+offset"""
    text = execute(f"info symbol {at:#x}")
    return text.split(" in section")[0].replace(" ", "") if "in section" in text else hex(at)


def in_user_space():
    return bool(reg("msr") & insn.MSR_PR)


def is_readable(at):
    """Outside of user space: QEMU, which translates as in real mode, reads there
    what is there. So it does not in vmalloc space."""
    return at >> 48 in (0, LINEAR >> 48)


def packet(text):
    # Not by gdb.RemoteTargetConnection: GDB 13 aborts if it ends while one exists.
    reply = execute(f"maint packet {text}")
    if '"OK"' not in reply:
        raise gdb.GdbError(f"QEMU answers {reply!r} to {text}")


def connect(socket):
    for command in ("set pagination off", "set confirm off", "set width 0", "set height 0",
                    "set can-use-hw-watchpoints 0", "set remotetimeout 30"):
        execute(command)
    execute(f"target remote {socket}")
    gdb.events.stop.connect(stopped)


# How the last run ended. The text that GDB prints then cannot be caught.
LAST_STOP = None


def stopped(event):
    global LAST_STOP                    # pylint: disable=global-statement
    LAST_STOP = event


def interrupted():
    return isinstance(LAST_STOP, gdb.SignalEvent) and LAST_STOP.stop_signal == "SIGINT"


# What the VMM's threads did when that was asked last
THREADS = ""


def look_at_threads():
    """Where in the kernel they are, and whether they get on: a vCPU that waits for
    something from one that goes round."""
    global THREADS                      # pylint: disable=global-statement
    texts = []
    for path in sorted(glob.glob(f"/proc/{os.environ.get('SESSION_PID', 'self')}/task/*")):
        for file in ("comm", "wchan", "status", "stack"):
            try:
                with open(os.path.join(path, file), encoding="ascii", errors="replace") as f:
                    lines = f.read().splitlines()
            except OSError as e:
                lines = [str(e)]
            texts += [f"{file}: {line}" for line in lines
                      if file != "status" or "ctxt" in line or "State" in line]
    for path in sorted(glob.glob("/sys/kernel/debug/kvm/*/*exits")):
        with open(path, encoding="ascii") as f:
            texts.append(f"{path.rsplit('/', 1)[1]}: {f.read().strip()}")
    THREADS += "\n".join(texts) + "\n"


def give_up():
    global THREADS                      # pylint: disable=global-statement
    THREADS = ""
    for _ in range(2):
        look_at_threads()
    os.kill(os.getpid(), signal.SIGINT)


def interrupt_after(seconds):
    """As Ctrl-C at GDB's prompt. A guard: cheap, and seldom needed."""
    timer = threading.Timer(seconds, give_up)
    timer.daemon = True
    timer.start()
    return timer


def run_for(command, seconds):
    """Returns (output, whether it came back by itself)."""
    global LAST_STOP                    # pylint: disable=global-statement
    LAST_STOP = None
    timer = interrupt_after(seconds)
    try:
        text = execute(command)
    finally:
        timer.cancel()
    return text, not interrupted()


@contextlib.contextmanager
def cached_text():
    """For many stepi: let GDB read the kernel's code in larger pieces, after each
    stop anew. It asks for dozens of words to find out where it is. Not while it
    has breakpoints in there: the cache would keep them."""
    execute("set mem inaccessible-by-default off")
    execute(f"mem {address('_stext') + 0x8000:#x} {address('_etext'):#x} rw cache")
    try:
        yield
    finally:
        execute("delete mem")


class Watch:
    """What must be the same after every stop."""

    # Those that Linux does not use in passing are looked at now and then only.
    SELDOM = 16

    def __init__(self, vectors, seldom=()):
        self.stops = 0
        self.problems = []
        # The guest itself has set SE for the next stop: see stepcheck.
        self.guest_traces = False
        self.vectors = vectors
        self.seldom = seldom
        self.snapshots = {regions: self.read_vectors(regions) for regions in (vectors, seldom)}

    @staticmethod
    def read_vectors(regions):
        if not in_user_space():
            return [read(LINEAR + start, end - start) for start, end in regions]
        # By real address: QEMU may refuse the kernel's own ones in user space.
        packet("Qqemu.PhyMemMode:1")
        try:
            return [read(start, end - start) for start, end in regions]
        finally:
            packet("Qqemu.PhyMemMode:0")

    def note(self, problem):
        self.problems.append(f"stop {self.stops} at {name(reg('pc'))}: {problem}")

    def look(self):
        self.stops += 1
        if reg("msr") & insn.MSR_SE and not self.guest_traces:
            self.note(f"MSR {reg('msr'):#x} shows SE")
        if not in_user_space() and is_readable(reg("pc")) and \
                read_word(reg("pc")) == SW_BREAKPOINT:
            self.note("the next instruction is a breakpoint's word")
        self.compare(self.vectors)
        if self.seldom and self.stops % self.SELDOM == 1:
            self.compare(self.seldom)

    def compare(self, regions):
        for (start, _), then, now in zip(regions, self.snapshots[regions],
                                         self.read_vectors(regions)):
            for i in range(0, len(then), 4):
                if then[i:i + 4] != now[i:i + 4]:
                    self.note(f"the word at {start + i:#x} was "
                              f"{then[i:i + 4][::-1].hex()}, is {now[i:i + 4][::-1].hex()}")


WATCH = None


def watch(vectors=VECTORS, seldom=OTHER_VECTORS):
    global WATCH                        # pylint: disable=global-statement
    WATCH = Watch(vectors, seldom)
    return WATCH


def whereabouts():
    """Of each vCPU, and what is in memory there: for who has to find out why it hangs."""
    selected = gdb.selected_thread()
    try:
        for thread in sorted(gdb.selected_inferior().threads(), key=lambda t: t.num):
            thread.switch()
            at = reg("pc")
            word = f"{read_word(at):08x}" if is_readable(at) else "unreadable"
            yield f"{name(at)} (MSR {reg('msr'):#x}, {word})"
    finally:
        selected.switch()


def resume(command, seconds=30, expected=False):
    """Let the guest run by a command of GDB's until it stops by itself, or by
    the Ctrl-C that is expected."""
    text, came_back = run_for(command, seconds)
    if not came_back and not expected:
        diag(THREADS)
        raise Stuck(f"{command}: the guest did not stop within {seconds} s, "
                    f"its vCPUs were at {', '.join(whereabouts())}")
    if WATCH:
        WATCH.look()
    return text


def step_unreadable():
    """stepi of this vCPU alone, where QEMU cannot read the instruction (it
    translates as in real mode): GDB's own stepi wants to read it first."""
    reply = execute(f"maint packet vCont;s:p1.{gdb.selected_thread().ptid[1]:x}")
    if '"T05' not in reply:
        raise gdb.GdbError(f"QEMU answers {reply!r} to vCont;s")
    execute("maint flush register-cache")
    if WATCH:
        WATCH.look()


def interrupt_running(seconds):
    """`continue`, and Ctrl-C after some time."""
    global LAST_STOP                    # pylint: disable=global-statement
    LAST_STOP = None
    # A process of its own: its nap does not depend on the clock (session.sh).
    with subprocess.Popen(["sh", "-c", f"sleep {seconds}; kill -INT {os.getpid()}"]) as napper:
        resume("continue", 60, expected=True)
        napper.wait()
    return interrupted()


def function():
    """Of the selected frame."""
    return gdb.selected_frame().name()


def stop_in(symbol, seconds=30, command="continue"):
    """Run to the symbol. Its breakpoint is taken away again: with two vCPUs the
    other one would come there, too, while this one is stepped."""
    execute(f"tbreak {symbol}")
    resume(command, seconds)
    return function()
