"""``earthline member``: the members of the networks that this node controls."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Any

import typer

from earthline.cli import credentials
from earthline.cli.output import call, fail, hexadecimal, say, show_json, show_table

app = typer.Typer(
    help="Members of the networks that this node controls.",
    no_args_is_help=True,
    epilog="Example: earthline member authorize 1122334455000001 0a1b2c3d4e",
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
NetworkArgument = Annotated[str, typer.Argument(metavar="NETWORK")]
MemberArgument = Annotated[str, typer.Argument(metavar="ADDRESS")]


@app.command("list")
def list_members(nwid: NetworkArgument, as_json: AsJson = False) -> None:
    """The members of a network."""
    network_id = hexadecimal(nwid, 16, "network ID")
    found = call("GET", f"/unstable/controller/network/{network_id}/member")["data"]
    if as_json:
        show_json(found)
        return
    rows = (
        (
            item["address"],
            item.get("name") or "-",
            "yes" if item["authorized"] else "no",
            ", ".join(item["ipAssignments"]) or "-",
            item["revision"],
        )
        for item in found
    )
    columns = ("address", "name", "authorised", "addresses", "revision")
    show_table(columns, rows, "no members: nobody asked to join yet")


def _set_authorised(nwid: str, address: str, authorised: bool, as_json: bool) -> None:
    found = _post(nwid, address, {"authorized": authorised})
    if as_json:
        show_json(found)
    else:
        word = "authorised" if found["authorized"] else "no longer authorised"
        say(f"{found['id']} is {word} on {found['nwid']}")


@app.command()
def authorize(nwid: NetworkArgument, address: MemberArgument, as_json: AsJson = False) -> None:
    """Let a node into a network."""
    _set_authorised(nwid, address, authorised=True, as_json=as_json)


@app.command()
def deauthorize(nwid: NetworkArgument, address: MemberArgument, as_json: AsJson = False) -> None:
    """Put a node out of a network."""
    _set_authorised(nwid, address, authorised=False, as_json=as_json)


@app.command(
    "name", epilog='Example: earthline member name 1122334455000001 0a1b2c3d4e "Ada\'s laptop"'
)
def set_name(
    nwid: NetworkArgument,
    address: MemberArgument,
    name: Annotated[str, typer.Argument(metavar="NAME", help="For people; empty for none.")],
    as_json: AsJson = False,
) -> None:
    """Name a member, for people: nobody is sent the name."""
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
        list[str] | None, typer.Argument(metavar="IP...", help="All that it shall have.")
    ] = None,
    auto: Annotated[
        bool, typer.Option("--auto", help="Forget its addresses: the pools give it new ones.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show a member's addresses on the network, or say which it shall have."""
    if ips and auto:
        fail("say which addresses, or --auto, but not both")
    if ips or auto:
        found = _post(nwid, address, {"ipAssignments": [_ip(text) for text in ips or ()]})
    else:
        found = call("GET", _path(nwid, address))
    if as_json:
        show_json(found)
    else:
        shown = ", ".join(found["ipAssignments"])
        say(shown or "none yet: the pools give it some when it asks for them")


def _ip(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        fail(f"{text!r} is no IP address: write it as 10.7.0.5, the routes give its prefix")


@app.command(epilog="Example: earthline member delete 1122334455000001 0a1b2c3d4e")
def delete(nwid: NetworkArgument, address: MemberArgument, as_json: AsJson = False) -> None:
    """Forget a member and put it out; it comes back as a new one if it asks again."""
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
