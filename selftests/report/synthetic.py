# SPDX-License-Identifier: GPL-2.0
"""Trace files and ELF files that were never anything else."""

import struct

MAGIC = 0x4856535445504631
COMPLETE = 1
HEAD_SIZE = 512
RECORD_SIZE = 64

SF = 1 << 63
LE = 1
PR = 0x4000
IR, DR = 0x20, 0x10
KERNEL = SF | LE | IR | DR
USER = KERNEL | PR
REAL = SF | LE

EMULATED, TRACED, DISPLACED, MOVED, FAULT, REFLECTED = range(6)
EA, NO_WORD = 1, 2
DROP, NO_KERNEL, NO_USER, BRANCHES = 1, 2, 4, 8

NOP = 0x60000000
B, BL = 0x48000000, 0x48000001
BEQ, BEQL = 0x41820000, 0x41820001
BLR, BEQLR, BLRL = 0x4e800020, 0x4d820020, 0x4e800021
BCTR, BCTRL = 0x4e800420, 0x4e800421
BCTAR = 0x4e800460
GET_PC = 0x429f0005             # bcl 20,31,$+4
SC, HCALL, SCV = 0x44000002, 0x44000022, 0x44000001
RFID, HRFID, RFSCV = 0x4c000024, 0x4c000224, 0x4c0000a4

HEAD = "QQIIIIQIIQQIIQQQQQII64s16s16s296x"
RECORD = "QQQQQIIHHIQ"


def head(nr_records, order="<", **fields):
    values = {
        "magic": MAGIC, "features": 0xfff, "records_offset": HEAD_SIZE,
        "record_size": RECORD_SIZE, "state": COMPLETE, "host": 0xb, "policy": 0, "irq": 0,
        "filter": 0, "start": 0, "end": 0, "nr_vcpus": 1, "pid": 4711,
        "time": 1700000000123456789, "duration": 2000000000, "nr_records": nr_records,
        "dropped": 0, "filtered": 0, "error": 0, "pad": 0, "release": b"6.12.0-test",
        "platform": b"power9", "vmm": b"qemu-system-ppc"}
    assert not set(fields) - set(values)
    values.update(fields)
    return struct.pack(order + HEAD, *values.values())


class Trace:
    """The steps of guests, made by calling what they do."""

    def __init__(self):
        self.records = []

    def add(self, seq, nip, next_nip, word=NOP, msr=KERNEL, vcpu=0, kind=TRACED, flags=0, ea=0,
            suffix=0):
        self.records.append((seq, nip, msr, next_nip, ea, word, suffix, kind, flags, vcpu, 0))

    def bytes(self, order="<", record_size=RECORD_SIZE, **fields):
        data = b"".join(struct.pack(order + RECORD, *r).ljust(record_size, b"\xee")
                        for r in self.records)
        fields = {"nr_records": len(self.records), "record_size": record_size, **fields}
        return head(order=order, **fields) + data


class Cpu:
    """A vCPU that executes."""

    def __init__(self, trace, nip, msr=KERNEL, vcpu=0, seq=0):
        self.trace, self.nip, self.msr, self.vcpu, self.seq = trace, nip, msr, vcpu, seq

    def step(self, word, to=None, msr=None, **more):
        behind = self.nip + (8 if word >> 26 == 1 else 4)
        to = behind if to is None else to
        self.trace.add(self.seq, self.nip, to, word, self.msr, self.vcpu, **more)
        self.seq += 1
        self.nip = to
        self.msr = self.msr if msr is None else msr
        return behind

    def run(self, nr=1):
        for _ in range(nr):
            self.step(NOP)
        return self

    def call(self, to, word=BL):
        return self.step(word, to)

    def ret(self, to, word=BLR):
        self.step(word, to)

    def jump(self, to, word=B):
        self.step(word, to)

    def fault(self, vector, word=NOP, kind=FAULT, msr=KERNEL):
        at = self.nip
        self.step(word, vector, msr, kind=kind)
        return at

    def delivered(self, vector, msr=KERNEL):
        """An interrupt that no step shows; where it came."""
        at = self.nip
        self.nip, self.msr = vector, msr
        return at

    def rfid(self, to, msr, word=RFID):
        self.step(word, to, msr)

    def lose(self, nr):
        """So many steps are not in the file."""
        self.seq += nr


def sample(text=0xc000000000010000):
    """Two vCPUs, from @text on: a call, an interrupt within it, a system call."""
    trace = Trace()
    for vcpu in range(2):
        cpu = Cpu(trace, text, vcpu=vcpu)
        back = cpu.run(2).call(text + 0x40)
        at = cpu.run(2).fault(text - 0xc000)
        cpu.ret(cpu.call(text + 0x80, BCTRL))
        cpu.rfid(at, KERNEL, RFID)
        cpu.ret(back)
        cpu.step(SC, 0xc00, USER)
    return trace


GLOBAL, LOCAL, WEAK = 1, 0, 2
FUNC, NOTYPE, OBJECT, SECTION = 2, 0, 1, 3


def elf(symbols, text=0xc000000000010000, size=0x10000, order="<", kind=2, machine=21, opd=None):
    """symbols: (name, value, size[, type, binding, local entry code]); of .text, or of .opd
    if @opd, its words, is given."""
    names = b"\0"
    table = bytes(24)
    where = 1 if opd is None else 5
    for name, value, length, *more in symbols:
        symbol_type, binding, other = (more + [FUNC, GLOBAL, 0][len(more):])
        table += struct.pack(order + "IBBHQQ", len(names), binding << 4 | symbol_type,
                             other << 5, where, value, length)
        names += (name if isinstance(name, bytes) else name.encode()) + b"\0"
    words = b"" if opd is None else struct.pack(f"{order}{len(opd)}Q", *opd)
    section_names = b"\0.text\0.symtab\0.strtab\0.shstrtab\0.opd\0"

    def section(name, section_type, flags, address, offset, length, link=0, entry=0):
        return struct.pack(order + "IIQQQQIIQQ", section_names.index(name.encode() + b"\0"),
                           section_type, flags, address, offset, length, link, 0, 8, entry)

    at = [64]
    for part in (table, names, section_names, words):
        at.append(at[-1] + len(part))
    sections = [bytes(64), section(".text", 8, 6, text, 0, size),
                section(".symtab", 2, 0, 0, at[0], len(table), 3, 24),
                section(".strtab", 3, 0, 0, at[1], len(names)),
                section(".shstrtab", 3, 0, 0, at[2], len(section_names))]
    if opd is not None:
        sections.append(section(".opd", 1, 3, text + size, at[3], len(words)))
    ident = b"\x7fELF\2" + (b"\1" if order == "<" else b"\2") + b"\1" + bytes(9)
    return (ident + struct.pack(order + "HHIQQQIHHHHHH", kind, machine, 1, text, 0, at[4], 2, 64,
                                0, 0, 64, len(sections), 4) +
            table + names + section_names + words + b"".join(sections))
