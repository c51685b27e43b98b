"""Nodes of the ZeroTier protocol, ours and stock: a root, controller too, and two members."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial

from earthline.lab import Lab
from earthline.lab.nat import wall
from earthline.lab.planet import make_planet
from earthline.lab.service import Service, wait_until
from measures import Pair
from systems.tunnel import answers

STOCK = os.environ.get("ZEROTIER_ONE", "")
_NETWORK = {
    "private": False,
    "v4AssignMode": {"zt": True},
    "routes": [{"target": "10.147.0.0/16"}],
    "ipAssignmentPools": [{"ipRangeStart": "10.147.0.1", "ipRangeEnd": "10.147.0.250"}],
}
_PATIENCE_S = 120


def connect(lab: Lab, near: Sequence[str] = (), far: Sequence[str] = ()) -> Pair:
    """Two programs that reach one another directly, ours where none is named."""
    members = _members(lab, near, far)
    ip = _join(Service(lab.host("root")), members)
    for here, there in (members, members[::-1]):
        wait_until("a direct path", partial(here.direct_path, there.address))
    pids = tuple(member.process.pid for member in members)
    return Pair(members[0].host, members[1].host, ip, pids)


def relay(lab: Lab, program: Sequence[str] = ()) -> Pair:
    """Members that a firewall keeps apart: their root relays, and its work is counted."""
    near, far = members = _members(lab, program, program)
    lab.core.nft(wall(near.host.address, far.host.address))
    root = Service(lab.host("root"), program=program)
    ip = _join(root, members)
    return Pair(near.host, far.host, ip, (root.process.pid,))


def _members(lab: Lab, near: Sequence[str], far: Sequence[str]) -> tuple[Service, Service]:
    programs = (("near", near), ("far", far))
    one, other = (Service(lab.host(name), program=program) for name, program in programs)
    return one, other


def _join(root: Service, members: tuple[Service, Service]) -> str:
    """Start all on a planet and a network of this root; the address of the far member."""
    planet = make_planet(root)
    for service in (root, *members):
        service.start(planet)
    path = f"/controller/network/{root.address}______"
    network = str(root.request("POST", path, _NETWORK)["id"])
    for member in members:
        member.wait_online(_PATIENCE_S)
        member.join(network)
    near, far = members
    near.wait_ip(network, _PATIENCE_S)
    ip = far.wait_ip(network, _PATIENCE_S)
    wait_until("a first ping", lambda: answers(near.host, ip), timeout_s=_PATIENCE_S)
    return ip
