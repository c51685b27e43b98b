"""A root with something to do, and a forger: where it is shown that floods leave the others alone.

near -- port-restricted NAT --+-- internet --+-- port-restricted NAT -- far
                              |              |
              root and controller, newcomers +-- forger, black hole

The two members cannot reach one another directly, so that the root relays what they say.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from earthline.lab.nat import NatKind
from earthline.lab.planet import give_identity
from earthline.lab.service import FoundPlanet, Service, wait_until
from earthline.lab.storm import Kind, Order, Sources, Storm
from earthline.lab.topology import Host, Lab

PATIENCE_S = 120
_PROBE_S = 0.05
_RESIDENT = re.compile(r"VmRSS:\s+(\d+) kB")


@dataclass(frozen=True, slots=True)
class Siege:
    """Who is there."""

    lab: Lab
    planet: FoundPlanet
    root: Service
    near: Service
    far: Service
    forger: Host
    hole: Host
    """Takes what is sent to it, and does nothing: what a flood costs the machine by itself."""
    identities: tuple[str, str, str]
    """The public texts of the root and its two members."""

    def storm(self, kind: Kind, sources: Sources, rate: int, *, aside: bool = False) -> Storm:
        """Send something to the root; ``aside``: to the black hole."""
        root, *peers = self.identities
        target = self.hole if aside else self.root.host
        order = Order(
            kind=kind,
            sources=sources,
            ip=target.address,
            port=self.root.port,
            source=self.forger.address,
            identity=root,
            peers=(peers[0], peers[1]),
            rate=rate,
        )
        return Storm(self.forger, order)

    def newcomer(self) -> Service:
        """A node that was never here, ready to be started."""
        service = Service(self.lab.host(f"newcomer{self.lab.number()}"))
        give_identity(service)
        return service

    def join(self, newcomer: Service, timeout_s: float = PATIENCE_S) -> float:
        """Start a newcomer; the seconds until it has its address on the network."""
        started = time.monotonic()
        newcomer.start(self.planet.data)
        newcomer.wait_ip(self.planet.earth, timeout_s)
        return time.monotonic() - started

    def resident_kib(self) -> int:
        """Memory of the root."""
        found = _RESIDENT.search(Path(f"/proc/{self.root.process.pid}/status").read_text())
        return int(found[1]) if found else 0

    def counters(self) -> dict[str, int]:
        """Of the root."""
        return self.root.counters()


@contextlib.contextmanager
def siege() -> Iterator[Siege]:
    """Build it, with the two members on the root's network."""
    with Lab() as lab:
        # What is sent to made-up addresses ends here.
        lab.core.ip("route", "add", "blackhole", "default")
        root = Service(lab.host("root"))
        root.start()
        planet = root.found_planet()
        home = lab.router("home", NatKind.PORT_RESTRICTED, "192.168.1.0/24")
        office = lab.router("office", NatKind.PORT_RESTRICTED, "10.20.0.0/24")
        lab.part(home, office)
        near, far = Service(home.host("near")), Service(office.host("far"))
        for service in (near, far):
            service.start(planet.data, wait=False)
        for service in (near, far):
            service.wait_ready()
        hole = lab.host("hole")
        hole.namespace.nft(_SWALLOW)
        identities = [str(one.status()["publicIdentity"]) for one in (root, near, far)]
        built = Siege(
            lab=lab,
            planet=planet,
            root=root,
            near=near,
            far=far,
            forger=lab.host("forger"),
            hole=hole,
            identities=(identities[0], identities[1], identities[2]),
        )
        target = far.wait_ip(planet.earth)
        near.wait_ip(planet.earth)
        wait_until("a ping is answered", lambda: _answers(near, target), timeout_s=PATIENCE_S)
        yield built


_SWALLOW = """
table ip hole {
    chain swallow {
        type filter hook prerouting priority raw; policy accept;
        udp dport 9993 drop
    }
}
"""


def _answers(service: Service, target: str) -> bool:
    return "1 received" in service.host.run(["sh", "-c", f"ping -c1 -W1 {target} || true"])


class ApiWatch:
    """Asks a service for its status over and over, as long as the context lasts."""

    def __init__(self, service: Service) -> None:
        self.answered_ms: list[float] = []
        """How long each answer took."""
        self._service = service
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._ended.wait(_PROBE_S):
            asked = time.monotonic()
            self._service.status()
            self.answered_ms.append((time.monotonic() - asked) * 1e3)
