#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Print what `make matrix` found as tables, or put them into README.md."""

import argparse
import collections
import json
import os
import re
import sys

sys.dont_write_bytecode = True

import cell     # noqa: E402  (no bytecode comes first)

RESULTS = os.path.join(cell.TOP, "build", "matrix.json")
README = os.path.join(cell.TOP, "README.md")
BEGIN = "<!-- `make matrix-readme` writes from here -->\n"
END = "<!-- to here -->\n"

# What emulator or kernel do not allow: patterns of machine and of kernel, which tests it is
# that fail for it, and why. If they pass all the same, that is not as expected either.
KNOWN = [
    ("powernv1[01]", r"6\.1",
     r"^not ok \d+ prefixed\.\w+\.(unavailable|storage_fault)$",
     "the interrupt of a prefixed instruction that KVM itself gives to the guest comes without "
     "SRR1's bit for that, stepped or not: Linux 6.1 does not know of it"),
    ("pseries-nested", "",
     r"^not ok \d+ breakpoint\.\w+\.step_off$",
     "a breakpoint of the VMM does not end KVM_RUN while nobody steps, with or without hvstep: "
     "QEMU as the hypervisor below does not pass HEIR on, by which KVM-HV knows one"),
]
# What kind of machine does not come up, by what was said last, and whose that is
KNOWN_DOWN = [
    ("pseries-papr", r"h_guest_create_vcpu: Assertion",
     "QEMU as the hypervisor below wants the vCPUs of a guest numbered one after the other: "),
]


def entries(result):
    """Of KNOWN, those about its cell: which tests, and why."""
    return [(tests, why) for machine, kernel, tests, why in KNOWN
            if re.fullmatch(machine, result["machine"]) and
            re.fullmatch(kernel or ".*", result["kernel"])]


def known(result):
    """Why this cell cannot pass, or None."""
    return next((why for _, why in entries(result)), None)


def is_down(result):
    """Why this machine cannot come up, or None."""
    return next((whose + result["why"] for machine, said, whose in KNOWN_DOWN
                 if re.fullmatch(machine, result["machine"]) and re.search(said, result["why"])),
                None) if result["state"] == "none" else None


def cannot_be_had(result):
    """The kernel; nothing is known of this cell, then."""
    return result.get("unfetched", False)


def as_known(result):
    """Nothing has failed; or what has, and only that, had to."""
    if is_down(result):
        return True
    tests = [tests for tests, _ in entries(result)]
    if not tests:
        return result["state"] == "passed"
    failures = result.get("failures", [])
    return (result["state"] == "failed" and "ended" not in result and failures != [] and
            all(any(re.match(t, line) for t in tests) for line in failures))


def key(result):
    """Which cell it is: other programs are the same one, other QEMUs inside are not."""
    kvm = result["tests"].startswith("kvm")
    return result["machine"], result["kernel"], "kvm" if kvm else result["tests"]


def load():
    try:
        with open(RESULTS, encoding="utf-8") as f:
            return json.load(f)
    except FileNotFoundError:
        return []


def merge(result):
    """In the place of an earlier result of the same cell."""
    results = [r for r in load() if key(r) != key(result)] + [result]
    with open(RESULTS + ".new", "w", encoding="utf-8") as f:
        json.dump(results, f, indent=1)
        f.write("\n")
    os.replace(RESULTS + ".new", RESULTS)


class Notes:
    """Numbered, below the table; the same ones once."""

    def __init__(self):
        self.texts = []

    def mark(self, text):
        if text not in self.texts:
            self.texts.append(text)
        return f"[{self.texts.index(text) + 1}]"

    def lines(self):
        return [f"{n}. {text}" for n, text in enumerate(self.texts, 1)]


def outcome(result, notes):
    """The text of a cell."""
    if result is None:
        return ""
    why = (is_down(result) or known(result) or result.get("why", "")).replace("|", "\\|")
    if result["state"] == "passed":
        return f"{result['passed']} ({result['skipped']})"
    if result["state"] == "none":
        return f"none {notes.mark(why)}"
    return f"**{result['failed']} failed**, {result['passed']} {notes.mark(why)}"


def row(texts):
    return "| " + " | ".join(texts) + " |"


def in_order(values, order):
    return sorted(set(values), key=order.index)


def first(results, name, **wanted):
    """What the first of the results that match and have it says of @name."""
    return next((r[name] for r in results
                 if name in r and all(r[k] == v for k, v in wanted.items())), "")


def column(results, kernel):
    """A kernel by its own release, and its pages' size."""
    release = re.sub(r"-powerpc64le(-64k)?$", "", first(results, "release", kernel=kernel))
    page = first(results, "page", kernel=kernel)
    return f"{release or kernel}<br>{page} pages" if page else release or kernel


def programs(result):
    return ", ".join(sorted(result["tests"].split()[1:]))


def cell_text(result, notes, usual):
    """Of a machine, with what else was run than usual."""
    text = outcome(result, notes)
    if result and result["state"] != "none" and programs(result) != usual:
        text += f" {notes.mark('run were: ' + programs(result))}"
    return text


def machines_table(results, machines, kernels, usual):
    """@usual: the programs that need no note."""
    notes = Notes()
    cells = {(r["machine"], r["kernel"]): r for r in results}
    machines = in_order((r["machine"] for r in results), machines)
    kernels = in_order((r["kernel"] for r in results), kernels)
    lines = [row(["machine", "QEMU", *(column(results, k) for k in kernels)]),
             "|---" * (len(kernels) + 2) + "|"]
    for machine in machines:
        cpu = first(results, "cpu", machine=machine).split(",")[0].split(" ")[0]
        lines.append(row([f"{machine}, {cpu}" if cpu else machine,
                          first(results, "qemu", machine=machine),
                          *(cell_text(cells.get((machine, k)), notes, usual) for k in kernels)]))
    return lines + ([""] + notes.lines() if notes.texts else [])


def inner_table(results):
    notes = Notes()
    lines = [row(["QEMU on the host", "GDB's session"]), "|---|---|"]
    for r in sorted(results, key=lambda r: [int(n) for n in r.get("inner", "0").split(".")]):
        lines.append(row([r.get("inner", r["tests"].split()[-1]), outcome(r, notes)]))
    return lines + ([""] + notes.lines() if notes.texts else [])


def markdown(results):
    kvm = [r for r in results if r["tests"].startswith("kvm")]
    gdb = [r for r in results if not r["tests"].startswith("kvm")]
    dates = sorted(r["date"] for r in results if "date" in r)
    when = dates[0] if dates[:1] == dates[-1:] else " to ".join(dates[:1] + dates[-1:])
    usual = collections.Counter(map(programs, kvm)).most_common(1)[0][0] if kvm else ""
    lines = [f"`make matrix`, {when}: tests passed (and skipped) of hand-written guests, by machine "
             "and by the release of the host's kernel",
             f"(`selftests/kvm`: {usual}):", ""]
    lines += machines_table(kvm, list(cell.emulator.MACHINES), cell.payload.kernels(), usual)
    if gdb:
        host = gdb[0]
        lines += ["", f"Stepping by source lines, on {host['machine']} with {host['kernel']}:", ""]
        lines += inner_table(gdb)
    return "\n".join(lines)


def write_readme(text):
    with open(README, encoding="utf-8") as f:
        readme = f.read()
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f"{README} has no place for it: {BEGIN.strip()} {END.strip()}")
    with open(README, "w", encoding="utf-8") as f:
        f.write(before + begin + "\n" + text + "\n\n" + end + after)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--readme", action="store_true", help="put them into README.md")
    args = p.parse_args()
    results = load()
    if not results:
        sys.exit(f"there are no results: run make matrix ({RESULTS})")
    if args.readme:
        write_readme(markdown(results))
    else:
        print(markdown(results))


if __name__ == "__main__":
    main()
