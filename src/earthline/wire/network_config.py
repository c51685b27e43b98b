"""The configuration of a member, as its controller sends it: a dictionary (03, 3.3 to 3.5).

Order of the keys as stock controllers write them:

::

    v nwid ts ctmd r id tt tl f ml t n mtu     scalars, always all
    C CAP TAG COO S RT I R DNS                 binary, left out where empty (DNS never)
    ssov ssoe ...                              sign-on
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from earthline.wire.address import MAX_ADDRESS
from earthline.wire.credentials.capability import Capability
from earthline.wire.credentials.com import CertificateOfMembership
from earthline.wire.credentials.ownership import CertificateOfOwnership
from earthline.wire.credentials.tag import Tag
from earthline.wire.dictionary import Dictionary
from earthline.wire.inet import InetAddress, emit_inet, read_inet
from earthline.wire.reader import Malformed, Reader
from earthline.wire.rules import emit_rules, parse_rules
from earthline.wire.sign_on import SignOn

FORMAT_VERSION = 7
_OLDEST_FORMAT = 6

DEFAULT_MTU = 2800
MIN_MTU = 1280
MAX_MTU = 10000

FLAG_BROADCAST = 0x02
FLAG_EMULATE_NEIGHBOURS = 0x04
FLAG_UNKNOWN_MATCHES = 0x08
"""A match of a type that is not supported counts as a match."""
FLAG_UNCOMPRESSED_MULTICAST = 0x10

ROLE_ACTIVE_BRIDGE = 0x0000020000000000
ROLE_ANCHOR = 0x0000040000000000
ROLE_MULTICAST_REPLICATOR = 0x0000080000000000
"""High bits of a specialist, above its address."""

MAX_CAPABILITIES = 128
MAX_TAGS = 128
MAX_OWNERSHIPS = 4
MAX_SPECIALISTS = 256
MAX_ROUTES = 128
MAX_STATIC_IPS = 32
DNS_SERVERS = 4
_MAX_NAME = 127
_DNS_DOMAIN_LENGTH = 128

Item = TypeVar("Item")


class Route(NamedTuple):
    """A route of the network: ``target`` by way of ``via``, or directly."""

    target: InetAddress
    """The port is the prefix length."""
    via: InetAddress | None = None
    flags: int = 0
    metric: int = 0

    @classmethod
    def read(cls, reader: Reader) -> Route | None:
        """Read one; None if it has no target, so that it routes nothing."""
        target, via = read_inet(reader), read_inet(reader)
        flags, metric = reader.u16(), reader.u16()
        return None if target is None else cls(target, via, flags, metric)

    def emit(self) -> bytes:
        tail = self.flags.to_bytes(2, "big") + self.metric.to_bytes(2, "big")
        return self.target.emit() + emit_inet(self.via) + tail


class Dns(NamedTuple):
    """Domain and at most four servers for names in it.

    domain 128 bytes, NUL-padded; exactly four inet, null where unused
    """

    domain: str = ""
    servers: tuple[InetAddress, ...] = ()

    @classmethod
    def parse(cls, value: bytes) -> Dns:
        reader = Reader(value)
        domain = reader.take(_DNS_DOMAIN_LENGTH)[:-1].partition(b"\x00")[0]
        servers = [read_inet(reader) for _ in range(DNS_SERVERS)]
        return cls(domain.decode("utf-8", "ignore"), tuple(s for s in servers if s is not None))

    def emit(self) -> bytes:
        domain = self.domain.encode()[: _DNS_DOMAIN_LENGTH - 1]
        servers = b"".join(server.emit() for server in self.servers[:DNS_SERVERS])
        unused = emit_inet(None) * (DNS_SERVERS - len(self.servers))
        return domain.ljust(_DNS_DOMAIN_LENGTH, b"\x00") + servers + unused


_NO_DNS = Dns()
_NO_SIGN_ON = SignOn()


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """A member's configuration. Nothing in it is verified; the chunks that brought it were."""

    network: int
    issued_to: int
    """Address of the member."""
    timestamp: int = 0
    """The controller's time of issue, ms."""
    credential_max_delta: int = 0
    """How far (ms) from ``timestamp`` a credential may be issued and still count."""
    revision: int = 0
    trace_target: int = 0
    """Address that wants remote traces, or 0."""
    trace_level: int = 0
    flags: int = 0
    multicast_limit: int = 0
    """Recipients per multicast frame; 0 switches multicast off."""
    public: bool = False
    name: str = ""
    mtu: int = DEFAULT_MTU
    com: CertificateOfMembership | None = None
    capabilities: tuple[Capability, ...] = ()
    tags: tuple[Tag, ...] = ()
    ownerships: tuple[CertificateOfOwnership, ...] = ()
    specialists: tuple[int, ...] = ()
    """Addresses with role bits."""
    routes: tuple[Route, ...] = ()
    static_ips: tuple[InetAddress, ...] = ()
    """The ports are prefix lengths."""
    rules: bytes = b""
    """A rule table in canonical form; empty lets nothing through."""
    dns: Dns = _NO_DNS
    sign_on: SignOn = _NO_SIGN_ON

    @classmethod
    def parse(cls, data: bytes) -> NetworkConfig:
        """Read a dictionary; raises `Malformed` for what a member must refuse (03, 3.8)."""
        entries = Dictionary.parse(data)
        network, issued_to = entries.get_int("nwid"), entries.get_address("id")
        if entries.get_int("v") < _OLDEST_FORMAT or network == 0 or issued_to == 0:
            raise Malformed("configuration of an old format, or for nobody")
        return cls(
            network=network,
            issued_to=issued_to,
            timestamp=entries.get_int("ts"),
            credential_max_delta=entries.get_int("ctmd"),
            revision=entries.get_int("r"),
            trace_target=entries.get_address("tt"),
            trace_level=entries.get_int("tl"),
            flags=entries.get_int("f"),
            multicast_limit=entries.get_int("ml"),
            public=entries.get_int("t") == 1,
            name=(entries.get("n") or b"")[:_MAX_NAME].decode("utf-8", "ignore"),
            mtu=min(max(entries.get_int("mtu", DEFAULT_MTU), MIN_MTU), MAX_MTU),
            com=_read_com(entries.get("C")),
            capabilities=_read_capabilities(entries.get("CAP")),
            tags=_read_tags(entries.get("TAG")),
            ownerships=_read_all(entries.get("COO"), CertificateOfOwnership.read, MAX_OWNERSHIPS),
            specialists=_read_specialists(entries.get("S")),
            routes=_present(_read_all(entries.get("RT"), Route.read, MAX_ROUTES)),
            static_ips=_present(_read_all(entries.get("I"), read_inet, MAX_STATIC_IPS)),
            rules=emit_rules(parse_rules(entries.get("R") or b"")),
            dns=_read_dns(entries.get("DNS")),
            sign_on=SignOn.read(entries),
        )

    def emit(self) -> bytes:
        """The dictionary, byte for byte as a stock controller writes it."""
        entries = Dictionary()
        self._write_scalars(entries)
        for key, value in self._binaries():
            if value:
                entries.set(key, value)
        self.sign_on.write(entries)
        return entries.emit()

    def _write_scalars(self, entries: Dictionary) -> None:
        entries.set_int("v", FORMAT_VERSION)
        entries.set_int("nwid", self.network)
        entries.set_int("ts", self.timestamp)
        entries.set_int("ctmd", self.credential_max_delta)
        entries.set_int("r", self.revision)
        entries.set_address("id", self.issued_to)
        entries.set_address("tt", self.trace_target)
        entries.set_int("tl", self.trace_level)
        entries.set_int("f", self.flags)
        entries.set_int("ml", self.multicast_limit)
        entries.set_int("t", self.public)
        entries.set_text("n", self.name)
        entries.set_int("mtu", self.mtu)

    def _binaries(self) -> tuple[tuple[str, bytes], ...]:
        return (
            ("C", b"" if self.com is None else self.com.emit()),
            ("CAP", b"".join(capability.emit() for capability in self.capabilities)),
            ("TAG", b"".join(tag.emit() for tag in self.tags)),
            ("COO", b"".join(ownership.emit() for ownership in self.ownerships)),
            ("S", b"".join(specialist.to_bytes(8, "big") for specialist in self.specialists)),
            ("RT", b"".join(route.emit() for route in self.routes)),
            ("I", b"".join(ip.emit() for ip in self.static_ips)),
            ("R", self.rules),
            ("DNS", self.dns.emit()),
        )

    @property
    def broadcast(self) -> bool:
        """Whether Ethernet broadcast is allowed."""
        return bool(self.flags & FLAG_BROADCAST)

    @property
    def emulate_neighbours(self) -> bool:
        """Whether neighbour solicitations for computed addresses are answered locally."""
        return bool(self.flags & FLAG_EMULATE_NEIGHBOURS)

    @property
    def unknown_matches(self) -> bool:
        """Whether a rule's match of an unsupported type counts as a match."""
        return bool(self.flags & FLAG_UNKNOWN_MATCHES)

    @property
    def compress_multicast(self) -> bool:
        return not self.flags & FLAG_UNCOMPRESSED_MULTICAST

    @property
    def addresses(self) -> tuple[InetAddress, ...]:
        """The static IPs with a prefix that there can be: of others nobody can make anything."""
        return tuple(ip for ip in self.static_ips if ip.netmask_valid)

    @property
    def possible_routes(self) -> tuple[Route, ...]:
        """The routes to what there can be, likewise."""
        return tuple(route for route in self.routes if route.target.netmask_valid)

    @property
    def bridges(self) -> tuple[int, ...]:
        """Addresses of the active bridges."""
        return self._with_role(ROLE_ACTIVE_BRIDGE)

    @property
    def anchors(self) -> tuple[int, ...]:
        return self._with_role(ROLE_ANCHOR)

    @property
    def replicators(self) -> tuple[int, ...]:
        """Addresses of the multicast replicators."""
        return self._with_role(ROLE_MULTICAST_REPLICATOR)

    @property
    def always_contact(self) -> tuple[int, ...]:
        """Addresses of anchors and replicators, with which contact is kept."""
        return self._with_role(ROLE_ANCHOR | ROLE_MULTICAST_REPLICATOR)

    @property
    def has_credentials(self) -> bool:
        """Whether there is anything to push to other members (03, 4.8)."""
        return bool(self.com or self.capabilities or self.tags or self.ownerships)

    def _with_role(self, role: int) -> tuple[int, ...]:
        return tuple(s & MAX_ADDRESS for s in self.specialists if s & role)


def _read_com(value: bytes | None) -> CertificateOfMembership | None:
    return CertificateOfMembership.read(Reader(value)) if value else None


def _read_dns(value: bytes | None) -> Dns:
    return Dns.parse(value) if value else _NO_DNS


def _read_capabilities(value: bytes | None) -> tuple[Capability, ...]:
    capabilities = _read_good(value, Capability.read, MAX_CAPABILITIES)
    return tuple(sorted(capabilities, key=lambda capability: capability.capability_id))


def _read_tags(value: bytes | None) -> tuple[Tag, ...]:
    return tuple(sorted(_read_good(value, Tag.read, MAX_TAGS), key=lambda tag: tag.tag_id))


def _read_specialists(value: bytes | None) -> tuple[int, ...]:
    """An incomplete last one is ignored."""
    return tuple(_read_good(value, Reader.u64, MAX_SPECIALISTS))


def _read_all(value: bytes | None, read: Callable[[Reader], Item], limit: int) -> tuple[Item, ...]:
    """The first items of a concatenation; a malformed one makes it all malformed."""
    reader = Reader(value or b"")
    items: list[Item] = []
    while not reader.done and len(items) < limit:
        items.append(read(reader))
    return tuple(items)


def _read_good(value: bytes | None, read: Callable[[Reader], Item], limit: int) -> list[Item]:
    """The items of a concatenation up to the first malformed one."""
    reader = Reader(value or b"")
    items: list[Item] = []
    while not reader.done and len(items) < limit:
        try:
            items.append(read(reader))
        except Malformed:
            break
    return items


def _present(items: tuple[Item | None, ...]) -> tuple[Item, ...]:
    return tuple(item for item in items if item is not None)
