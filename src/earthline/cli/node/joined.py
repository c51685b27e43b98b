"""``earthline networks``, ``join`` and ``leave``: the networks of this node, and how they are."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from earthline.cli.common.colors import NETWORK
from earthline.cli.common.output import call, hexadecimal, say, show_facts, show_json, show_table
from earthline.cli.common.stock_beside import OURS
from earthline.cli.common.table import Column
from earthline.cli.node.peers import reached

if TYPE_CHECKING:
    from earthline.diagnosis.snapshot import NetworkSight

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
JOIN_WAIT_S = 5.0
"""A controller that is reached answers within one; a node that has just started needs longer."""
_PAUSE_S = 0.2
WAITING = "REQUESTING_CONFIGURATION"
AD_HOC = "ff"
"""How the IDs of networks without a controller begin."""
COLUMNS = (
    Column("network"),
    Column("name", folds=True),
    Column("status", folds=True, styles=NETWORK),
    Column("type", spare=1),
    Column("device", spare=2),
    Column("addresses", sinks=True),
    Column("notes", below=True),
)


def networks(
    nwid: Annotated[str, typer.Argument(metavar="NETWORK", help="Show this one in detail.")] = "",
    as_json: AsJson = False,
) -> None:
    """List the networks this node has joined, and what keeps one from working.

    Of one network it also shows which of its rules dropped how many frames here.
    """
    if nwid:
        _show_one(call("GET", f"/network/{hexadecimal(nwid, 16, 'network ID')}"), as_json)
        return
    found = call("GET", "/network")
    if as_json:
        show_json(found)
        return
    troubles = _troubles(found)
    rows = (
        (
            item["id"],
            item["name"] or "-",
            _status(item),
            item["type"].lower(),
            item["portDeviceName"] or "-",
            item["assignedAddresses"],
            (*item.get(OURS, {}).get("notes", ()), *troubles.get(item["id"], ()), ""),
        )
        for item in found
    )
    show_table(COLUMNS, rows, "no networks joined: `earthline join NETWORK` joins one")


def _show_one(item: dict[str, Any], as_json: bool) -> None:
    if as_json:
        show_json(item)
        return
    rows = [
        ("network", item["id"]),
        ("name", item["name"] or "-"),
        ("status", _status(item)),
        ("type", item["type"].lower()),
        ("device", item["portDeviceName"] or "-"),
        ("mac", item["mac"]),
        ("mtu", item["mtu"]),
        ("addresses", item["assignedAddresses"]),
        ("routes", [_route(route) for route in item["routes"]]),
        ("notes", [*item.get(OURS, {}).get("notes", ()), *_troubles([item]).get(item["id"], ())]),
        ("dropped by rules", _drops(item)),
    ]
    show_facts(rows)


def _route(route: dict[str, Any]) -> str:
    return f"{route['target']} via {route['via']}" if route["via"] else str(route["target"])


def _drops(item: dict[str, Any]) -> list[str]:
    found = item.get(OURS, {}).get("ruleDrops", ())
    if not found:
        return []
    from earthline.diagnosis.rule_drops import counted  # noqa: PLC0415 - only where rules drop
    from earthline.diagnosis.snapshot import RuleDrop  # noqa: PLC0415

    return [counted(RuleDrop(**drop)) for drop in found]


def join(nwid: Annotated[str, typer.Argument(metavar="NETWORK")], as_json: AsJson = False) -> None:
    """Join a network, and wait up to 5 seconds for its controller to let this node in."""
    network_id = hexadecimal(nwid, 16, "network ID")
    found = _settled(network_id, call("POST", f"/network/{network_id}", {}))
    if as_json:
        show_json(found)
    elif found["status"] == "OK":
        name = f" ({found['name']})" if found["name"] else ""
        addresses = ", ".join(found["assignedAddresses"]) or "without an address"
        say(f"joined {network_id}{name}: {addresses}")
    else:
        say(f"joined {network_id}: {_status(found)}", *_troubles([found]).get(network_id, ()))


def leave(nwid: Annotated[str, typer.Argument(metavar="NETWORK")], as_json: AsJson = False) -> None:
    """Leave a network."""
    network_id = hexadecimal(nwid, 16, "network ID")
    found = call("DELETE", f"/network/{network_id}")
    if as_json:
        show_json(found)
    else:
        say(f"left {network_id}" if found else f"{network_id} was not joined")


def _settled(network: str, found: dict[str, Any]) -> dict[str, Any]:
    """The network once its controller has answered; as it is, if that takes too long."""
    until = time.monotonic() + JOIN_WAIT_S
    while found["status"] == WAITING and time.monotonic() < until:
        time.sleep(_PAUSE_S)
        listed = (item for item in call("GET", "/network") if item["id"] == network)
        found = next(listed, found)
    return found


def _status(item: dict[str, Any]) -> str:
    return str(item["status"]).lower().replace("_", " ")


def _troubles(found: list[dict[str, Any]]) -> dict[str, list[str]]:
    """By network, what keeps it from working and what to do, in the words of the diagnosis."""
    ill = [item for item in found if item["status"] != "OK"]
    if not ill:
        return {}
    from earthline.diagnosis.networks import judge_status  # noqa: PLC0415 - only where it is ill

    own, peers = call("GET", "/status")["address"], call("GET", "/peer")
    findings = {item["id"]: judge_status(_sight(item, own, peers), own) for item in ill}
    return {
        network: [text for text in (finding.seen, finding.do) if text]
        for network, finding in findings.items()
    }


def _sight(item: dict[str, Any], own: str, peers: list[dict[str, Any]]) -> NetworkSight:
    from earthline.diagnosis.snapshot import NetworkSight  # noqa: PLC0415
    from earthline.vl1.reasons import Reason, State  # noqa: PLC0415
    from earthline.vl2.ground.network import NetworkStatus  # noqa: PLC0415

    controller = "" if item["id"].startswith(AD_HOC) else item["id"][:10]
    known = next((reached(peer) for peer in peers if peer["address"] == controller), None)
    reason = None if known is None else known["reason"]
    return NetworkSight(
        network=item["id"],
        status=NetworkStatus[item["status"]],
        controller=controller,
        own=controller == own,
        controller_state=None if known is None else State(known["state"]),
        controller_reason=Reason.NONE if reason is None else Reason[reason.upper()],
        port_error="the log of the service says why" if item["portError"] else "",
        login_url=item.get("authenticationURL", ""),
    )
