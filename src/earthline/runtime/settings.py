"""``local.conf``: the user's settings, typed (05, section 3).

Keys that are not known here are kept and shown. A value of the wrong type stops the start with one
line that names the key.
"""

from __future__ import annotations

import ipaddress
import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from earthline.runtime.files import read_if_there, write_atomic
from earthline.runtime.home import StartFault
from earthline.wire.address import parse_address
from earthline.wire.inet import InetAddress


def _ip(text: str) -> str:
    ipaddress.ip_address(text)
    return text


def _ip_network(text: str) -> str:
    ipaddress.ip_network(text, strict=False)
    return text


def _endpoint(text: str) -> str:
    InetAddress.parse(text)
    return text


def _address(text: str) -> str:
    parse_address(text)
    return text


IpText = Annotated[str, AfterValidator(_ip)]
IpNetworkText = Annotated[str, AfterValidator(_ip_network)]
EndpointText = Annotated[str, AfterValidator(_endpoint)]
AddressText = Annotated[str, AfterValidator(_address)]
PortNumber = Annotated[int, Field(ge=0, le=0xFFFF)]


class _Section(BaseModel):
    """A strict section that keeps what it does not know."""

    model_config = ConfigDict(extra="allow", strict=True, populate_by_name=True)


class OffloadSettings(_Section):
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


class ServiceSettings(_Section):
    """The object ``settings`` (05, 3.1)."""

    primary_port: PortNumber | None = Field(default=None, alias="primaryPort")
    secondary_port: PortNumber = Field(default=0, alias="secondaryPort")
    allow_secondary_port: bool = Field(default=True, alias="allowSecondaryPort")
    port_mapping_enabled: bool = Field(default=True, alias="portMappingEnabled")
    interface_prefix_blacklist: list[str] = Field(
        default_factory=list, alias="interfacePrefixBlacklist"
    )
    bind: list[IpText] = Field(default_factory=list)
    allow_management_from: list[IpNetworkText] = Field(
        default_factory=list, alias="allowManagementFrom"
    )
    join_earth: bool = Field(default=True, alias="joinEarth")
    offload: OffloadSettings = OffloadSettings()


class PhysicalNetwork(_Section):
    """What holds for remote and local addresses in an IP network (05, 3.2)."""

    blacklist: bool = False
    trusted_path_id: Annotated[int, Field(ge=0, lt=1 << 64)] = Field(
        default=0, alias="trustedPathId"
    )
    mtu: Annotated[int, Field(ge=0)] = 0


class VirtualPeer(_Section):
    """Hints for one peer (05, 3.3)."""

    attempt: list[EndpointText] = Field(default_factory=list, alias="try")
    blacklist: list[IpNetworkText] = Field(default_factory=list)


MAX_PHYSICAL = 32
"""The engine's limit (02, 9)."""


class Settings(_Section):
    """All of ``local.conf``."""

    settings: ServiceSettings = ServiceSettings()
    physical: Annotated[dict[IpNetworkText, PhysicalNetwork], Field(max_length=MAX_PHYSICAL)] = (
        Field(default_factory=dict)
    )
    virtual: dict[AddressText, VirtualPeer] = Field(default_factory=dict)

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
        self._read: bytes | None = None

    def reload_if_changed(self) -> bool:
        """Read the file again if its content is new; `StartFault`, once, if it cannot be used."""
        if read_if_there(self.path) == self._read:
            return False
        self.load()
        return True

    def load(self) -> None:
        """Read the file; `StartFault` with one line if it cannot be used."""
        data = self._read = read_if_there(self.path)
        raw = parse_settings_text(data, str(self.path)) if data and data.strip() else {}
        self.parsed = understand(raw, str(self.path))
        self.raw = raw

    def change(self, changes: dict[str, Any]) -> None:
        """Replace or add keys of ``settings``, check them, and rewrite the file (05, 7.6).

        Raises `StartFault` and changes nothing if a value is of the wrong type.
        """
        stored = self.raw.get("settings")
        merged = {**(stored if isinstance(stored, dict) else {}), **changes}
        raw = {**self.raw, "settings": merged}
        self.parsed = understand(raw, str(self.path))
        self.raw = raw
        self._read = json.dumps(raw, indent=4, sort_keys=True).encode() + b"\n"
        write_atomic(self.path, self._read)


def parse_settings_text(data: bytes, name: str) -> dict[str, Any]:
    """The JSON object of a settings file."""
    try:
        raw = json.loads(data)
    except ValueError as error:
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
