"""Passing revocations on to every member that is known (03, 4.11).

A receiver takes one packet of credentials a second: so all that came in one packet goes on in one.
There may be thousands of members, so they are told a few at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from earthline.vl2.ground.parts import Parts
from earthline.wire.messages.credentials import NetworkCredentials
from earthline.wire.packet import Verb

if TYPE_CHECKING:
    from earthline.vl2.ground.network import Network
    from earthline.vl2.ground.underlay import Station
    from earthline.wire.credentials.revocation import Revocation

TOLD_AT_ONCE = 16
BYTES_AT_ONCE = 8_192
"""Members that are told together, and what they are told, but for the first."""
WAITING_LIMIT = 64
"""Packets that not all were told yet; of more, the oldest goes of the network that has most."""


@dataclass(slots=True)
class _News:
    network: int
    payload: bytes
    recipients: list[int]
    """Those that are still to be told, the next one last."""


class Spreading:
    """Tells members what was revoked."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._waiting: Parts[int, _News] = Parts(WAITING_LIMIT)

    def pass_on(
        self, network: Network, revocations: list[Revocation], sender: int, now: int
    ) -> None:
        """Forward new ones of one packet to everybody but their signer, and who sent them."""
        signers = {revocation.signed_by for revocation in revocations}
        told = {sender, self._station.address, *signers}
        recipients = [address for address in reversed(list(network.members)) if address not in told]
        payload = NetworkCredentials(revocations=tuple(revocations)).emit()
        self._tell(_News(network.id, payload, recipients), now)

    def go_on(self, now: int) -> None:
        """Tell some more, if it is time."""
        for news in self._waiting.take(1, now):
            self._tell(news, now)

    def next_timeout(self) -> int | None:
        """When to be woken for that."""
        return self._waiting.next_timeout()

    def _tell(self, news: _News, now: int) -> None:
        count = max(1, min(TOLD_AT_ONCE, BYTES_AT_ONCE // len(news.payload)))
        for _ in range(min(count, len(news.recipients))):
            address = news.recipients.pop()
            self._station.underlay.send(address, Verb.NETWORK_CREDENTIALS, news.payload, now)
        if not news.recipients:
            return
        if self._waiting.put_off(news.network, news, now) is not None:
            self._station.underlay.count("revocation_not_passed_on")
