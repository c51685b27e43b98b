"""fastd: two peers that know each other's key and address, with the method it recommends."""

from __future__ import annotations

from earthline.lab import Lab
from measures import Pair
from systems.tunnel import DEVICE, End, connected, ends

_PORT = 10_000


def connect(lab: Lab) -> Pair:
    near, far = both = ends(lab)
    keys = {end: _keys(end) for end in both}
    daemons = []
    for here, there in (both, both[::-1]):
        file = here.write("fastd.conf", _config(keys[here][0], keys[there][1], there))
        daemons.append(here.host.start(["fastd", "--config", file]))
        here.set_address()
    return connected(near, far, daemons)


def _keys(end: End) -> tuple[str, str]:
    """A new secret key, and its public one."""
    words = end.host.run(["fastd", "--generate-key"]).split()
    return words[words.index("Secret:") + 1], words[words.index("Public:") + 1]


def _config(secret: str, public: str, peer: End) -> str:
    return f"""
interface "{DEVICE}";
bind 0.0.0.0:{_PORT};
method "salsa2012+umac";
mtu 1426;
secret "{secret}";
peer "{peer.name}" {{
    key "{public}";
    remote ipv4 "{peer.host.address}" port {_PORT};
}}
"""
