#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What is written, and how."""

import json

from synthetic import (BLR, DROP, EA, EMULATED, KERNEL, MOVED, NO_KERNEL, NO_WORD,
                       USER, Cpu, Trace, elf)
from tap import contains, equal, folded, main, report, report_json, run, test, write

K = 0xc000000000010000
MAIN, FOO, BAR = K, K + 0x1000, K + 0x2000
VECTOR = 0xc000000000004900
HOSTILE = b'a";b\\\n\x1b[31m\x7f\xff\xc3\xa9\xed\xa0\x80\xc2\x9b d'
SYMBOLS = ["-s", write("vmlinux", elf([("main", MAIN, 0x1000), ("foo", FOO, 0x1000),
                                       ("bar", BAR, 0x1000)]))]


def sample(vcpus=(0,)):
    """main calls foo, which is interrupted, and bar."""
    trace = Trace()
    for vcpu in vcpus:
        cpu = Cpu(trace, MAIN, vcpu=vcpu, seq=10)
        back = cpu.run(2).call(FOO)
        at = cpu.run(5).fault(VECTOR)
        cpu.run(1).rfid(at, KERNEL)
        cpu.ret(back)
        back = cpu.call(BAR)
        cpu.step(0x7c0004ac, kind=MOVED)
        cpu.ret(back)
        cpu.run(10)
    return trace


@test
def summary_in_words():
    out = report(sample().bytes(policy=3, irq=1, filter=DROP | NO_KERNEL, start=0x1000, end=0x2000,
                                dropped=5, filtered=972, nr_vcpus=1, error=95))
    for line in ("VMM:          qemu-system-ppc, pid 4711, 1 vCPUs recorded",
                 "host:         power9 (ISA 3.0, radix MMU, little-endian), Linux 6.12.0-test",
                 "when:         2023-11-14T22:13:20Z", "duration:     2.000 s, 501 steps/s",
                 "policy:       trace-all atomic deliver",
                 "filter:       drop no-kernel, from 0x1000 up to 0x2000",
                 "ended early:  Operation not supported", "records:      25",
                 "not recorded: 5 dropped, 972 filtered", "gaps:         0, 0 steps in them",
                 "interrupts:   1, system calls included", "kinds:        traced 23 moved 1 fault 1",
                 "         0           25           10          0            0          1          0"):
        contains(out, line + "\n")


@test
def functions_in_words():
    out = report(sample(), *SYMBOLS)
    table = out.split("Hottest functions (4 of 4)\n\n")[1].split("\n\n")[0]
    equal(table, "    self         self    inclusive      calls  function\n"
                 "  56.00%           14           25          0  main\n"
                 "  28.00%            7            9          1  foo\n"
                 "   8.00%            2            2          1  bar\n"
                 f"   8.00%            2            2          1  [0x{VECTOR:x}]")
    contains(report(sample(), *SYMBOLS, "--top=1"), "(1 of 4)")


@test
def tree_in_words():
    def tree(*args):
        return report(sample(), *SYMBOLS, *args).split("\nCalls\n\n")[1]
    head = "   incl.    inclusive         self  function\n"
    top = (" 100.00%           25            0  vCPU 0\n"
           " 100.00%           25           14    main\n")
    foo = "  36.00%            9            7      foo\n"
    vector = f"   8.00%            2            2        [0x{VECTOR:x}]\n"
    equal(tree(), head + top + foo + vector + "   8.00%            2            2      bar\n")
    equal(tree("--min-percent", "10"),
          head + top + foo + "   8.00%            2                     (1 more)\n"
          "   8.00%            2                   (1 more)\n")
    equal(tree("--depth=1"), head + top + "  44.00%           11                   (2 more)\n")


@test
def both_byte_orders():
    for args in (["--format=json"], ["--format=folded"], ["--format=perfetto"], ["-i"]):
        little, big = (report(sample().bytes(order), *SYMBOLS, *args) for order in "<>")
        little = little.replace('"byte_order":"little"', '"byte_order":"big"')
        equal(little.replace("little-endian", "big-endian"), big)


@test
def json_summary():
    got = report_json(sample((3, 1)).bytes(policy=1, host=0x1f, filter=NO_KERNEL | 1 << 20))
    summary = got["summary"]
    equal(summary["host"], {"release": "6.12.0-test", "platform": "power9", "kvm_hv": True,
                            "isa": "3.1", "radix": True, "nested": True})
    equal(summary["policy"], ["trace-all"])
    equal(summary["filter"], {"flags": ["no-kernel", "bit20"], "start": "0x0", "end": "0x0"})
    equal(summary["vcpus"], [
        {"id": vcpu, "records": 25, "first_seq": 10, "last_seq": 34, "gaps": 0, "missing": 0,
         "interrupts": 1, "restarts": 0} for vcpu in (1, 3)])
    equal(summary["kinds"], {"emulated": 0, "traced": 46, "displaced": 0, "moved": 2, "fault": 2,
                             "reflected": 0, "other": 0})
    for key, value in {"complete": True, "byte_order": "little", "vmm": "qemu-system-ppc",
                       "pid": 4711, "time": "2023-11-14T22:13:20Z",
                       "time_ns": 1700000000123456789, "duration_ns": 2000000000,
                       "steps_per_second": 25, "records": 50, "looked_at": 50, "dropped": 0,
                       "filtered": 0, "gaps": 0, "missing": 0, "interrupts": 2, "restarts": 0,
                       "error": 0}.items():
        equal((key, summary[key]), (key, value))


@test
def json_functions_and_tree():
    got = report_json(sample(), *SYMBOLS)
    vector = f"[0x{VECTOR:x}]"

    def function(name, address):
        return {"name": name, "address": f"0x{address:x}", "state": "kernel"}
    equal([(f["name"], f["address"], f["self"], f["inclusive"], f["calls"])
           for f in sorted(got["functions"], key=lambda f: f["address"])],
          [(vector, f"0x{VECTOR:x}", 2, 2, 1), ("main", f"0x{MAIN:x}", 14, 25, 0),
           ("foo", f"0x{FOO:x}", 7, 9, 1), ("bar", f"0x{BAR:x}", 2, 2, 1)])
    leaf = {"calls": 1, "self": 2, "inclusive": 2, "folded": 0, "children": []}
    equal(got["tree"], [{
        "vcpu": 0, "self": 0, "inclusive": 25, "folded": 0, "children": [{
            **function("main", MAIN), "calls": 0, "self": 14, "inclusive": 25, "folded": 0,
            "children": [
                {**function("foo", FOO), "calls": 1, "self": 7, "inclusive": 9, "folded": 0,
                 "children": [{**function(vector, VECTOR), **leaf}]},
                {**function("bar", BAR), **leaf}]}]}])
    (vcpu,) = report_json(sample(), *SYMBOLS, "--depth=1")["tree"]
    equal((vcpu["children"][0]["folded"], vcpu["children"][0]["children"]), (2, []))
    equal(len(report_json(sample(), *SYMBOLS, "--top=2")["functions"]), 2)


@test
def unknown_code_in_json():
    (function,) = report_json(Cpu(Trace(), 0x1000, USER).run().trace)["functions"]
    equal((function["name"], function["address"], function["state"]), ("[user]", None, "user"))


@test
def perfetto():
    trace = sample((0, 5))
    got = json.loads(report(trace, "--format=perfetto", *SYMBOLS))
    stacks, names, spans = {}, {}, []
    for event in got["traceEvents"]:
        if event["ph"] == "M":
            names[event["name"], event.get("tid")] = event["args"]["name"]
            continue
        stack = stacks.setdefault(event["tid"], [(0, "")])
        assert event["ts"] >= stack[-1][0]
        if event["ph"] == "B":
            stack.append((event["ts"], event["name"]))
        else:
            equal(event["ph"], "E")
            begin, name = stack.pop()
            if event["tid"] == 6:
                spans.append((name, begin, event["ts"]))
    equal(names, {("process_name", None): "qemu-system-ppc", ("thread_name", 1): "vCPU 0",
                  ("thread_name", 6): "vCPU 5"})
    equal({tid: len(stack) for tid, stack in stacks.items()}, {1: 1, 6: 1})
    equal(spans, [(f"[0x{VECTOR:x}]", 19, 21), ("foo", 13, 22), ("bar", 23, 25),
                  ("main", 10, 35)])


@test
def perfetto_gaps():
    trace = Trace()
    cpu = Cpu(trace, MAIN, seq=2**53)
    cpu.run(2).lose(7)
    cpu.run(1)
    cpu.seq = 3
    cpu.run(1)
    events = json.loads(report(trace, "--format=perfetto"))["traceEvents"]
    equal([(e["ts"] - 2**53, e["args"]["missing"]) for e in events if e["ph"] == "i"],
          [(9, 7), (10, 0)])
    times = [e["ts"] for e in events if "ts" in e]
    equal(times, sorted(times))


@test
def hostile_names():
    file = write("hostile", elf([(HOSTILE, MAIN, 0x1000)]))
    trace = Cpu(Trace(), MAIN).run().trace.bytes(vmm=b'"\\\x01\xff</script>',
                                                 release=b"\n" * 64)
    name = 'a";b\\\n\x1b[31m\x7f\ufffd\xe9\ufffd\ufffd\ufffd\x9b d'
    got = report_json(trace, "-s", file)
    equal(got["functions"][0]["name"], name)
    equal(got["summary"]["vmm"], '"\\\x01\ufffd</script>')
    equal(got["summary"]["host"]["release"], "\n" * 63)
    events = json.loads(report(trace, "-f", "perfetto", "-s", file))["traceEvents"]
    equal([e["name"] for e in events if e["ph"] == "B"], [name])
    plain = report(trace, "-i", "-s", file)
    equal([c for c in plain if c != "\n" and (c < " " or "\x7f" <= c < "\xa0")], [])
    contains(plain, 'a";b\\??[31m??\xe9???? d')
    out, _ = run("-f", "folded", "-s", file, write("trace", trace), text=False)
    equal(out, b'vcpu0;a":b\\??[31m??\xc3\xa9???? d 1\n')


@test
def listing():
    trace = Trace()
    cpu = Cpu(trace, MAIN)
    cpu.step(0xe8610010, flags=EA, ea=0xc0000000deadbee0)
    cpu.step(0x06000000, suffix=0x38600001)
    cpu.step(0x00000000, kind=EMULATED)
    cpu.step(0, flags=NO_WORD)
    cpu.lose(2)
    cpu.run()
    cpu.nip = 0x2000
    cpu.msr = USER
    cpu.step(0x48000011, 0x2010)
    cpu.fault(VECTOR)
    cpu.seq = 0
    cpu.run()
    Cpu(trace, FOO, vcpu=1, seq=5).step(BLR, MAIN, kind=77)
    trace.records.insert(1, trace.records.pop())
    lines = [" ".join(line.split()) for line in
             report(trace, "-i", *SYMBOLS).split("\nInstructions")[1].splitlines()[1:]]
    equal(lines, ["", "seq vCPU nip function word",
                  "0 0 t c000000000010000 main+0x0 e8610010 ld r3, 0x10(r1) ; ea 0xc0000000deadbee0",
                  "1 0 t c000000000010004 main+0x4 06000000 .long 0x06000000, 0x38600001",
                  "2 0 e c00000000001000c main+0xc 00000000 .long 0x00000000",
                  "3 0 t c000000000010010 main+0x10 00000000 (not read)",
                  "... 2 steps are not there",
                  "6 0 t c000000000010014 main+0x14 60000000 nop",
                  "... goes on elsewhere",
                  "7 0 t 0000000000002000 [user] 48000011 bl 0x2010",
                  "8 0 F 0000000000002010 [user] 60000000 nop ; handler 0xc000000000004900",
                  "... recorded anew",
                  "0 0 t c000000000004900 [kernel] 60000000 nop",
                  "", "seq vCPU nip function word",
                  "5 1 ? c000000000011000 foo+0x0 4e800020 blr"])
    equal(report(trace, "-i2", "--vcpu=0").count(" t c0000"), 2)


@test
def listing_is_of_the_text():
    _, err = run("-i", "-f", "json", write("trace", sample().bytes()), status=125)
    contains(err, "--instructions is for the text")


@test
def nothing_recorded():
    empty = Trace()
    contains(report(empty, "-i"), "records:      0\n")
    got = report_json(empty)
    equal((got["functions"], got["tree"], got["summary"]["vcpus"]), ([], [], []))
    equal(folded(empty), {})
    equal(len(json.loads(report(empty, "-f", "perfetto"))["traceEvents"]), 1)


@test
def vcpus_that_are_not_there():
    out, err = run("--vcpu=9", write("trace", sample().bytes()))
    contains(err, "no record of these vCPUs")
    contains(out, "records:      25, 0 of them looked at\n")


@test
def usage():
    trace = write("trace", sample().bytes())
    for args, why in (([], "the trace file is missing"), ([trace, trace], "not expected"),
                      (["--format=xml", trace], "no such format: xml"),
                      (["--top=x", trace], "not a number: x"),
                      (["--depth=-1", trace], "not a number"),
                      (["--min-percent=nan", trace], "not a number from 0 to 100"),
                      (["--min-percent=101", trace], "not a number from 0 to 100"),
                      (["--top=99999999999999999999", trace], "not a number"),
                      (["-i1x", trace], "not a number"), (["--frobnicate", trace], "--help")) + tuple(
                          ([f"--vcpu={text}", trace], "not a list of vCPUs") for text in
                          ("", ",", "1,", "2-1", "1-", "x", "4294967296", "1 2")):
        out, err = run(*args, status=125)
        equal(out, "")
        contains(err, why)
    contains(run("--help")[0], "Formats:")


main()
