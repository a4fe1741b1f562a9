# SPDX-License-Identifier: GPL-2.0
"""One cell of the matrix: a machine, a kernel, and what came of the tests there."""

import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
MACHINE = os.path.join(TOP, "selftests", "machine")
LOGS = os.path.join(TOP, "build", "matrix")

sys.path.insert(0, os.path.join(MACHINE, "lib"))

import emulator     # noqa: E402  (the path above comes first)
import payload      # noqa: E402

OK = re.compile(r"^ok\b")
NOT_OK = re.compile(r"^not ok\b")
SKIP = re.compile(r"# skip\b", re.IGNORECASE)
FACT = re.compile(r"^# host: (\w+) = (.*)")
# Where the host has the QEMU that it gets by --copy
COPIED_QEMU = "/srv/copy/qemu-sid-ppc64el/bin/qemu-system-ppc64"
REASON = re.compile(r"error|fail|cannot|timeout|complain|early|problem|missing", re.IGNORECASE)
# Without where the archive is
UNFETCHED = re.compile(r"E: Failed to fetch \S*?([^/\s]+)\s+(.*?)\s*(?:\[IP: .*\])?$")
ENDS = {
    emulator.EX_TIMEOUT: "timeout",
    emulator.EX_KERNEL: "the kernel complains",
    emulator.EX_MACHINE: "the machine does not come up",
}


def qemu_of(machine):
    """The variable of paths.sh that names it."""
    return emulator.MACHINES[machine][1]


def qemu_version(machine):
    said = subprocess.run([payload.path(qemu_of(machine)), "--version"],
                          stdout=subprocess.PIPE, text=True, check=True).stdout
    return re.search(r"version ([0-9.]+)", said)[1]


def logged(name, command):
    """Runs it; its exit status, and its output, which is kept in a file."""
    path = os.path.join(LOGS, name.replace("/", "-") + ".log")
    with open(path, "w+", encoding="utf-8", errors="replace") as log:
        log.write("$ " + " ".join(command) + "\n")
        log.flush()
        status = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log,
                                stderr=subprocess.STDOUT, check=False).returncode
        log.seek(0)
        return status, log.read().splitlines()


def last_words(lines):
    """The line that most probably says why."""
    told = [line.strip() for line in lines if REASON.search(line)]
    # What apt was told by the archive is said before what it means to us.
    apts = [f"{m[1]}: {m[2]}" for m in map(UNFETCHED.match, told) if m]
    return (apts or told or lines)[-1]


def test(tests, machine, kernel, timeout):
    """@tests are the words that on-host gets. Returns a result."""
    result = {"tests": " ".join(tests), "machine": machine, "kernel": kernel,
              "qemu": qemu_version(machine), "date": time.strftime("%F")}
    start = time.monotonic()
    copies = [os.path.join(HERE, "on-host")]
    if COPIED_QEMU in tests:
        copies.append(payload.path("QEMU_SID_ROOT"))
    status, lines = logged(name(result), [
        os.path.join(MACHINE, "run"), "--machine", machine, "--kernel", kernel,
        "--timeout", str(timeout), *(f"--copy={path}" for path in copies), "--",
        "sh", "/srv/copy/on-host", *tests])
    result["seconds"] = round(time.monotonic() - start)
    result.update((m[1], m[2]) for m in map(FACT.match, lines) if m)
    ok = [line for line in lines if OK.match(line)]
    skipped = [line for line in ok if SKIP.search(line)]
    failed = [line for line in lines if NOT_OK.match(line)]
    result.update(passed=len(ok) - len(skipped), skipped=len(skipped), failed=len(failed))
    if status == 0 and result["passed"] and not failed:
        result["state"] = "passed"
    elif result["passed"] or failed:
        result["state"] = "failed"
        result["failures"] = failed
        result["why"] = ", ".join(failed[:3])
    else:
        result["state"] = "none"
    # A kernel that complains has failed, whatever its tests say.
    if status in ENDS or not result.get("why", "-"):
        result["ended"] = ENDS.get(status, f"exit status {status}")
        result["why"] = f"{result['ended']}: {last_words(lines)}"
    return result


def name(result):
    """Of a cell, for people and for files."""
    what, *words = result["tests"].split()
    more = [w.strip("/").replace("/", "-") for w in words] if what == "gdb" else []
    return "/".join([what, result["machine"], result["kernel"], *more])
