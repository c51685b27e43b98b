"""``earthline status``: this node in a few lines, and where to look next."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

import typer

from earthline.cli.common import colors
from earthline.cli.common.output import Session, answer_to, call, show_facts, show_json, show_marked
from earthline.cli.common.stock_beside import OURS, is_ours, product
from earthline.cli.node.doctor import MARKS

STANDINGS = {
    "OK": "ok",
    "ACCESS_DENIED": "waiting for authorization",
    "REQUESTING_CONFIGURATION": "waiting for the controller",
    "AUTHENTICATION_REQUIRED": "waiting for a login",
    "NOT_FOUND": "not found",
    "PORT_ERROR": "without a device",
    "CLIENT_TOO_OLD": "refused as too old",
}
"""How networks are, the good news first."""


def status(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show this node's address, role, state and planet."""
    found = call("GET", "/status")
    if as_json:
        show_json(found)
        return
    settings = found["config"]["settings"]
    networks = call("GET", "/network")
    seen_as = settings.get("surfaceAddresses")
    rows = [
        ("address", found["address"]),
        ("role", _role(found, networks)),
        ("state", "online" if found["online"] else "offline"),
        ("networks", _networks(networks)),
        ("version", product(found)),
        ("planet", _planet(found)),
        ("home", settings.get("homeDir", Session.home)),
        ("listening on", settings.get("listeningOn") or "nothing yet"),
    ]
    if seen_as or not _is_root(found):  # a root alone has nobody who could tell it
        rows.append(("seen as", seen_as or "not known yet"))
    show_facts(rows, colors.ONLINE)
    if is_ours(found):
        _show_worst()


def _show_worst() -> None:
    """What the diagnosis finds at a glance, if that is in the way of something."""
    answer = answer_to("GET", "/earthline/doctor/glance")
    found: dict[str, Any] = answer.json() if answer.status == 200 else {}
    severity = found["findings"][0]["severity"] if found.get("findings") else "ok"
    if found.get("line") and severity in {"fault", "warning"}:
        show_marked(*MARKS[severity], f"{found['line']}: see `earthline doctor`")


def _is_root(found: dict[str, Any]) -> bool:
    return is_ours(found) and bool(found[OURS]["root"])


def _role(found: dict[str, Any], networks: list[dict[str, Any]]) -> str:
    """What this node is for others: a root, a controller, or a member of networks alone."""
    roles = []
    if _is_root(found):
        roles.append(f"root of planet {found['planetWorldId']:016x}")
    controlled = _controlled()
    if controlled:
        roles.append(f"controller of {_counted(controlled, 'network')}")
    if networks or not roles:
        roles.append(f"member of {_counted(len(networks), 'network')}")
    return ", ".join(roles)


def _controlled() -> int:
    """How many networks this node controls; a service without a controller has none."""
    answer = answer_to("GET", "/controller/network")
    try:
        return len(answer.json()) if answer.status == 200 else 0
    except (ValueError, TypeError):
        return 0


def _counted(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"


def _networks(networks: list[dict[str, Any]]) -> str:
    """How many are in which state."""
    counts = Counter(item["status"] for item in networks)
    known = [f"{counts.pop(name)} {words}" for name, words in STANDINGS.items() if name in counts]
    other = [f"{count} {name.lower().replace('_', ' ')}" for name, count in counts.items()]
    return ", ".join(known + other) or "none joined: `earthline join NETWORK`"


def _planet(found: dict[str, Any]) -> str:
    own = f"{found['planetWorldId']:016x}"
    if not is_ours(found):
        return own
    if not found["planetWorldId"]:
        return "none: `earthline planet make`, or `earthline planet install FILE`"
    earth = found[OURS]["earth"]
    return f"{own}, its Earth is network {earth}" if earth else own
