# SPDX-License-Identifier: GPL-2.0
"""The same guest, the same QEMU, the same GDB, and hvstep.
Environment: SESSION_SOCKET."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../gdb")]

import insn                                                     # noqa: E402
import landmarks                                                # noqa: E402
import transcript                                               # noqa: E402
from landmarks import CALLS                                     # noqa: E402
from target import address, in_user_space, read_word, reg       # noqa: E402
from transcript import command, heading, remark, run            # noqa: E402


def stepi(times=1):
    """Each to the one legal next address."""
    for _ in range(times):
        word = (CALLS.word if in_user_space() else read_word)(reg("pc"))
        expected = insn.next_pc(word, reg("pc"), reg)
        run("stepi")
        if reg("pc") != expected:
            remark(False, f"stepi goes to {expected:#x}")
            transcript.leave()


def kernel_function():
    heading("a breakpoint in the kernel, and on from it instruction by instruction")
    command("break *uptime_proc_show")
    run("continue")
    stepi(10)
    remark(reg("pc") > address("uptime_proc_show"), "ten instructions, each at its place")

    heading("over a call with nexti, into one with stepi, out of it with finish")
    call = find_call(reg("pc"))
    run(f"advance *{call:#x}")
    run("nexti")
    remark(reg("pc") == call + 4, "behind the call")
    call = find_call(reg("pc"))
    run(f"advance *{call:#x}")
    stepi(3)
    remark(reg("lr") == call + 4, "in the function called")
    run("finish")
    remark(reg("pc") == call + 4, "back behind the call")


def find_call(at):
    """The next call that is always made."""
    while not insn.is_call(read_word(at)) and insn.opcode(read_word(at)) != 18:
        at += 4
    if not insn.is_call(read_word(at)):
        return find_call(insn.branch_target(read_word(at), at))
    return at


def same_breakpoint():
    heading("continue, from a breakpoint to the same one again, five times")
    for _ in range(5):
        run("continue")
    remark(reg("pc") == address("uptime_proc_show"), "hit every time the guest comes by")
    command("info breakpoints")
    command("delete")


def user_space_and_back():
    heading("out of a system call: across rfid into user space")
    print("(QEMU's gdbstub cannot read user space under KVM: GDB shall look into the file)")
    command(f"add-symbol-file {landmarks.CALLS_FILE}")
    command("set trust-readonly-sections on")
    command("tbreak sys_getppid if ((unsigned long *)$r3)[32] == &after_sc")
    run("continue", 60)
    command(f"tbreak *{landmarks.call_exit('rfid'):#x} if $srr0 == &after_sc")
    run("continue")
    stepi()
    remark(in_user_space(), "this is user space (MSR[PR] is set)")

    heading("on to its next system call: across scv into the kernel, across rfscv out of it")
    while reg("pc") != CALLS["the_scv"]:
        stepi()
    stepi()
    remark(reg("pc") == insn.SCV and not in_user_space(), "the kernel's system call entry")
    stepi(3)
    command(f"tbreak *{landmarks.call_exit('rfscv'):#x} if $lr == &after_scv")
    run("continue")
    stepi(4)
    remark(in_user_space(), "user space again")
    command("set trust-readonly-sections off")


def what_is_left():
    heading("no trace of all that")
    command("tbreak *version_proc_show")
    run("continue")
    command("x/i 0xc000000000004d00")
    remark(read_word(0xc000000000004d00) != 0x00dddd00, "the trace vector has the guest's own code")
    remark(not reg("msr") & 0x400, "MSR[SE] is clear")


transcript.connect(os.environ["SESSION_SOCKET"])
for part in (kernel_function, same_breakpoint, user_space_and_back, what_is_left):
    part()
transcript.leave()
