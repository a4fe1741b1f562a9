# SPDX-License-Identifier: GPL-2.0
"""TAP for the tests here, and `hvstep report` as they call it."""

import json
import os
import subprocess
import sys
import tempfile
import traceback

HVSTEP = sys.argv[1]
DIRECTORY = tempfile.TemporaryDirectory(prefix="hvstep-report-")
TESTS = []


class Skip(Exception):
    pass


def test(function):
    TESTS.append(function)
    return function


def main():
    failed = 0
    print(f"TAP version 13\n1..{len(TESTS)}", flush=True)
    for nr, function in enumerate(TESTS, 1):
        result, why = "ok", ""
        try:
            function()
        except Skip as skip:
            why = f" # SKIP {skip}"
        except Exception:       # pylint: disable=broad-except
            print("# " + traceback.format_exc().replace("\n", "\n# "))
            result = "not ok"
            failed += 1
        print(f"{result} {nr} {function.__name__}{why}", flush=True)
    DIRECTORY.cleanup()
    sys.exit(1 if failed else 0)


def equal(got, wanted):
    if got != wanted:
        raise AssertionError(f"got:\n{got}\nwanted:\n{wanted}")


def contains(got, wanted):
    if wanted not in got:
        raise AssertionError(f"not there: {wanted}\nin: {got}")


def path(name):
    return os.path.join(DIRECTORY.name, name)


def write(name, data):
    with open(path(name), "wb") as file:
        file.write(data)
    return path(name)


def run(*args, status=0, text=True, **more):
    """What it has printed, and said."""
    done = subprocess.run([HVSTEP, "report", *args], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=300, check=False, **more)
    if done.returncode != status:
        raise AssertionError(f"status {done.returncode}, not {status}: {done.stderr.decode()}")
    return (done.stdout.decode() if text else done.stdout), done.stderr.decode()


def report(trace, *args, **more):
    """Of a trace that nothing is wrong with."""
    data = trace if isinstance(trace, bytes) else trace.bytes()
    out, err = run(write("trace", data), *args, **more)
    equal(err, "")
    return out


def report_json(trace, *args):
    return json.loads(report(trace, "--format=json", *args))


def folded(trace, *args):
    lines = report(trace, "--format=folded", *args).splitlines()
    return {stack: int(steps) for stack, steps in (line.rsplit(" ", 1) for line in lines)}
