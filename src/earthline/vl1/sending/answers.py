"""What peers have us send: as much as their credit covers, the rest once they are proven."""

from __future__ import annotations

from dataclasses import dataclass

from earthline._native import SessionKey
from earthline.effects import PacketReceived, Path, Transmit
from earthline.vl1.ground.local import Local
from earthline.vl1.peers.peer import Peer
from earthline.vl1.sending import credit
from earthline.vl1.sending.challenges import Action, Challenges
from earthline.vl1.sending.outbound import Outbound
from earthline.wire.identity import Identity
from earthline.wire.messages.error import Error
from earthline.wire.messages.ok import Ok
from earthline.wire.packet import HEADER_LENGTH, ErrorCode, Suite, Verb, build


@dataclass(frozen=True, slots=True)
class Request:
    """What an answer refers to: where it came from, its verb and its wire ID."""

    path: Path
    verb: int
    packet_id: int
    direct: bool
    """Nobody relayed it."""


def request_of(packet: PacketReceived) -> Request:
    """For an answer to a packet."""
    return Request(packet.path, packet.verb, packet.packet_id, packet.hops == 0)


class Answers:
    """Writes what was asked for, back the way it came (02, 5.4), and what peers get unasked."""

    def __init__(self, local: Local, outbound: Outbound, challenges: Challenges) -> None:
        self._local = local
        self._outbound = outbound
        self._challenges = challenges

    def ok(self, peer: Peer, request: Request, payload: bytes, now: int) -> None:
        """Answer."""
        body = Ok(request.verb, request.packet_id, payload).emit()
        self.tell(peer, request.path, Verb.OK, body, now, direct=request.direct)

    def ok_if_paid(self, peer: Peer, request: Request, payload: bytes, now: int) -> bool:
        """Answer at once, or not at all."""
        body = Ok(request.verb, request.packet_id, payload).emit()
        packet = self._outbound.compose(peer, request.path, Verb.OK, body)
        return packet is not None and self._send(peer, request.path, Verb.OK, packet, now)

    def error(
        self, peer: Peer, request: Request, code: ErrorCode, payload: bytes, now: int
    ) -> None:
        """Refuse."""
        self._local.count(f"tx_error_{code.name.lower()}")
        body = Error(request.verb, request.packet_id, code, payload).emit()
        self.tell(peer, request.path, Verb.ERROR, body, now, direct=request.direct)

    def tell(
        self,
        peer: Peer,
        path: Path,
        verb: Verb,
        payload: bytes,
        now: int,
        *,
        compress: bool = False,
        direct: bool = True,
    ) -> None:
        """Send by a path, or wait until it is proven; ``direct``: it leads to the peer itself."""
        packet = self._outbound.compose(peer, path, verb, payload, compress=compress)
        if packet is None or self._send(peer, path, verb, packet, now):
            return

        def later(then: int) -> None:
            self._outbound.send(peer, path, verb, packet, then)

        self._challenges.hold(peer, path, later, now, direct=direct)

    def _send(self, peer: Peer, path: Path, verb: Verb, packet: bytes, now: int) -> bool:
        size = self._outbound.size_on_wire(packet, path)
        # Of the last credit the peer can still be asked for proof.
        paid = credit.pays(peer, path, size, now, leave=HEADER_LENGTH)
        if paid:
            self._outbound.send(peer, path, verb, packet, now)
        return paid

    def once_proven(self, peer: Peer, request: Request, action: Action, now: int) -> None:
        """Do something when the peer has answered by the way that its request came."""
        self._challenges.hold(peer, request.path, action, now, direct=request.direct)

    def collision(self, key: bytes, holder: Identity, request: Request) -> None:
        """Tell a newcomer that its address is taken: suite 1 under the key of *its* identity.

        Stock nodes use the known peer's AES keys here, which the newcomer cannot open (01, appendix
        B, item 4), and name nobody. The identity that holds the address goes along, so that the
        newcomer can check the claim. No credit is needed: the answer is shorter than any HELLO.
        """
        code = ErrorCode.IDENTITY_COLLISION
        self._local.count(f"tx_error_{code.name.lower()}")
        body = Error(request.verb, request.packet_id, code, holder.emit()).emit()
        ours = self._local.address
        packet = build(self._local.packet_id(), holder.address, ours, Verb.ERROR, body)
        sealed = SessionKey(key).seal(packet, Suite.SALSA20_POLY1305)
        self._local.emit(Transmit(request.path, sealed))
