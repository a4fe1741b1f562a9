# SPDX-License-Identifier: GPL-2.0
"""What a run brings into the machine: an archive that is laid over its root."""

import functools
import io
import os
import shlex
import subprocess
import tarfile

LIB = os.path.dirname(os.path.realpath(__file__))


# Root file systems, and the variables of paths.sh that hold their names
IMAGES = {"test": "USERLAND_IMAGE", "debian": "DEBIAN_IMAGE"}
# What of the built tree is laid over one where hvstep is to be installed by packages
SELFTESTS = "usr/libexec/hvstep/selftests/"


class Missing(Exception):
    """Something that setup or the build should have made is not there."""


@functools.lru_cache(maxsize=None)
def path(name):
    """A variable of paths.sh."""
    script = '. "$1"; declare -n v=$2; echo "${v[*]}"'
    return subprocess.run(
        ["bash", "-c", script, "bash", os.path.join(LIB, "..", "paths.sh"), name],
        check=True, stdout=subprocess.PIPE, text=True).stdout.rstrip("\n")


def kernels():
    """Debian's"""
    return path("KERNELS").split() + path("MATRIX_KERNELS").split()


def debug_kernels():
    return path("DEBUG_KERNELS").split()


def kernel_file(kernel, name):
    return os.path.join(path("CACHE_DIR"), "kernel", kernel, name)


def require(name):
    if not os.path.exists(name):
        raise Missing(f"{name} is missing: run selftests/machine/setup (see --help)")
    return name


def page_size_64k(kernel):
    with open(require(kernel_file(kernel, "headers/.config"))) as f:
        return "CONFIG_PPC_64K_PAGES=y\n" in f


def inner_qemu_args(kernel):
    """Without these QEMU refuses to start a KVM guest on a TCG host."""
    opts = ["pseries", "x-vof=on", "cap-cfpc=broken", "cap-sbbc=broken",
            "cap-ibs=broken", "cap-ccf-assist=off"]
    more = "-accel kvm -cpu host -nographic -net none -vga none"
    if not page_size_64k(kernel):
        # With 4K pages a hash guest's real mode area is 1/128 of what its
        # hash table is made for: make that large from the start.
        opts += ["cap-hpt-max-page-size=4k", "resize-hpt=disabled"]
        more += " -m 512M,maxmem=8G"
    return f"-M {','.join(opts)} {more}"


def settings(args, nonce):
    """Shell variables for the init inside."""
    with open(require(kernel_file(args.kernel, "release"))) as f:
        release = f.read().strip()
    variables = {
        "NONCE": nonce,
        "MODULE": "" if args.no_module else f"/lib/modules/{release}/updates/hvstep.ko",
        "PACKAGED": "yes" if args.userland == "debian" else "",
        "MACHINE": args.machine,
        "KERNEL": args.kernel,
        "INNER_QEMU_ARGS": inner_qemu_args(args.kernel),
    }
    text = "".join(f"{k}={shlex.quote(v)}\n" for k, v in variables.items())
    return release, text + f"set -- {shlex.join(args.command)}\n"


def anonymous(info):
    """Files of root's, whoever built them."""
    info.uid = info.gid = 0
    info.uname = info.gname = "root"
    return info


def make(args, nonce, target):
    release, text = settings(args, nonce)
    with tarfile.open(target, "w", dereference=False) as tar:
        init = tar.gettarinfo(os.path.join(LIB, "machine-init"), ".machine/init")
        init.mode = 0o755
        with open(os.path.join(LIB, "machine-init"), "rb") as f:
            tar.addfile(anonymous(init), f)
        conf = tarfile.TarInfo(".machine/settings")
        conf.mode = 0o644
        conf.size = len(text.encode())
        tar.addfile(conf, io.BytesIO(text.encode()))

        tree = path("PAYLOAD_DIR")
        if os.path.isdir(tree):
            # Only files: the directories of the machine keep their modes,
            # and /lib and /bin stay the links they are.
            for base, dirs, files in os.walk(tree):
                for name in files + [d for d in dirs if os.path.islink(os.path.join(base, d))]:
                    full = os.path.join(base, name)
                    inside = os.path.relpath(full, tree)
                    if args.userland != "debian" or inside.startswith(SELFTESTS):
                        tar.add(full, inside, filter=anonymous)
        module = os.path.join(path("KMOD_BUILD_DIR"), args.kernel, "hvstep.ko")
        if os.path.exists(module) and args.userland != "debian":
            # lib/modules is a file system of its own by the time it counts.
            tar.add(module, ".machine/hvstep.ko", filter=anonymous)
        for name in args.copy:
            if not os.path.exists(name):
                raise Missing(f"--copy {name}: no such file")
            tar.add(name, "srv/copy/" + os.path.basename(os.path.abspath(name)),
                    filter=anonymous)
    return release
