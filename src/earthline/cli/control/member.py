"""``earthline member``: the members of the networks that this node controls."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Any

import typer

from earthline.cli.common import colors
from earthline.cli.common.commands import Commands
from earthline.cli.common.output import (
    call,
    call_own,
    fail,
    hexadecimal,
    hint,
    say,
    show_json,
    show_table,
)
from earthline.cli.common.table import Column
from earthline.cli.control import credentials
from earthline.cli.control.seen import seen

app = Commands(
    help="Members of the networks that this node controls.",
    epilog="Example: earthline member authorize 1122334455000001 0a1b2c3d4e",
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
NetworkArgument = Annotated[str, typer.Argument(metavar="NETWORK")]
MemberArgument = Annotated[str, typer.Argument(metavar="ADDRESS")]


COLUMNS = (
    Column("address"),
    Column("name", folds=True),
    Column("authorized", styles=colors.YES_NO),
    Column("state", styles=colors.REACHED | colors.ONLINE),
    Column("last seen", spare=2),
    Column("version", spare=3),
    Column("addresses", sinks=True),
    Column("revision", spare=1),
)


@app.command("list")
def list_members(nwid: NetworkArgument, as_json: AsJson = False) -> None:
    """List the members of a network."""
    network_id = hexadecimal(nwid, 16, "network ID")
    path = f"/controller/network/{network_id}/member"
    found = call_own("GET", path, stock=f"/unstable{path}")["data"]
    if as_json:
        show_json(found)
        return
    peers = {peer["address"]: peer for peer in call("GET", "/peer")}
    own = call("GET", "/status")["address"]
    rows = (
        (
            item["address"],
            item.get("name") or "-",
            "yes" if item["authorized"] else "no",
            *seen(item, peers.get(item["address"]), own),
            item["ipAssignments"],
            item["revision"],
        )
        for item in found
    )
    show_table(COLUMNS, rows, "no members yet: no node has asked to join")


def _set_authorized(nwid: str, address: str, *, authorized: bool, as_json: bool) -> None:
    found = _post(nwid, address, {"authorized": authorized})
    if as_json:
        show_json(found)
    else:
        say(f"{found['id']} is {_standing(found)} on {found['nwid']}")


def _standing(member: dict[str, Any]) -> str:
    """Only a node that asked to join has shown its identity: another may be a mistyped address."""
    if not member["authorized"]:
        return "no longer authorized"
    if not member.get("identity"):
        return "authorized in advance (it never asked to join)"
    return "authorized"


@app.command()
def authorize(nwid: NetworkArgument, address: MemberArgument, as_json: AsJson = False) -> None:
    """Allow a node to use a network; also before it asks to join."""
    _set_authorized(nwid, address, authorized=True, as_json=as_json)


@app.command()
def deauthorize(nwid: NetworkArgument, address: MemberArgument, as_json: AsJson = False) -> None:
    """Revoke a member's access to a private network."""
    network = call("GET", f"/controller/network/{hexadecimal(nwid, 16, 'network ID')}")
    if not network["private"]:
        node = hexadecimal(address, 10, "node address")
        fail(
            f"{network['id']} is public and lets in whoever asks: {node} would be back at once. "
            f"Make it private first, which keeps its members: "
            f"`earthline network private {network['id']}`"
        )
    _set_authorized(nwid, address, authorized=False, as_json=as_json)


@app.command(
    "name", epilog='Example: earthline member name 1122334455000001 0a1b2c3d4e "Ada\'s laptop"'
)
def set_name(
    nwid: NetworkArgument,
    address: MemberArgument,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Empty for none.")],
    as_json: AsJson = False,
) -> None:
    """Give a member a display name (stays on this controller)."""
    found = _post(nwid, address, {"name": name})
    if as_json:
        show_json(found)
    else:
        say(f"{found['id']} is called {name}" if name else f"{found['id']} has no name")


@app.command(
    "ip",
    epilog="Example: earthline member ip 1122334455000001 0a1b2c3d4e 10.7.0.5 fd00::5",
)
def set_addresses(
    nwid: NetworkArgument,
    address: MemberArgument,
    ips: Annotated[
        list[str] | None,
        typer.Argument(metavar="IP...", help="All its addresses, replacing the present ones."),
    ] = None,
    auto: Annotated[
        bool, typer.Option("--auto", help="Drop its addresses; the pools assign new ones.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show or set a member's addresses on the network."""
    if ips and auto:
        fail("pass either addresses or --auto, not both")
    if ips or auto:
        body = {"ipAssignments": [_ip(text) for text in ips or ()]}
        found = call_own("POST", _path(nwid, address), body)
    else:
        found = call_own("GET", _path(nwid, address))
    if as_json:
        show_json(found)
    else:
        shown = ", ".join(found["ipAssignments"])
        say(
            shown
            or "none yet: the pools assign some when the member next asks for its configuration"
        )
        hint(*(f"warning: {note}" for note in found.get("earthline", {}).get("notes", ())))


def _ip(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        fail(f"{text!r} is not an IP address: write it as 10.7.0.5, without a prefix")


@app.command(epilog="Example: earthline member delete 1122334455000001 0a1b2c3d4e")
def delete(nwid: NetworkArgument, address: MemberArgument, as_json: AsJson = False) -> None:
    """Delete a member and disconnect it; if it asks again, it is a new member."""
    found = call("DELETE", _path(nwid, address))
    if as_json:
        show_json(found)
    else:
        say(f"deleted {found['id']}")


credentials.add_to(app)


def _path(nwid: str, address: str) -> str:
    network_id = hexadecimal(nwid, 16, "network ID")
    return f"/controller/network/{network_id}/member/{hexadecimal(address, 10, 'node address')}"


def _post(nwid: str, address: str, body: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = call("POST", _path(nwid, address), body)
    return found
