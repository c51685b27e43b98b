"""The switch alone: calls of its whole interface in any order, between datagrams and frames.

It must never panic, and account for everything: whatever goes in comes out, is punted, or is
counted as dropped, unless it is a piece of something that is not whole yet.
"""

from __future__ import annotations

import random

from wire_seeds import seeds

from earthline import effects
from earthline._native import Output, Switch
from earthline.wire.inet import InetAddress
from earthline.wire.mac import is_multicast, mac_of
from earthline.wire.messages.frame import FLAG_CERTIFICATE, ExtFrame, Frame, MulticastFrame
from earthline.wire.packet import HEADER_LENGTH, Suite, Verb
from earthline.wire.reader import Malformed, Reader
from earthline.wire.rules import ACCEPT_ALL
from hostile.grammar import Scene, damaged, payload
from hostile.stateful import Kind
from hostile.watch import bound
from hostile.wire import TRUSTED_ID, Speaker, made_up

LENGTH = 1_500
PEERS = 6
NETWORKS = (0x1122334455000001, 0x1122334455000002, 0xFF00_0050_0050_0000)
LONGEST_DATAGRAM = 10_024
LONGEST_FRAME = 14 + 10_000 + 1_024
MOST_PUNTS = 4
"""Of one thing that came in, beside those that say that a recipient needs our credentials."""
MOST_DATAGRAMS = 16 * 8 * 8
"""Of one frame: pieces to every member there is, and copies to observers."""
COLLECT_EVERY = 100
_PIECE = 13
_FRAGMENTED = 0x40


class SwitchCalls:
    """One session."""

    def __init__(self, seed: int) -> None:
        entropy = random.Random(f"switch {seed}")
        self.own = made_up(entropy)
        self.peers = [Speaker(made_up(entropy), entropy) for _ in range(PEERS)]
        self.switch = Switch(self.own.address, entropy.randbytes(32), threads=1)
        self.now = 1_700_000_000_000
        everybody = [self.own, *(peer.identity for peer in self.peers)]
        places = [InetAddress(bytes((80, 0, 0, number)), 9_993) for number in range(PEERS)]
        self.scene = Scene(
            entropy, [one.public for one in everybody], places, NETWORKS, NETWORKS[0], self.own
        )
        self.counted = self.switch.counters()
        self.punted: list = []
        self.tables = tuple(seeds("rules"))
        self.count = 0
        for peer in self.peers[:4]:
            self._install(peer)
        for network in NETWORKS:
            self.configure(network)

    def step(self, entropy: random.Random) -> None:
        self.entropy = self.scene.entropy = entropy
        self.scene.now = self.now
        for peer in self.peers:
            peer._entropy = entropy
        kinds = list(STEPS)
        entropy.choices(kinds, [STEPS[kind] for kind in kinds])[0](self)
        self.now += entropy.choice((0, 0, 1, 20, 1_000))
        self.count += 1
        if self.count % COLLECT_EVERY == 0:
            self.switch.take_activity()

    def close(self) -> None:
        """Nothing is open: a switch is memory alone."""

    def finish(self) -> None:
        """It still does what it is for: a frame for a member leaves."""
        peer, network = self.peers[0], NETWORKS[0]
        plain = effects.InstallNetwork(
            network, 2_800, True, True, False, False, 32, bridges=(), rules=ACCEPT_ALL
        )
        self._write(plain, effects.RemoveMember(network, peer.address))
        self._install(peer)
        self._write(effects.InstallMember(network, peer.address, True, True, 1 << 62))
        to, own = mac_of(peer.address, network), mac_of(self.own.address, network)
        frame = to.to_bytes(6, "big") + own.to_bytes(6, "big") + b"\x08\x00" + bytes(60)
        output = self.switch.ingest_frames([(network, frame)], self.now)
        bound(len(output.datagrams) == 1, "a frame for a member does not leave any more")

    # Traffic

    def datagram(self) -> None:
        """Of a peer, authentic; or anything."""
        peer = self.entropy.choice(self.peers)
        verb = self.entropy.choice(
            (Verb.FRAME, Verb.EXT_FRAME, Verb.MULTICAST_FRAME, *Verb, self.scene.number(5))
        )
        said = payload(self.scene, verb)
        suite = self.entropy.choice((3, 3, 3, Suite.SALSA20_POLY1305, 0, 2))
        made = peer.packet(
            self.own.public,
            verb,
            said,
            suite=suite,
            compress=self.entropy.random() < 0.2,
            hops=self.entropy.choice((0, 0, self.entropy.randrange(8))),
        )
        if self.entropy.random() < 0.1:
            self.entropy.shuffle(made)
        # By a trusted path even what is damaged is authentic.
        quiet = suite == Suite.TRUSTED_PATH or _carries_nothing(verb, said)
        for data in made:
            self._take(self._readdressed(damaged(self.entropy, data, 0.1)), quiet=quiet)

    def noise(self) -> None:
        """Bytes with, at most, the head of a packet."""
        self._take(self._readdressed(self.entropy.randbytes(self.scene.count(1_500))))

    def hello(self) -> None:
        """Of anybody."""
        peer = self.entropy.choice((*self.peers, Speaker(made_up(self.entropy), self.entropy)))
        for data in peer.hello(self.own.public, self.now, sent_to=self.scene.place()):
            self._take(damaged(self.entropy, data, 0.3))

    def _readdressed(self, data: bytes) -> bytes:
        """To us, mostly; through us else."""
        if len(data) < 18 or self.entropy.random() < 0.85:
            return data
        to = self.scene.who().to_bytes(5, "big")
        by = self.scene.who().to_bytes(5, "big")
        return (
            data[:8]
            + to
            + self.entropy.choice((data[13:18], by, b"\xff" + data[14:18]))
            + data[18:]
        )

    def _take(self, data: bytes, *, quiet: bool = False) -> None:
        ip, port = self.scene.place()
        output = self.switch.ingest_datagrams(
            [(self.entropy.randrange(3), ip, port, data)], self.now
        )
        after = self.switch.counters()
        pieces = len(data) > _PIECE and (
            data[_PIECE] == 0xFF or (len(data) > 18 and data[18] & _FRAGMENTED)
        )
        self._account(output, after, "packets_rx", "a datagram", whole=not pieces, quiet=quiet)

    def tap(self) -> None:
        """A frame of the host."""
        network = self.entropy.choice(NETWORKS)
        own = mac_of(self.own.address, network)
        source = self.entropy.choice((own, own, self.scene.mac()))
        kind = self.entropy.choice((0x0800, 0x0806, 0x86DD, 0x8100, self.scene.number(16)))
        to = mac_of(self.entropy.choice(self.peers).address, network)
        to = self.entropy.choice((to, to, self.scene.mac()))
        frame = to.to_bytes(6, "big") + source.to_bytes(6, "big") + kind.to_bytes(2, "big")
        frame = damaged(self.entropy, frame + self.scene.data(3_000), 0.1)
        output = self.switch.ingest_frames([(network, frame)], self.now)
        # To a group that nobody listens to it goes to nobody.
        alone = len(frame) >= 14 and is_multicast(int.from_bytes(frame[:6], "big"))
        self._account(output, self.switch.counters(), None, "a frame", whole=not alone)

    def again(self) -> None:
        """What was punted, once more: as if an entry covered it now."""
        if not self.punted:
            return
        punt = self.entropy.choice(self.punted)
        whole = quiet = False
        match punt:
            case effects.FramePunted(network, frame):
                origin = self.entropy.choice((0, 0, self.scene.who()))
                command: effects.SwitchCommand = effects.IngestFrame(network, frame, origin)
                # To a group that nobody listens to it goes to nobody.
                whole = not is_multicast(int.from_bytes(frame[:6], "big"))
            case effects.UnknownSource(path, _, packet):
                command = effects.IngestDatagram(path, packet)
                whole = quiet = True
            case effects.GateRefused(opened):
                command = effects.DeliverPacket(opened)
            case effects.RulesRefused(opened):
                # What rules refuse is counted once.
                command = effects.DeliverPacket(opened, judged=True)
            case opened:
                command = effects.DeliverPacket(opened)
        output = self.switch.apply([command], self.now)
        what = type(punt).__name__
        self._account(output, self.switch.counters(), None, what, whole=whole, quiet=quiet)

    # Tables

    def sessions(self) -> None:
        """Peers come and go, and so do the ways to them."""
        peer = self.entropy.choice(self.peers)
        what = self.entropy.randrange(5)
        if what == 0:
            self._write(effects.RemoveSession(peer.address))
        elif what == 1:
            self._install(peer)
        elif what == 2:
            path = self.entropy.choice((None, self._path()))
            direct, mtu = (
                self.entropy.random() < 0.7,
                self.entropy.choice((1_432, 1_400, 2_800, 9_000)),
            )
            trusted = self.entropy.choice((0, 0, TRUSTED_ID))
            self._write(effects.InstallRoute(peer.address, path, direct, mtu, trusted))
        elif what == 3:
            paths = tuple(self._path() for _ in range(self.scene.count(8)))
            self._write(effects.InstallPaths(peer.address, paths))
        else:
            self._write(
                effects.InstallRelay(
                    self.entropy.random() < 0.5,
                    self.scene.who(),
                    self.entropy.choice((None, self._path())),
                ),
                effects.TrustPath(peer.address, self._path()),
            )
            self.switch.set_trusted_networks(
                [(bytes((80, 0, 0, 0)), self.entropy.randrange(33), TRUSTED_ID)]
            )
            self.switch.set_mss_clamp(self.entropy.random() < 0.5)

    def networks(self) -> None:
        """Configurations come and go."""
        network = self.entropy.choice(NETWORKS)
        if self.entropy.random() < 0.2:
            self._write(effects.RemoveNetwork(network))
        else:
            self.configure(network)

    def configure(self, network: int) -> None:
        """Install a network as a controller may have it."""
        scene, entropy = self.scene, self.scene.entropy
        plain = entropy.random() < 0.5
        rules = ACCEPT_ALL if plain else damaged(entropy, entropy.choice(self.tables), 0.3)
        budget = entropy.choice(
            ((500, 1_000), (0, 0), (1, 1), (scene.number(31), scene.number(31)))
        )
        self._write(
            effects.InstallNetwork(
                network=network,
                mtu=entropy.choice((1_280, 2_800, 10_000)),
                public=entropy.random() < 0.5,
                broadcast=entropy.random() < 0.8,
                emulate_neighbours=entropy.random() < 0.3,
                compress_multicast=entropy.random() < 0.5,
                multicast_limit=entropy.choice((0, 1, 32, 0xFFFFFFFF)),
                bridges=scene.some(scene.who, 4),
                rules=rules if self.count else ACCEPT_ALL,
                unknown_match=entropy.random() < 0.5,
                emulated=scene.some(lambda: entropy.randbytes(entropy.choice((5, 11, 16))), 2),
                tags=scene.some(lambda: (scene.number(32), scene.number(32)), 4),
                owned_ips=scene.some(lambda: scene.place().ip, 4),
                owned_macs=scene.some(scene.mac, 4),
                capabilities=scene.some(lambda: entropy.choice(self.tables), 2),
                replicates=entropy.random() < 0.3,
                send_budget=budget,
                receive_budget=budget,
            )
        )

    def members(self) -> None:
        """Who is in, and with what rights."""
        network, entropy = self.entropy.choice(NETWORKS), self.entropy
        member = entropy.choice(self.peers).address
        what = entropy.randrange(4)
        if what == 0:
            self._write(effects.RemoveMember(network, member))
        elif what < 3:
            due = entropy.choice((0, self.now, 1 << 62))
            admitted, ready = entropy.random() < 0.8, entropy.random() < 0.8
            self._write(effects.InstallMember(network, member, admitted, ready, due))
        else:
            scene = self.scene
            self._write(
                effects.InstallMemberCredentials(
                    network,
                    member,
                    scene.some(lambda: (scene.number(32), scene.number(32)), 8),
                    scene.some(lambda: scene.place().ip, 4),
                    scene.some(scene.mac, 4),
                    scene.some(lambda: entropy.choice(self.tables), 3),
                )
            )

    def groups(self) -> None:
        """Who listens to what."""
        network, (mac, adi), scene = self.entropy.choice(NETWORKS), self.scene.group(), self.scene
        until = self.now + self.entropy.choice((0, 1_000, 60_000))
        what = self.entropy.randrange(4)
        if what == 0:
            self._write(effects.RemoveMulticast(network, mac, adi))
        elif what == 1:
            self._write(effects.InstallReplicator(network, mac, adi, scene.who(), until))
        else:
            recipients = scene.some(scene.who, 16)
            limit = scene.number(32)
            self._write(effects.InstallMulticast(network, mac, adi, recipients, limit, until))

    def _install(self, peer: Speaker) -> None:
        key = peer.identity.agree(self.own.public)
        suite = self.scene.entropy.choice((1, 3))
        self._write(
            effects.InstallSession(peer.address, key, suite, peer.identity.public.public_key),
            effects.InstallRoute(peer.address, self._path(), direct=True),
        )

    def _write(self, *entries: effects.SwitchCommand) -> None:
        bound(not self.switch.apply(entries, self.now), "something came of table entries")

    def _path(self) -> tuple[int, bytes, int]:
        ip, port = self.scene.entropy.choice(self.scene.places)
        return self.scene.entropy.randrange(3), ip, port

    # What must hold

    def _account(
        self,
        output: Output,
        after: dict[str, int],
        came: str | None,
        what: str,
        *,
        whole: bool,
        quiet: bool = False,
    ) -> None:
        """Everything is somewhere, and of a sane size.

        ``quiet``: it may be a heartbeat, a frame packet without a frame, which is only counted.
        """
        moved = {
            name: n - self.counted[name] for name, n in after.items() if n != self.counted[name]
        }
        self.counted = after
        bound(min(moved.values(), default=0) >= 0, f"a counter went back: {moved}")
        if came is not None:
            bound(moved.pop(came, 0) == 1, f"{what} was not counted")
        dropped = sum(n for name, n in moved.items() if name.startswith("drop_"))
        came_out = len(output.punts) + len(output.frames) + len(output.datagrams)
        if quiet:
            came_out += sum(n for name, n in moved.items() if name.startswith("rx_"))
        bound(dropped + came_out > 0 or not whole, f"{what} vanished: {moved}")
        bound(len(output.punts) == moved.get("punts", 0), f"punts of {what} counted wrong")
        # One that our host sends to itself comes back uncounted.
        uncounted = len(output.frames) - moved.get("frames_rx", 0)
        bound(uncounted in (0, 1), f"frames of {what} counted wrong")
        left = moved.get("packets_tx", 0) + moved.get("relayed", 0)
        bound(len(output.datagrams) == left, f"datagrams of {what} counted wrong")
        self._look_at(output)

    def _look_at(self, output: Output) -> None:
        punts = output.punts
        due = [punt.address for punt in punts if isinstance(punt, effects.CredentialDue)]
        bound(len(due) == len(set(due)), "one recipient needs our credentials twice")
        others = len(punts) - len(due)
        bound(others <= MOST_PUNTS, f"{others} punts at once")
        bound(len(output.datagrams) <= MOST_DATAGRAMS, f"{len(output.datagrams)} datagrams")
        for _, ip, port, data in output.datagrams:
            bound(len(ip) in (4, 16) and 0 <= port <= 0xFFFF, "no endpoint")
            bound(len(data) <= LONGEST_DATAGRAM, f"a datagram of {len(data)} B")
        for network, frame in output.frames:
            bound(network in NETWORKS and 14 <= len(frame) <= LONGEST_FRAME, "no frame")
        for punt in punts:
            if isinstance(punt, effects.PacketReceived):
                bound(len(punt.payload) <= LONGEST_DATAGRAM - HEADER_LENGTH, "too long a payload")
            if isinstance(punt, KEPT):
                self.punted.append(punt)
        del self.punted[:-64]


def _carries_nothing(verb: int, said: bytes) -> bool:
    """Whether this is the payload of a frame packet without a frame."""
    parse = {
        Verb.FRAME: Frame.parse,
        Verb.EXT_FRAME: ExtFrame.parse,
        Verb.MULTICAST_FRAME: MulticastFrame.parse,
    }.get(verb)
    if parse is None:
        return False
    try:
        return not parse(said if verb == Verb.FRAME else _without_certificate(said)).payload
    except Malformed:
        return False


def _without_certificate(said: bytes) -> bytes:
    """The switch does not look into the certificate that comes with a frame, only behind it."""
    reader = Reader(said)
    network, flags = reader.take(8), reader.u8()
    if flags & FLAG_CERTIFICATE and reader.u8() == 1:
        reader.take(24 * reader.u16())
        if reader.take(5) != bytes(5):
            reader.take(96)
        return network + bytes([flags & ~FLAG_CERTIFICATE]) + reader.rest()
    return said


KEPT = (
    effects.FramePunted,
    effects.GateRefused,
    effects.RulesRefused,
    effects.PacketReceived,
    effects.UnknownSource,
)

STEPS = {
    SwitchCalls.datagram: 40,
    SwitchCalls.tap: 25,
    SwitchCalls.noise: 4,
    SwitchCalls.hello: 4,
    SwitchCalls.again: 8,
    SwitchCalls.sessions: 6,
    SwitchCalls.networks: 3,
    SwitchCalls.members: 6,
    SwitchCalls.groups: 6,
}
"""How often each is drawn."""

SWITCH = Kind("switch", SwitchCalls, LENGTH)
