"""``dump``: all a stranger needs to know of this node to be of help, in one file (05, 6.7)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import platform
from pathlib import Path

from earthline import STOCK_VERSION
from earthline.controller.store.passwords import hide_passwords
from earthline.runtime.base.files import read_if_there

FILE = "zerotier_dump.txt"
SYSFS = Path("/sys/class/net")


def dump_text(home: Path, answers: dict[str, str]) -> str:
    """The file's content, for the raw ``answers`` of the API by their titles."""
    parts = [f"platform: {platform.system()}\nzerotier version: {STOCK_VERSION}"]
    parts += [_section(title, body) for title, body in answers.items()]
    parts.append(_section("local.conf", _settings(home)))
    parts.append(_section("Network Interfaces", ""))
    return "\n\n".join(parts) + "\n" + "\n".join(asyncio.run(_interfaces())) + "\n"


def _section(title: str, body: str) -> str:
    return f"{title}\n{'-' * len(title)}\n{body}"


def _settings(home: Path) -> str:
    try:
        data = read_if_there(home / "local.conf")
    except OSError:
        data = None
    if data is None:
        return "None Present"
    text = data.decode("utf-8", "replace")
    with contextlib.suppress(ValueError):  # as it stands, since that may be what is wrong
        text = json.dumps(json.loads(text), separators=(",", ":"), sort_keys=True)
    return hide_passwords(text)


async def _interfaces() -> list[str]:
    """A paragraph for every interface but the loopback."""
    from earthline.runtime.host.netlink import Netlink  # noqa: PLC0415 - heavy, and needed for this only

    async with Netlink() as netlink:
        found = await netlink.interfaces()
    others = [interface for interface in found if interface.name != "lo"]
    return [
        "\n".join(
            [
                _section(f"Interface {number}", f"Name: {interface.name}"),
                f"MTU: {_fact(interface.name, 'mtu')}",
                f"MAC: {_fact(interface.name, 'address')}",
                "Addresses: ",
                *(str(address).partition("/")[0] for address in interface.addresses),
            ]
        )
        for number, interface in enumerate(others)
    ]


def _fact(interface: str, name: str) -> str:
    try:
        return (SYSFS / interface / name).read_text("ascii").strip()
    except OSError:
        return "-"
