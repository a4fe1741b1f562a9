#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Who is found to have called whom."""

from synthetic import (BCTAR, BCTR, BCTRL, BEQ, BEQL, BEQLR, BLRL, BRANCHES, GET_PC, HCALL, HRFID,
                       KERNEL, NO_WORD, REAL, REFLECTED, RFSCV, SC, SCV, SF, USER, Cpu, Trace,
                       elf)
from tap import contains, equal, folded, main, report, report_json, test, write

K = 0xc000000000010000
MAIN, FOO, BAR, BAZ, SWITCH = (K + n * 0x1000 for n in range(5))
VECTOR = 0xc000000000004000
SYSCALL = 0xc000000000003000
USER_MAIN, USER_FOO = 0x10000000, 0x10001000
KERNEL_ELF = write("vmlinux", elf(
    [("main", MAIN, 0x1000), ("foo", FOO, 0x1000, 2, 1, 3), ("bar", BAR, 0x1000, 2, 1, 3),
     ("baz", BAZ, 0x1000), ("switch", SWITCH, 0x1000), ("decrementer", VECTOR + 0x900, 0x80),
     ("syscall", VECTOR + 0xc00, 0x80), ("scv", SYSCALL, 0x80), ("trap", VECTOR + 0x700, 0x80)]))
USER_ELF = write("program", elf([("u_main", USER_MAIN, 0x1000), ("u_foo", USER_FOO, 0x1000)],
                                USER_MAIN))
SYMBOLS = ["--symbols", KERNEL_ELF, "-s", USER_ELF]


def guest(nip=MAIN, msr=KERNEL):
    trace = Trace()
    return trace, Cpu(trace, nip, msr)


def stacks(trace, wanted, *args):
    equal(folded(trace, *SYMBOLS, *args), {f"vcpu0;{k}": v for k, v in wanted.items()})


def restarts(trace):
    return report_json(trace, *SYMBOLS)["summary"]["restarts"]


@test
def call_and_return():
    trace, cpu = guest()
    back = cpu.run(2).call(FOO)
    cpu.run(3).ret(back)
    cpu.run(1)
    stacks(trace, {"main": 4, "main;foo": 4})
    equal(restarts(trace), 0)


@test
def by_every_branch():
    trace, cpu = guest()
    for word in (BEQL, BLRL, BCTRL, BCTAR | 1):
        cpu.ret(cpu.call(FOO, word), BEQLR)
    cpu.run()
    stacks(trace, {"main": 5, "main;foo": 4})


@test
def not_taken():
    trace, cpu = guest()
    back = cpu.call(FOO)
    for word in (BEQL, BEQLR, BEQ):
        cpu.step(word)
    cpu.ret(back)
    cpu.run()
    stacks(trace, {"main": 2, "main;foo": 4})


@test
def where_am_i():
    trace, cpu = guest()
    back = cpu.call(FOO)
    cpu.step(GET_PC)
    cpu.run().ret(back)
    cpu.run()
    stacks(trace, {"main": 2, "main;foo": 3})


@test
def local_entry_point():
    trace, cpu = guest()
    cpu.ret(cpu.call(FOO + 8))
    cpu.ret(cpu.call(FOO))
    cpu.run()
    stacks(trace, {"main": 3, "main;foo": 2})
    calls = {f["name"]: f["calls"] for f in report_json(trace, *SYMBOLS)["functions"]}
    equal(calls, {"main": 0, "foo": 2})


@test
def tail_call():
    for word in (BEQ, BCTR, BCTAR):
        trace, cpu = guest()
        back = cpu.call(FOO)
        cpu.run().jump(BAR + 8, word)
        cpu.run(3).ret(back)
        cpu.run()
        stacks(trace, {"main": 2, "main;foo": 2, "main;bar": 4})
        equal(restarts(trace), 0)
        calls = {f["name"]: f["calls"] for f in report_json(trace, *SYMBOLS)["functions"]}
        equal(calls, {"main": 0, "foo": 1, "bar": 1})


@test
def loop_to_the_start():
    trace, cpu = guest()
    back = cpu.call(FOO)
    cpu.run(2).jump(FOO)
    cpu.run(2).ret(back)
    stacks(trace, {"main": 1, "main;foo": 6})


@test
def into_the_middle():
    trace, cpu = guest()
    back = cpu.call(FOO)
    cpu.jump(BAR + 0x40)
    cpu.run().ret(back)
    cpu.run()
    stacks(trace, {"main": 2, "main;foo": 1, "main;bar": 2})


@test
def falling_through():
    trace, cpu = guest()
    back = cpu.call(FOO)
    cpu.jump(BAR - 4)
    cpu.run(2).ret(back)
    cpu.run()
    stacks(trace, {"main": 2, "main;foo": 2, "main;bar": 2})


@test
def through_several():
    trace, cpu = guest()
    back = cpu.call(FOO)
    cpu.call(BAR)
    cpu.call(BAZ)
    cpu.ret(back)
    cpu.run()
    stacks(trace, {"main": 2, "main;foo": 1, "main;foo;bar": 1, "main;foo;bar;baz": 1})


@test
def recursion():
    trace, cpu = guest()
    backs = [cpu.run().call(FOO)] + [cpu.run().call(FOO) for _ in range(3)]
    for back in reversed(backs):
        cpu.ret(back)
    cpu.run()
    functions = {f["name"]: f for f in report_json(trace, *SYMBOLS)["functions"]}
    equal(functions["foo"]["self"], 10)
    equal(functions["foo"]["inclusive"], 10)
    equal(functions["foo"]["calls"], 4)
    equal(functions["main"]["inclusive"], 13)


@test
def deeper_than_deep():
    trace, cpu = guest()
    for _ in range(5000):
        cpu.call(FOO)
    got = folded(trace, *SYMBOLS)
    equal(sum(got.values()), 5000)
    equal(max(stack.count(";") for stack in got) <= 1024, True)


@test
def fault():
    trace, cpu = guest()
    back = cpu.call(FOO)
    at = cpu.run().fault(VECTOR + 0x900)
    cpu.ret(cpu.run().call(BAR))
    cpu.rfid(at, KERNEL)
    cpu.run().ret(back)
    cpu.run()
    stacks(trace, {"main": 2, "main;foo": 4, "main;foo;decrementer": 3,
                   "main;foo;decrementer;bar": 1})
    equal(report_json(trace, *SYMBOLS)["summary"]["interrupts"], 1)


@test
def trap_that_is_skipped():
    trace, cpu = guest()
    back = cpu.call(FOO)
    at = cpu.fault(VECTOR + 0x700, 0x7fe00008, REFLECTED)
    cpu.rfid(at + 4, KERNEL, HRFID)
    cpu.ret(back)
    cpu.run()
    stacks(trace, {"main": 2, "main;foo": 2, "main;foo;trap": 1})


@test
def delivered_between_two_steps():
    trace, cpu = guest()
    back = cpu.call(FOO)
    at = cpu.run().delivered(VECTOR + 0x900)
    cpu.run(2).rfid(at, KERNEL)
    cpu.run().ret(back)
    cpu.run()
    stacks(trace, {"main": 2, "main;foo": 3, "main;foo;decrementer": 3})
    equal(report_json(trace, *SYMBOLS)["summary"]["gaps"], 0)
    contains(report(trace, "-i", *SYMBOLS), f"... interrupt at 0x{at:x}\n")


@test
def delivered_at_the_first_of_a_function():
    trace, cpu = guest()
    back = cpu.call(FOO)
    at = cpu.delivered(VECTOR + 0x900)
    cpu.rfid(at, KERNEL)
    cpu.ret(back)
    cpu.run()
    stacks(trace, {"main": 2, "main;foo": 1, "main;foo;decrementer": 1})


@test
def system_call():
    for word, handler, name, back_by in ((SC, VECTOR + 0xc00, "syscall", None),
                                         (SCV, SYSCALL, "scv", RFSCV)):
        trace, cpu = guest(USER_MAIN, USER)
        back = cpu.call(USER_FOO)
        resume = cpu.step(word, handler, KERNEL)
        leave = cpu.call(FOO)
        cpu.ret(leave)
        cpu.rfid(resume, USER, *([back_by] if back_by else []))
        cpu.ret(back)
        cpu.run()
        stacks(trace, {"u_main": 2, "u_main;u_foo": 2, f"u_main;u_foo;{name}": 2,
                       f"u_main;u_foo;{name};foo": 1})


@test
def hypercall():
    trace, cpu = guest()
    cpu.step(HCALL)
    cpu.run()
    stacks(trace, {"main": 2})


@test
def rfid_within_the_kernel():
    trace, cpu = guest(USER_MAIN, USER)
    at = cpu.fault(0x900, msr=REAL)
    cpu.rfid(BAR, KERNEL)
    cpu.run().rfid(at, USER)
    cpu.run()
    stacks(trace, {"u_main": 2, "u_main;[0x900]": 1, "u_main;bar": 2})


@test
def another_task():
    trace, cpu = guest()
    cpu.call(FOO)
    cpu.call(SWITCH)
    cpu.ret(BAR + 0x100)            # nothing on the stack has called from there
    cpu.run()
    cpu.ret(BAZ + 0x200)
    cpu.run()
    stacks(trace, {"main": 1, "main;foo": 1, "main;foo;switch": 1, "bar": 2, "baz": 1})
    equal(restarts(trace), 2)


@test
def another_program():
    trace, cpu = guest(USER_MAIN, USER)
    cpu.step(SC, VECTOR + 0xc00, KERNEL)
    cpu.rfid(USER_FOO + 0x80, USER)
    cpu.run()
    stacks(trace, {"u_main": 1, "u_main;syscall": 1, "u_foo": 1})


@test
def gap_in_line():
    trace, cpu = guest()
    back = cpu.call(FOO)
    cpu.run()
    cpu.lose(3)
    cpu.nip += 4 * 3
    cpu.ret(back)
    cpu.run()
    stacks(trace, {"main": 2, "main;foo": 2})
    summary = report_json(trace, *SYMBOLS)["summary"]
    equal((summary["gaps"], summary["missing"], summary["restarts"]), (1, 3, 0))
    contains(report(trace, *SYMBOLS), "gaps:         1, 3 steps in them\n")


@test
def gap_to_a_caller():
    trace, cpu = guest()
    cpu.call(FOO)
    cpu.call(BAR)
    cpu.call(BAZ)
    cpu.lose(100)
    cpu.nip = FOO + 0x500
    cpu.run(2)
    stacks(trace, {"main": 1, "main;foo": 3, "main;foo;bar": 1})


@test
def gap_to_anywhere():
    trace, cpu = guest()
    cpu.call(FOO)
    cpu.run()
    cpu.lose(100)
    cpu.nip = BAZ + 0x500
    cpu.run(2)
    stacks(trace, {"main": 1, "main;foo": 1, "baz": 2})
    equal(restarts(trace), 1)


@test
def recorded_anew():
    trace, cpu = guest()
    cpu.call(FOO)
    cpu.seq = 0
    cpu.run(2)
    stacks(trace, {"main": 1, "main;foo": 2})
    equal(report_json(trace, *SYMBOLS)["summary"]["gaps"], 1)


@test
def only_branches():
    trace, cpu = guest()
    all_steps = Trace()
    cpu.trace = all_steps
    for _ in range(3):
        back = cpu.run(5).call(FOO)
        cpu.run(3)
        cpu.ret(cpu.call(BAR))
        cpu.run(7).ret(back)
    trace.records = [r for r in all_steps.records if r[3] != r[1] + 4]
    equal(len(trace.records), 12)
    data = trace.bytes(filter=BRANCHES)
    stacks(data, {"main": 3, "main;foo": 6, "main;foo;bar": 3})
    contains(report(data), "filter:       branches\n")
    foo, bar = f"[kernel];[0x{FOO:x}]", f"[0x{BAR:x}]"
    equal(folded(data), {"vcpu0;[kernel]": 3, f"vcpu0;{foo}": 6, f"vcpu0;{foo};{bar}": 3})


@test
def without_the_kernel():
    trace, cpu = guest(USER_MAIN, USER)
    back = cpu.call(USER_FOO)
    resume = cpu.step(SC, VECTOR + 0xc00, KERNEL)
    cpu.lose(500)
    cpu.nip, cpu.msr = resume, USER
    cpu.run().ret(back)
    cpu.run()
    stacks(trace, {"u_main": 2, "u_main;u_foo": 3})
    equal(restarts(trace), 0)


@test
def without_symbols():
    trace, cpu = guest()
    cpu.ret(cpu.run().call(FOO + 0x24))
    cpu.run()
    equal(folded(trace), {"vcpu0;[kernel]": 3, f"vcpu0;[kernel];[0x{FOO + 0x24:x}]": 1})


@test
def several_vcpus():
    trace = Trace()
    cpus = [Cpu(trace, MAIN, vcpu=n, seq=100 * n) for n in (7, 0)]
    backs = [cpu.run().call(FOO) for cpu in cpus]
    for cpu, back in zip(cpus, backs):
        cpu.run(2).ret(back)
    cpus[0].run(5)
    equal(folded(trace, *SYMBOLS), {"vcpu7;main": 7, "vcpu7;main;foo": 3, "vcpu0;main": 2,
                                    "vcpu0;main;foo": 3})
    equal(folded(trace, *SYMBOLS, "--vcpu=7"), {"vcpu7;main": 7, "vcpu7;main;foo": 3})
    equal(folded(trace, "--vcpu=1-3,5-7"), {"vcpu7;[kernel]": 7, f"vcpu7;[kernel];[0x{FOO:x}]": 3})


@test
def mode_of_32_bits():
    trace, cpu = guest(USER_MAIN, USER & ~SF)
    back = cpu.call(USER_FOO | 0xdead << 32)
    cpu.run().ret(back | 0xbeef << 32)
    cpu.run()
    stacks(trace, {"u_main": 2, "u_main;u_foo": 2})


@test
def prefixed():
    trace, cpu = guest()
    back = cpu.call(FOO)
    cpu.step(0x06000000, suffix=0x38600000)
    cpu.run().ret(back)
    cpu.run()
    stacks(trace, {"main": 2, "main;foo": 3})
    equal(restarts(trace), 0)


@test
def unread():
    trace, cpu = guest()
    at = cpu.run().step(0, VECTOR + 0x900, flags=NO_WORD) - 4
    cpu.rfid(at, KERNEL)
    cpu.run()
    stacks(trace, {"main": 3, "main;decrementer": 1})


main()
