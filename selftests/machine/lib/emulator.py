# SPDX-License-Identifier: GPL-2.0
"""Starts QEMU, carries the command's output, decides how the run went."""

import os
import re
import secrets
import selectors
import shutil
import subprocess
import sys
import tempfile
import time

import payload

EX_TIMEOUT = 124
EX_KERNEL = 125
EX_MACHINE = 126

# Where this machine is busy an emulated CPU may not run for a while, and its clock jumps:
# a lockup is one of 60 s, not of 20 s. Where KVM is nested in another KVM there is none at
# all: a guest of nothing but "b ." keeps its host's CPU there until QEMU, the hypervisor
# below, takes it away, which should be at the next timer interrupt and is minutes after it
# now and then (KVM_RUN, alarm(10) and no hvstep: once in 14 times after 56 s, once after 232;
# with hvstep once after more than 26 minutes).
WATCHDOG = "watchdog_thresh=30"
WATCHDOG_NESTED = "nowatchdog rcupdate.rcu_cpu_stall_suppress=1"

# Where a page of a guest's page tables has lost its reference bit in KVM's own, an instruction
# fetch is a hypervisor data storage interrupt; on POWER10, which tells prefixed instructions in
# SRR1, QEMU (10.0, 11.1) fetches the instruction again for that, before the host gets to set the
# bit: for ever, and the CPU hangs. With or without hvstep. What takes reference bits away all the
# time is DAMON's statistics, which Linux 7.2 keeps by default.
REFERENCES = "damon_stat.enabled=0"

# What no kernel should ever say while it is tested.
COMPLAINTS = re.compile(
    r"\bBUG\b|\bWARNING\b|\bOops\b|Call Trace|hung_task|blocked for more than|"
    r"soft lockup|hard LOCKUP|rcu.*(stall|starved)|Kernel panic|"
    r"Unable to handle kernel|general protection|scheduling while atomic|"
    r"refcount_t:|list_(add|del) corruption|suspicious RCU usage|UBSAN:|"
    # It would be asked in vain, at the end.
    r"Kernel memory leak detector disabled")
# A pseries machine without a file for its NVRAM; and what WATCHDOG_NESTED asks for
HARMLESS = re.compile(r"WARNING: nvram corruption detected: 0-length partition|"
                      r"rcu_cpu_stall_suppress")
# Data races of the kernel's own are many, and our functions are below all of KVM's: those
# are meant where one of the two accesses is in a function of hvstep's, the first line
# behind "read to", "write to" and the like.
DATA_RACE = re.compile(r"^[^\n]*={60,}\n[^\n]*BUG: KCSAN:.*?={60,}$", re.MULTILINE | re.DOTALL)
OURS = re.compile(r"(read|write|assert)[^\n]* to 0x[^\n]*:\n[^\n]*\[hvstep\]")
# After these the machine will not end by itself.
FATAL = re.compile(r"Kernel panic|machine-boot-failed")
# What QEMU is told, the QEMU, and whether devices have a bus each. The last ones are guests
# themselves, of the emulated hypervisor: KVM-HV runs nested there, by the first and by
# the second version of that interface.
MACHINES = {
    "powernv8": ("powernv8", "QEMU_BIN", True),
    "powernv9": ("powernv9", "QEMU_BIN", True),
    "powernv10": ("powernv10", "QEMU_BIN", True),
    "powernv11": ("powernv11", "QEMU_POWERNV11_BIN", True),
    "pseries-nested": ("pseries,x-vof=on,cap-nested-hv=on,cap-ccf-assist=off -cpu power9",
                       "QEMU_BIN", False),
    "pseries-papr": ("pseries,x-vof=on,cap-nested-papr=on,cap-ccf-assist=off -cpu power10",
                     "QEMU_POWERNV11_BIN", False),
}
MARGIN = 25     # lines of log shown after a complaint
LAST_WORDS = 3  # seconds given to a dying machine


class Channel:
    """A named pipe that QEMU writes into and we read from."""

    def __init__(self, directory, name):
        self.name = name
        self.path = os.path.join(directory, name)
        os.mkfifo(self.path, 0o600)
        self.fd = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        # A writer of our own keeps end-of-file away until QEMU has opened it.
        self.keep = os.open(self.path, os.O_WRONLY)
        self.done = False

    def read(self):
        try:
            return os.read(self.fd, 65536)
        except BlockingIOError:
            return b""


class Output(Channel):
    """Passes bytes on as they come, up to the nonce."""

    def __init__(self, directory, name, nonce, target):
        super().__init__(directory, name)
        self.nonce = nonce
        self.target = target
        self.held = b""

    def pump(self):
        self.held += self.read()
        end = self.held.find(self.nonce)
        if end >= 0:
            self.done = True
            self.flush(end)
            self.held = b""
            return
        # The end of what we have may be the beginning of the nonce.
        keep = next((n for n in range(min(len(self.nonce) - 1, len(self.held)), 0, -1)
                     if self.held.endswith(self.nonce[:n])), 0)
        self.flush(len(self.held) - keep)

    def flush(self, length):
        data, self.held = self.held[:length], self.held[length:]
        while data:
            data = data[os.write(self.target, data):]


class Collector(Channel):
    """Keeps all it reads; done at the nonce, if there is one."""

    def __init__(self, directory, name, nonce=None):
        super().__init__(directory, name)
        self.nonce = nonce
        self.data = b""

    def pump(self):
        self.data += self.read()
        if self.nonce and self.data.endswith(self.nonce):
            self.data = self.data[:-len(self.nonce)]
            self.done = True

    def text(self):
        return self.data.decode(errors="replace").replace("\r", "")


def kernel_arguments(args):
    """What all machines of this kind need."""
    if args.machine.startswith("pseries"):
        return WATCHDOG_NESTED
    return WATCHDOG + (f" {REFERENCES}" if args.machine in ("powernv10", "powernv11") else "")


def qemu_command(args, directory):
    accel = "tcg,thread=" + ("single" if args.icount or args.one_thread else "multi")
    machine, qemu, buses = MACHINES[args.machine]

    def bus(n):
        return f",bus=pcie.{n}" if buses else ""

    cmd = [payload.require(payload.path(qemu)),
           "-M", *machine.split(), "-accel", accel,
           "-smp", str(args.smp), "-m", args.memory,
           "-display", "none", "-monitor", "none", "-vga", "none", "-net", "none",
           "-kernel", payload.require(
               args.vmlinux or payload.kernel_file(args.kernel, "vmlinux")),
           "-initrd", payload.require(
               args.initramfs or payload.kernel_file(args.kernel, "initramfs.gz")),
           "-append", f"console=hvc0 quiet {kernel_arguments(args)} {args.append}".strip(),
           "-chardev", f"file,id=console,path={directory}/console",
           "-serial", "chardev:console",
           "-drive", f"file={payload.require(payload.path(payload.IMAGES[args.userland]))},"
                     "format=raw,if=none,id=userland,snapshot=on",
           "-device", "virtio-blk-pci,drive=userland,serial=userland" + bus(0),
           "-drive", f"file={directory}/payload.tar,format=raw,if=none,id=payload,readonly=on",
           "-device", "virtio-blk-pci,drive=payload,serial=payload" + bus(1),
           "-device", "virtio-serial-pci,id=ports" + bus(2)]
    for n, name in enumerate(("out", "err", "control"), 1):
        cmd += ["-chardev", f"file,id={name},path={directory}/{name}",
                "-device", f"virtserialport,bus=ports.0,nr={n},chardev={name},name={name}"]
    if args.icount:
        cmd += ["-icount", "shift=0,sleep=off"]
    return cmd


class Run:
    """One machine from start to verdict."""

    def __init__(self, args, directory):
        self.args = args
        self.directory = directory
        nonce = "machine-end-" + secrets.token_hex(12)
        payload.make(args, nonce, os.path.join(directory, "payload.tar"))
        raw = nonce.encode()
        self.out = Output(directory, "out", raw, 1)
        self.err = Output(directory, "err", raw, 2)
        self.control = Collector(directory, "control", raw)
        self.console = Collector(directory, "console")
        self.channels = (self.out, self.err, self.control, self.console)

    def execute(self):
        env = dict(os.environ, TMPDIR=self.directory)
        deadline = time.monotonic() + self.args.timeout
        log = open(os.path.join(self.directory, "qemu.log"), "wb+")
        self.qemu = subprocess.Popen(
            qemu_command(self.args, self.directory), env=env,
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        try:
            why = self.serve(deadline)
        finally:
            # poweroff does not end this machine.
            self.qemu.kill()
            self.qemu.wait()
            log.seek(0)
            self.qemu_log = log.read().decode(errors="replace")
            self.keep_log()
        return self.verdict(why)

    def serve(self, deadline):
        """Until the machine has nothing more to say; returns why."""
        dying = False
        selector = selectors.DefaultSelector()
        for channel in self.channels:
            selector.register(channel.fd, selectors.EVENT_READ, channel)
        while not (self.out.done and self.err.done and self.control.done):
            left = deadline - time.monotonic()
            if left <= 0:
                return "dead" if dying else "timeout"
            for key, _ in selector.select(min(left, 1)):
                key.data.pump()
            if not dying and FATAL.search(self.console.text()[-20000:]):
                dying, deadline = True, min(deadline, time.monotonic() + LAST_WORDS)
            if self.qemu.poll() is not None:
                return "gone"
        return "finished"

    def keep_log(self):
        if not self.args.keep_log:
            return
        with open(self.args.keep_log, "w") as f:
            f.write(self.console.text() + self.control.text() + self.qemu_log)

    def verdict(self, why):
        control = self.control.text()
        before, _, log = control.partition("\nlog\n")
        # The log proper, or what of it came out on the console.
        complaints = complain_about(log) or complain_about(self.console.text())
        lines = before.splitlines()
        problems = [line[8:] for line in lines if line.startswith("problem ")]
        status = next((int(line[5:]) for line in lines if line.startswith("exit ")), None)
        for problem in problems:
            say(problem)
        if why == "timeout":
            say(f"timeout after {self.args.timeout:g} s"
                + ("" if "ready" in lines else ", while booting"))
            if "ready" not in lines:
                self.show_console()
            return EX_TIMEOUT
        if complaints:
            return EX_KERNEL
        if why != "finished" or status is None:
            say(f"the machine ended early ({why})")
            self.show_console()
            return EX_MACHINE
        return EX_MACHINE if problems else status

    def show_console(self):
        text = self.console.text() + self.qemu_log
        for line in text.splitlines()[-25:]:
            print("  " + line, file=sys.stderr)


def complain_about(log):
    """Show what the kernel complains about; false if it does not."""
    lines = DATA_RACE.sub(lambda race: race[0] if OURS.search(race[0]) else "", log).splitlines()
    hits = [n for n, line in enumerate(lines) if COMPLAINTS.search(line) and not HARMLESS.search(line)]
    if hits:
        say("the machine's kernel complains:")
        wanted = sorted({n + d for n in hits for d in range(-1, MARGIN)})
        for n in wanted[:200]:
            if 0 <= n < len(lines):
                print("  " + lines[n], file=sys.stderr)
    return bool(hits)


def say(text):
    sys.stdout.flush()
    print(f"run: {text}", file=sys.stderr, flush=True)


def run(args):
    directory = tempfile.mkdtemp(prefix="hvstep-machine-")
    try:
        return Run(args, directory).execute()
    finally:
        shutil.rmtree(directory, ignore_errors=True)
