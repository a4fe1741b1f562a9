#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Which symbol code is found to belong to."""

import os
import shutil
import subprocess

from synthetic import (FUNC, GLOBAL, KERNEL, LOCAL, NOTYPE, OBJECT, REAL, SECTION, USER, WEAK, Cpu,
                       Trace, elf)
from tap import Skip, contains, equal, folded, main, path, report, run, test, write

K = 0xc000000000010000
CROSS = "powerpc64le-linux-gnu-gcc-12"


def name_at(address, msr, *args):
    trace = Trace()
    Cpu(trace, address, msr).run()
    (stack,) = folded(trace, *args)
    return stack.removeprefix("vcpu0;")


def names(symbols, addresses, msr=KERNEL, **more):
    file = write("elf", elf(symbols, **more))
    return [name_at(address, msr, "-s", file) for address in addresses]


@test
def labels_and_sizes():
    equal(names([("f", K, 0x100), ("inside", K + 0x40, 0, NOTYPE), (".Lx", K + 0x200, 0, NOTYPE),
                 ("label", K + 0x1f0, 0, NOTYPE), ("$x", K + 0x210, 0, NOTYPE),
                 ("data", K + 0x220, 4, OBJECT), ("", K + 0x230, 0, SECTION),
                 ("last", K + 0x300, 0, NOTYPE)],
                [K, K + 0x40, K + 0xfc, K + 0x100, K + 0x1f0, K + 0x2fc, K + 0x300, K + 0xfffc,
                 K + 0x10000]),
          ["f", "f", "f", "[kernel]", "label", "label", "last", "last", "[kernel]"])


@test
def of_one_address():
    equal(names([("a_label", K, 0x10, NOTYPE, GLOBAL), ("b_local", K, 0x10, FUNC, LOCAL),
                 ("c_weak", K, 0x10, FUNC, WEAK), ("d_global", K, 0x10, FUNC, GLOBAL),
                 ("e_global", K, 0x10, FUNC, GLOBAL), ("x_local", K + 16, 16, FUNC, LOCAL),
                 ("w_label", K + 16, 16, NOTYPE, GLOBAL)], [K, K + 16]), ["d_global", "x_local"])


@test
def nested():
    equal(names([("outer", K, 0x100), ("inner", K + 0x40, 0x10)], [K, K + 0x44, K + 0x50]),
          ["outer", "inner", "outer"])


@test
def states():
    kernel = write("k", elf([("kernel", K, 0x100)]))
    user = write("u", elf([("user", 0x10000000, 0x100)], 0x10000000))
    both = ["-s", kernel, "--symbols=" + user]
    equal([name_at(K, KERNEL, *both), name_at(K, USER, *both), name_at(0x10000000, KERNEL, *both),
           name_at(0x10000000, USER, *both), name_at(0x10000000, REAL, *both)],
          ["kernel", "[user]", "[kernel]", "user", "[kernel]"])
    equal(name_at(0x10000000, REAL, "--kernel-symbols", user), "user")


@test
def real_mode():
    both = write("k", elf([("kernel", K, 0x100)]))
    equal([name_at(K & 0xffffffff, REAL, "-s", both), name_at(K, REAL, "-s", both),
           name_at(K & 0xffffffff, KERNEL, "-s", both)], ["kernel", "kernel", "[kernel]"])


@test
def bias():
    program = write("a@b", elf([("user", 0x100, 0x100)], 0))
    equal(name_at(0x7fff00000100, USER, "-s", program + "@7fff00000000"), "user")
    equal(name_at(0x7fff00000100, USER, "-s", program + "@0x7fff00000000"), "user")
    equal(name_at(0x100, USER, "-s", program), "user")
    kernel = write("k", elf([("kernel", K, 0x100)]))
    equal(name_at(K + 0x3000000, KERNEL, "-s", kernel + "@3000000"), "kernel")


@test
def module():
    ko = write("ko", elf([("init", 0x10, 0x10)], 0, kind=1))
    equal(name_at(0xc008000000000010, KERNEL, "-s", ko + "@c008000000000000"), "init")


@test
def big_endian_elf():
    equal(names([("f", K, 16)], [K], order=">"), ["f"])


@test
def descriptors():
    for order in "<>":
        equal(names([("f", K + 0x10000, 32), ("g", K + 0x10018, 32), ("bad", K + 0x10040, 32)],
                    [K + 0x80, K + 0x100], order=order, opd=[K + 0x80, 0, 0, K + 0x100, 0, 0]),
              ["f", "g"])


@test
def not_symbols():
    for data, why in ((b"", "not an ELF file"), (b"\x7fELF", "not an ELF file"),
                      (b"text", "not an ELF file"), (elf([]), "no symbols of functions")):
        out, err = run("-s", write("no", data), "/dev/null", status=125)
        equal(out, "")
        contains(err, why)
    _, err = run("-s", path("missing"), "/dev/null", status=125)
    contains(err, "No such file or directory")


@test
def of_another_machine():
    _, err = run("-s", write("x86", elf([("f", K, 16)], machine=62)),
                 write("trace", Trace().bytes()))
    contains(err, "not of a POWER machine")


@test
def from_a_compiler():
    if not shutil.which(CROSS):
        raise Skip(f"no {CROSS}")
    source = write("program.c", b"int f(int *a) { return *a; }\nint data;\n"
                   b"int _start(void) { return f(&data); }\n")
    program = path("program")
    subprocess.run([CROSS, "-O1", "-fno-inline", "-nostdlib", "-static", "-o", program, source],
                   check=True, capture_output=True)
    lines = subprocess.run([CROSS.replace("gcc-12", "readelf"), "-sW", program], check=True,
                           capture_output=True, text=True).stdout.splitlines()
    start, entry = [next((int(line.split()[1], 16), "<localentry>: 8" in line)
                         for line in lines if line.split()[-1:] == [name])
                    for name in ("_start", "f")]
    trace = Trace()
    cpu = Cpu(trace, start[0], USER)
    cpu.ret(cpu.call(entry[0] + (8 if entry[1] else 0)))
    cpu.run()
    equal(folded(trace, "-s", program), {"vcpu0;_start": 2, "vcpu0;_start;f": 1})
    contains(report(trace, "-i", "-s", program), "_start+0x4")
    os.remove(program)


main()
