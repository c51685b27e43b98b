"""No virtual network at all: the hosts as they are."""

from __future__ import annotations

from earthline.lab import Lab, NatKind
from measures import Pair


def connect(lab: Lab) -> Pair:
    near, far = lab.host("near"), lab.host("far")
    return Pair(near, far, far.address, ())


def relay(lab: Lab) -> Pair:
    """A host in the middle forwards, as any router does."""
    middle = lab.router("middle", NatKind.OPEN, "88.0.0.0/24")
    # Tracking connections is no part of forwarding.
    middle.namespace.nft("")
    near, far = lab.host("near"), middle.host("far")
    return Pair(near, far, far.address, ())
