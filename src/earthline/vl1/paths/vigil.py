"""Noticing within seconds that a way does not lead to a peer any more, and taking another.

    frames flow, nothing comes back      ──▶ trial: ECHO by every way there is, every 300 ms
    the way in use answers               ──▶ end of the trial
    it stays silent, another way answers ──▶ that one is used from now on

The probes are ordinary ECHOs (HELLOs where the version calls for it), so that a stock peer answers
them. Nothing is ever given up for a way that has not just proved itself: with every root gone, and
under heavy loss, direct flows stay where they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from earthline.bounded import FairTable
from earthline.effects import Path
from earthline.vl1.ground.timers import Timer, Timers
from earthline.vl1.peers.peer import STRANGERS, Peer, Slot
from earthline.vl1.peers.routes import Route, Routes
from earthline.vl1.peers.topology import Topology
from earthline.vl1.sending import credit
from earthline.vl1.sending.contact import Contact, probe_length

QUIET_MS = 700
"""Frames left, and nothing came for this long. The switch reports every 500 ms."""
FRESH_MS = 1_500
"""A proof counts for this long: one-way flows cost no more than this."""
PROOF_MS = 5_000
"""A way that carries frames is asked for proof this often, even if the peer is heard."""
FLOW_MS = 10_000
"""A flow ends when no frame left for this long."""
PROBE_MS = 300
SLOW_PROBE_MS = 3_000
"""Between two probes of a way that is silent: quick at first, then slow."""
PATIENT_PROBES = 10
"""After this many the probes become slow: the peer may be switched off."""
VERDICT_PROBES = 4
VERDICT_MS = 1_100
"""So many probes unanswered for so long are the end of a way, if another one answers."""
PIN_MS = 300_000
"""How long a peer is reached by a relay that is not the best one, before the best has a chance."""
BESIDE_MS = 10_000
"""A path that a peer came by while another one was in use is worth a try for this long."""
MAX_TRIALS = 1_024
"""Peers in doubt at a time; of more, a stranger goes, the one doubted first."""
MAX_PROBED = 128
"""Peers probed per tick."""
MAX_SLOTS_PROBED = 4
"""Other paths of the same peer that are probed beside the silent one."""
MAX_WAYS = 128
"""Silent ways watched at a time: each sends three ECHOs a second."""
MAX_RIVALS = 4
"""Other relays that are tried for a relayed peer."""


@dataclass(slots=True)
class Trial:
    """One peer in doubt. Times are ms; ``answered``: when each way last gave proof."""

    since: int
    probes: int = 0
    probed_at: int = 0
    answered: dict[Path, int] = field(default_factory=dict)
    asked: Counter[Path] = field(default_factory=Counter)
    thorough: bool = False
    """Whether every slot is to give proof, not just the way in use."""
    rivals: list[Path] = field(default_factory=list)
    """Paths it came by that are no slots: maybe what a slot has become."""

    @property
    def asks_all(self) -> bool:
        """Whether each slot is still to give proof: once one way has, up to the verdict on all."""
        return self.thorough and (self.probes < PATIENT_PROBES or bool(self.answered))

    def due(self, now: int) -> bool:
        """Whether it is time for another probe."""
        hurried = self.probes < PATIENT_PROBES or self.asks_all
        return now - self.probed_at >= (PROBE_MS if hurried else SLOW_PROBE_MS)

    def ripe(self, now: int, latency: int) -> bool:
        """Whether silence up to now means something, for a peer of this latency (ms or -1)."""
        patience = max(VERDICT_MS, 3 * latency + PROBE_MS)
        return self.probes >= VERDICT_PROBES and now - self.since >= patience

    def asked_in_vain(self, slot: Slot) -> bool:
        """Whether the slot was asked often enough for its silence to mean something."""
        # All but the way in use are asked from the second probe on, or from the first.
        enough = VERDICT_PROBES if self.thorough else VERDICT_PROBES - 1
        return slot.path.key not in self.answered and self.asked[slot.path.key] >= enough

    def urgency(self, slot: Slot, now: int) -> tuple[bool, bool, int, int]:
        """Lowest for the slot to be asked first, so that each in use has its turn."""
        key = slot.path.key
        return key in self.answered, slot.expired(now), self.asked[key], -slot.path.last_in


class Vigil:
    """Watches the ways that carry frames; the callbacks bring routes up to date."""

    def __init__(
        self,
        timers: Timers,
        topology: Topology,
        routes: Routes,
        contact: Contact,
        *,
        changed: Callable[[Peer, int], None],
        relay_changed: Callable[[int], None],
    ) -> None:
        self._timers = timers
        self._topology = topology
        self._routes = routes
        self._contact = contact
        self._changed = changed
        self._relay_changed = relay_changed
        self._flows: set[int] = set()
        self._trials: FairTable[int, int, Trial] = FairTable(MAX_TRIALS)
        """By `Peer.holder`; roots, too, hold their own."""

    # What is told

    def flows(self, peer: Peer, at: int, now: int) -> None:
        """A packet that calls for an answer left for the peer, at a time not later than now."""
        self._timers.begin(Timer.WATCH, now)
        peer.flow_at = max(peer.flow_at, at)
        self._flows.add(peer.address)

    def doubt(self, peer: Peer, now: int, rival: Path | None = None) -> None:
        """There is a reason to believe that the way to the peer is dead: find out at once.

        ``rival`` is a path it just came by, to be asked as well.
        """
        trial = self._trials.get(peer.address)
        if trial is None:
            beside = peer.beside if now - peer.beside_at < BESIDE_MS else None
            trial = Trial(now, rivals=[beside] if beside else [])
            self._begin(peer, trial, now)
        if rival is not None and rival not in trial.rivals:
            trial.rivals = [*trial.rivals[1 - MAX_RIVALS :], rival]

    def _begin(self, peer: Peer, trial: Trial, now: int) -> None:
        self._timers.begin(Timer.WATCH, now)
        is_root = self._topology.is_upstream(peer.address)
        holder = peer.address if is_root else peer.holder(now)
        evicted = self._trials.put(peer.address, holder, trial)
        if evicted is not None:
            self._trust_again(self._topology.peer(evicted.key), now)

    def doubt_others(self, peer: Peer, now: int) -> None:
        """The peer is heard by one path: maybe it has left where it was, and others are dead."""
        self.doubt(peer, now)
        trial = self._trials.get(peer.address)
        if trial is None:
            return
        if trial.probes >= PATIENT_PROBES:
            # What it asked in vain was asked before the peer was back: that condemns no slot.
            trial = Trial(now, answered=trial.answered, rivals=trial.rivals)
            self._begin(peer, trial, now)
        trial.thorough = True
        peer.doubted_at = now

    def doubted(self, peer: Peer) -> bool:
        """Whether the way to the peer has been asked for proof and has not given it yet."""
        trial = self._trials.get(peer.address)
        return trial is not None and trial.probes > 1

    def answered(self, peer: Peer, path: Path, now: int) -> None:
        """The peer answered something of ours by the path."""
        # The way that answered last comes last.
        peer.proved.pop(path, None)
        if len(peer.proved) >= MAX_WAYS:
            del peer.proved[next(iter(peer.proved))]
        peer.proved[path] = now
        if peer.silent_at:
            peer.silent_at = 0
            self._relay_changed(now)
        trial = self._trials.get(peer.address)
        if trial is not None and len(trial.answered) < MAX_WAYS:
            trial.answered[path] = now

    def idle(self) -> bool:
        """Whether there is nothing to watch."""
        return not self._flows and not self._trials

    # Time

    def tick(self, now: int) -> None:
        """Begin, go on with and end trials."""
        for address in sorted(self._flows):
            peer = self._topology.peer(address)
            if peer is None or now - peer.flow_at > FLOW_MS:
                self._flows.discard(address)
            elif self._suspicious(peer, now):
                self.doubt(peer, now)
        probed = 0
        for address, trial in self._in_turn():
            kept = self._trials.get(address) is trial
            if kept and probed < MAX_PROBED and self._try(address, trial, now):
                probed += 1

    def _in_turn(self) -> list[tuple[int, Trial]]:
        """Strangers last: they must not use up the probes."""
        return sorted(
            self._trials.items(), key=lambda trial: self._trials.holder_of(trial[0]) == STRANGERS
        )

    def _suspicious(self, peer: Peer, now: int) -> bool:
        quiet = peer.flow_at >= peer.last_receive and now - peer.last_receive >= QUIET_MS
        route = self._routes.of(peer, now)
        if route is None:
            return False
        unproved_ms = now - peer.proved.get(route.path.key, 0)
        return unproved_ms >= (FRESH_MS if quiet else PROOF_MS)

    def _try(self, address: int, trial: Trial, now: int) -> bool:
        """One peer's turn; whether it was probed."""
        peer = self._topology.peer(address)
        if peer is None or self._over(peer, trial, now):
            self._trials.pop(address)
            self._trust_again(peer, now)
            return False
        if trial.ripe(now, peer.latency):
            self._judge(peer, trial, now)
        if not trial.due(now):
            return False
        trial.probes += 1
        trial.probed_at = now
        if peer.asked_since <= peer.last_receive:
            peer.asked_since = now
        for path in self._ways(peer, trial, now):
            trial.asked[path] += 1
            self._contact.probe(peer, path, now)
        return True

    def _trust_again(self, peer: Peer | None, now: int) -> None:
        if peer is not None and peer.doubted_at:
            peer.doubted_at = 0
            self._changed(peer, now)

    def _over(self, peer: Peer, trial: Trial, now: int) -> bool:
        """What was asked gave proof, or nobody waits for it any more."""
        if trial.asks_all:
            return all(s.expired(now) or s.path.key in trial.answered for s in peer.slots)
        if self._topology.is_upstream(peer.address) and trial.answered:
            return True
        route = self._routes.of(peer, now)
        if route is not None and route.path.key in trial.answered:
            return True
        return trial.probes >= PATIENT_PROBES and now - peer.flow_at > FLOW_MS

    def _ways(self, peer: Peer, trial: Trial, now: int) -> Iterable[Path]:
        """The way in use, from the second probe on also the others."""
        route = self._routes.of(peer, now)
        ways = [] if route is None else [route.path.key]
        if route is not None and not route.direct:
            self._doubt_relay(route, now)
        if trial.probes > 1 or trial.thorough:
            slots = sorted(peer.slots, key=lambda slot: trial.urgency(slot, now))
            ways += [slot.path.key for slot in slots[:MAX_SLOTS_PROBED]]
            length = probe_length(peer)
            ways += [path for path in trial.rivals if credit.pays(peer, path, length, now)]
        if trial.probes > 1 and not self._topology.is_upstream(peer.address):
            ways += [relay.key for relay in self._routes.relays(now)]
        return dict.fromkeys(ways)

    def _doubt_relay(self, route: Route, now: int) -> None:
        """The relay itself may be dead: ask it, and those that could take its place."""
        asked = [peer for peer in self._upstreams() if not peer.silent_at]
        if any(peer.slot_of(route.path.key) for peer in asked):
            for upstream in asked:
                if upstream.address not in self._trials:
                    self.doubt(upstream, now)

    def _upstreams(self) -> list[Peer]:
        peers = (self._topology.peer(address) for address in self._topology.upstreams)
        return [peer for peer in peers if peer is not None]

    # Verdict

    def _judge(self, peer: Peer, trial: Trial, now: int) -> None:
        route = self._routes.of(peer, now)
        if trial.answered and route is not None and route.direct:
            self._give_up_slots(peer, trial, now)
        elif self._topology.is_upstream(peer.address):
            self._judge_upstream(peer, trial, now)
        elif trial.answered:
            self._pin_relay(peer, trial, now)

    def _judge_upstream(self, peer: Peer, trial: Trial, now: int) -> None:
        """A root is silent: pass it over, if another one can be heard."""
        others = [other for other in self._upstreams() if other is not peer]
        if not peer.silent_at and any(other.last_receive > trial.since for other in others):
            peer.silent_at = now
            self._relay_changed(now)

    def _give_up_slots(self, peer: Peer, trial: Trial, now: int) -> None:
        """Put the silent slots out of use; they come back when they answer."""
        for slot in peer.slots:
            if trial.asked_in_vain(slot) and not slot.expired(now):
                slot.reset(now)
                peer.remember_place(slot.path.address)
        self._changed(peer, now)

    def _pin_relay(self, peer: Peer, trial: Trial, now: int) -> None:
        """The best root does not reach the peer, another one does."""
        for upstream in self._upstreams():
            if any(slot.path.key in trial.answered for slot in upstream.slots):
                peer.relay, peer.relay_until = upstream.address, now + PIN_MS
                self._changed(peer, now)
                return
