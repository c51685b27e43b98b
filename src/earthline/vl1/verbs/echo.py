"""Answering ECHO (02, 3.13)."""

from __future__ import annotations

from earthline.effects import PacketReceived
from earthline.vl1.peers.path import PathTable
from earthline.vl1.peers.peer import Peer
from earthline.vl1.sending.answers import Answers, request_of

INTERVAL_MS = 166
"""At most one answer per path and this time (02, 4.10)."""


class EchoReplies:
    """Sends what came back by the path it came by."""

    def __init__(self, paths: PathTable, answers: Answers) -> None:
        self._paths = paths
        self._answers = answers

    def may_answer(self, _peer: Peer, packet: PacketReceived, now: int) -> bool:
        """The gate per path."""
        path = self._paths.get(packet.path)
        if now - path.echo_answered_at < INTERVAL_MS:
            return False
        path.echo_answered_at = now
        return True

    def receive(self, peer: Peer, packet: PacketReceived, now: int) -> None:
        """Answer; a payload too large to come back is dropped by the outbound side."""
        self._answers.ok(peer, request_of(packet), packet.payload, now)
