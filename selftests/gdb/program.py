# SPDX-License-Identifier: GPL-2.0
"""A user program of the guest, read from its file.

QEMU's gdbstub cannot be asked: with KVM it goes on translating as for the MSR
the vCPU was reset with, so the kernel's addresses can be read, and user
addresses read something else.
"""

import struct

PT_LOAD, PF_X, SHT_SYMTAB = 1, 1, 2


class Program:
    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = file.read()
        header = struct.unpack_from("<16sHHIQQQIHHHHHH", self.data)
        phoff, shoff, phsize, phnum, shsize, shnum = (header[i] for i in (5, 6, 9, 10, 11, 12))
        self.segments = []
        self.text = []
        for i in range(phnum):
            kind, flags, offset, vaddr, _, size = struct.unpack_from("<IIQQQQ", self.data,
                                                                phoff + i * phsize)
            if kind == PT_LOAD:
                self.segments.append((vaddr, offset, size))
                if flags & PF_X:
                    self.text.append((vaddr, vaddr + size))
        sections = [struct.unpack_from("<IIQQQQIIQQ", self.data, shoff + i * shsize)
                    for i in range(shnum)]
        self.symbols = {}
        for section in sections:
            if section[1] == SHT_SYMTAB:
                self.read_symbols(section, sections[section[6]])

    def read_symbols(self, table, strings):
        for at in range(table[4], table[4] + table[5], table[9]):
            name, _, _, _, value, _ = struct.unpack_from("<IBBHQQ", self.data, at)
            start = strings[4] + name
            self.symbols[self.data[start:self.data.index(b"\0", start)].decode()] = value

    def __getitem__(self, symbol):
        return self.symbols[symbol]

    def __contains__(self, pc):
        return any(start <= pc < end for start, end in self.text)

    def word(self, address):
        for start, offset, size in self.segments:
            if start <= address < start + size:
                return struct.unpack_from("<I", self.data, offset + address - start)[0]
        raise ValueError(f"{address:#x} is not in the program")
