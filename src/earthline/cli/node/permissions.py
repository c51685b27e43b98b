"""``earthline set``: what a network may do to this host (05, 8.4)."""

from __future__ import annotations

import ipaddress
from typing import Annotated

import typer

from earthline.cli.common.output import call, fail, hexadecimal, say, show_json

NAMES = ("allowManaged", "allowGlobal", "allowDefault", "allowDNS")
WORDS = {"1": True, "true": True, "yes": True, "on": True}
WORDS |= {"0": False, "false": False, "no": False, "off": False}


def set_permissions(
    nwid: Annotated[str, typer.Argument(metavar="NETWORK")],
    settings: Annotated[
        list[str], typer.Argument(metavar="NAME=VALUE...", help=f"One of {', '.join(NAMES)}.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Set what a network may change on this host (addresses, routes, DNS).

    allowManaged also takes a list of IP networks.
    """
    network_id = hexadecimal(nwid, 16, "network ID")
    joined = {item["id"] for item in call("GET", "/network")}
    if network_id not in joined:
        fail(f"{network_id} is not joined: `earthline join {network_id}` joins it")
    found = call("POST", f"/network/{network_id}", dict(_setting(text) for text in settings))
    if as_json:
        show_json(found)
    else:
        say(", ".join(f"{name} {'on' if found[name] else 'off'}" for name in NAMES))


def _setting(text: str) -> tuple[str, bool | list[str]]:
    """One NAME=VALUE, as the API takes it. Simply on, allowManaged stands for everything."""
    name, equals, value = text.partition("=")
    if not equals or name not in NAMES:
        fail(
            f"{text!r} is not a setting: write NAME=VALUE, where NAME is one of {', '.join(NAMES)}"
        )
    word = WORDS.get(value.lower())
    if name == "allowManaged" and word is not False:
        return name, [] if word else _networks(value)
    if word is None:
        fail(f"{text!r} is not a setting: use on or off")
    return name, word


def _networks(value: str) -> list[str]:
    texts = [text.strip() for text in value.split(",")]
    try:
        return [str(ipaddress.ip_network(text, strict=False)) for text in texts]
    except ValueError:
        fail(f"{value!r} is not a list of IP networks: write it as 10.0.0.0/8,fd00::/8")
