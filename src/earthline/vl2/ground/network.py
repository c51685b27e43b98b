"""One joined network: its configuration, its status, and what is known of its members (03, 10)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

from earthline.bounded import FairTable
from earthline.vl2.ground.assembly import Assembly
from earthline.wire.address import controller_of, is_reserved
from earthline.wire.mac import mac_of
from earthline.wire.multicast import BROADCAST_GROUP, MulticastGroup

if TYPE_CHECKING:
    from earthline.effects import ConfigureTap
    from earthline.vl2.ground.membership import Membership
    from earthline.wire.credentials.com import CertificateOfMembership
    from earthline.wire.network_config import NetworkConfig

MEMBER_LIMIT = 65_536
"""Membership records of one network."""

NAMED = 0
"""Holds the records of all who proved nothing, and whom others told us to send to.

Anybody may name any number of them; whom credentials are of, and whom our own host speaks to, hold
a record each.
"""

BRIDGED_GROUP_MS = 1_200_000
"""How long a group behind our bridge is announced after its last frame (03, 8.5)."""

BRIDGED_GROUP_LIMIT = 1_024
"""Groups behind our bridge; of more, one of the host goes that shows most."""


class NetworkStatus(IntEnum):
    """What the user sees of a network (03, 10.1)."""

    REQUESTING_CONFIGURATION = 0
    OK = 1
    ACCESS_DENIED = 2
    NOT_FOUND = 3
    PORT_ERROR = 4
    CLIENT_TOO_OLD = 5
    AUTHENTICATION_REQUIRED = 6


@dataclass(frozen=True, slots=True)
class Authentication:
    """How to log in, from an "authentication required" error (03, 2.6)."""

    version: int
    url: str = ""
    issuer_url: str = ""
    central_url: str = ""
    nonce: str = ""
    state: str = ""
    client_id: str = ""
    provider: str = "default"


@dataclass(slots=True)
class Network:
    """The state of one joined network, changed by the modules that own the rules."""

    id: int
    own_address: int
    config: NetworkConfig | None = None
    refusal: NetworkStatus | None = None
    """The controller's last word, if that was an error; a configuration clears it."""
    revoked_up_to: int = 0
    """Our own certificates issued up to this are revoked."""
    authentication: Authentication | None = None
    port_error: str = ""
    requested_at: int = 0
    updated_at: int = 0
    """When a configuration was last applied; 0 while the one held came from the cache."""
    revision: int = 0
    """Counts applied configurations: credentials pushed from an earlier one are old (03, 4.8)."""
    rights: int = 0
    """Counts changes of what our credentials say, other than when: rules may ask for it."""
    subscriptions: frozenset[MulticastGroup] = frozenset()
    bridged: FairTable[MulticastGroup, int, int] = field(
        default_factory=lambda: FairTable(BRIDGED_GROUP_LIMIT)
    )
    """Groups seen behind our bridge, and when last; by the MAC that was last seen to send to it."""
    members: FairTable[int, int, Membership] = field(
        default_factory=lambda: FairTable(MEMBER_LIMIT)
    )
    assembly: Assembly = field(default_factory=Assembly)
    tap: ConfigureTap | None = None
    """What the host was last told of the TAP."""
    announced: dict[int, int] = field(default_factory=dict)
    """When each node of the upstream set is due to be told our groups (03, 8.3)."""

    @property
    def mac(self) -> int:
        """Our MAC on this network."""
        return mac_of(self.own_address, self.id)

    @property
    def controller(self) -> int | None:
        """The controller's address; None for an ad-hoc network."""
        address = controller_of(self.id)
        return None if is_reserved(address) else address

    @property
    def status(self) -> NetworkStatus:
        if self.port_error:
            return NetworkStatus.PORT_ERROR
        if self.refusal is not None:
            return self.refusal
        if self.config is None:
            return NetworkStatus.REQUESTING_CONFIGURATION
        return NetworkStatus.OK

    @property
    def is_revoked(self) -> bool:
        """Whether our own certificate is: the others refuse what we send."""
        return self.com is not None and self.com.timestamp <= self.revoked_up_to

    @property
    def is_out(self) -> bool:
        """Whether the network has nothing for us any more: no address, and no way to anywhere.

        A controller that does not find the network may have lost its database for a moment. It is
        believed if it revoked us, too, as it does when it deletes a network.
        """
        if self.refusal is NetworkStatus.NOT_FOUND:
            return self.is_revoked
        return self.refusal is NetworkStatus.ACCESS_DENIED

    @property
    def com(self) -> CertificateOfMembership | None:
        """Our own certificate of membership."""
        return None if self.config is None else self.config.com

    @property
    def is_bridge(self) -> bool:
        """Whether we are an active bridge here."""
        return self.config is not None and self.own_address in self.config.bridges

    @property
    def contacts(self) -> tuple[int, ...]:
        """Anchors and multicast replicators: always kept in contact (03, 3.4)."""
        if self.config is None:
            return ()
        return tuple(a for a in self.config.always_contact if a != self.own_address)

    def groups(self) -> list[MulticastGroup]:
        """The groups we announce, sorted (03, 8.2)."""
        groups = self.own_groups()
        if self.config is not None and self.config.broadcast:
            groups.add(BROADCAST_GROUP)
        return sorted(groups)

    def own_groups(self) -> set[MulticastGroup]:
        """Groups subscribed here or seen behind our bridge, without implicit broadcast."""
        return set(self.subscriptions) | set(self.bridged)
