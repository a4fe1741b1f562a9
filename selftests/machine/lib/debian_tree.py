#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Unpack .debs into a tree, with dpkg's database as if they had been installed.

    debian_tree.py TREE, the files' names on standard input

No script of a package is run; the tree may be for another architecture.
"""

import hashlib
import io
import os
import subprocess
import sys
import tarfile

# Never looked at in the machine, and half of the space
EXCLUDE = ["./usr/share/doc/*", "./usr/share/man/*", "./usr/share/info/*",
           "./usr/share/locale/*", "./usr/share/lintian/*",
           "./boot/vmlinu*", "*/lib/modules/*/kernel"]


def extract(deb, tree):
    """Unpacks the files; returns the names of all, as dpkg lists them."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as data:
        out = subprocess.run(
            ["tar", "-C", tree, "--no-same-owner", "--keep-directory-symlink",
             "--quoting-style=literal", *[f"--exclude={e}" for e in EXCLUDE], "-xvf", "-"],
            stdin=data.stdout, stdout=subprocess.PIPE, check=True, text=True).stdout
    if data.returncode:
        raise subprocess.CalledProcessError(data.returncode, data.args)
    names = [line.rstrip("/").removeprefix(".") for line in out.splitlines()]
    return [name or "/." for name in names]


def control_members(deb):
    tar = subprocess.run(["dpkg-deb", "--ctrl-tarfile", deb],
                         stdout=subprocess.PIPE, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(tar)) as members:
        return {os.path.basename(m.name): (members.extractfile(m).read(), m.mode)
                for m in members if m.isfile()}


def field(control, name):
    for line in control.splitlines():
        if line.startswith(name + ":"):
            return line.partition(":")[2].strip()
    return ""


def conffiles(members, tree):
    """The status' field: each with the sum of what was installed."""
    lines = []
    for path in members.get("conffiles", (b"", 0))[0].decode().splitlines():
        if path.startswith("/"):
            with open(tree + path, "rb") as f:
                lines.append(f" {path} {hashlib.md5(f.read()).hexdigest()}")
    return "\n".join(["Conffiles:", *lines]) + "\n" if lines else ""


def interests(members, name):
    """(file of the triggers' directory, its line) of each trigger that this package waits for"""
    for line in members.get("triggers", (b"", 0))[0].decode().splitlines():
        directive, _, trigger = line.strip().partition(" ")
        if directive.startswith("interest"):
            who = name + ("/noawait" if directive.endswith("noawait") else "")
            trigger = trigger.strip()
            yield ("File", f"{trigger} {who}\n") if trigger[0] == "/" else (trigger, who + "\n")


def write(path, data, mode=0o644):
    with open(path, "wb") as f:
        f.write(data)
    os.chmod(path, mode)


def main():
    tree = sys.argv[1]
    admin = os.path.join(tree, "var/lib/dpkg")
    status, triggers = [], {}
    for deb in sys.stdin.read().split():
        members = control_members(deb)
        control = members.pop("control")[0].decode().strip("\n")
        name = full = field(control, "Package")
        if field(control, "Multi-Arch") == "same":
            full = f"{name}:{field(control, 'Architecture')}"
        files = extract(deb, tree)
        info = os.path.join(admin, "info", full)
        os.makedirs(os.path.dirname(info), exist_ok=True)
        write(info + ".list", "".join(f + "\n" for f in files).encode())
        for member, (data, mode) in members.items():
            write(f"{info}.{member}", data, mode & 0o755)
        status.append(f"{control}\n{conffiles(members, tree)}Status: install ok installed\n")
        for trigger, line in interests(members, full):
            triggers.setdefault(trigger, []).append(line)
    for directory in ("updates", "triggers", "alternatives"):
        os.makedirs(os.path.join(admin, directory), exist_ok=True)
    for trigger, lines in triggers.items():
        write(os.path.join(admin, "triggers", trigger), "".join(lines).encode())
    write(os.path.join(admin, "triggers/Unincorp"), b"")
    write(os.path.join(admin, "info/format"), b"1\n")
    for empty in ("available", "diversions", "statoverride"):
        write(os.path.join(admin, empty), b"")
    write(os.path.join(admin, "status"), "\n".join(status).encode())


main()
