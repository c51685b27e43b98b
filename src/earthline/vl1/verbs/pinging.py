"""Measuring the way to one node by ECHO, because somebody wants to know (02, 3.13).

The ECHO goes the way that frames would: by a direct path, through a root until there is one, and a
node that is not known yet is looked up first.
"""

from __future__ import annotations

from collections.abc import Callable

from earthline.effects import EchoAnswered, PacketReceived
from earthline.vl1.ground.local import Emit
from earthline.vl1.peers.peer import Peer
from earthline.wire.messages.ok import Ok
from earthline.wire.packet import Verb

MAX_ASKED = 64
"""ECHOs whose answers are waited for; of more, the oldest is forgotten."""


class Pings:
    """Knows ECHOs of its own by what they hold, since one may wait for a way before it is sent."""

    def __init__(self, send: Callable[[int, Verb, bytes, int], object], emit: Emit) -> None:
        self._send = send
        self._emit = emit
        self._asked: dict[tuple[int, bytes], None] = {}

    def __len__(self) -> int:
        return len(self._asked)

    def ask(self, address: int, payload: bytes, now: int) -> None:
        """Send an ECHO with a payload nobody else uses."""
        self._asked[address, payload] = None
        if len(self._asked) > MAX_ASKED:
            del self._asked[next(iter(self._asked))]
        self._send(address, Verb.ECHO, payload, now)

    def echoed(self, peer: Peer, packet: PacketReceived, ok: Ok) -> None:
        """An expected answer to an ECHO, be it of ours."""
        key = peer.address, bytes(ok.payload)
        if key in self._asked:
            del self._asked[key]
            self._emit(EchoAnswered(*key, packet.path, packet.hops))
