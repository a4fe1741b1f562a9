#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Files that are no trace, or not all of one; and where the report goes."""

import os
import random
import re
import resource
import stat
import subprocess
import time

from synthetic import HEAD_SIZE, RECORD_SIZE, Cpu, Trace, head
from tap import HVSTEP, contains, equal, main, path, report, run, test, write

K = 0xc000000000010000


def sample(nr=10):
    return Cpu(Trace(), K).run(nr).trace


def unusable(data, why):
    out, err = run(write("bad", data), status=1)
    equal(out, "")
    contains(err, f"hvstep: {path('bad')}: {why}")


@test
def no_trace():
    unusable(b"", "not a trace file: it is empty")
    unusable(b"\x7fELF" + bytes(1000), "not a trace file\n")
    unusable(bytes(1000), "not a trace file\n")


@test
def no_file():
    contains(run(path("missing"), status=1)[1], "No such file or directory")
    contains(run("/", status=1)[1], "not a regular file")
    contains(run("/dev/null", status=1)[1], "not a regular file")
    os.mkfifo(path("fifo"))
    contains(run(path("fifo"), status=1)[1], "not a regular file")


@test
def head_cut_off():
    for order in "<>":
        whole = sample().bytes(order)
        for length in range(HEAD_SIZE):
            unusable(whole[:length], "not a")


@test
def impossible_heads():
    for fields, why in (({"records_offset": 0}, "records within its head"),
                        ({"records_offset": HEAD_SIZE - 1}, "records within its head"),
                        ({"record_size": 0}, "records of an impossible size"),
                        ({"record_size": RECORD_SIZE - 1}, "records of an impossible size"),
                        ({"record_size": 2**32 - 1}, "records of an impossible size")):
        unusable(head(1, **fields) + bytes(1000), "not a usable trace file: " + why)


def warned(data, why, records):
    out, err = run(write("odd", data))
    contains(err, f"hvstep: warning: {path('odd')}: {why}")
    contains(out, f"records:      {records}\n")
    return out


@test
def not_complete():
    fields = {"state": 0, "nr_records": 0, "duration": 0}
    for extra in (0, 1, RECORD_SIZE - 1):
        out = warned(sample().bytes(**fields) + bytes(extra), "the end of the trace is missing", 10)
        contains(out, "duration:     unknown: the end of the trace is missing\n")
    warned(sample().bytes(**fields)[:-1], "the end of the trace is missing", 9)
    warned(head(0, state=0), "the end of the trace is missing", 0)


@test
def not_yet_written():
    trace = sample().bytes(state=0, nr_records=0, duration=0)
    behind = HEAD_SIZE + 4 * RECORD_SIZE
    holed = trace[:behind] + bytes(3 * RECORD_SIZE) + trace[behind:]
    out = warned(holed, "3 records are missing in between", "13, 10 of them looked at")
    contains(out, "kinds:        traced 10\n")
    out, _ = run("--instructions", write("odd", holed))
    equal(len(re.findall(r"(?m)^ *\d+ .* nop$", out)), 10)
    # Of a writer that came to its end they are what it has written.
    whole = head(13) + holed[HEAD_SIZE:]
    out, err = run(write("odd", whole))
    contains(out, "records:      13\n")
    equal(err, "")


@test
def quiet():
    _, err = run(write("odd", head(0, state=0)), env={**os.environ, "HVSTEP_QUIET": "1"})
    equal(err, "")


@test
def cut_off():
    whole = sample().bytes()
    for length in range(HEAD_SIZE, len(whole), 7):
        nr = (length - HEAD_SIZE) // RECORD_SIZE
        warned(whole[:length], f"cut off: {nr} records of 10 are left", nr)
    warned(head(5, records_offset=2**32 - 1) + bytes(100), "cut off: 0 records of 5", 0)


@test
def more_than_it_says():
    warned(sample().bytes(nr_records=4), "more is in the file than the 4 records", 4)


@test
def larger_records():
    for order in "<>":
        for size in (RECORD_SIZE + 1, 96, 4096, 65536):
            contains(report(sample().bytes(order, size)), "kinds:        traced 10\n")
    larger_head = sample().bytes(records_offset=HEAD_SIZE + 3)
    contains(report(larger_head[:HEAD_SIZE] + b"new" + larger_head[HEAD_SIZE:]),
             "kinds:        traced 10\n")


@test
def unknown_bits():
    contains(report(sample().bytes(features=2**64 - 1, state=2**32 - 1, host=2**32 - 1,
                                   policy=2**63, filter=2**31, irq=77)), "policy:       bit63\n")


@test
def output_to_a_file():
    trace, target = write("trace", sample().bytes()), path("report")
    equal(run("-o", target, trace), ("", ""))
    with open(target, encoding="utf-8") as file:
        equal(file.read(), report(sample()))
    equal(stat.S_IMODE(os.stat(target).st_mode) & 0o111, 0)
    os.symlink("report", path("link"))
    equal(run("-o", path("link"), "-f", "folded", trace), ("", ""))
    equal(os.readlink(path("link")), "report")
    with open(target, encoding="utf-8") as file:
        equal(file.read(), "vcpu0;[kernel] 10\n")
    run("-o", target, write("bad", b"no"), status=1)
    with open(target, encoding="utf-8") as file:
        equal(file.read(), "vcpu0;[kernel] 10\n")
    equal([name for name in os.listdir(os.path.dirname(target)) if "report." in name], [])


@test
def output_that_fails():
    trace = write("trace", sample().bytes())
    contains(run("-o", path("missing/file"), trace, status=125)[1], "No such file or directory")
    contains(run("-o", "/dev/full", trace, status=125)[1],
             "cannot write /dev/full: No space left on device")
    equal(run("-o", "/dev/null", trace), ("", ""))
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def to(stdout, *args):
    done = subprocess.run([HVSTEP, "report", *args], stdout=stdout, stderr=subprocess.PIPE,
                          timeout=60, check=False)
    return done.returncode, done.stderr.decode()


@test
def stdout_that_fails():
    trace = write("trace", sample(50000).bytes())
    for args in ([], ["-i"], ["-f", "json"], ["-f", "perfetto"], ["-f", "folded"]):
        with open("/dev/full", "wb") as full:
            equal(to(full, trace, *args),
                  (125, "hvstep: cannot write the report: No space left on device\n"))
        reading, writing = os.pipe()
        os.close(reading)
        equal(to(writing, trace, *args),
              (125, "hvstep: cannot write the report: Broken pipe\n"))
        os.close(writing)


@test
def killed_while_it_writes():
    os.mkdir(path("killed"))
    data = sample(100).bytes()[HEAD_SIZE:]
    trace = write("large", head(100 * 10000) + data * 10000)
    with subprocess.Popen([HVSTEP, "report", "-i", "-o", path("killed/report"), trace],
                          stderr=subprocess.DEVNULL) as child:
        for _ in range(1000):
            if os.listdir(path("killed")):
                break
            time.sleep(0.01)
        child.terminate()
        equal(child.wait(60), -15)
    equal(os.listdir(path("killed")), [])
    os.unlink(trace)


def limited(data, megabytes, seconds, *args):
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    return run(write("large", data), *args, preexec_fn=limit)[0]


@test
def no_memory_for_each_record():
    nr = 1000000
    data = sample(1000).bytes()[HEAD_SIZE:] * (nr // 1000)
    contains(limited(head(nr) + data, 64, 10), f"records:      {nr}\n")
    equal(limited(head(nr) + data, 64, 10, "-f", "folded"), f"vcpu0;[kernel] {nr}\n")


@test
def memory_is_bounded_for_noise():
    """Each step calls something else, on another vCPU."""
    rng = random.Random(1)
    trace = Trace()
    for seq in range(200000):
        trace.add(seq, rng.getrandbits(64), rng.getrandbits(64), 0x48000001,
                  vcpu=rng.getrandbits(32) if seq % 2 else rng.randrange(16))
    data = trace.bytes()
    out, err = run(write("noise", data))
    contains(err, "more than 4096 vCPUs")
    contains(out, "records:      200000\n")
    limited(data, 256, 30)


main()
