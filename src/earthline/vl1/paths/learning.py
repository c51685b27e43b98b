"""Which paths a peer is reached by: learned from direct packets, confirmed by answers (02, 6.3)."""

from __future__ import annotations

from collections.abc import Callable

from earthline.vl1.ground.local import Local
from earthline.vl1.paths.vigil import QUIET_MS, Vigil
from earthline.vl1.peers.path import PathState
from earthline.vl1.peers.peer import MAX_SLOTS, Peer, Slot
from earthline.vl1.peers.topology import Topology
from earthline.vl1.sending.challenges import Challenges


class Learning:
    """Keeps the slots of peers. ``changed`` is called when a peer's slots changed."""

    def __init__(
        self,
        local: Local,
        topology: Topology,
        challenges: Challenges,
        *,
        vigil: Vigil,
        changed: Callable[[Peer, int], None],
    ) -> None:
        self._local = local
        self._topology = topology
        self._challenges = challenges
        self._vigil = vigil
        self._changed = changed

    def direct(self, peer: Peer, path: PathState, now: int, *, confirmed: bool) -> None:
        """A direct authenticated packet came by the path; ``confirmed``: it answers one of ours."""
        if not self._local.holds(path.socket):
            # It was on its way up when its socket was closed: nothing leaves by that any more.
            return
        slot = peer.slot_of(path.key)
        if slot is not None:
            self._refresh(peer, slot, now, confirmed=confirmed)
            return
        if self._port_changed(peer, path, now):
            return
        if not self._topology.usable(peer.address, path.address):
            return
        if confirmed:
            self._learn(peer, path, now)
        else:
            self._confirm(peer, path, now)

    def greeted(self, peer: Peer, path: PathState, now: int) -> None:
        """A HELLO came by the path; the one in use, if it is silent, may be of a life before."""
        best = peer.best(now)
        if best is None or best.path is path or now - best.received_at < QUIET_MS:
            return
        if peer.slot_of(path.key) is not None:
            self._vigil.doubt_others(peer, now)
            self._changed(peer, now)

    def _refresh(self, peer: Peer, slot: Slot, now: int, *, confirmed: bool) -> None:
        lapsed = slot.expired(now)
        slot.refresh(now, confirmed=confirmed)
        if slot.expired(now):
            self._confirm(peer, slot.path, now)
        elif lapsed:
            self._changed(peer, now)

    def _port_changed(self, peer: Peer, path: PathState, now: int) -> bool:
        """Whether a live path of the same IP and socket makes this one superfluous (rule 2).

        One that has been quiet while this one is in use must prove itself: a NAT that lost its
        state gives the peer another port. If it falls silent later, this one is remembered.
        """
        known = [slot for slot in peer.slots if _same_but_port(slot.path, path)]
        live = [slot for slot in known if slot.path.alive(now) and not slot.reset_at]
        if live and all(now - slot.received_at >= QUIET_MS for slot in live):
            self._vigil.doubt(peer, now, path.key)
            return not self._vigil.doubted(peer)
        if live:
            peer.beside, peer.beside_at = path.key, now
        return bool(live)

    def _learn(self, peer: Peer, path: PathState, now: int) -> None:
        slot = Slot(path, received_at=now)
        stale = next((i for i, s in enumerate(peer.slots) if _same_but_port(s.path, path)), None)
        if stale is not None:
            peer.slots[stale] = slot
        elif len(peer.slots) < MAX_SLOTS:
            peer.slots.append(slot)
        else:
            silent = min(range(MAX_SLOTS), key=lambda i: peer.slots[i].path.last_in)
            peer.slots[silent] = slot
        peer.confirmations.pop(path.key, None)
        if len(peer.slots) > 1:
            self._vigil.doubt_others(peer, now)
        self._changed(peer, now)

    def _confirm(self, peer: Peer, path: PathState, now: int) -> None:
        if self._challenges.ask(peer, path.key, now, direct=True):
            path.last_out = now


def _same_but_port(known: PathState, other: PathState) -> bool:
    return known.socket == other.socket and known.address.ip == other.address.ip
