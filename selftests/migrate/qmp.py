#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Ask QEMU something, by its monitor.

	qmp.py SOCKET COMMAND [JSON]     what it returns, in JSON
	qmp.py SOCKET hmp WORDS...       what the human monitor says
	qmp.py SOCKET migrated SECONDS   wait for the end of a migration
"""

import json
import socket
import sys
import time

# An emulated host can be slow.
PATIENCE = 120


class Monitor:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(path)
        self.lines = self.socket.makefile("r", encoding="utf-8")
        self.lines.readline()
        self.ask("qmp_capabilities")

    def ask(self, command, **arguments):
        request = {"execute": command, "arguments": arguments}
        self.socket.sendall(json.dumps(request).encode() + b"\n")
        for line in self.lines:
            reply = json.loads(line)
            if "error" in reply:
                raise RuntimeError(f"{command}: {reply['error']['desc']}")
            if "return" in reply:
                return reply["return"]
        raise ConnectionError("QEMU has closed the connection")


def migrated(monitor, seconds):
    for _ in range(5 * seconds):
        info = monitor.ask("query-migrate")
        status = info.get("status", "none")
        if status == "completed":
            print(json.dumps(info))
            return
        if status in ("failed", "cancelled", "none"):
            raise RuntimeError(f"the migration has {status}: {info.get('error-desc', '')}")
        time.sleep(0.2)
    raise RuntimeError(f"the migration is {status} after {seconds} s: {info}")


def main():
    path, command, *words = sys.argv[1:]
    try:
        monitor = Monitor(path)
        if command == "hmp":
            print(monitor.ask("human-monitor-command", **{"command-line": " ".join(words)}), end="")
        elif command == "migrated":
            migrated(monitor, int(words[0]))
        else:
            print(json.dumps(monitor.ask(command, **json.loads(words[0] if words else "{}"))))
    except (OSError, RuntimeError) as e:
        print(f"qmp: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
