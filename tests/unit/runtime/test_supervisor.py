"""What a service manager is told, as one datagram a time."""

from __future__ import annotations

import socket

from earthline.runtime.host.supervisor import Supervisor


def test_status_can_add_no_message_of_its_own(tmp_path):
    """A line of its own would be one more assignment, such as that of our main process."""
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(path)
        listening.settimeout(5)
        Supervisor({"NOTIFY_SOCKET": path}).alive("online, office\nMAINPID=1\x1b[2J")
        told = listening.recv(1000).decode()
    assert told == "WATCHDOG=1\nSTATUS=online, office MAINPID=1 [2J"
