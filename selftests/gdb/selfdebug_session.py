# SPDX-License-Identifier: GPL-2.0
"""A Linux guest that debugs itself (guest/selfdebug.c: ptrace, kprobes, uprobes, a
GDB inside), while GDB outside steps the very kernel code that does it. What the
guest says of itself must be what it said when there was no debugger.

Environment: SESSION_SOCKET (QEMU's gdbstub, with the guest's console beside it),
SESSION_CPUS.
"""

import os
import re
import struct
import sys

import gdb

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import insn                                                         # noqa: E402
import landmarks                                                    # noqa: E402
import program                                                      # noqa: E402
import target                                                       # noqa: E402
from parts import before_anything, legal, timed, unharmed           # noqa: E402
from stepcheck import Diverted, Steps, alone, disassembly           # noqa: E402
from tap import check, diag, group, require, say                    # noqa: E402
from target import (address, execute, is_readable, in_user_space, name,  # noqa: E402
                    read_word, reg, resume, stop_in)

CPUS = int(os.environ["SESSION_CPUS"])
CONSOLE = os.path.join(os.path.dirname(os.environ["SESSION_SOCKET"]), "console")
CODE = program.Program(os.path.join(os.environ["SESSION_SOURCE"], "selfdebug"))

# How many events each part of guest/selfdebug.c has, at the least
PARTS = {"step": 200, "block": 40, "breakpoint": 12, "kprobe": 34, "uprobe": 30, "stepi": 100}

# Kernel functions that this debugging passes: how often to stop there, and for
# how many steps. In the order in which selfdebug.c comes to them.
PATHS = (
    ("user_enable_single_step", 2, 40),
    ("single_step_exception", 3, 80),
    ("sys_ptrace", 2, 80),
    ("user_enable_block_step", 1, 40),
    ("arch_prepare_kprobe", 1, 60),
    ("sys_getsid", 2, 40),
    ("kprobe_ftrace_handler", 1, 100),
    ("kprobe_handler", 3, 80),
    ("emulate_step", 1, 100),
    ("kprobe_post_handler", 1, 60),
    ("uprobe_pre_sstep_notifier", 1, 80),
    ("arch_uprobe_pre_xol", 1, 60),
    ("arch_uprobe_post_xol", 1, 60),
)
# Stops to look at until the one that is looked for
HITS = 120
RETURNS = 200


def said(kind):
    """What the guest has said of its runs ("run", "gdb"), without their numbers."""
    with open(CONSOLE, encoding="ascii", errors="replace") as console:
        return re.findall(rf"selfdebug: {kind} \d+: (.*?)\r?\n", console.read())


def read_long(at):
    return struct.unpack("<Q", target.read(at, 8))[0]


def entry(symbol):
    """Behind the setup of r2, which a call from the kernel itself passes by."""
    at = address(symbol)
    return at + 8 if read_word(at) >> 16 == 0x3c4c else at


class DebuggedSteps(Steps):
    """Through the program, and what the kernel has copied to execute it elsewhere:
    at the end of a program's space, or in vmalloc space."""

    def __init__(self, copied=None):
        super().__init__(CODE)
        self.copied = copied

    def is_copied(self, at_):
        return self.copied and not (at_ in CODE if in_user_space() else is_readable(at_))

    def word(self, at_):
        return self.copied if self.is_copied(at_) else super().word(at_)

    def step(self, seconds):
        if not self.is_copied(reg("pc")):
            return super().step(seconds)
        target.step_unreadable()
        return ""


@group("the guest without a debugger")
def reference():
    """Returns what it says, by kind."""
    kinds = ["run"]
    if os.path.exists(os.path.join(os.path.dirname(CONSOLE), "gdb.cpio")):
        kinds.append("gdb")
    else:
        diag("no GDB inside the guest")
    lines = {kind: said(kind) for kind in kinds}
    require(len(lines["run"]) > 1 and all(len(set(said_)) == 1 for said_ in lines.values()),
            "without a debugger each run says the same", lines)
    words = " ".join(said_[0] for said_ in lines.values()).split()
    seen = dict(zip(words[::3], map(int, words[1::3])))
    missing = {p for p, n in PARTS.items() if seen.get(p, 0) < n}
    if "gdb" not in kinds:
        missing -= {"stepi"}
    check(not missing, f"the guest debugs itself by {', '.join(seen)}", seen)
    return {kind: said_[0] for kind, said_ in lines.items()}


def walk_path(symbol, hits, steps):
    at = entry(symbol)
    walked = DebuggedSteps()
    for _ in range(hits):
        stop_in(f"*{at:#x}", 90)
        require(reg("pc") == at, f"the guest comes to {symbol}", disassembly())
        walked.many(steps)
    legal(walked, f"{symbol}: {hits} times")


def path_groups():
    for symbol, hits, steps in PATHS:
        part = group(symbol)(lambda s=symbol, h=hits, n=steps: walk_path(s, h, n))
        part.__name__ = symbol
        yield part


def find_return(rfids, sought):
    """Run until one of these returns is about to go where it is sought."""
    for at in rfids:
        execute(f"break *{at:#x}")
    try:
        for _ in range(RETURNS):
            resume("continue", 60)
            if sought(reg("srr0"), reg("srr1")):
                return True
        return False
    finally:
        execute("delete")


def by_guest(bits, where):
    """A return to where the guest traces by these bits of MSR."""
    return lambda srr0, srr1: srr1 & insn.MSR_PR and srr1 & bits == bits and where(srr0)


def in_walk(at):
    return CODE["walk"] <= at < CODE["walk_end"]


def own_trace(what, copied=None, until=1):
    """From a return to code that the guest traces to its own trace handler."""
    alone()
    to, msr = reg("srr0"), reg("srr1")
    steps = DebuggedSteps(copied)
    steps.one()
    bits = insn.MSR_SE | insn.MSR_BE
    check(reg("pc") == to and (reg("msr") ^ msr) & (insn.MSR_PR | bits) == 0,
          f"{what}: stepi over rfid goes there, with the guest's own MSR[SE] or [BE]",
          f"{reg('pc'):#x}, {to:#x}, MSR {reg('msr'):#x}, SRR1 {msr:#x}")
    handler = insn.AIL3 + insn.TRACE
    came = steps.until(lambda: reg("pc") == handler, until)
    check(came, f"{what}: stepi goes to the guest's own trace handler", disassembly())
    if until == 1:
        check(reg("srr0") == to + 4, f"{what}: of that instruction", hex(reg("srr0")))
    legal(steps.many(30), f"{what}: on through the handler")
    execute("set scheduler-locking off")
    return steps


def about_to_trace(symbol, where):
    """Run until the guest is about to resume a program, to trace it there."""
    start = at = entry(symbol)
    # The first load from the task, which is r3, is that of its struct pt_regs.
    while read_word(at) & 0xfc1f0003 != 0xe8030000:
        at += 4
    offset = read_word(at) & 0xfffc
    for _ in range(HITS):
        stop_in(f"*{start:#x}", 90)
        regs = read_long(reg("r3") + offset)
        if where(read_long(regs + landmarks.PT_NIP)):
            return True
    return False


@group("rfid to what the guest steps by ptrace", through=Diverted)
def return_single_step():
    for _ in range(2):
        require(about_to_trace("user_enable_single_step", lambda at: in_walk(at) and
                               insn.opcode(CODE.word(at)) not in (16, 17, 18)) and
                find_return([landmarks.interrupt_exit()], by_guest(insn.MSR_SE, in_walk)),
                "a return to a program that the guest steps")
        own_trace("PTRACE_SINGLESTEP")


@group("rfid from a system call to what the guest steps", through=Diverted)
def return_from_call():
    for _ in range(HITS):
        stop_in("*sys_getppid", 90)
        if read_long(reg("r3") + landmarks.PT_MSR) & insn.MSR_SE and in_walk(landmarks.caller()):
            break
    to = landmarks.caller()
    require(in_walk(to), "a system call of the program that the guest steps", hex(to))
    require(find_return([landmarks.call_exit("rfid"), landmarks.interrupt_exit()],
                        lambda srr0, srr1: srr0 == to), "its return")
    own_trace("a system call under PTRACE_SINGLESTEP")


@group("a branch that the guest traces", through=Diverted)
def return_block_step():
    require(about_to_trace("user_enable_block_step", in_walk) and
            find_return([landmarks.interrupt_exit()], by_guest(insn.MSR_BE, in_walk)),
            "a return to a program that the guest steps by branches")
    steps = own_trace("PTRACE_SINGLEBLOCK", until=20)
    check(any(k.startswith("traced") for k in steps.kinds), "it was a branch", steps.summary())


@group("sc under MSR[BE]", through=Diverted)
def call_block_step():
    # Behind the last branch of the loop
    require(about_to_trace("user_enable_block_step", lambda at: at == CODE["walk_sc"] - 4) and
            find_return([landmarks.interrupt_exit()], by_guest(insn.MSR_BE, in_walk)),
            "a return to just before a system call")
    alone()
    steps = DebuggedSteps()
    steps.many(2)
    require(reg("pc") == CODE["walk_sc"], "stepi to the sc", disassembly())
    msr = reg("msr")
    steps.one()
    check(reg("pc") == insn.AIL3 + insn.SYSCALL, "stepi over sc: the kernel's first word",
          disassembly())
    check((reg("srr0"), reg("srr1")) == (CODE["walk_sc"] + 4, msr) and msr & insn.MSR_BE,
          "SRR1 is the MSR of before, with the guest's BE", f"{reg('srr1'):#x}, {msr:#x}")
    legal(steps.many(15), "and on")


def kernel_word(at):
    """From the file: in memory there is the probe's trap."""
    execute("set trust-readonly-sections on")
    try:
        return read_word(at)
    finally:
        execute("set trust-readonly-sections off")


@group("rfid to a probed instruction of the kernel")
def return_kprobe():
    # The instruction of guest/selfdebug_probes.c that is not emulated
    for _ in range(HITS):
        stop_in(f"*{entry('kprobe_handler'):#x}", 90)
        at = read_long(reg("r3") + landmarks.PT_NIP)
        if name(at).startswith("copy_thread+"):
            break
    require(find_return(landmarks.kernel_interrupt_exits(), lambda srr0, srr1:
                        srr1 & (insn.MSR_SE | insn.MSR_PR) == insn.MSR_SE),
            f"a return to a copied instruction of the kernel, {name(at)}")
    own_trace("kprobe", copied=kernel_word(at))


@group("rfid to a probed instruction of a program", through=Diverted)
def return_uprobe():
    stop_in(f"*{entry('arch_uprobe_pre_xol'):#x}", 90)
    require(find_return([landmarks.interrupt_exit()],
                        by_guest(insn.MSR_SE, lambda at: at not in CODE)),
            "a return to a copied instruction of the program")
    own_trace("uprobe", copied=CODE.word(CODE["probe_stepped"]))


@group("what the guest says")
def compare(reference_, already):
    """Each kind once more after the last stop, and a run that began before it."""
    done = {kind: len(said(kind)) for kind in reference_}
    check(done["run"] > already["run"], "runs of the guest came to their end while it was stepped",
          done)
    for _ in range(60):
        more = {kind: len(said(kind)) - done[kind] for kind in done}
        if min(more.values()) > 0 and more["run"] > 1:
            break
        target.interrupt_running(8)
    for kind, line in reference_.items():
        lines = said(kind)[already[kind]:]
        other = [o for o in lines if o != line]
        check(lines and not other,
              f"{kind}: {len(lines)} times the guest says what it said without a debugger",
              "\n".join([line, *other]))


def main():
    reference_ = reference()
    target.connect(os.environ["SESSION_SOCKET"])
    already = {kind: len(said(kind)) for kind in reference_ or ()}
    threads = len(gdb.selected_inferior().threads())
    check(threads == CPUS, f"GDB sees {CPUS} vCPUs", threads)
    stop_in(f"*{entry('sys_ptrace'):#x}", 90)
    handler = before_anything()
    if reference_:
        for part in (return_single_step, return_from_call, return_block_step, call_block_step,
                     return_kprobe, return_uprobe, *path_groups()):
            timed(part)
        compare(reference_, already)
    if in_user_space():
        stop_in(f"*{entry('sys_ptrace'):#x}", 90)
    unharmed(handler)
    execute("detach")
    say("session: complete")


main()
