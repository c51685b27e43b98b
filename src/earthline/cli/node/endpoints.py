"""Where a root can be reached: what people write for it, and whether that can be true."""

from __future__ import annotations

import ipaddress
import socket
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from earthline.cli.common.output import ask, call, fail, hint
from earthline.wire.inet import InetAddress, Scope

AUTO = "auto"
DEFAULT_PORT = 9993
FORMS = "as 192.0.2.1, 192.0.2.1:9993, [2001:db8::1]:9993 or vpn.example.org"
Endpoints = Annotated[
    list[str] | None,
    typer.Option(
        "--endpoint",
        metavar="IP[:PORT]|NAME",
        help="Where this root can be reached; repeat. Default: this host's public address, if it"
        " has exactly one. Default port: that of the service.",
    ),
]
NewEndpoints = Annotated[
    list[str] | None,
    typer.Option(
        "--endpoint",
        metavar="IP[:PORT]|NAME",
        help="Where this root can be reached from now on; repeat.",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask about doubtful endpoints.")]

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Wish:
    """The endpoints that were asked for, understood."""

    endpoints: tuple[InetAddress, ...]
    resolved: tuple[str, ...] = ()
    """What became of names: lines for the user."""
    doubts: tuple[str, ...] = ()
    """Why nodes may not reach them: lines for the user."""

    @property
    def texts(self) -> list[str]:
        """As the API takes them."""
        return [str(endpoint) for endpoint in self.endpoints]


def understand(texts: Sequence[str]) -> Wish:
    """Look at what the user wrote, and at this host; ends the program where it makes no sense."""
    status = call("GET", "/status")
    port = int(_settings(status).get("primaryPort") or DEFAULT_PORT)
    endpoints: list[InetAddress] = []
    resolved: list[str] = []
    for text in texts or (AUTO,):
        for endpoint in _endpoints_of(text, port, status, resolved):
            if endpoint not in endpoints:
                endpoints.append(endpoint)
    doubts = [line for endpoint in endpoints for line in _doubts(endpoint, status)]
    return Wish(tuple(endpoints), tuple(resolved), tuple(doubts))


def ask_about(wish: Wish, *, yes: bool) -> None:
    """Have a person at a terminal decide about doubtful endpoints, unless that is done already."""
    if sys.stdin.isatty() and sys.stdout.isatty():
        hint(*wish.resolved)
        if wish.doubts and not yes:
            hint(*(f"warning: {line}" for line in wish.doubts))
            ask("Go on all the same?")


def tell_after(wish: Wish, *, yes: bool) -> None:
    """The same where nobody can be asked: a line on each, once the command has had its way."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        hint(*wish.resolved)
        if not yes:
            hint(*(f"warning: {line}" for line in wish.doubts))


def _settings(status: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = status.get("config", {}).get("settings", {})
    return found


# --- what was written -----------------------------------------------------------------------------


def _endpoints_of(
    text: str, port: int, status: dict[str, Any], resolved: list[str]
) -> list[InetAddress]:
    if text == AUTO:
        return [InetAddress(ip.packed, port) for ip in (_public_address(status),)]
    host, given = _split(text)
    used = port if given is None else given
    try:
        return [InetAddress(ipaddress.ip_address(host).packed, used)]
    except ValueError:
        pass
    found = _look_up(text, host)
    shown = ", ".join(map(str, found))
    resolved.append(
        f"{host} is {shown} now: the address is what is signed, so run "
        "`earthline planet reissue` when it changes"
    )
    return [InetAddress(ip.packed, used) for ip in found]


def _split(text: str) -> tuple[str, int | None]:
    """Host and port, if there is one: after a slash, after a bracket, or after the only colon."""
    host, separator, port = text.strip().rpartition("/")
    if not separator:
        bare = host or port
        head, separator, tail = bare.rpartition(":")
        if separator and (":" not in head or head.endswith("]")):
            host, port = head, tail
        else:
            host, port, separator = bare, "", ""
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    if separator and not (port.isascii() and port.isdigit() and 0 < int(port) <= 0xFFFF):
        fail(f"{text!r} is not an endpoint: its port must be 1 to 65535; write it {FORMS}")
    if not host or any(c not in _HOST for c in host.lower()):
        fail(f"{text!r} is not an endpoint: write it {FORMS}")
    return host, int(port) if separator else None


_HOST = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-_:")


def _look_up(text: str, host: str) -> list[IpAddress]:
    if all(c in "0123456789." for c in host) or ":" in host:
        fail(f"{text!r} is not an endpoint: write it {FORMS}")
    found: list[Any] = []
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "no such name"
        fail(f"{text!r} is not an endpoint: {host}: {reason}; give the address, {FORMS}")
    addresses = dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found)
    return [ipaddress.ip_address(address) for address in addresses]


# --- whether it can be true -----------------------------------------------------------------------


def _listening(status: dict[str, Any]) -> Iterator[InetAddress]:
    for text in _settings(status).get("listeningOn", ()):
        yield InetAddress.parse(text)


def _public_address(status: dict[str, Any]) -> IpAddress:
    """The one public address of this host; ends the program if there is none, or are several."""
    found = dict.fromkeys(a.ip for a in _listening(status) if a.scope is Scope.GLOBAL)
    addresses = [ipaddress.ip_address(ip) for ip in found]
    if len(addresses) != 1:
        has = ", ".join(map(str, addresses))
        which = f"several public addresses ({has})" if addresses else "no public address of its own"
        fail(
            f"this host has {which}: give the one at which nodes reach it, "
            "for example --endpoint 192.0.2.1/9993"
        )
    return addresses[0]


def _doubts(endpoint: InetAddress, status: dict[str, Any]) -> Iterator[str]:
    """Why nodes may not reach this root there."""
    if endpoint.scope in (Scope.LOOPBACK, Scope.NONE, Scope.MULTICAST, Scope.LINK_LOCAL):
        yield f"{endpoint.ip_text} is no address that another host can reach"
        return
    own = list(_listening(status))
    seen = [InetAddress.parse(t) for t in _settings(status).get("surfaceAddresses", ())]
    ours = {address.ip for address in (*own, *seen)}
    if own and endpoint.ip not in ours:
        yield (
            f"{endpoint.ip_text} is not an address of this host: "
            f"a router has to forward UDP port {endpoint.port} to it"
        )
    ports = {address.port for address in (*own, *seen)}
    if own and endpoint.port not in ports:
        listed = ", ".join(map(str, sorted({address.port for address in own})))
        yield f"this service does not listen on UDP port {endpoint.port}, but on {listed}"
