"""Commands of ``earthline member`` about what the controller certifies of a member."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from earthline.cli.common.output import call, fail, hexadecimal, say, show_json

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
NetworkArgument = Annotated[str, typer.Argument(metavar="NETWORK")]
MemberArgument = Annotated[str, typer.Argument(metavar="ADDRESS")]

U32_MAX = 0xFFFFFFFF


def add_to(member_app: typer.Typer) -> None:
    """Make these commands part of the group."""
    member_app.command()(bridge)
    member_app.command()(tag)
    member_app.command()(capability)


def _member_path(nwid: str, address: str) -> str:
    network_id = hexadecimal(nwid, 16, "network ID")
    member = hexadecimal(address, 10, "node address")
    return f"/controller/network/{network_id}/member/{member}"


def _member(nwid: str, address: str, field: str) -> list[Any]:
    """An array of a member; empty for one that nobody has told the controller of yet."""
    path = _member_path(nwid, address)
    known = call("GET", path.rpartition("/")[0])
    found: list[Any] = call("GET", path)[field] if path.rpartition("/")[2] in known else []
    return found


def _on_or_off(text: str) -> bool:
    if text not in {"on", "off"}:
        fail(f"{text!r}: use on or off")
    return text == "on"


def bridge(
    nwid: NetworkArgument,
    address: MemberArgument,
    state: Annotated[str, typer.Argument(metavar="on|off")],
    as_json: AsJson = False,
) -> None:
    """Make a member an active bridge, or an ordinary one again. It keeps its addresses."""
    # 03, 7.4
    on = _on_or_off(state)
    # Earlier releases took a bridge's automatic addresses away: "off" gives them back.
    body = {"activeBridge": True} if on else {"activeBridge": False, "noAutoAssignIps": False}
    found = call("POST", _member_path(nwid, address), body)
    if as_json:
        show_json(found)
    else:
        word = "an active bridge" if found["activeBridge"] else "an ordinary member"
        say(f"{found['id']} is {word} of {found['nwid']}")


def tag(
    nwid: NetworkArgument,
    address: MemberArgument,
    number: Annotated[int, typer.Argument(metavar="ID", min=0, max=U32_MAX)],
    value: Annotated[str, typer.Argument(metavar="VALUE|off")],
    as_json: AsJson = False,
) -> None:
    """Set a member's tag, or remove it."""
    path = _member_path(nwid, address)
    wanted = None if value == "off" else _value(value)
    tags = {pair[0]: pair[1] for pair in _member(nwid, address, "tags") if pair[0] != number}
    if wanted is not None:
        tags[number] = wanted
    found = call("POST", path, {"tags": sorted(tags.items())})
    if as_json:
        show_json(found)
    else:
        shown = ", ".join(f"{pair[0]}={pair[1]}" for pair in found["tags"])
        say(f"{found['id']} has {shown or 'no tags'}")


def _value(text: str) -> int:
    try:
        value = int(text, 0)
    except ValueError:
        value = -1
    if not 0 <= value <= U32_MAX:
        fail(f"{text!r} is not a tag value: use a 32-bit number, or off")
    return value


def capability(
    nwid: NetworkArgument,
    address: MemberArgument,
    number: Annotated[int, typer.Argument(metavar="ID", min=0, max=U32_MAX)],
    state: Annotated[str, typer.Argument(metavar="on|off")],
    as_json: AsJson = False,
) -> None:
    """Give a member a capability of its network, or revoke it."""
    path = _member_path(nwid, address)
    wanted = {number} if _on_or_off(state) else set()
    held = set(_member(nwid, address, "capabilities")) - {number} | wanted
    found = call("POST", path, {"capabilities": sorted(held)})
    if as_json:
        show_json(found)
    else:
        shown = ", ".join(map(str, found["capabilities"]))
        say(f"{found['id']} has {'capabilities ' + shown if shown else 'no capabilities'}")
