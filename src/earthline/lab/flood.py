"""A multicast flood: one host sends to a group at a steady rate, others listen.

python -m earthline.lab.flood SOURCE-IP FRAMES-PER-SECOND SECONDS
"""

from __future__ import annotations

import socket
import sys
import time

from earthline.lab.process import LabProcess
from earthline.lab.topology import Host

GROUP, PORT = "239.47.11.1", 4711
_BYTES = 100
_BEAT_S = 0.002


def start_flood(host: Host, ip: str, rate: int, seconds: float) -> LabProcess:
    """Flood the group from one address of a host. Its output is how many frames it sent."""
    argv = [sys.executable, "-m", __name__, ip, str(rate), str(seconds)]
    return host.start(argv, name="flood")


def listen(host: Host, ip: str) -> socket.socket:
    """A member of the group on the interface that has ``ip``; nobody needs to read from it."""
    with host.inside():
        listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind((GROUP, PORT))
    membership = socket.inet_aton(GROUP) + socket.inet_aton(ip)
    listener.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
    return listener


def _flood(ip: str, rate: int, seconds: float) -> int:
    """Send in small bursts, as many as are due; how many."""
    payload = bytes(_BYTES)
    sent = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(ip))
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
        started = time.monotonic()
        while (elapsed := time.monotonic() - started) < seconds:
            for _ in range(int(elapsed * rate) - sent):
                sender.sendto(payload, (GROUP, PORT))
                sent += 1
            time.sleep(_BEAT_S)
    return sent


if __name__ == "__main__":
    print(_flood(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
