"""WireGuard in user space: ``wireguard-go``, configured by ``wg``."""

from __future__ import annotations

from earthline.lab import Lab, LabProcess
from earthline.lab.service import wait_until
from measures import Pair
from systems.tunnel import DEVICE, End, connected, ends

_PORT = 51_820
# Its control socket has one path on a machine, by the name of the device: give each daemon a /run
# of its own, in the mount namespace that it is started in.
_START = f"mount -t tmpfs run /run && exec wireguard-go -f {DEVICE}"


def connect(lab: Lab) -> Pair:
    near, far = both = ends(lab)
    secrets = {end: end.host.run(["wg", "genkey"]) for end in both}
    daemons = []
    for here, there in (both, both[::-1]):
        public = here.host.run(["wg", "pubkey"], text=secrets[there]).strip()
        file = here.write("wg.conf", _config(secrets[here].strip(), public, there))
        daemon = here.host.start(["sh", "-c", _START], name="wireguard-go")
        here.set_address()
        _configure(here, daemon, file)
        daemons.append(daemon)
    return connected(near, far, daemons)


def _configure(end: End, daemon: LabProcess, file: str) -> None:
    inside = ["nsenter", "--mount", f"--target={daemon.pid}"]
    socket = f"/run/wireguard/{DEVICE}.sock"
    wait_until(
        "a control socket",
        lambda: end.host.run([*inside, "sh", "-c", f"test -S {socket} && echo yes || true"]),
    )
    end.host.run([*inside, "wg", "setconf", DEVICE, file])


def _config(secret: str, public: str, peer: End) -> str:
    return f"""
[Interface]
PrivateKey = {secret}
ListenPort = {_PORT}

[Peer]
PublicKey = {public}
Endpoint = {peer.host.address}:{_PORT}
AllowedIPs = {peer.ip}/32
"""
