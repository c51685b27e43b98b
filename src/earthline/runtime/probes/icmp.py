"""What an ICMP error says about datagrams to an endpoint, and who says it.

"Port unreachable" of the host itself means that nobody listens there. Of anybody else it is a
firewall's, and so is "administratively prohibited". "Net" or "host unreachable" comes of a router
that knows no way on, or of this host where nobody answers on its own network. Other errors are no
matter here.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from earthline.diagnosis.snapshot import Udp
from earthline.wire.inet import InetAddress

_UNREACHABLE = {True: 3, False: 1}
"""Type, of IPv4 and of IPv6."""
_PORT = {True: 3, False: 4}
_PROHIBITED = {True: (9, 10, 13), False: (1, 5, 6)}
_NO_WAY = {True: (0, 1, 6, 7, 11, 12), False: (0, 2, 3)}


class Told(NamedTuple):
    """What became of datagrams; ``by``: whose ICMP error it was, if one of another host came."""

    udp: Udp
    by: str = ""


class Complaint(NamedTuple):
    """An ICMP error: whose, and of what type and code."""

    by: str
    type: int
    code: int


def meaning(complaint: Complaint, endpoint: InetAddress, own: Collection[str]) -> Told | None:
    """What it says; None if nothing about this. ``own`` are this host's IPs."""
    ipv4, by = endpoint.is_ipv4, complaint.by
    if complaint.type != _UNREACHABLE[ipv4]:
        return None
    if complaint.code in _NO_WAY[ipv4]:
        return Told(Udp.UNREACHABLE, "" if by in own else by)
    port = complaint.code == _PORT[ipv4]
    if not port and complaint.code not in _PROHIBITED[ipv4]:
        return None
    if by in own and endpoint.ip_text not in own:
        return Told(Udp.UNSENDABLE, by)
    return Told(Udp.REFUSED if port and by == endpoint.ip_text else Udp.REJECTED, by)
