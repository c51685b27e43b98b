"""What bridging tests add to a LAN: physical segments, and looking at interfaces."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable

from earthline.lab import Host, LabError
from earthline.lab.service import Service, wait_until
from earthline.lab.topology import Machine


def printer_on(host: Host, interface: str, address: str, name: str = "printer") -> Machine:
    """A machine at the other end of a new cable from a host, with an address and no way out."""
    printer = Machine(host.lab, name, "eth0")
    printer.connect(host.namespace, interface)
    host.namespace.ip("link", "set", interface, "up")
    printer.namespace.ip("address", "add", address, "dev", "eth0")
    return printer


def mac_of(machine: Machine, device: str) -> str:
    (link,) = json.loads(machine.run(["ip", "-j", "link", "show", "dev", device]))
    return str(link["address"])


def links(machine: Machine) -> set[str]:
    return {link["ifname"] for link in json.loads(machine.run(["ip", "-j", "link"]))}


def addresses(machine: Machine, device: str) -> set[str]:
    """Of an interface, without the link-local ones; none if it is not there."""
    if device not in links(machine):
        return set()
    (shown,) = json.loads(machine.run(["ip", "-j", "address", "show", "dev", device]))
    return {
        f"{item['local']}/{item['prefixlen']}"
        for item in shown["addr_info"]
        if item["scope"] != "link"
    }


def routes(machine: Machine) -> set[tuple[str, str | None, str]]:
    """(target, gateway, device) of the main table."""
    shown = json.loads(machine.run(["ip", "-j", "route"]))
    return {(item["dst"], item.get("gateway"), item["dev"]) for item in shown}


def ping(source: Machine, target: str) -> bool:
    with contextlib.suppress(LabError):
        return bool(source.run(["ping", "-c1", "-W1", target]))
    return False


def demand_ping(source: Machine, target: str, timeout_s: float = 30) -> None:
    """Wait for a first answer, then demand three in a row."""
    wait_until(f"{source.name} reaches {target}", lambda: ping(source, target), timeout_s=timeout_s)
    source.run(["ping", "-c3", "-i0.2", "-W5", target])


def make_network(controller: Service, body: dict[str, object]) -> str:
    return str(controller.request("POST", "/controller/network", body)["id"])


def pool(cidr: str, first: str, last: str, **more: object) -> dict[str, object]:
    """A public network that hands out addresses."""
    return {
        "private": False,
        "v4AssignMode": {"zt": True},
        "routes": [{"target": cidr}],
        "ipAssignmentPools": [{"ipRangeStart": first, "ipRangeEnd": last}],
        **more,
    }


def gone(probe: Callable[[], bool], what: str) -> None:
    wait_until(what, lambda: not probe())
