"""EasyTier: two nodes of one network over UDP, the near one of which calls the far one."""

from __future__ import annotations

import secrets

from earthline.lab import Lab
from measures import Pair
from systems.tunnel import DEVICE, connected, ends

_PORT = 11_010


def connect(lab: Lab) -> Pair:
    near, far = ends(lab)
    # A passphrase is all it has of keys.
    network = ["--network-name", "lab", "--network-secret", secrets.token_hex(16)]
    daemons = []
    for end, calls in ((near, ["--peers", f"udp://{far.host.address}:{_PORT}"]), (far, [])):
        own = ["--ipv4", end.ip, "--dev-name", DEVICE, "--listeners", f"udp://0.0.0.0:{_PORT}"]
        daemons.append(end.host.start(["easytier-core", *network, *own, *calls]))
    return connected(near, far, daemons)
