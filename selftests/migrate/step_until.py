#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Step a Linux guest through QEMU's gdbstub until a file appears, and let it run on.

	step_until.py SOCKET FILE

It begins where the guest's program is executed, if it ever is. Each pc is compared with the
one next pc that the instruction has, and with the handlers of its faults. With
SESSION_IRQCHIP=user (QEMU's kernel-irqchip=off) a step in problem state can lead to the
external interrupt's, too: QEMU keeps it asserted by a level, which hvstep cannot hold, as
KVM_INTERRUPT may withdraw it at any moment.

Exit status: 0 all of them were right, 1 not, 2 QEMU did not answer as it has to, 4 they were
right, but the program was not among them.
"""

import os
import random
import select
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in "../gdb", "../transparent":
    sys.path.insert(0, os.path.join(HERE, folder))

import insn         # noqa: E402
import program      # noqa: E402
import stepper      # noqa: E402

# What runs in problem state, nearly always
PROGRAM = os.path.join(HERE, "../guest/calls")
BOUND = 30.0
# The program has the processor for a seventh of the time.
TRIES = 100
# A handler is longer: a fault sooner after another one is not the guest's.
BETWEEN_FAULTS = 10


class Linux:
    """A guest whose kernel handles its own faults"""

    def __init__(self, path, interrupts):
        self.program = program.Program(path)
        self.interrupts = interrupts
        # Steps in problem state whose instruction is known, and not
        self.known = self.unknown = 0
        self.steps = self.diverted = self.faults = 0
        self.last_fault = -BETWEEN_FAULTS

    def find_program(self, where):
        """A connection to the guest, stopped where the program is executed"""
        for _ in range(TRIES):
            stub = stepper.Stub(where)
            stub.synchronize()
            if stub.reg("msr") & insn.MSR_PR and stub.reg("pc") in self.program:
                break
            stub.ask("D")
            stub.socket.close()
            # No sleep: see Steps.many() in gdb/stepcheck.py.
            select.select([], [], [], random.uniform(0.05, 0.15))
        else:
            stub = stepper.Stub(where)
        return stub

    def word_at(self, stub, pc):
        self.steps += 1
        # QEMU's translation is not the guest's: see program.py.
        if not stub.reg("msr") & insn.MSR_PR:
            return stub.word(pc)
        if pc not in self.program:
            self.unknown += 1
            return None
        self.known += 1
        return self.program.word(pc)

    def elsewhere(self, stub, pc, word, msr):
        now = stub.reg("pc")
        if stub.reg("srr0") != pc:
            return False
        if self.interrupts and msr & insn.MSR_PR and now == insn.AIL3 + insn.EXTERNAL:
            self.diverted += 1
            return True
        if now not in insn.legal_faults(word) or self.steps - self.last_fault < BETWEEN_FAULTS:
            return False
        self.faults += 1
        self.last_fault = self.steps
        return True

    def __str__(self):
        return f"{self.known} of the program, {self.unknown} of others, " \
               f"{self.faults} faults, {self.diverted} diverted by an interrupt"


def main():
    where, enough = sys.argv[1:]
    guest = Linux(PROGRAM, os.environ.get("SESSION_IRQCHIP") == "user")
    try:
        stub = guest.find_program(where)
        while not os.path.exists(enough):
            problem = stepper.step(stub, BOUND, guest.word_at, guest.elsewhere)
            if problem:
                print(f"step {guest.steps}: {problem}; {guest}")
                return 1
            if guest.steps % 50 == 0:
                print(f"{guest.steps} steps", flush=True)
        stub.ask("D")
    except (OSError, stepper.Silent, ValueError) as e:
        print(f"step {guest.steps}: QEMU: {e!r}")
        return 2
    print(f"{guest.steps} steps in all: {guest}")
    return 0 if guest.known else 4


if __name__ == "__main__":
    sys.exit(main())
