"""The peer engine: the parts of VL1 wired together behind one door (02).

    switch ──punts──▶ receive ──▶ hello, dispatch, learning, rendezvous, activity
    vl2    ──────────▶ send, reply_ok, reply_error, defer, trusted, whois
    timers ──────────▶ handle_timeout ──▶ keepalive, send queue, deferred packets, housekeeping
                                   │
                                   ▼
                       emit: Transmit, Install…, Store, Report

The work is in the modules beside this one; nothing here decides anything about the protocol.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from earthline.effects import (
    Activity,
    HelloReceived,
    PacketReceived,
    PairRelayed,
    Path,
    PathSeen,
    SocketsChanged,
    StateLoaded,
    Store,
    UnknownSource,
)
from earthline.vl1.activity import ActivityLog
from earthline.vl1.cache import PeerCache
from earthline.vl1.contact import Contact
from earthline.vl1.deferred import Deferred
from earthline.vl1.dispatch import Dispatch, ErrorHandler, Handler, OkHandler
from earthline.vl1.echo import EchoReplies
from earthline.vl1.hello import HelloReception
from earthline.vl1.keepalive import KeepAlive
from earthline.vl1.learning import Learning
from earthline.vl1.local import Emit, Local
from earthline.vl1.outbound import Outbound
from earthline.vl1.peer import Peer
from earthline.vl1.physical import PhysicalNetwork
from earthline.vl1.push import PushReception, PushSender
from earthline.vl1.reception import Reception
from earthline.vl1.rendezvous import Introduction, RendezvousReception
from earthline.vl1.routes import Routes
from earthline.vl1.sendqueue import SendQueue
from earthline.vl1.status import NodeStatus, PeerState, node_status, peer_states
from earthline.vl1.surface import Surface
from earthline.vl1.tables import SwitchTables
from earthline.vl1.timers import Timer, Timers
from earthline.vl1.topology import Topology
from earthline.vl1.whois import Whois
from earthline.vl1.worlds import Worlds
from earthline.wire.identity import Identity, SecretIdentity
from earthline.wire.inet import InetAddress
from earthline.wire.packet import ErrorCode, Verb
from earthline.wire.reader import Malformed

Event = (
    HelloReceived
    | UnknownSource
    | PacketReceived
    | PathSeen
    | PairRelayed
    | Activity
    | SocketsChanged
    | StateLoaded
)


class PeerEngine:
    """One node's VL1. ``entropy(n)`` gives n random bytes; ``emit`` takes each command for the host."""

    def __init__(
        self, identity: SecretIdentity, entropy: Callable[[int], bytes], emit: Emit
    ) -> None:
        self.local = Local(identity, entropy, emit)
        self.worlds = Worlds(self.local)
        self.topology = Topology(self.local, self.worlds)
