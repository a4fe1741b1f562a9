# SPDX-License-Identifier: GPL-2.0
"""Places in a Linux guest: where the kernel leaves for user space, and the
program that makes system calls there (guest/calls.S)."""

import os
import struct

import insn
import program
import target

CALLS_FILE = os.path.realpath(os.path.join(os.environ["SESSION_SOURCE"], "calls"))
CALLS = program.Program(CALLS_FILE)

# struct pt_regs
PT_NIP, PT_MSR = 256, 264


def find(symbol, kind):
    """The first instruction of that kind from the symbol on."""
    at = target.address(symbol)
    while insn.kind(target.read_word(at)) != kind:
        at += 4
    return at


def caller():
    """At the first instruction of a system call's function, which gets its
    struct pt_regs: where in user space will it return to?"""
    return struct.unpack("<Q", target.read(target.reg("r3") + PT_NIP, 8))[0]


def interrupt_exit():
    """The rfid that ends an interrupt of user space."""
    return find("interrupt_return_srr_user", "rfid")


def kernel_interrupt_exits():
    """The rfids that end an interrupt of the kernel: the usual one, and the one
    behind a store to the stack that has been emulated for a probe."""
    first = find("interrupt_return_srr_kernel", "rfid")
    second = first + 4
    while insn.kind(target.read_word(second)) != "rfid":
        second += 4
    return [first, second]


def call_exit(kind):
    """The rfscv or rfid that ends a system call by scv or sc."""
    return find({"rfscv": "system_call_vectored_common", "rfid": "system_call_common"}[kind], kind)


def in_loop(at):
    return CALLS["spin"] <= at < CALLS["spin_end"]
