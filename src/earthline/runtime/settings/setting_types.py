"""Values of ``local.conf``: what a text or number must be, checked where it is read (05, 3)."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from earthline.wire.address import parse_address
from earthline.wire.inet import InetAddress


def _ip(text: str) -> str:
    ipaddress.ip_address(_without_zone(text))
    return text


def _ip_network(text: str) -> str:
    ipaddress.ip_network(_without_zone(text), strict=False)
    return text


def _without_zone(text: str) -> str:
    """The text; ValueError for what the standard library reads and the wire cannot say."""
    if "%" in text:
        raise ValueError(f"zones are not addresses: {text!r}")
    return text


def _endpoint(text: str) -> str:
    if InetAddress.parse(text).port == 0:
        raise ValueError(f"no port: {text!r} is not ip/port")
    return text


def _endpoint_v4(text: str) -> str:
    if not InetAddress.parse(_endpoint(text)).is_ipv4:
        raise ValueError(f"not an IPv4 address: {text!r}")
    return text


def _address(text: str) -> str:
    parse_address(text)
    return text.lower()


def _mark(value: object) -> object:
    """JSON has no hexadecimal numbers, which marks are commonly written in."""
    return int(value, 0) if isinstance(value, str) else value


IpText = Annotated[str, AfterValidator(_ip)]
IpNetworkText = Annotated[str, AfterValidator(_ip_network)]
EndpointText = Annotated[str, AfterValidator(_endpoint)]
EndpointV4Text = Annotated[str, AfterValidator(_endpoint_v4)]
AddressText = Annotated[str, AfterValidator(_address)]
PortNumber = Annotated[int, Field(ge=0, le=0xFFFF)]
PrefixText = Annotated[str, Field(min_length=1)]
"""The beginning of an interface's name; an empty one would be that of all."""
MarkNumber = Annotated[int, BeforeValidator(_mark), Field(ge=0, le=0xFFFF_FFFF)]
"""A packet mark (``SO_MARK``): a number, or a text of one such as ``0x45000000``."""
Count = Annotated[int, Field(ge=0)]


class Section(BaseModel):
    """A strict object that keeps what it does not know."""

    model_config = ConfigDict(extra="allow", strict=True, populate_by_name=True)
