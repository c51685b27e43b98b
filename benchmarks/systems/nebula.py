"""Nebula: two hosts that know each other's address, under a certificate authority of their own."""

from __future__ import annotations

import json

from earthline.lab import Lab
from measures import Pair
from systems.tunnel import DEVICE, PREFIX, End, connected, ends

_PORT = 4242
_ANYTHING = [{"port": "any", "proto": "any", "host": "any"}]


def connect(lab: Lab) -> Pair:
    near, far = ends(lab)
    authority = str(near.host.directory / "ca")
    near.host.run(["nebula-cert", "ca", "-name", "lab", *_out(authority)])
    daemons = []
    for here, there in ((near, far), (far, near)):
        _sign(here, authority)
        # Every JSON text is one of YAML.
        file = here.write("config.yml", json.dumps(_config(here, there, authority)))
        daemons.append(here.host.start(["nebula", "-config", file]))
    return connected(near, far, daemons)


def _out(stem: str) -> list[str]:
    return ["-out-crt", f"{stem}.crt", "-out-key", f"{stem}.key"]


def _sign(end: End, authority: str) -> None:
    signed_by = ["-ca-crt", f"{authority}.crt", "-ca-key", f"{authority}.key"]
    named = ["-name", end.name, "-ip", f"{end.ip}/{PREFIX}"]
    end.host.run(["nebula-cert", "sign", *signed_by, *named, *_out(_stem(end))])


def _stem(end: End) -> str:
    return str(end.host.directory / "host")


def _config(here: End, there: End, authority: str) -> dict[str, object]:
    stem = _stem(here)
    return {
        "pki": {"ca": f"{authority}.crt", "cert": f"{stem}.crt", "key": f"{stem}.key"},
        "static_host_map": {there.ip: [f"{there.host.address}:{_PORT}"]},
        "lighthouse": {"am_lighthouse": False, "hosts": []},
        "listen": {"host": "0.0.0.0", "port": _PORT},
        "tun": {"dev": DEVICE},
        "firewall": {"outbound": _ANYTHING, "inbound": _ANYTHING},
    }
