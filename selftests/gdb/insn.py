# SPDX-License-Identifier: GPL-2.0
"""Where may the program counter be after one instruction?

Written from the Power ISA, not from the module's decoder, and used on words read
from the guest's memory and on registers read before the step.
"""

MASK = (1 << 64) - 1

MSR_BE = 0x200
MSR_SE = 0x400
MSR_PR = 0x4000
# Of SRR1: what an interrupt tells of itself, not MSR's
SRR1_STATUS = 0x783f0000

# Interrupt vectors with MSR[IR,DR] = 1 and LPCR[AIL] = 3, as Linux has it
AIL3 = 0xc000000000004000
SCV = 0xc000000000003000
EXTERNAL = 0x500
SYSCALL = 0xc00
TRACE = 0xd00

# Vectors an instruction can go to by its own doing: storage, segment and
# alignment interrupts, facilities that Linux turns on when they are used.
# What is missing is what comes from outside (0x500, 0x900, 0xa00, 0xe80, 0xea0),
# and what Linux's code never does (0x700).
FETCH_FAULTS = {0x400, 0x480}
FACILITY_FAULTS = {0x800, 0xf20, 0xf40, 0xf60}
MEMORY_FAULTS = {0x300, 0x380, 0x600}

LARX = {20, 52, 84, 116, 276}
STCX = {150, 182, 214, 694, 726}


def field(word, first, last):
    """Bits first..last, numbered from the left as the ISA does."""
    return word >> (31 - last) & ((1 << (last - first + 1)) - 1)


def signed(value, bits):
    return value - (1 << bits) if value >> (bits - 1) else value


def opcode(word):
    return word >> 26


def xo(word):
    return field(word, 21, 30)


def is_larx(word):
    return opcode(word) == 31 and xo(word) in LARX


def is_stcx(word):
    return opcode(word) == 31 and xo(word) in STCX


def is_call(word):
    """bl"""
    return opcode(word) == 18 and word & 1


def is_blr(word):
    return opcode(word) == 19 and xo(word) == 16 and field(word, 6, 10) & 0x14 == 0x14


def is_sc(word):
    return opcode(word) == 17 and word & 3 == 2


def is_scv(word):
    return opcode(word) == 17 and word & 3 == 1


def is_memory(word):
    return opcode(word) == 1 or opcode(word) == 31 or opcode(word) >= 32


def branch_target(word, pc):
    """Of a branch with an immediate target."""
    if opcode(word) == 18:
        offset = signed(word & 0x03fffffc, 26)
    else:
        offset = signed(word & 0xfffc, 16)
    return (offset if word & 2 else pc + offset) & MASK


def taken(word, cr, ctr):
    """Of bc, bclr, bcctr, bctar: the ISA's ctr_ok and cond_ok."""
    bo, bi = field(word, 6, 10), field(word, 11, 15)
    counts = not bo & 4 and not (opcode(word) == 19 and xo(word) == 528)
    ctr_ok = not counts or (((ctr - 1) & MASK) != 0) != bool(bo & 2)
    cond_ok = bo & 16 or (cr >> (31 - bi) & 1) == (bo >> 3 & 1)
    return bool(ctr_ok and cond_ok)


def kind(word):
    """For the statistics: did the steps cover what they are meant to?"""
    op = opcode(word)
    if op == 16:
        return "conditional branch"
    if op == 17:
        return "scv" if is_scv(word) else "hypercall" if field(word, 20, 26) else "sc"
    if op == 18:
        return "call" if word & 1 else "branch"
    if op == 19:
        name = {16: "blr", 528: "bctr", 560: "bctar", 18: "rfid", 82: "rfscv"}.get(xo(word))
        if name:
            return name
    if op == 31 and xo(word) in (146, 178, 83):
        return "mfmsr/mtmsr"
    if is_larx(word):
        return "larx"
    return "memory" if op >= 32 else "other"


def traced(word, msr):
    """By a Trace interrupt that the guest itself wants: MSR[SE] for all but those
    that interrupt or return from an interrupt, MSR[BE] for branches."""
    op = opcode(word)
    if op == 17 or (op == 19 and xo(word) in (18, 82)):
        return False
    branch = op in (16, 18) or (op == 19 and xo(word) in (16, 528, 560))
    return bool(msr & MSR_SE or (msr & MSR_BE and branch))


def next_pc(word, pc, reg):
    """The one legal next pc; reg(name) reads a register before the step."""
    op = opcode(word)
    behind = (pc + (8 if op == 1 else 4)) & MASK
    if op == 18:
        return branch_target(word, pc)
    if op == 16:
        return branch_target(word, pc) if taken(word, reg("cr"), reg("ctr")) else behind
    if op == 17:
        if is_scv(word):
            return SCV + 32 * field(word, 20, 26)
        return behind if field(word, 20, 26) else AIL3 + SYSCALL
    if op == 19:
        source = {16: "lr", 528: "ctr", 560: "tar"}.get(xo(word))
        if source:
            return reg(source) & ~3 if taken(word, reg("cr"), reg("ctr")) else behind
        if xo(word) == 18:
            return reg("srr0") & ~3
        if xo(word) == 82:
            return reg("lr") & ~3
    return behind


def legal_faults(word):
    """Handlers where the step may have ended instead."""
    vectors = FETCH_FAULTS | FACILITY_FAULTS
    if is_memory(word):
        vectors |= MEMORY_FAULTS
    return {AIL3 + v for v in vectors}


def sequence_ends(pc, read_word):
    """Where GDB stops when it is asked to step a larx: it runs the whole
    sequence, up to 16 instructions, to the stcx. or to where a branch leaves."""
    ends = set()
    for i in range(1, 17):
        at = pc + 4 * i
        word = read_word(at)
        if opcode(word) == 16:
            ends.add(branch_target(word, at))
        if is_stcx(word):
            ends.add(at + 4)
            return {e for e in ends if not pc <= e <= at}
    return {pc + 4}
