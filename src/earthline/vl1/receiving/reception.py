"""What every accepted packet means for its peer and its path (02, 4.8)."""

from __future__ import annotations

from collections.abc import Callable

from earthline.effects import Path
from earthline.vl1.paths.learning import Learning
from earthline.vl1.paths.vigil import QUIET_MS, Vigil
from earthline.vl1.peers.path import PathTable
from earthline.vl1.peers.peer import Peer
from earthline.vl1.sending.challenges import Challenges
from earthline.vl1.verbs.push import PushSender
from earthline.wire.packet import Verb

NONTRIVIAL_VERBS = frozenset(
    (
        Verb.FRAME,
        Verb.EXT_FRAME,
        Verb.MULTICAST_FRAME,
        Verb.NETWORK_CONFIG,
        Verb.NETWORK_CONFIG_REQUEST,
    )
)
"""Verbs that make a peer active (02, 1.5)."""


class Reception:
    """Stamps, path learning and pushes after a packet was accepted."""

    def __init__(
        self,
        paths: PathTable,
        learning: Learning,
        push: PushSender,
        heard: Callable[[Peer, int], None],
        vigil: Vigil,
        *,
        challenges: Challenges,
        examined: Callable[[Path], bool],
    ) -> None:
        """``examined`` says whether a path's packets are to teach no path."""
        self._examined = examined
        self._paths = paths
        self._learning = learning
        self._push = push
        self._heard = heard
        self._vigil = vigil
        self._challenges = challenges

    def received(
        self, peer: Peer, path: Path, hops: int, verb: int, now: int, *, confirmed: bool = False
    ) -> None:
        """Note an accepted packet; ``confirmed``: an OK to something we sent."""
        state = self._paths.get(path)
        state.last_in = now
        peer.last_receive = now
        if verb in NONTRIVIAL_VERBS:
            peer.nontrivial_at = now
        if confirmed:
            self._vigil.answered(peer, path, now)
            self._challenges.answered(peer, path, now)
        if hops == 0 and self._examined(path):
            return
        if hops == 0:
            self._learning.direct(peer, state, now, confirmed=confirmed)
            if verb == Verb.HELLO:
                self._learning.greeted(peer, state, now)
        else:
            peer.last_relayed_receive = now
            self._doubt_direct(peer, now)
        self._heard(peer, now)
        self._push.when_due(peer, path, now, direct=hops == 0)

    def _doubt_direct(self, peer: Peer, now: int) -> None:
        """It was direct and comes by a relay now: maybe it has moved."""
        best = peer.best(now)
        if best is not None and now - best.received_at >= QUIET_MS:
            self._vigil.doubt(peer, now)
