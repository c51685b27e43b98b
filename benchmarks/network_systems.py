"""The systems that are compared: how two hosts of a lab are connected by each."""

from __future__ import annotations

import os
from collections.abc import Callable

from earthline.lab import Lab
from earthline.lab.service import Service, wait_until
from network_measures import Pair

STOCK = os.environ.get("ZEROTIER_ONE", "")
NETWORK = "10.147.0.0/16"


def raw(lab: Lab) -> Pair:
    """No virtual network at all."""
    near, far = lab.host("near"), lab.host("far")
    return Pair(near, far, far.address, ())


def earthline(lab: Lab) -> Pair:
    return joined(lab, [], [])


def stock(lab: Lab) -> Pair:
    return joined(lab, [STOCK], [STOCK])


def earthline_to_stock(lab: Lab) -> Pair:
    return joined(lab, [], [STOCK])


def stock_to_earthline(lab: Lab) -> Pair:
    return joined(lab, [STOCK], [])


def joined(lab: Lab, near: list[str], far: list[str]) -> Pair:
    """Two daemons on a network of our own root: the programs that send and receive."""
    root = Service(lab.host("root"))
    root.start()
    planet = root.found_planet()
    network = root.create_network(NETWORK, private=False)
    services = [
        Service(lab.host(name), program=program) for name, program in (("near", near), ("far", far))
    ]
    for service in services:
        service.start(planet.data)
    for service in services:
        service.wait_online()
        service.join(network)
    near_service, far_service = services
    near_service.wait_ip(network)
    ip = far_service.wait_ip(network)
    host = near_service.host
    wait_until(
        "a first ping",
        lambda: "0 received" not in host.run(["sh", "-c", f"ping -c1 -W1 {ip} || true"]),
    )
    for here, there in (services, services[::-1]):
        address = there.address
        wait_until("a direct path", lambda h=here, a=address: h.direct_path(a))
    return Pair(host, far_service.host, ip, tuple(service.process.pid for service in services))


SYSTEMS: dict[str, Callable[[Lab], Pair]] = {
    "raw": raw,
    "earthline": earthline,
    "zerotier-one": stock,
    "earthline-to-zerotier-one": earthline_to_stock,
    "zerotier-one-to-earthline": stock_to_earthline,
}


def available() -> list[str]:
    """What can be measured here."""
    return [name for name in SYSTEMS if STOCK or "zerotier" not in name]
