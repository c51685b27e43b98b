"""Another user of the machine who opens connections to the API and says nothing."""

from __future__ import annotations

import sys
from pathlib import Path

from earthline.api.http.connections import MAX_CONNECTIONS
from earthline.lab.service import Service, wait_until

CROWD = 600
"""Connections, more than the API holds."""

STRANGER = f"""
import os, signal, socket
os.setgroups([]); os.setgid(65534); os.setuid(65534)
held = []
for _ in range({CROWD}):
    held.append(socket.socket())
    held[-1].connect(("127.0.0.1", 9993))
    held[-1].sendall(b"GET / HTTP/1.1\\r\\nX: ")
print("all are open", flush=True)
signal.pause()
"""


def open_files(node: Service) -> int:
    return len(list(Path(f"/proc/{node.process.pid}/fd").iterdir()))


def test_strangers_connections_take_neither_the_nodes_files_nor_its_api(
    node: Service,
) -> None:
    node.start()
    before = open_files(node)
    stranger = node.host.start([sys.executable, "-ISc", STRANGER], name="stranger")
    try:
        wait_until("the stranger has them all", lambda: "all are open" in stranger.output)
        assert node.status()["address"]
        assert open_files(node) <= before + MAX_CONNECTIONS + 8
        (line,) = [
            row
            for row in Path(f"/proc/{node.process.pid}/limits").read_text().splitlines()
            if row.startswith("Max open files")
        ]
        assert int(line.split()[3]) >= 4 * MAX_CONNECTIONS
    finally:
        stranger.kill()
