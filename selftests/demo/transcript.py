# SPDX-License-Identifier: GPL-2.0
"""GDB as one would see it at its prompt, with remarks; and the remarks are true,
or the exit status says so."""

import os
import sys
import time

import gdb

import target

FAILED = []


def heading(text):
    print(f"\n--- {text}\n", flush=True)


def command(text):
    print(f"(gdb) {text}", flush=True)
    gdb.execute(text)
    sys.stdout.flush()


def run(text, seconds=30):
    """A command that lets the guest run. Ends everything if it does not stop."""
    target.LAST_STOP = None
    timer = target.interrupt_after(seconds)
    start = time.monotonic()
    try:
        command(text)
    finally:
        timer.cancel()
    if target.interrupted():
        remark(False, f"the guest stopped (after {time.monotonic() - start:.0f} s it was made to)")
        leave()


def remark(true, text):
    print(f"      {'ok' if true else 'FAILED'}: {text}", flush=True)
    if not true:
        FAILED.append(text)


def connect(socket):
    target.connect(socket)
    print("(gdb) target remote ...", flush=True)
    gdb.execute("set disassemble-next-line on")
    gdb.execute("set style enabled off")


def leave():
    gdb.execute("delete")
    command("detach")
    with open(os.environ["SESSION_DONE"], "w", encoding="ascii"):
        pass
    gdb.execute(f"quit {1 if FAILED else 0}")
