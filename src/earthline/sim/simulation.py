"""The front door of the simulator: hosts, their NATs and their LANs, in virtual time.

with Simulation(seed=7) as sim:
    root = sim.root("root", "80.1.0.1")
    alice = sim.host("alice", nat=PortRestricted())
    network = sim.network(root, pool=("10.1.0.1", "10.1.0.254"), route="10.1.0.0/24")
    alice.join(network)
    assert sim.run_until(lambda: sim.joined(network, alice), within_ms=10_000)
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from importlib import resources
from typing import Self

from earthline.controller.authority import Authority
from earthline.root.planet import SigningKey, define_planet
from earthline.sim.capture import Capture
from earthline.sim.clock import Clock
from earthline.sim.host import DEFAULT_PORT, SimHost
from earthline.sim.internet import Internet, Segment, ip_bytes
from earthline.sim.link import Link
from earthline.sim.nat import Nat
from earthline.wire.identity import SecretIdentity
from earthline.wire.inet import InetAddress
from earthline.wire.world import Root, World

DEFAULT_LINK = Link(delay_ms=10)


def throwaway_identities() -> Iterator[SecretIdentity]:
    """Published identities that save a simulation the search for its own. For nothing else."""
    text = resources.files("earthline.sim").joinpath("identities.txt").read_text("ascii")
    for line in text.split():
        yield SecretIdentity.parse(line)


class Simulation:
    """One seed, one virtual internet, any number of hosts; `close` it, or use it as a context."""

    def __init__(self, seed: int = 0, link: Link = DEFAULT_LINK) -> None:
        self.seed = seed
        self.clock = Clock()
        self.link = link
        self.internet = Internet(self.clock, random.Random(f"{seed}/internet"))
        self.capture = Capture(self.internet)
        self.hosts: dict[str, SimHost] = {}
        self.planet: World | None = None
        self._identities = throwaway_identities()
        self._sites = 0

    def close(self) -> None:
        """Let go of the controllers' stores; nothing runs any more. Idempotent."""
        for host in self.hosts.values():
            host.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def take_identities(self, identities: Iterable[SecretIdentity]) -> None:
        """Give hosts made from now on these identities, in order."""
        self._identities = iter(identities)

    # Building

    def root(self, *names_and_ips: str) -> SimHost:
        """Make a planet of one or more roots, given as name, public IP, name, public IP, ...

        All later hosts know it. The first root also becomes a controller and is returned.
        """
        pairs = list(zip(names_and_ips[::2], names_and_ips[1::2], strict=True))
        core = self.internet.core
        roots = [self._place(name, ip_bytes(ip), core, self.link) for name, ip in pairs]
        self.planet = self._make_planet(roots)
        for host in roots:
            self._boot(host)
        roots[0].become_controller()
        return roots[0]

    def host(
        self,
        name: str,
        *,
        nat: Nat | None = None,
        segment: Segment | None = None,
        link: Link | None = None,
    ) -> SimHost:
        """A host: behind a NAT of its own, on an existing segment, or on the core by itself."""
        if nat is not None:
            segment = self.site(name, nat)
        here = segment or self.internet.core
        host = self._place(name, self._free_ip(here), here, link or self.link)
        self._boot(host)
        return host

    def site(self, name: str, nat: Nat, outer: Segment | None = None) -> Segment:
        """A segment behind a NAT, for hosts that share it."""
        outside = self._free_ip(outer or self.internet.core)
        return self.internet.site(name, outside, nat, outer)

    def network(
        self, controller: SimHost, pool: tuple[str, str], route: str, *, private: bool = False
    ) -> int:
        """A network of a controller that hands out addresses from a pool; its ID."""
        authority = _authority(controller)
        body = {
            "private": private,
            "v4AssignMode": {"zt": True},
            "routes": [{"target": route}],
            "ipAssignmentPools": [{"ipRangeStart": pool[0], "ipRangeEnd": pool[1]}],
        }
        network, commands = authority.post_network(None, body, self.clock.now)
        controller.obey(commands)
        return int(network["id"], 16)

    def authorize(
        self, controller: SimHost, network: int, member: SimHost, *, yes: bool = True
    ) -> None:
        """Let a member into a private network, or put it out."""
        _member, commands = _authority(controller).post_member(
            network, member.address, {"authorized": yes}, self.clock.now
        )
        controller.obey(commands)

    def _place(self, name: str, ip: bytes, segment: Segment, link: Link) -> SimHost:
        identity = next(self._identities)
        host = SimHost(
            name,
            identity,
            ip=ip,
            segment=segment,
            internet=self.internet,
            seed=self.seed,
            link=link,
        )
        segment.hosts[ip] = host
        self.hosts[name] = host
        return host

    def _boot(self, host: SimHost) -> None:
        if self.planet is not None:
            host.disk["planet", 0] = self.planet.emit()
        host.start()

    def _make_planet(self, roots: list[SimHost]) -> World:
        """A planet whose Earth the first root may serve, signed by that root's identity."""
        signer = roots[0].identity
        definition = define_planet(
            [Root(host.identity.public, (InetAddress(host.ip, DEFAULT_PORT),)) for host in roots],
            SigningKey(signer.public.public_key, signer.private_key),
            signer.address,
        )
        return definition.issue(self.clock.now)

    def _free_ip(self, segment: Segment) -> bytes:
        """Core addresses come one to a /16; private segments count up from 10.0.0.2."""
        if segment is not self.internet.core:
            return bytes((10, 0, 0, 2 + len(segment.hosts) + len(segment.gateways)))
        self._sites += 1
        return bytes((81 + self._sites // 256, self._sites % 256, 0, 1))

    # Time

    def run_for(self, ms: int) -> None:
        """Let virtual time pass."""
        self.clock.run_until(self.clock.now + ms)

    def run_until(self, condition: Callable[[], object], within_ms: int) -> bool:
        """Let time pass until the condition holds; False if it does not in time."""
        if condition():
            return True
        return self.clock.run_until(self.clock.now + within_ms, lambda: bool(condition()))

    # Looking

    def ping(
        self, source: SimHost, destination: SimHost, network: int, within_ms: int = 10_000
    ) -> bool:
        """Whether an echo request is answered in time; asks again every second, as ping does."""
        nic, target = source.nic(network), destination.nic(network).ipv4
        before = len(nic.pongs)
        for sequence in range(max(1, within_ms // 1000)):
            nic.ping(target, sequence)
            if self.run_until(lambda: len(nic.pongs) > before, min(1000, within_ms)):
                return True
        return False

    def direct(self, source: SimHost, destination: SimHost) -> bool:
        """Whether ``source`` sends to ``destination`` without a relay."""
        return any(
            peer.address == destination.address and any(path.preferred for path in peer.paths)
            for peer in source.node.peer_states(self.clock.now)
        )

    def joined(self, network: int, *hosts: SimHost) -> bool:
        """Whether all the hosts have an address on the network."""
        return all(network in host.nics and host.nics[network].addresses for host in hosts)


def _authority(controller: SimHost) -> Authority:
    if controller.authority is None:
        raise ValueError(f"{controller.name} is no controller")
    return controller.authority
