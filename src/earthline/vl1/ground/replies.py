"""What we sent and may get an OK for (02, 4.7): matched by full ID, verb and peer."""

from __future__ import annotations

from earthline.bounded import FairTable
from earthline.effects import Path
from earthline.wire.packet import Verb

TABLE_SIZE = 8_192
"""Entries, as at stock nodes with 256 rows of 32."""


class ExpectedReplies:
    """Packet IDs as they were on the wire. An entry may be answered more than once."""

    def __init__(self, size: int = TABLE_SIZE) -> None:
        self._sent: FairTable[int, int, tuple[int, Path]] = FairTable(size)
        """The verb and path of each, by whom it was sent to: who makes us send it ever more pushes
        out what it was sent itself."""

    def expect(self, packet_id: int, verb: int, destination: int, path: Path) -> None:
        """Note a packet sent to a peer by a path."""
        self._sent.put(packet_id, destination, (verb, path))

    def matches(self, packet_id: int, in_re_verb: int, source: int) -> bool:
        """Whether an OK answers something we sent to its sender."""
        sent = self._sent.get(packet_id)
        if sent is None or self._sent.holder_of(packet_id) != source:
            return False
        # Stock nodes acknowledge a pushed NETWORK_CONFIG as if it had been an ECHO (01, 6.16).
        pushed = sent[0] == Verb.NETWORK_CONFIG and in_re_verb == Verb.ECHO
        return sent[0] == in_re_verb or pushed

    def proves(self, packet_id: int, path: Path) -> bool:
        """Whether an answer that came by a path shows that its sender is there.

        It does if the question went there, by this or by every socket: who got it elsewhere may
        have written any source on the answer.
        """
        sent = self._sent.get(packet_id)
        return sent is not None and sent[1][1:] == path[1:]

    def __len__(self) -> int:
        return len(self._sent)
