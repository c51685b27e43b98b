"""``local.conf``: the user's settings, typed (05, 3).

Keys that are not known here are kept and shown. A value of the wrong type stops the start with one
line that names the key.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import structlog
from pydantic import Field, ValidationError

from earthline.controller.store.passwords import without_passwords
from earthline.runtime.base.files import PRIVATE, mode_of, read_if_there, restrict, write_atomic
from earthline.runtime.home.home import StartFault
from earthline.runtime.settings.bond_settings import BondPolicy
from earthline.runtime.settings.setting_types import (
    AddressText,
    Count,
    EndpointText,
    EndpointV4Text,
    IpNetworkText,
    IpText,
    MarkNumber,
    PortNumber,
    PrefixText,
    Section,
)
from earthline.runtime.settings.trusted_paths import parse_trusted_paths, with_trusted_paths

log = structlog.get_logger()


MAX_DAYS = 36_500
"""Of ``controllerForgetDays``: a hundred years, so that no sum of times overflows."""
MAX_THREADS = 64
"""Of ``threads``, each of which opens a queue of every TAP: the kernel gives at most 256."""
SOCKET_MARK = 0x4500_0000
"""In the byte that is used least: Tailscale and OpenWrt have the second, Kubernetes and its
networks the others. What VPNs such as WireGuard's compare marks with is none that begins so."""
AUTOMATIC_THREADS = 8
"""Most threads without a setting: beyond that the kernel's queues are what limits."""


class OffloadSettings(Section):
    """What the I/O leaves to the kernel where that knows how: a switch for each kind of work."""

    tso: bool = True
    """TCP stretches are read from a TAP as one frame."""
    uso: bool = True
    """So are several UDP datagrams."""
    join: bool = True
    """Frames of a flow are joined before they are written to a TAP."""
    gso: bool = True
    """Datagrams are sent several at a time."""
    gro: bool = True
    """Datagrams are received several at a time."""
    moderation: bool = True
    """A thread rests for 50 µs between the small batches of a bulk transfer."""


class TlsFiles(Section):
    """A certificate chain and its key, both PEM; paths are relative to the home folder."""

    certificate: str
    """File of the certificate chain."""
    key: str
    """File of its private key."""


class TcpRelaySettings(Section):
    """Ours: the TCP relay that this node is for nodes without UDP (02, 8.3)."""

    listen: list[EndpointText] = Field(default_factory=list)
    """Where it listens, such as 0.0.0.0/443; empty: it is none."""
    tls: TlsFiles | None = None
    """None: with a certificate of its own making."""
    max_clients: Annotated[int, Field(ge=1, le=0xFFFF)] = Field(default=1024, alias="maxClients")
    """Clients served at a time; a new one takes the place of an old one beyond that."""


class ServiceSettings(Section):
    """The object ``settings`` (05, 3.1).

    "Ours" are keys that a stock service does not know. "Kept" are those of the stock service that
    have no effect here: they are checked, stored and shown.
    """

    primary_port: PortNumber | None = Field(default=None, alias="primaryPort")
    """UDP port, and TCP port of the API; it wins over the command line. Unset: 9993; 0: random."""
    secondary_port: PortNumber = Field(default=0, alias="secondaryPort")
    """Second UDP port, for NATs that mishandle two hosts with the same port; 0: random."""
    tertiary_port: PortNumber = Field(default=0, alias="tertiaryPort")
    """UDP port that the gateway is asked to map; 0: one that follows from the node's address."""
    allow_secondary_port: bool = Field(default=True, alias="allowSecondaryPort")
    """Whether there is a second port at all."""
    port_mapping_enabled: bool = Field(default=True, alias="portMappingEnabled")
    """Whether the gateway is asked for an outside port, by PCP, NAT-PMP or UPnP."""
    port_spray: bool = Field(default=True, alias="portSpray")
    """Ours: whether many ports are tried where one NAT is symmetric and the other is strict."""
    allow_tcp_fallback_relay: bool = Field(default=True, alias="allowTcpFallbackRelay")
    """Whether a TCP relay is used where UDP does not get through."""
    force_tcp_relay: bool = Field(default=False, alias="forceTcpRelay")
    """No UDP at all: everything goes by a TCP relay."""
    tcp_fallback_relay: EndpointV4Text | None = Field(default=None, alias="tcpFallbackRelay")
    """The relay to use. Unset: the roots. The stock default is a third party's relay."""
    tcp_relay: TcpRelaySettings = Field(default_factory=TcpRelaySettings, alias="tcpRelay")
    """Ours: the TCP relay that this node is for others; see below."""
    interface_prefix_blacklist: list[PrefixText] = Field(
        default_factory=list, alias="interfacePrefixBlacklist"
    )
    """Interfaces whose names begin so are not used."""
    interface_prefix_allowlist: list[PrefixText] = Field(
        default_factory=list, alias="interfacePrefixAllowlist"
    )
    """Ours: only interfaces whose names begin so are used; empty: all that are no virtual ones."""
    bind: list[IpText] = Field(default_factory=list)
    """Local addresses to use instead of those of the interfaces."""
    socket_mark: MarkNumber = Field(default=SOCKET_MARK, alias="socketMark")
    """Ours: what our datagrams are marked with, so that our interfaces refuse them; 0: nothing."""
    allow_management_from: list[IpNetworkText] = Field(
        default_factory=list, alias="allowManagementFrom"
    )
    """IP networks that may call the API beside this host; with none it listens on loopback only."""
    low_bandwidth_mode: bool = Field(default=False, alias="lowBandwidthMode")
    """Ours: less traffic of the node itself, at the price of slower reactions (02, 1.7)."""
    path_mtu_discovery: bool = Field(default=True, alias="pathMtuDiscovery")
    """Ours: whether to find out which datagrams a direct path carries whole."""
    mss_clamp: bool = Field(default=False, alias="mssClamp")
    """Ours: whether TCP connections agree on segments that fit one datagram of their way."""
    join_earth: bool = Field(default=True, alias="joinEarth")
    """Ours: whether a node that has joined nothing joins the Earth of its planet."""
    offload: OffloadSettings = OffloadSettings()
    """Ours: what is left to the kernel; see below."""
    threads: Annotated[int, Field(ge=0, le=MAX_THREADS)] = 0
    """Ours: threads that move packets; 0: as many as half of the cores, up to 8."""
    controller_db_path: str | None = Field(default=None, alias="controllerDbPath")
    """Folder or database URL of the controller. Unset: ``controller.d`` in the home folder."""
    controller_forget_days: Annotated[int, Field(ge=0, le=MAX_DAYS)] = Field(
        default=30, alias="controllerForgetDays"
    )
    """Ours: after how long unseen our controller forgets members that nobody touched; 0: never."""
    enable_web_server: bool = Field(default=False, alias="enableWebServer")
    """Whether the API serves the files of ``app`` in the home folder, without a token."""

    default_bonding_policy: str | None = Field(default=None, alias="defaultBondingPolicy")
    """Kept: nothing bonds paths yet."""
    policies: dict[str, BondPolicy] = Field(default_factory=dict)
    """Kept: policies of bonding by name; see below."""
    peer_specific_bonds: dict[AddressText, str] = Field(
        default_factory=dict, alias="peerSpecificBonds"
    )
    """Kept: name of the policy for each peer."""
    software_update: str = Field(default="disable", alias="softwareUpdate")
    """Kept: this service does not update itself."""
    software_update_channel: str = Field(default="release", alias="softwareUpdateChannel")
    """Kept, likewise."""
    software_update_dist: bool = Field(default=False, alias="softwareUpdateDist")
    """Kept, likewise."""
    multicore_enabled: bool = Field(default=False, alias="multicoreEnabled")
    """Kept: ``threads`` is what counts here."""
    concurrency: int = 1
    """Kept, likewise."""
    cpu_pinning_enabled: bool = Field(default=False, alias="cpuPinningEnabled")
    """Kept, likewise."""
    sso_redirect_url: str = Field(default="", alias="ssoRedirectURL")
    """Kept: the stock service uses it with controllers that it does not ship."""


def in_use() -> list[str]:
    """The keys of the settings that have an effect here."""
    names = list(ServiceSettings.model_fields)
    ours = [*names[: names.index("default_bonding_policy")], "enable_web_server"]
    return [ServiceSettings.model_fields[name].alias or name for name in ours]


def packet_threads(wished: int, cores: int) -> int:
    """How many threads move packets: the other half of the cores is for those who send them."""
    return wished or min(max(cores // 2, 1), AUTOMATIC_THREADS)


READ_AT_START = (
    "primary_port",
    "offload",
    "threads",
    "socket_mark",
    "controller_db_path",
    "controller_forget_days",
    "enable_web_server",
)
"""Settings that a running service cannot take over."""


def restart_needed(started_with: ServiceSettings, now: ServiceSettings) -> list[str]:
    """The keys that were changed and take effect with the next start only."""
    changed = (name for name in READ_AT_START if getattr(started_with, name) != getattr(now, name))
    return [ServiceSettings.model_fields[name].alias or name for name in changed]


class PhysicalNetwork(Section):
    """What holds for remote and local addresses in an IP network (05, 3.2)."""

    blacklist: bool = False
    """Never send to addresses in it, never bind to our own in it; without effect for a /0."""
    trusted_path_id: Annotated[int, Field(ge=0, lt=1 << 64)] = Field(
        default=0, alias="trustedPathId"
    )
    """Not 0: packets to and from it are not encrypted nor authenticated; both ends set the same."""
    mtu: Count = 0
    """Longest datagram (UDP payload, bytes) to addresses in it, within 1400 to 10324; 0: 1432."""


class VirtualPeer(Section):
    """Hints for one peer (05, 3.3)."""

    attempt: list[EndpointText] = Field(default_factory=list, alias="try")
    """Where to look for it, while no path to it is known."""
    blacklist: list[IpNetworkText] = Field(default_factory=list)
    """IP networks whose addresses are not used for it."""


MAX_PHYSICAL = 32
"""Entries of ``physical``: as many as a stock node takes (02, 9)."""


class Settings(Section):
    """All of ``local.conf``."""

    settings: ServiceSettings = ServiceSettings()
    """The service as a whole."""
    physical: Annotated[dict[IpNetworkText, PhysicalNetwork], Field(max_length=MAX_PHYSICAL)] = (
        Field(default_factory=dict)
    )
    """By IP network, such as 10.0.0.0/8: what holds for addresses in it."""
    virtual: dict[AddressText, VirtualPeer] = Field(default_factory=dict)
    """By node address: hints for that peer."""

    def blacklisted(self, ip: bytes) -> bool:
        """Whether a physical address must not be used, here or there (05, 3.2)."""
        address = ipaddress.ip_address(ip)
        return any(
            entry.blacklist and address in ipaddress.ip_network(network, strict=False)
            for network, entry in self.physical.items()
            if not network.endswith("/0")
        )

    def trusted_networks(self) -> list[tuple[bytes, int, int]]:
        """(ip, prefix length, trusted path ID) of every trusted path (02, 9)."""
        parsed = [
            (ipaddress.ip_network(network, strict=False), entry.trusted_path_id)
            for network, entry in self.physical.items()
            if entry.trusted_path_id
        ]
        return [(net.network_address.packed, net.prefixlen, path_id) for net, path_id in parsed]


class SettingsFile:
    """``local.conf`` as read, as understood, and as the API changes it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.raw: dict[str, Any] = {}
        self.parsed = Settings()
        self._trusted_file = path.with_name("trustedpaths")
        self._trusted: dict[str, int] = {}
        self._read: tuple[bytes | None, bytes | None] = (None, None)

    def reload_if_changed(self) -> bool:
        """Read the files again if they are new; `StartFault`, once, if they cannot be used."""
        if self._contents() == self._read:
            return False
        self.load()
        return True

    def load(self) -> None:
        """Read the files; `StartFault` with one line if one cannot be used."""
        data, trusted_data = self._read = self._contents()
        trusted = parse_trusted_paths(trusted_data or b"", str(self._trusted_file))
        raw = parse_settings_text(data, str(self.path)) if data and data.strip() else {}
        self.parsed = understand(with_trusted_paths(raw, trusted), str(self.path))
        self.raw, self._trusted = raw, trusted
        if trusted:
            log.warning("trustedpaths_is_deprecated", use="physical in local.conf")

    def change(
        self,
        changes: dict[str, Any],
        write: Callable[[Path, bytes, int], object] = write_atomic,
    ) -> None:
        """Replace or add keys of ``settings``, check them, and rewrite the file (05, 7.6).

        ``write`` takes the file, its content and its mode. Changes nothing, and raises `StartFault`
        if a value is of the wrong type, or what ``write`` raises.
        """
        stored = self.raw.get("settings")
        held = stored if isinstance(stored, dict) else {}
        merged = {**held, **{key: _unhidden(held.get(key), new) for key, new in changes.items()}}
        raw = {**self.raw, "settings": merged}
        parsed = understand(with_trusted_paths(raw, self._trusted), str(self.path))
        data = json.dumps(raw, indent=4, sort_keys=True).encode() + b"\n"
        write(self.path, data, self._mode(raw))
        self.parsed, self.raw = parsed, raw
        if self._contents()[0] != self._read[0]:  # else it waits for room, and is no news yet
            self._read = (data, self._read[1])

    @property
    def shown(self) -> dict[str, Any]:
        """What is read, for others to see: without the password of a database."""
        shown: dict[str, Any] = without_passwords(self.raw)
        return shown

    def protect(self) -> None:
        """Have nobody else read a file with a password, whoever wrote it."""
        mode = mode_of(self.path)
        if mode is None or mode & ~PRIVATE == 0 or self.shown == self.raw:
            return
        try:
            restrict(self.path, mode & PRIVATE)
        except OSError as error:
            log.warning("password_is_readable", file=str(self.path), error=error.strerror)

    def _mode(self, raw: dict[str, Any]) -> int:
        """That which the user gave the file; with a password in it, nobody else's business."""
        mode = mode_of(self.path)
        if mode is None:
            return PRIVATE
        return mode if without_passwords(raw) == raw else mode & PRIVATE

    def _contents(self) -> tuple[bytes | None, bytes | None]:
        try:
            return read_if_there(self.path), read_if_there(self._trusted_file)
        except OSError as error:
            raise StartFault(f"{error.filename}: {error.strerror}") from None


def _unhidden(stored: Any, new: Any) -> Any:
    """A changed value; that which is stored if it only comes back as it was shown."""
    return stored if new == without_passwords(stored) else new


def parse_settings_text(data: bytes, name: str) -> dict[str, Any]:
    """The JSON object of a settings file."""
    try:
        raw = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise StartFault(f"{name}: invalid JSON: {error}") from None
    if not isinstance(raw, dict):
        raise StartFault(f"{name}: the root element is not a JSON object")
    return raw


def understand(raw: dict[str, Any], name: str) -> Settings:
    """The typed settings; `StartFault` naming the first key that is wrong.

    A null stands for a key that is not set, since the API can store one but remove none.
    """
    try:
        return Settings.model_validate(_without_nulls(raw))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"] if part != "[key]")
        fault = first["msg"].removeprefix("Value error, ")
        raise StartFault(f"{name}: {key}: {fault[:1].lower()}{fault[1:]}") from None


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return value
