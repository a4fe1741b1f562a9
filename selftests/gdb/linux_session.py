# SPDX-License-Identifier: GPL-2.0
"""A Linux guest: everything that GDB does by stepping, at machine level.

Environment: SESSION_SOCKET (QEMU's gdbstub), SESSION_CPUS, SESSION_STEPS.
"""

import os
import struct
import sys

import gdb

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import insn                                                         # noqa: E402
import landmarks                                                    # noqa: E402
import target                                                       # noqa: E402
from landmarks import CALLS                                         # noqa: E402
from parts import before_anything, legal, timed, unharmed           # noqa: E402
from stepcheck import Diverted, Steps, alone, at, disassembly       # noqa: E402
from tap import check, group, require, say                          # noqa: E402
from target import (address, execute, function, in_user_space, name,  # noqa: E402
                    read_word, reg, resume, stop_in)

CPUS = int(os.environ["SESSION_CPUS"])
STEPS = int(os.environ.get("SESSION_STEPS", "200"))
HITS = 20
# Of the program's loop, that it does not come to the system call behind it while stepped
TURNS = 40


def jiffies():
    return struct.unpack("<Q", target.read(address("jiffies_64"), 8))[0]


@group("stepi through the kernel")
def stepi_kernel():
    require(stop_in("*uptime_proc_show") == "uptime_proc_show",
            "break, continue: stops in the function", disassembly())
    check(reg("pc") == address("uptime_proc_show"), "at its first instruction", disassembly())
    steps = Steps().many(STEPS)
    legal(steps, "stepi: each pc is the one legal successor of the last")
    missing = {"memory", "call", "blr", "branch", "conditional branch"} - set(steps.kinds)
    check(not missing, "which covers memory accesses, branches, calls and returns",
          f"not met: {missing}")
    check(not steps.kinds["fault"], "no interrupt handler was entered")


@group("nexti, finish, advance, until")
def walk_function():
    stop_in("*uptime_proc_show")
    steps = Steps()
    # Past the profiling stub, to a call that is there in every kernel.
    require(steps.until(at(lambda w: insn.is_call(w) and not is_nop_call(w)), 60),
            "stepi to a call", disassembly())
    call, callee = reg("pc"), insn.branch_target(read_word(reg("pc")), reg("pc"))
    stack = reg("r1")
    resume("nexti")
    check((reg("pc"), reg("r1")) == (call + 4, stack), "nexti goes over a call to the next word",
          disassembly())

    require(steps.until(at(insn.is_call), 60), "stepi to the next call", disassembly())
    call, callee = reg("pc"), insn.branch_target(read_word(reg("pc")), reg("pc"))
    steps.one()
    check(reg("pc") == callee and reg("lr") == call + 4, "stepi goes into a call", disassembly())
    steps.many(2)
    text = resume("finish")
    check(reg("pc") == call + 4 and reg("r1") == stack, "finish comes back behind the call",
          text + disassembly())
    legal(steps, "all of it legal")

    last = last_call("uptime_proc_show")
    resume(f"advance *{last - 4:#x}")
    check(reg("pc") == last - 4, f"advance goes to {name(last - 4)}", disassembly())
    resume(f"until *{last:#x}")
    check(reg("pc") == last, f"until goes to {name(last)}", disassembly())
    resume("finish")
    check(function() == "seq_read_iter", "finish leaves the function", disassembly())


def is_nop_call(word):
    return insn.branch_target(word, 0) == 0


def last_call(symbol):
    """The last bl before the last blr of a function."""
    start = address(symbol)
    at_, found = start, None
    while name(at_).startswith(symbol):
        word = read_word(at_)
        if insn.is_blr(word):
            return found
        if insn.is_call(word):
            found = at_
        at_ += 4
    return found


@group("step, next without line numbers")
def step_function():
    stop_in("*version_proc_show")
    text = resume("next", 60)
    check("Single stepping until exit" in text and function() == "seq_read_iter",
          "next runs a function without line numbers to its caller", text)
    stop_in("*version_proc_show")
    resume("step", 60)
    check(function() == "seq_read_iter", "and so does step", disassembly())


@group("continue from a breakpoint")
def breakpoint_again():
    execute("break *version_proc_show")
    here = address("version_proc_show")
    try:
        resume("continue")
        times, cpus = [], []
        for _ in range(HITS + 1):
            if reg("pc") != here:
                check(False, "continue stops at the breakpoint", disassembly())
                return
            times.append(jiffies())
            cpus.append(gdb.selected_thread().num)
            if len(times) <= HITS:
                resume("continue")
    finally:
        execute("delete")
    check(len(times) == HITS + 1, f"continue hits the same breakpoint {HITS} times in a row")
    check(len(set(cpus)) == CPUS, f"on each of {CPUS} vCPUs", cpus)
    for cpu in sorted(set(cpus)):
        mine = [t for t, c in zip(times, cpus) if c == cpu]
        check(mine == sorted(set(mine)), "each is a new one: time has gone on in the guest", mine)


@group("scheduler-locking")
def locking():
    for mode in ("off", "step", "on"):
        execute(f"set scheduler-locking {mode}")
        try:
            if mode != "on":
                stop_in("*version_proc_show")
            thread = gdb.selected_thread().num
            # A loop of few instructions is left soon: go where it leads.
            steps = Steps().many(15)
            legal(steps, f"scheduler-locking {mode}: stepi")
            check(gdb.selected_thread().num == thread, f"scheduler-locking {mode}: same vCPU")
            before = reg("pc")
            word = read_word(before)
            resume("nexti")
            check(reg("pc") == before + 4 if insn.is_call(word) else reg("pc") != before,
                  f"scheduler-locking {mode}: nexti", disassembly())
        finally:
            execute("set scheduler-locking off")


def interrupt_kernel():
    """Ctrl-C until it finds the guest in the kernel."""
    for _ in range(20):
        require(target.interrupt_running(0.7), "Ctrl-C stops the running guest")
        if not in_user_space():
            return
    require(False, "Ctrl-C finds the guest in the kernel once in twenty times")


@group("interrupt")
def interrupt():
    steps = Steps()
    for _ in range(3):
        interrupt_kernel()
        steps.many(5)
    legal(steps, "stepi where Ctrl-C stopped it")


@group("rfid into user space", through=Diverted)
def interrupt_return():
    rfid = landmarks.interrupt_exit()
    for _ in range(60):
        # SRR0, SRR1 and CTR are loaded much earlier.
        stop_in(f"*{rfid - 12:#x}", 60)
        to = reg("srr0")
        if landmarks.in_loop(to) and reg("ctr") >= TURNS:
            break
    require(landmarks.in_loop(to) and reg("ctr") >= TURNS,
            "an interrupt of the program that computes", f"{to:#x}, CTR {reg('ctr'):#x}")
    alone()
    steps = Steps(CALLS)
    require(steps.until(in_user_space, 10), "stepi until MSR[PR] = 1", disassembly())
    check(reg("pc") == to and steps.kinds["rfid"] == 1, "by one rfid, to where SRR0 says",
          f"{reg('pc'):#x}, {to:#x}; {steps.summary()}")
    legal(steps.many(20), "and 20 stepi in user space")
    check(in_user_space(), "which is where the program still is")
    # At each stop QEMU sets the guest's clock on, so its timer is overdue.
    legal(Steps(CALLS).many(15, pause=0.05), "stepi in user space while the timer is due")


def leave_call(kind, after):
    """From the kernel's getppid() to behind the system call in user space."""
    execute("set scheduler-locking off")
    for _ in range(20):
        stop_in("*sys_getppid", 60)
        if landmarks.caller() == CALLS[after]:
            break
    require(landmarks.caller() == CALLS[after], f"a system call that returns to {after}",
            hex(landmarks.caller()))
    # Other processes may come by the return before.
    to = None
    for _ in range(60):
        stop_in(f"*{landmarks.call_exit(kind):#x}")
        to = insn.next_pc(read_word(reg("pc")), reg("pc"), reg)
        if to == CALLS[after]:
            break
    require(to == CALLS[after], f"its {kind}", hex(to))
    alone()
    steps = Steps(CALLS)
    steps.one()
    check(reg("pc") == CALLS[after] and in_user_space(),
          f"stepi over {kind}: behind the system call", hex(reg("pc")))
    return steps


def enter_call(steps, call):
    """From there on to the program's next system call. Returns the MSR there."""
    require(steps.until(lambda: reg("pc") == CALLS[call], 60),
            f"stepi in user space to {call}", steps.summary())
    msr = reg("msr")
    steps.one()
    return msr


@group("system calls", through=Diverted)
def system_calls():
    steps = leave_call("rfid", "after_sc")
    msr = enter_call(steps, "the_scv")
    check(reg("pc") == insn.SCV and not in_user_space(),
          "stepi over scv: the kernel's first word", disassembly())
    check((reg("lr"), reg("ctr")) == (CALLS["after_scv"], msr),
          "LR is the return address, CTR the MSR of before",
          f"{reg('lr'):#x}, {reg('ctr'):#x}, {msr:#x}")
    legal(steps.many(15), "rfid, scv and on")

    steps = leave_call("rfscv", "after_scv")
    msr = enter_call(steps, "other_sc")
    check(reg("pc") == insn.AIL3 + insn.SYSCALL and not in_user_space(),
          "stepi over sc: the kernel's first word", disassembly())
    check((reg("srr0"), reg("srr1")) == (CALLS["after_other_sc"], msr),
          "SRR0 is the return address, SRR1 the MSR of before",
          f"{reg('srr0'):#x}, {reg('srr1'):#x}, {msr:#x}")
    legal(steps.many(15), "rfscv, sc and on")


@group("the end")
def leave(handler):
    unharmed(handler)
    require(target.WATCH.stops > STEPS, "enough stops to say so", target.WATCH.stops)


def main():
    target.connect(os.environ["SESSION_SOCKET"])
    threads = len(gdb.selected_inferior().threads())
    check(threads == CPUS, f"GDB sees {CPUS} vCPUs", threads)
    if in_user_space():
        interrupt_kernel()
    handler = before_anything()
    for part in (stepi_kernel, walk_function, step_function, breakpoint_again, locking, interrupt,
                 interrupt_return, system_calls):
        timed(part)
    if in_user_space():
        stop_in("*version_proc_show")
    leave(handler)
    execute("detach")
    say("session: complete")


main()
