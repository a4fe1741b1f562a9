# SPDX-License-Identifier: GPL-2.0
"""Steps the bare guest through QEMU's gdbstub, and looks at where each step leads.

	stepper.py SOCKET|HOST:PORT [STEPS [BOUND]]

A debugger without a debugger: what it asks of QEMU is what GDB's stepi asks, and it is up
at once. Each pc is compared with the one next pc that the instruction has (insn.py).

Exit status: 0 all steps led there; 1 a step did not return within BOUND seconds, or led
somewhere else: the guest runs free; 2 QEMU did not answer.
"""

import os
import re
import select
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../gdb"))

import insn                                             # noqa: E402

STEPS = 20
BOUND = 5.0
# For anything but a step: an emulated host can be slow.
PATIENCE = 60.0
# QEMU's numbers of 64-bit POWER's registers; those of others are asked for.
NUMBERS = {"pc": 64, "msr": 65, "cr": 66, "lr": 67, "ctr": 68}


class Silent(Exception):
    """QEMU has not answered in time."""


class Stub:
    """QEMU's gdbstub; the guest stops when somebody connects."""

    def __init__(self, where):
        if "/" in where:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.connect(where)
        else:
            host, port = where.split(":")
            self.socket = socket.create_connection((host, int(port)))
        self.buffer = b""
        self.numbers = dict(NUMBERS)
        self.ask("qSupported:xmlRegisters=powerpc")
        # Single registers are to be had by who has seen their description.
        self.ask("qXfer:features:read:target.xml:0,ffb")
        self.ask("?")

    def send(self, text):
        raw = text.encode()
        self.socket.sendall(b"$%b#%02x" % (raw, sum(raw) & 0xff))

    def receive(self, seconds):
        """The next packet; acknowledgements are skipped."""
        while True:
            start = self.buffer.find(b"$")
            end = self.buffer.find(b"#", start)
            if start >= 0 and 0 <= end <= len(self.buffer) - 3:
                packet = self.buffer[start + 1:end].decode("latin-1")
                self.buffer = self.buffer[end + 3:]
                self.socket.sendall(b"+")
                return packet
            if not select.select([self.socket], [], [], seconds)[0]:
                raise Silent
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionError("QEMU has closed the connection")
            self.buffer += data

    def ask(self, text, seconds=PATIENCE):
        self.send(text)
        while True:
            packet = self.receive(seconds)
            # That the guest has stopped, QEMU 7.2 says without being asked, too.
            if packet[:1] not in ("T", "S") or text == "?":
                return packet

    def description(self, annex):
        text = ""
        while True:
            part = self.ask(f"qXfer:features:read:{annex}:{len(text):x},ffb")
            text += part[1:]
            if part[:1] != "m":
                return text

    def number_all(self):
        """As GDB does: each register is the one behind the last, unless it has a regnum."""
        number = 0
        for annex in re.findall(r'href="([^"]+)"', self.description("target.xml")):
            for reg in re.findall(r"<reg\s([^>]*)>", self.description(annex)):
                given = re.search(r'regnum="(\d+)"', reg)
                number = int(given[1]) if given else number
                self.numbers.setdefault(re.search(r'name="([^"]+)"', reg)[1], number)
                number += 1

    def reg(self, name):
        if name not in self.numbers:
            self.number_all()
        value = self.ask(f"p{self.numbers[name]:x}")
        return int.from_bytes(bytes.fromhex(value), "little")

    def word(self, at):
        return int.from_bytes(bytes.fromhex(self.ask(f"m{at:x},4")), "little")

    def synchronize(self):
        """QEMU fetches the registers from KVM for who reads all; single ones are of then."""
        self.ask("g")

    def stop(self):
        self.socket.sendall(b"\x03")
        self.receive(PATIENCE)
        self.synchronize()


def step(stub, bound, word_at=Stub.word, elsewhere=None):
    """What is wrong with where it led, or None.

    word_at(stub, pc): the instruction there, or None if that cannot be known: then where it
    led is not looked at. elsewhere(stub, pc, word, msr): may the step have led to where it is
    now, which is not where the instruction alone leads? msr is of before.
    """
    stub.synchronize()
    pc, msr = stub.reg("pc"), stub.reg("msr")
    word = word_at(stub, pc)
    expected = None if word is None else insn.next_pc(word, pc, stub.reg)
    stub.send("s")
    try:
        stub.receive(bound)
    except Silent:
        stub.stop()
        return f"from {pc:#x} it did not return within {bound:.0f} s, and was at " \
               f"{stub.reg('pc'):#x} then"
    stub.synchronize()
    now = stub.reg("pc")
    if expected in (None, now) or elsewhere and elsewhere(stub, pc, word, msr):
        return None
    return f"from {pc:#x} ({word:08x}) to {now:#x}, not {expected:#x}"


def main():
    steps = int(sys.argv[2]) if len(sys.argv) > 2 else STEPS
    bound = float(sys.argv[3]) if len(sys.argv) > 3 else BOUND
    try:
        stub = Stub(sys.argv[1])
        places = set()
        for i in range(1, steps + 1):
            problem = step(stub, bound)
            if problem:
                print(f"ran free: step {i}: {problem}")
                return 1
            places.add(stub.reg("pc"))
        stub.ask("D")
    except (OSError, Silent, ValueError) as e:
        print(f"QEMU: {e!r}")
        return 2
    print(f"stepped: {steps} instructions, {len(places)} places")
    return 0


if __name__ == "__main__":
    sys.exit(main())
