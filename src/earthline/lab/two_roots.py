"""Two members behind two NATs, two roots and a controller: where fail-over and roaming are shown.

near -- port-restricted NAT --+-- internet --+-- port-restricted NAT -- far
                              |              |
                      root, root, controller +-- port-restricted NAT (the café)
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from earthline.lab.namespace import LabError
from earthline.lab.nat import NatKind
from earthline.lab.planet import make_planet
from earthline.lab.service import Service, wait_until
from earthline.lab.topology import Lab, Router

PATIENCE_S = 120
_OBSERVED_S = 1.0
_NETWORK = {
    "private": False,
    "v4AssignMode": {"zt": True},
    "routes": [{"target": "10.147.0.0/16"}],
    "ipAssignmentPools": [{"ipRangeStart": "10.147.0.1", "ipRangeEnd": "10.147.0.250"}],
}


@dataclass(frozen=True, slots=True)
class TwoRoots:
    """The planet, and the network its two members are on."""

    lab: Lab
    roots: tuple[Service, Service]
    near: Service
    far: Service
    sites: tuple[Router, Router]
    """The routers of the two members."""
    cafe: Router
    """Another router, where nobody is yet."""
    network: str

    def gather(self) -> None:
        """Have everything as at the start, whatever was done to it: running, reachable, direct."""
        self.lab.reunite()
        for service in (*self.roots, self.near, self.far):
            if service.process.exit_status is not None:
                service.start()
        for member in (self.near, self.far):
            for root in self.roots:
                wait_for_path(member, root)
        self.wait_direct()

    def part(self) -> None:
        """Let nothing pass directly between the members any more, and wait until it is relayed."""
        self.lab.part(*self.sites)
        wait_until("the members are relayed", self._relayed, timeout_s=PATIENCE_S)

    def wait_direct(self) -> None:
        """Wait until both reach one another directly, while pings go to and fro."""
        wait_until("a ping is answered", self.answers, timeout_s=PATIENCE_S)
        wait_for_path(self.near, self.far)
        wait_for_path(self.far, self.near)

    def answers(self) -> bool:
        """Whether the far member answers a ping of the near one."""
        target = self.far.wait_ip(self.network, PATIENCE_S)
        with contextlib.suppress(LabError):
            return bool(self.near.host.run(["ping", "-c1", "-W1", target]))
        return False

    def _relayed(self) -> bool:
        pairs = ((self.near, self.far), (self.far, self.near))
        return self.answers() and not any(here.direct_path(there.address) for here, there in pairs)

    def relaying_root(self) -> Service:
        """The root that sends most, as it can be seen from outside, while a flow is relayed."""
        before = [_packets(root) for root in self.roots]
        time.sleep(_OBSERVED_S)
        sent = [_packets(root) - count for root, count in zip(self.roots, before, strict=True)]
        return self.roots[sent.index(max(sent))]


@contextlib.contextmanager
def two_roots(program: Sequence[str] = (), *, parted: bool = False) -> Iterator[TwoRoots]:
    """Build it of one program. ``parted``: the members cannot reach one another directly."""
    with Lab() as lab:
        roots = (
            Service(lab.host("one"), program=program),
            Service(lab.host("two"), program=program),
        )
        controller = Service(lab.host("controller"), program=program)
        home = lab.router("home", NatKind.PORT_RESTRICTED, "192.168.1.0/24")
        office = lab.router("office", NatKind.PORT_RESTRICTED, "10.20.0.0/24")
        cafe = lab.router("cafe", NatKind.PORT_RESTRICTED, "172.20.0.0/24")
        if parted:
            lab.part(home, office)
        near = Service(home.host("near"), program=program)
        far = Service(office.host("far"), program=program)
        planet = make_planet(*roots)
        services = (*roots, controller, near, far)
        for service in services:
            service.start(planet, wait=False)
        for service in services:
            service.wait_ready()
        network = _connect(controller, (near, far))
        built = TwoRoots(lab, roots, near, far, (home, office), cafe, network)
        if parted:
            wait_until("a ping is answered", built.answers, timeout_s=PATIENCE_S)
        else:
            built.wait_direct()
        for member, root in ((m, r) for m in (near, far) for r in roots):
            wait_for_path(member, root)
        yield built


def wait_for_path(here: Service, there: Service) -> None:
    """Wait until one has a direct path to the other."""
    address = there.address
    what = f"{here.host.name} has a path to {there.host.name}"
    wait_until(what, lambda: here.direct_path(address), timeout_s=PATIENCE_S)


def _connect(controller: Service, members: tuple[Service, Service]) -> str:
    """Have both on a new network; its ID."""
    for service in (controller, *members):
        service.wait_online(PATIENCE_S)
    path = f"/controller/network/{controller.address}______"
    network = str(controller.request("POST", path, _NETWORK)["id"])
    for member in members:
        member.join(network)
    for member in members:
        member.wait_ip(network, PATIENCE_S)
    return network


def _packets(service: Service) -> int:
    """How many packets have left its host."""
    link = service.host.namespace.ip("-s", "-o", "link", "show", service.host.uplink)
    _, _, counted = link.partition("TX:")
    return int(counted.split("\\")[1].split()[1])
