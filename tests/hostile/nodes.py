"""A small internet under attack by people with keys: a root, a controller, two who are honest.

    stranger    an identity that is proved, and nothing else
    mallory     a member of both networks
    controller  signs what it likes for the second network, `Scene.prey`; its real node is honest
    root        its key, too, is in bad hands

Alice and bob are to reach one another on the first network in the end, whatever happened.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from unittest.mock import patch

from earthline import effects
from earthline.controller.objects.coercion import UnfitObject
from earthline.sim.host import SimHost
from earthline.sim.nat import PortRestricted
from earthline.sim.simulation import Simulation
from earthline.vl1.ground import replies
from earthline.vl1.peers import path
from earthline.vl1.receiving import deferred
from earthline.vl1.sending import sendqueue
from earthline.vl2.ground import membership, network
from earthline.vl2.members import gate
from earthline.vl2.multicast import groups, hearsay
from earthline.wire.inet import InetAddress
from earthline.wire.mac import mac_of
from earthline.wire.messages.ok import Ok
from earthline.wire.packet import Suite, Verb
from hostile.grammar import Scene, answer, damaged, payload
from hostile.stateful import Kind
from hostile.watch import Traffic, Wakes, bound, sizes
from hostile.wire import Speaker, Wire, made_up

POOL = ("10.1.0.1", "10.1.0.254")
OTHER_POOL = ("10.2.0.1", "10.2.0.254")
LENGTH = 400
WAITS_MS = (200, 1_000, 6_000, 61_000, 700_000)
WAITS_WEIGHTS = (60, 60, 30, 10, 1)
SIZES_EVERY = 25
RECOVERY_MS = 900_000
"""Peers and credentials that were lost are back by then: the slowest timer rings once in 10 min."""

SMALL: dict[ModuleType, dict[str, int]] = {
    deferred: {"MAX_SEALED": 16, "MAX_OPENED": 8},
    sendqueue: {"MAX_QUEUED": 8},
    path: {"RECENT_LIMIT": 16},
    groups: {"RECORD_LIMIT": 150, "RECORDS_UNPROVED": 32},
    hearsay: {"HEARD_LIMIT": 64, "HEARD_PER_TELLER": 32},
    gate: {"HELD_LIMIT": 4},
    membership: {"HELD_LIMIT": 8, "THRESHOLD_LIMIT": 8},
    network: {"MEMBER_LIMIT": 8},
}
"""Limits of modules that are set so low here that a session comes up against them."""

MOST = {
    "GroupTable._groups": 150,
    "Membership.tags": 8,
    "Membership.capabilities": 8,
    "Membership.ownerships": 8,
    "Membership.thresholds": 8,
    "ExpectedReplies._sent": replies.TABLE_SIZE,
}
MOST_BY_DEFAULT = 1_024
"""Of what is bounded by what there is in so small a world."""

VERBS = (*Verb, 0x0F, 0x11, 0x1F)
SUITES = (Suite.AES_GMAC_SIV, Suite.AES_GMAC_SIV, Suite.SALSA20_POLY1305, Suite.POLY1305)


class Nodes:
    """One session."""

    def __init__(self, seed: int) -> None:
        self.sim = sim = Simulation(seed)
        self.root = sim.root("root", "80.1.0.1")
        self.controller = sim.host("controller")
        self.controller.become_controller()
        self.alice = sim.host("alice", nat=PortRestricted())
        self.bob, self.mallory = sim.host("bob"), sim.host("mallory")
        self.honest = [self.root, self.controller, self.alice, self.bob]
        self.nodes = [*self.honest, self.mallory]
        self.home = sim.network(self.controller, POOL, "10.1.0.0/24", private=True)
        self.prey = sim.network(self.controller, OTHER_POOL, "10.2.0.0/24")
        self._meet()
        self._prepare(random.Random(f"people {seed}"))

    def _meet(self) -> None:
        members = (self.alice, self.bob, self.mallory)
        for host in members:
            self.sim.authorize(self.controller, self.home, host)
            host.join(self.home)
            host.join(self.prey)
        for lan in (self.home, self.prey):
            met = self.sim.run_until(lambda: self.sim.joined(lan, *members), 60_000)  # noqa: B023
            bound(bool(met), "they did not even meet")
        bound(self.sim.ping(self.alice, self.bob, self.home, 60_000), "no ping before the attack")

    def _prepare(self, entropy: random.Random) -> None:
        stranger = next(self.sim._identities)
        people = [stranger, *(host.identity for host in self.nodes)]
        bad = (stranger, self.mallory.identity, self.controller.identity, self.root.identity)
        self.speakers = [Speaker(identity, entropy) for identity in bad]
        self.wire = Wire("wire", bytes((66, 6, 6, 6)), self.sim.internet)
        places = [InetAddress(host.ip, 9993) for host in self.nodes]
        self.scene = Scene(
            entropy,
            [person.public for person in people],
            [*places, InetAddress(self.wire.ip, 7777), InetAddress(bytes((10, 0, 0, 2)), 9993)],
            [self.home, self.prey],
            self.prey,
            self.controller.identity,
        )
        self.traffic = Traffic({host.name: host for host in self.nodes}, people)
        self.sim.internet.watchers[:] = [self.traffic.see]
        for host in self.nodes:
            Wakes(host)
        self.count = 0
        self.entropy = entropy

    # Steps

    def step(self, entropy: random.Random) -> None:
        self.entropy = self.scene.entropy = entropy
        self.scene.now = self.sim.clock.now
        for speaker in self.speakers:
            speaker._entropy = entropy
        kinds = list(STEPS)
        entropy.choices(kinds, [STEPS[kind] for kind in kinds])[0](self)
        self.sim.run_for(entropy.choice((0, 0, 1, 15, 60)))
        self.count += 1
        if self.count % SIZES_EVERY == 0:
            self.look()

    def speak(self) -> None:
        """A packet that is authentic."""
        speaker, victim = self._pair()
        verb = self.entropy.choice(VERBS)
        said = payload(self.scene, verb)
        compress = self.entropy.random() < 0.3
        self._send(speaker, victim, verb, said, compress=compress)

    def greet(self) -> None:
        """HELLO: of somebody known or made up, right and wrong."""
        speaker, victim = self._pair()
        scene = self.scene
        if self.entropy.random() < 0.4:
            speaker = Speaker(made_up(self.entropy), self.entropy)
        hello = speaker.hello(
            victim.identity.public,
            scene.moment(),
            sent_to=self.entropy.choice((None, scene.place())),
            planet=self.entropy.choice(((0, 0), (self.sim.planet.world_id, scene.moment()))),
            moons=scene.some(lambda: (scene.number(64), scene.moment()), 60),
            protocol=self.entropy.choice((12, 12, scene.number(8))),
            identity=self.entropy.choice((None, None, None, scene.identity())),
        )
        self.wire.send(victim, hello, self._from())

    def reply(self) -> None:
        """An OK or an ERROR to what the victim asked."""
        speaker, victim = self._pair()
        asked = self.traffic.asked.get((victim.address, speaker.address))
        if not asked:
            return
        packet_id, verb = self.entropy.choice(asked)
        body = answer(self.scene, verb, victim.address)
        said = Ok(verb, packet_id, body).emit()
        kind = Verb.OK
        if self.entropy.random() < 0.2:
            said, kind = payload(self.scene, Verb.ERROR), Verb.ERROR
            said = said[:1] + packet_id.to_bytes(8, "big") + said[9:]
        self._send(speaker, victim, kind, said[:9_900])

    def repeat(self) -> None:
        """What was on the wire before: as it was, damaged, or for somebody else."""
        if not self.traffic.seen:
            return
        name, datagram = self.entropy.choice(self.traffic.seen)
        victim = self.entropy.choice((self.sim.hosts[name], self._victim()))
        datagram = damaged(self.entropy, datagram, 0.5)
        self.wire.send(victim, [datagram], self._from())

    def babble(self) -> None:
        """Bytes that are nothing, maybe with the head of something."""
        head = self._victim().address.to_bytes(5, "big")
        there = self.entropy.randbytes(8) + head + self.entropy.choice((b"", b"\xff"))
        data = self.entropy.choice((b"", there)) + self.entropy.randbytes(self.scene.count(1_400))
        self.wire.send(self._victim(), [data], self._from())

    def chatter(self) -> None:
        """What the hosts of the members send: pings, and frames that are nothing."""
        one, other = self.entropy.sample((self.alice, self.bob, self.mallory), 2)
        lan = self.entropy.choice((self.home, self.prey))
        if lan not in one.nics or not one.running:
            return
        nic = one.nics[lan]
        if self.entropy.random() < 0.5 and nic.addresses and lan in other.nics:
            targets = [a.ip for a in other.nics[lan].addresses if len(a.ip) == 4]
            if targets and any(len(a.ip) == 4 for a in nic.addresses):
                nic.ping(targets[0])
                return
        frame = self.scene.mac().to_bytes(6, "big") + mac_of(one.address, lan).to_bytes(6, "big")
        frame += self.scene.number(16).to_bytes(2, "big") + self.scene.data(2_000)
        nic._transmit(damaged(self.entropy, frame, 0.2))

    def wait(self) -> None:
        """Time passes; more than a peer is remembered, at times."""
        self.sim.run_for(self.entropy.choices(WAITS_MS, WAITS_WEIGHTS)[0])

    def upset(self) -> None:
        """Something happens to a host."""
        host = self.entropy.choice((self.alice, self.bob))
        what = self.entropy.randrange(6)
        if what == 0:
            host.crash()
            self.sim.run_for(self.scene.count(20_000))
            host.start()
        elif what == 1:
            host.suspend()
            self.sim.run_for(self.entropy.choice((3_000, 30_000, 30_000, 400_000)))
            host.resume()
        elif what == 2:
            host.rebind(9993, self.entropy.randrange(20_000, 30_000))
            host.rebind(9993)
        elif what == 3:
            host.leave(self.prey)
            host.join(self.prey)
        elif what == 4:
            moon = self.scene.number(64)
            host.command(effects.Orbit(moon, self.scene.who()))
            self.sim.run_for(self.scene.count(3_000))
            host.command(effects.Deorbit(moon))
        else:
            host.command(effects.AskRoots(self.entropy.choice((0, 1_400))))

    def rule(self) -> None:
        """The owner of the second network changes its mind, or hands out what it likes."""
        authority = self.controller.authority
        now, victim = self.sim.clock.now, self._member()
        body: dict[str, object] = self.entropy.choice(
            (
                {"mtu": self.scene.number(16)},
                {"private": self.entropy.random() < 0.5},
                {"multicastLimit": self.scene.number(31)},
                {"enableBroadcast": self.entropy.random() < 0.5},
                {"rules": [{"type": "ACTION_DROP"}]},
                {"rules": [{"type": "ACTION_ACCEPT"}]},
                {"remoteTraceTarget": f"{self.scene.who():010x}"},
            )
        )
        what = self.entropy.randrange(4)
        if what == 0:
            dictionary = self.scene.config(victim.address)
            push = effects.SendConfig(self.prey, victim.address, dictionary, self.scene.number(64))
            self.controller.command(push)
            return
        try:
            if what == 1:
                _, commands = authority.post_network(self.prey, body, now)
            elif what == 2:
                yes = {"authorized": self.entropy.random() < 0.7}
                _, commands = authority.post_member(self.prey, victim.address, yes, now)
            else:
                _, commands = authority.post_network(self.home, {"name": "home"}, now)
        except UnfitObject:
            return
        self.controller.obey(commands)

    # Who, to whom, from where

    def _pair(self) -> tuple[Speaker, SimHost]:
        speaker = self.entropy.choice(self.speakers)
        victims = [host for host in self.honest if host.address != speaker.address]
        return speaker, self.entropy.choice(victims)

    def _victim(self) -> SimHost:
        return self.entropy.choice(self.honest)

    def _member(self) -> SimHost:
        return self.entropy.choice((self.alice, self.bob, self.mallory))

    def _from(self) -> tuple[bytes, int]:
        """The wire's own place, that of somebody there, or of nobody."""
        somebody = self.entropy.choice(self.nodes)
        return self.entropy.choice(
            (
                (self.wire.ip, 7777),
                (somebody.ip, 9993),
                (somebody.ip, self.entropy.randrange(1, 65_536)),
                (self.entropy.randbytes(4), self.entropy.randrange(1, 65_536)),
            )
        )

    def _send(
        self, speaker: Speaker, victim: SimHost, verb: int, said: bytes, *, compress: bool = False
    ) -> None:
        hops = self.entropy.choice((0, 0, 0, self.entropy.randrange(8)))
        suite = self.entropy.choice(SUITES)
        made = speaker.packet(
            victim.identity.public, verb, said, suite=suite, compress=compress, hops=hops
        )
        if len(made) > 1:
            made = self._disturbed(made)
        self.wire.send(victim, made, self._from())

    def _disturbed(self, pieces: list[bytes]) -> list[bytes]:
        """Pieces as they were cut, in another order, twice, or not all of them."""
        how = self.entropy.randrange(4)
        if how == 0:
            self.entropy.shuffle(pieces)
        elif how == 1:
            pieces += pieces[:: self.entropy.choice((1, 2))]
        elif how == 2:
            pieces.pop(self.entropy.randrange(len(pieces)))
        return pieces

    # What must hold

    def look(self) -> None:
        """Tables within their bounds."""
        for host in self.nodes:
            for name, size in sizes(host.node):
                most = MOST.get(name, MOST_BY_DEFAULT)
                bound(size <= most, f"{host.name} holds {size} of {name}, {most} are the most")

    def finish(self) -> None:
        """The honest reach one another, once they are left alone."""
        self.look()
        for host in self.nodes:
            host.leave(self.prey)
        here = self.sim.run_until(lambda: self.sim.joined(self.home, self.alice, self.bob), 60_000)
        bound(here, "alice or bob lost the network")
        for one, other in ((self.alice, self.bob), (self.bob, self.alice)):
            reached = self.sim.ping(one, other, self.home, RECOVERY_MS)
            bound(reached, f"{one.name} does not reach {other.name} any more")

    def close(self) -> None:
        self.sim.close()


STEPS = {
    Nodes.speak: 40,
    Nodes.greet: 8,
    Nodes.reply: 12,
    Nodes.repeat: 10,
    Nodes.babble: 3,
    Nodes.chatter: 8,
    Nodes.wait: 5,
    Nodes.upset: 3,
    Nodes.rule: 5,
}
"""How often each is drawn."""


@contextmanager
def narrow() -> Iterator[None]:
    """Nodes made in here have little room."""
    with ExitStack() as patches:
        for module, limits in SMALL.items():
            patches.enter_context(patch.multiple(module, **limits))
        yield


NODES = Kind("nodes", Nodes, LENGTH, narrow)
