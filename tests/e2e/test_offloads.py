"""Whatever is switched off, all that is sent arrives byte by byte; and what is off is seen off."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_interface

import pytest
from offloads import (
    OFFLOADS,
    Meter,
    asked_for,
    bound,
    has_queues,
    has_vnet_header,
    left_to_us,
    put_impossible,
    send_at_once,
)

from earthline.lab import Lab
from earthline.lab.service import FoundPlanet, Service, wait_until
from earthline.lab.transfer import random_file, send_file

FILE = 16 << 20
MTU = 2800
ODD_SIZES = [1, 7, 33, 536, 1371, 1433, MTU - 48, MTU - 28, MTU - 27, MTU, 5555, 20_001, 65_487]
BURST = [997] * 40 + [331]
ONE_BY_ONE, MANY_AT_ONCE = 0.95, 0.5
ALL_ON = dict.fromkeys(OFFLOADS, True)
CASES = {
    "all on": ALL_ON,
    **{f"{name} off": {**ALL_ON, name: False} for name in OFFLOADS},
    "all off": dict.fromkeys(OFFLOADS, False),
    "all on, three threads": {**ALL_ON, "threads": 3},
}


@dataclass(frozen=True)
class Pair:
    """Two services with the same offloads on one Earth."""

    planet: FoundPlanet
    alice: Service
    bob: Service
    offload: dict[str, bool]
    threads: int

    @property
    def ways(self) -> list[tuple[Service, Service]]:
        return [(self.alice, self.bob), (self.bob, self.alice)]

    def ips(self, service: Service) -> list[str]:
        """Its IPv6 and its IPv4 address on Earth."""
        entry = service.network(self.planet.earth)
        return sorted(str(ip_interface(text).ip) for text in entry["assignedAddresses"])[::-1]

    def meet(self) -> None:
        """Wait until they reach one another directly by both families."""
        wait_until("alice has both", lambda: len(self.ips(self.alice)) == 2)
        wait_until("bob has both", lambda: len(self.ips(self.bob)) == 2)
        for ip in self.ips(self.bob):
            self.alice.host.run(["ping", "-c2", "-i0.2", "-W10", ip])
        for here, there in self.ways:
            wait_until("it is direct", lambda h=here, t=there: h.direct_path(t.address))


@pytest.fixture(scope="module")
def stopped() -> Iterator[tuple[FoundPlanet, Service, Service]]:
    """A planet, and two services that do not run."""
    with Lab() as lab:
        root = Service(lab.host("root"))
        root.start()
        yield root.found_planet(), Service(lab.host("alice")), Service(lab.host("bob"))


@pytest.fixture(scope="module", params=CASES.values(), ids=CASES)
def pair(
    stopped: tuple[FoundPlanet, Service, Service], request: pytest.FixtureRequest
) -> Iterator[Pair]:
    planet, alice, bob = stopped
    offload = {name: request.param[name] for name in OFFLOADS}
    threads = request.param.get("threads", 1)
    for service in (alice, bob):
        # Datagrams to a gateway that is none would be counted with the others.
        service.configure(offload=offload, threads=threads, portMappingEnabled=False)
        service.start(planet.data, wait=False)
    for service in (alice, bob):
        service.wait_ready()
    pair = Pair(planet, alice, bob, offload, threads)
    pair.meet()
    yield pair
    assert [alice.stop(), bob.stop()] == [0, 0]


def test_kernel_has_the_tap_as_the_settings_say(pair: Pair) -> None:
    for service in (pair.alice, pair.bob):
        device = service.device(pair.planet.earth)
        assert left_to_us(service.host, device) == asked_for(pair.offload)
        needed = any(pair.offload[name] for name in ("tso", "uso", "join"))
        assert has_vnet_header(service.host, device) == needed
        assert has_queues(service.host, device) == (pair.threads > 1)


def test_file_crosses_intact_by_both_families_both_ways(pair: Pair) -> None:
    for source, target in pair.ways:
        path = random_file(source.host.directory / "file", FILE)
        for ip in pair.ips(target):
            meter = Meter.start(source, target)
            assert send_file(source.host, target.host, ip, path).intact
            demand_shares(meter.shares(), {**pair.offload, "read": pair.offload["tso"]})


def demand_shares(shares: dict[str, float], offload: dict[str, bool]) -> None:
    """What is off is done one by one. What one part does at once depends on those before it."""
    for name, share in shares.items():
        assert offload[name] or share > ONE_BY_ONE, shares
        assert not all(offload.values()) or share < MANY_AT_ONCE, shares


def test_datagrams_of_odd_sizes_arrive_as_they_were_sent(pair: Pair) -> None:
    for source, target in pair.ways:
        for near_ip, far_ip in zip(pair.ips(source), pair.ips(target), strict=True):
            with bound(source.host, near_ip) as near, bound(target.host, far_ip) as far:
                for size in ODD_SIZES:
                    sent = os.urandom(size)
                    near.sendto(sent, far.getsockname())
                    assert far.recvfrom(1 << 16) == (sent, near.getsockname())


def test_datagrams_sent_at_once_arrive_one_by_one_in_order(pair: Pair) -> None:
    for source, target in pair.ways:
        for near_ip, far_ip in zip(pair.ips(source), pair.ips(target), strict=True):
            meter = Meter.start(source, target)
            with bound(source.host, near_ip) as near, bound(target.host, far_ip) as far:
                sent = [os.urandom(size) for size in BURST]
                send_at_once(near, far.getsockname()[:2], sent)
                assert [far.recv(1 << 16) for _ in BURST] == sent
            read = meter.shares()["read"]
            assert read < MANY_AT_ONCE if pair.offload["uso"] else read > ONE_BY_ONE


def test_super_frame_that_cannot_be_cut_is_dropped_and_counted(pair: Pair) -> None:
    alice, bob = (service.network(pair.planet.earth) for service in (pair.alice, pair.bob))
    macs = bytes.fromhex((bob["mac"] + alice["mac"]).replace(":", ""))
    before = pair.alice.counter("drop_tap_read")
    put_impossible(pair.alice.host, alice["portDeviceName"], macs)
    for ip in pair.ips(pair.bob):
        pair.alice.host.run(["ping", "-c1", "-W10", ip])
    # Without TSO the kernel cuts it up itself, or drops it.
    assert pair.alice.counter("drop_tap_read") == before + pair.offload["tso"]
