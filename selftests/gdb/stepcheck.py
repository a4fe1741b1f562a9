# SPDX-License-Identifier: GPL-2.0
"""stepi, with each landing checked against the instruction that was stepped."""

import collections
import contextlib
import os
import re
import select

import insn
import target
from target import cached_text, execute, in_user_space, name, read_word, reg, resume


class Diverted(Exception):
    """An external interrupt came in user space. Where QEMU has the interrupt
    controller (kernel-irqchip=off), KVM_INTERRUPT may withdraw it at any moment,
    so that hvstep cannot keep it back there. Elsewhere it must."""


INTERRUPT_IN_USER_SPACE = os.environ.get("SESSION_IRQCHIP") == "user"

# GDB (13, infrun.c) steps over larx and what belongs to it by a breakpoint behind it, with
# all vCPUs running. If another one comes to that first, GDB steps that over it, and then
# takes for the end wherever this one has come meanwhile, to an interrupt's handler say; so
# it does without KVM, too. None but GDB knows, so it is told to say where that is.
LEFT_LARX = r"expected thread advanced also \(0x\w+ -> (0x\w+)\)"


@contextlib.contextmanager
def explained(wanted):
    if wanted:
        execute("set debug infrun 1")
    try:
        yield
    finally:
        if wanted:
            execute("set debug infrun 0")


class Steps:
    """A run of consecutive stepi."""

    def __init__(self, program=None):
        self.program = program          # the one that runs in user space
        self.count = 0
        self.kinds = collections.Counter()
        self.problems = []

    def one(self, seconds=30):
        pc = reg("pc")
        word = self.word(pc)
        kind = insn.kind(word)
        if insn.is_larx(word):
            legal = insn.sequence_ends(pc, self.word)
        else:
            legal = {insn.next_pc(word, pc, reg)}
        faults = insn.legal_faults(word)
        from_user = in_user_space()
        msr = reg("msr")
        behind, traced = legal, insn.traced(word, msr)
        if traced:
            legal, kind = {insn.AIL3 + insn.TRACE}, "traced " + kind
        next_se = (reg("srr1") if kind == "rfid" else msr) & insn.MSR_SE
        target.WATCH.guest_traces = bool(next_se)
        try:
            with explained(insn.is_larx(word)):
                text = self.step(seconds)
        finally:
            target.WATCH.guest_traces = False
        legal = legal | {int(at_, 16) for at_ in re.findall(LEFT_LARX, text)[-1:]}
        now = reg("pc")
        self.count += 1
        if traced and now in legal:
            self.look_at_trace(pc, behind, msr)
        elif next_se and bool(reg("msr") & insn.MSR_SE) != (kind == "rfid"):
            # Any other instruction that is not traced ends at a handler.
            self.problems.append(f"step {self.count}: from {pc:#x} ({kind}) to {now:#x}: "
                                 f"MSR is {reg('msr'):#x}, the guest had set SE")
        if now not in legal and now in faults and self.fault_is_real(now, pc):
            kind = "fault"
        elif now == insn.AIL3 + insn.EXTERNAL and from_user and INTERRUPT_IN_USER_SPACE:
            raise Diverted(f"an external interrupt at {pc:#x}")
        elif now not in legal:
            self.problems.append(
                f"step {self.count}: from {pc:#x} <{name(pc)}> ({word:08x}, {kind}) to {now:#x} "
                f"<{name(now)}>, legal: {' '.join(map(hex, sorted(legal)))}")
        self.kinds[kind] += 1
        return kind

    def step(self, seconds):
        """Returns what GDB has said."""
        return resume("stepi", seconds)

    def look_at_trace(self, pc, behind, msr):
        """At the handler of the guest's own Trace interrupt"""
        if reg("srr0") not in behind:
            self.problems.append(f"step {self.count}: the guest's trace of {pc:#x} has SRR0 "
                                 f"{reg('srr0'):#x}, legal: {' '.join(map(hex, sorted(behind)))}")
        if (reg("srr1") ^ msr) & ~insn.SRR1_STATUS or reg("msr") & insn.MSR_SE:
            self.problems.append(f"step {self.count}: the guest's trace of {pc:#x} has SRR1 "
                                 f"{reg('srr1'):#x}, MSR {reg('msr'):#x}; MSR was {msr:#x}")

    def word(self, at_):
        return self.program.word(at_) if in_user_space() else read_word(at_)

    @staticmethod
    def fault_is_real(now, pc):
        """SRR0 of a storage interrupt on the fetch is the address itself."""
        return reg("srr0") == pc or now in {insn.AIL3 + v for v in insn.FETCH_FAULTS}

    def many(self, count, pause=0.0):
        with cached_text():
            for _ in range(count):
                self.one()
                if pause:
                    # time.sleep() sleeps to a moment of a clock that can jump on an
                    # emulated host under load: for 1,100 seconds then.
                    select.select([], [], [], pause)
        return self

    def until(self, condition, limit):
        """True if the condition holds after at most `limit` steps."""
        with cached_text():
            for _ in range(limit):
                if condition():
                    return True
                self.one()
        return condition()

    def summary(self):
        kinds = ", ".join(f"{n} {k}" for k, n in self.kinds.most_common())
        return f"{self.count} steps ({kinds})"


def alone():
    """No interrupts from the other vCPU: see Diverted."""
    execute("set scheduler-locking on")


def at(predicate):
    """A condition on the instruction that is next."""
    return lambda: predicate(read_word(reg("pc")))


def disassembly():
    return execute("x/i $pc").strip()
