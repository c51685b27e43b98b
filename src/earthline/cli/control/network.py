"""``earthline network``: the networks that this node controls."""

from __future__ import annotations

import ipaddress
import sys
from typing import Annotated, Any

import typer

from earthline.cli.common.commands import Commands
from earthline.cli.common.output import (
    ask,
    call,
    call_own,
    fail,
    hexadecimal,
    hint,
    say,
    show_facts,
    show_json,
    show_table,
)
from earthline.cli.common.table import Column
from earthline.cli.control.rules import network_rules

network_app = Commands(help="Networks that this node controls.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
NetworkArgument = Annotated[str, typer.Argument(metavar="NETWORK")]


@network_app.command(
    epilog="Example: earthline network create office --pool 10.7.0.10-10.7.0.99 --route 10.7.0.0/24"
)
def create(  # noqa: PLR0917 - options, which typer calls by name
    label: Annotated[str, typer.Argument(metavar="NAME", help="Display name.")] = "",
    name: Annotated[str, typer.Option(metavar="NAME", help="Same as the argument.")] = "",
    private: Annotated[
        bool, typer.Option("--private/--public", help="Whether members must be authorized.")
    ] = True,
    pool: Annotated[
        list[str] | None,
        typer.Option(metavar="FIRST-LAST", help="Addresses to hand out; repeat."),
    ] = None,
    route: Annotated[
        list[str] | None,
        typer.Option(metavar="CIDR[=GATEWAY]", help="A route for members; repeat."),
    ] = None,
    no_pool: Annotated[
        bool, typer.Option("--no-pool", help="Hand out no addresses: members have their own.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Create a network on this node's controller; by default with a free subnet of its own."""
    if label and name:
        fail(f"two names given, {label!r} and {name!r}: use one")
    pools = [_pool(text) for text in pool or ()]
    routes = [_route(text) for text in route or ()]
    if pools and no_pool:
        fail("pass either --pool or --no-pool, not both")
    _demand_covered(pools, routes)
    body = {
        "name": label or name,
        "private": private,
        "v4AssignMode": {"zt": bool(pools)},
        "ipAssignmentPools": pools,
        "routes": routes,
    }
    ask_for = call if pools or routes or no_pool else call_own
    found = ask_for("POST", "/controller/network", body)
    if as_json:
        show_json(found)
    else:
        say(found["id"])
        hint(*_next_steps(found))


def _next_steps(found: dict[str, Any]) -> list[str]:
    """What a member types, and what is typed here for it."""
    lines = [f"next: on each member run `earthline join {found['id']}`"]
    if found["private"]:
        lines += [
            f"then here: `earthline member list {found['id']}` shows who asked to join,",
            f"and `earthline member authorize {found['id']} ADDRESS` lets a node in",
        ]
    if not found["ipAssignmentPools"]:
        lines.append("members get no addresses, since the network has no --pool")
    return lines


_POOL_FORM = "write it as 10.7.0.10-10.7.0.250"


def _pool(text: str) -> dict[str, str]:
    first, _, last = text.partition("-")
    try:
        start, end = ipaddress.ip_address(first.strip()), ipaddress.ip_address(last.strip())
    except ValueError:
        fail(f"{text!r} is not a pool: {_POOL_FORM}")
    if start.version != end.version or int(start) > int(end):
        fail(f"{text!r} is not a pool, its first address comes after its last: {_POOL_FORM}")
    return {"ipRangeStart": str(start), "ipRangeEnd": str(end)}


def _route(text: str) -> dict[str, str | None]:
    target, _, via = text.partition("=")
    try:
        network = ipaddress.ip_network(target.strip())
        gateway = str(ipaddress.ip_address(via.strip())) if via else None
    except ValueError:
        fail(f"{text!r} is not a route: write it as 10.7.0.0/24 or 10.8.0.0/16=10.7.0.1")
    return {"target": str(network), "via": gateway}


def _demand_covered(pools: list[dict[str, str]], routes: list[dict[str, str | None]]) -> None:
    """Without a direct route over it a pool's addresses have no prefix, and none is handed out."""
    direct = [ipaddress.ip_network(str(r["target"])) for r in routes if r["via"] is None]
    for pool in pools:
        ends = [ipaddress.ip_address(pool[key]) for key in ("ipRangeStart", "ipRangeEnd")]
        if not any(all(end in network for end in ends) for network in direct):
            fail(f"the pool {ends[0]}-{ends[1]} needs a --route that covers it")


@network_app.command("list")
def list_networks(as_json: AsJson = False) -> None:
    """List the networks of this node's controller."""
    found = [
        call("GET", f"/controller/network/{nwid}") for nwid in call("GET", "/controller/network")
    ]
    if as_json:
        show_json(found)
        return
    rows = ((item["id"], item["name"] or "-", _kind(item), item["revision"]) for item in found)
    columns = (Column("network"), Column("name", folds=True), Column("type"), Column("revision"))
    show_table(columns, rows, "no networks yet: `earthline network create NAME` makes one")


def _kind(network: dict[str, Any]) -> str:
    return "private" if network["private"] else "public"


@network_app.command("show")
def show_network(nwid: NetworkArgument, as_json: AsJson = False) -> None:
    """Show a network of this node's controller."""
    found = call("GET", f"/controller/network/{hexadecimal(nwid, 16, 'network ID')}")
    if as_json:
        show_json(found)
        return
    pools = (
        f"{item['ipRangeStart']} to {item['ipRangeEnd']}" for item in found["ipAssignmentPools"]
    )
    routes = (
        item["target"] + (f" via {item['via']}" if item["via"] else "") for item in found["routes"]
    )
    rows = [
        ("network", found["id"]),
        ("name", found["name"] or "-"),
        ("type", _kind(found)),
        ("mtu", found["mtu"]),
        ("pools", list(pools)),
        ("routes", list(routes)),
        ("revision", found["revision"]),
    ]
    show_facts(rows)


@network_app.command()
def private(nwid: NetworkArgument, as_json: AsJson = False) -> None:
    """Let in only whom you authorize; whoever is in stays."""
    _set_private(nwid, private=True, as_json=as_json)


@network_app.command()
def public(nwid: NetworkArgument, as_json: AsJson = False) -> None:
    """Let in whoever asks; nobody can be put out then."""
    _set_private(nwid, private=False, as_json=as_json)


def _set_private(nwid: str, *, private: bool, as_json: bool) -> None:
    path = f"/controller/network/{hexadecimal(nwid, 16, 'network ID')}"
    call("GET", path)  # posting to one that is not there would make it
    found = call("POST", path, {"private": private})
    if as_json:
        show_json(found)
    else:
        say(f"{found['id']} is {_kind(found)}")


@network_app.command(epilog="Example: earthline network delete 1122334455000001 --yes")
def delete(
    nwid: NetworkArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete a network of this node's controller and disconnect its members."""
    network_id = hexadecimal(nwid, 16, "network ID")
    path = f"/controller/network/{network_id}"
    if not yes:
        _ask(call("GET", path), len(call("GET", f"{path}/member")))
    found = call("DELETE", path)
    if as_json:
        show_json(found)
    else:
        say(f"deleted {network_id}")


network_app.command(
    "rules",
    epilog="Example: earthline network rules 1122334455000001 office.rules",
)(network_rules)


def _ask(network: dict[str, Any], members: int) -> None:
    if not sys.stdin.isatty():
        fail(f"{network['id']} has {members} members; pass --yes to delete it anyway")
    name = f" ({network['name']})" if network["name"] else ""
    ask(f"Delete {network['id']}{name} with its {members} members?")
