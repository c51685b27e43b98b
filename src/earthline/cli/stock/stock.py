"""``earthline-cli``: the stock client's commands, output and exit statuses (05, 6)."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from earthline.clean import clean, clean_value, escape
from earthline.cli.common.client import Answer, Client, NoService, NotTheService
from earthline.cli.stock.stock_arguments import Arguments, Finish, make_client, parse_arguments

NO_CONNECTION = """\
Error connecting to the ZeroTier service: connection failed

Please check that the service is running and that TCP port 9993 can be contacted via 127.0.0.1.
"""
SETTABLE = ("allowManaged", "allowGlobal", "allowDefault", "allowDNS")


# --- asking ---------------------------------------------------------------------------------------


def read(client: Client, arguments: Arguments, path: str) -> Answer:
    """GET, for the reading commands; anything but 200 raises `Finish`."""
    try:
        answer = client.request("GET", path)
    except NotTheService as error:
        raise Finish(1, err=f"{arguments.program}: {error}\n") from None
    except NoService:
        raise Finish(1, NO_CONNECTION) from None
    _demand_ok(answer, arguments)
    return answer


def ask(client: Client, arguments: Arguments, path: str) -> Any:
    """The same and parse; anything but JSON raises `Finish`, too.

    For lines of text, every text in it is made one clean line first: names that others gave must
    not look like further lines to a script. In JSON they stand as they came.
    """
    found = ask_json(client, arguments, path)
    return found if arguments.json else clean_value(found)


def ask_json(client: Client, arguments: Arguments, path: str) -> Any:
    """The same for commands that answer in JSON only."""
    answer = read(client, arguments, path)
    try:
        return answer.json()
    except ValueError as error:
        raise Finish(
            1, f"{answer.status} {arguments.command} invalid JSON response ({error})\n"
        ) from None


def change(client: Client, arguments: Arguments, method: str, path: str, body: Any = None) -> str:
    """A changing request; the raw body of its answer, or `Finish`."""
    try:
        answer = client.request(method, path, body)
    except NotTheService as error:
        raise Finish(1, err=f"{arguments.program}: {error}\n") from None
    except NoService:
        raise Finish(1, f"0 {arguments.command} connection failed\n") from None
    _demand_ok(answer, arguments)
    return answer.text


def _demand_ok(answer: Answer, arguments: Arguments) -> None:
    if answer.status != 200:
        said = clean(answer.text)
        raise Finish(1, f"{answer.status} {arguments.command} {said}\n")


def pretty(value: Any) -> str:
    """As the stock client indents: one blank, keys sorted, and a newline."""
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


# --- reading commands -----------------------------------------------------------------------------


def info(client: Client, arguments: Arguments) -> str:
    """``info`` and ``status``."""
    status = ask(client, arguments, "/status")
    if arguments.json:
        return pretty(status)
    state = "ONLINE" if status["online"] else "OFFLINE"
    if status["tcpFallbackActive"]:
        state = "TUNNELED"
    return f"200 info {status['address']} {status['version']} {state}\n"


def _ago(now: int, at: int) -> int:
    return now - at if at else -1


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _version(peer: dict[str, Any]) -> str:
    return "-" if peer["versionMajor"] < 0 else str(peer["version"])


def _preferred(peer: dict[str, Any]) -> dict[str, Any] | None:
    return next((path for path in peer["paths"] if path["preferred"]), None)


def listpeers(client: Client, arguments: Arguments) -> str:
    """One line for a script per peer."""
    peers = ask(client, arguments, "/peer")
    if arguments.json:
        return pretty(peers)
    now = _now_ms()
    lines = ["200 listpeers <ztaddr> <path> <latency> <version> <role>"]
    for peer in peers:
        path = _preferred(peer)
        link = "-"
        if path is not None:
            sent, received = _ago(now, path["lastSend"]), _ago(now, path["lastReceive"])
            link = f"{path['address']};{sent};{received}"
        facts = f"{peer['latency']} {_version(peer)} {peer['role']}"
        lines.append(f"200 listpeers {peer['address']} {link} {facts}")
    return "\n".join(lines) + "\n"


def peers(client: Client, arguments: Arguments) -> str:
    """The same in columns."""
    found = ask(client, arguments, "/peer")
    if arguments.json:
        return pretty(found)
    now = _now_ms()
    lines = [
        "200 peers",
        "<ztaddr>   <ver>  <role> <lat> <link>   <lastTX> <lastRX> <path>",
        *(_peer_row(peer, now) for peer in found),
    ]
    if any(peer["tunneled"] for peer in found):
        lines.append("NOTE: tunneling through a TCP relay. Ensure that UDP is not blocked.")
    return "\n".join(lines) + "\n"


def _peer_row(peer: dict[str, Any], now: int) -> str:
    row = f"{peer['address']} {_version(peer):<6} {peer['role']:<6} {peer['latency']:>5} "
    path = _preferred(peer)
    if path is None:
        return row + "RELAY"
    link = "RELAY " if peer["tunneled"] else "DIRECT   "
    sent, received = _ago(now, path["lastSend"]), _ago(now, path["lastReceive"])
    return f"{row}{link}{sent:<8} {received:<8} {path['address']}"


def listnetworks(client: Client, arguments: Arguments) -> str:
    """One line per joined network, and one more where it wants a login."""
    networks = ask(client, arguments, "/network")
    if arguments.json:
        return pretty(networks)
    lines = ["200 listnetworks <nwid> <name> <mac> <status> <type> <dev> <ZT assigned ips>"]
    for network in networks:
        addresses = ",".join(network["assignedAddresses"]) or "-"
        lines.append(
            f"200 listnetworks {network['nwid']} {network['name']} {network['mac']} "
            f"{network['status']} {network['type']} {network['portDeviceName']} {addresses}"
        )
        lines += _login_lines(network)
    return "\n".join(lines) + "\n"


def _login_lines(network: dict[str, Any]) -> list[str]:
    if not network.get("ssoEnabled"):
        return []
    if network["status"] == "AUTHENTICATION_REQUIRED":
        return [f"    AUTH EXPIRED, URL: {network['authenticationURL']}"]
    if network["status"] != "OK" or not network["authenticationExpiryTime"]:
        return []
    left = (network["authenticationExpiryTime"] - _now_ms()) // 1000
    return [f"    AUTH OK, expires in: {left} seconds"]


def listmoons(client: Client, arguments: Arguments) -> str:
    """Always JSON."""
    return pretty(ask_json(client, arguments, "/moon"))


def listbonds(client: Client, arguments: Arguments) -> str:
    """``bond list`` and ``listbonds``."""
    found = ask(client, arguments, "/peer")
    if arguments.json:
        return pretty(found)
    lines = ["    <peer>                        <bondtype>     <links>"]
    lines += [
        f"{peer['address']:>10}  {peer['bondingPolicyStr']:>32} "
        f"{peer['numAliveLinks']}/{peer['numTotalLinks']}"
        for peer in found
        if peer["isBonded"]
    ]
    if len(lines) == 1:
        lines.append("      NONE\t\t\t\tNONE\t    NONE       NONE")
    return "\n".join(lines) + "\n"


def bond(client: Client, arguments: Arguments) -> str:
    """``bond list``, ``bond <address> show`` and ``bond <address> rotate``."""
    if arguments.first == "list":
        return listbonds(client, arguments)
    if arguments.last == "show":
        return pretty(ask_json(client, arguments, f"/bond/show/{arguments.first}"))
    if arguments.last == "rotate":
        body = change(client, arguments, "POST", f"/bond/rotate/{arguments.first}")
        return body if arguments.json else "200 rotate OK\n"
    raise Finish(2, "(bond) command is missing required arguments\n")


# --- changing commands ----------------------------------------------------------------------------


def join(client: Client, arguments: Arguments) -> str:
    """``join <nwid>``."""
    if len(arguments.first) != 16:
        raise Finish(2, "invalid network id\n")
    body = change(client, arguments, "POST", f"/network/{arguments.first}", {})
    return body if arguments.json else "200 join OK\n"


def leave(client: Client, arguments: Arguments) -> str:
    """``leave <nwid>``."""
    if len(arguments.first) != 16:
        raise Finish(2, "invalid network id\n")
    body = change(client, arguments, "DELETE", f"/network/{arguments.first}")
    return body if arguments.json else "200 leave OK\n"


def orbit(client: Client, arguments: Arguments) -> str:
    """Nothing happens, and nothing is said, where an argument is missing or zero."""
    if not arguments.first.strip("0") or not arguments.last.strip("0"):
        return ""
    change(client, arguments, "POST", f"/moon/{arguments.first}", {"seed": arguments.last})
    return "200 orbit OK\n"


def deorbit(client: Client, arguments: Arguments) -> str:
    """``deorbit <world>``."""
    body = change(client, arguments, "DELETE", f"/moon/{arguments.first}")
    return body if arguments.json else "200 deorbit OK\n"


def set_property(client: Client, arguments: Arguments) -> str:
    """``set <nwid> <name>=<value>``; a name that cannot be set does nothing."""
    _demand_network(arguments, "set")
    name, equals, value = arguments.last.partition("=")
    if not equals:
        raise Finish(2, err=arguments.usage)
    if name not in SETTABLE:
        return ""
    body = {name: value[:1] in {"t", "1"}}
    return change(client, arguments, "POST", f"/network/{arguments.first}", body)


def get_property(client: Client, arguments: Arguments) -> str:
    """``get <nwid> <name>``."""
    _demand_network(arguments, "get")
    networks = ask(client, arguments, "/network")
    network = next((found for found in networks if found["id"] == arguments.first), None)
    if network is None:
        raise Finish(0, err="unknown network ID, check that you are a member of the network\n")
    if arguments.last in ADDRESS_PROPERTIES:
        addresses = [text.partition("/")[0] for text in network["assignedAddresses"]]
        return ADDRESS_PROPERTIES[arguments.last](addresses) + "\n"
    return _scalar(network.get(arguments.last)) + "\n"


def _demand_network(arguments: Arguments, verb: str) -> None:
    if len(arguments.first) != 16:
        raise Finish(2, err="invalid format: must be a 16-digit (network) ID\n")
    if not arguments.last:
        raise Finish(2, err=f"invalid format: include a property name to {verb}\n")


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, str | int | float):
        return str(value)
    return "error, unknown property name"


def _is_6plane(address: str) -> bool:
    return address.startswith("fc") and ":" in address


ADDRESS_PROPERTIES: dict[str, Callable[[list[str]], str]] = {
    "ip": "\n".join,
    "ip4": lambda found: "\n".join(a for a in found if ":" not in a),
    "ip6": lambda found: "\n".join(a for a in found if ":" in a),
    "ip6plane": lambda found: "\n".join(a for a in found if _is_6plane(a)),
    "ip6prefix": lambda found: "\n".join(a[:24] for a in found if _is_6plane(a)),
}


def dump(client: Client, arguments: Arguments) -> str:
    """``dump``: the file for whoever is to help."""
    from earthline.cli.stock.stock_dump import FILE, dump_text  # noqa: PLC0415 - rarely needed
    from earthline.runtime.base.files import write_atomic  # noqa: PLC0415

    titles = {"status": "/status", "networks": "/network", "peers": "/peer"}
    answers = {title: read(client, arguments, path).text for title, path in titles.items()}
    path = Path.cwd() / FILE
    try:
        write_atomic(path, escape(dump_text(arguments.home, answers)).encode())
    except OSError as error:
        raise Finish(
            1, err=f"{arguments.program}: cannot write {path}: {error.strerror}\n"
        ) from None
    return f"Writing dump to: {path}\n"


def raw(client: Client, arguments: Arguments) -> str:
    """``/path``: the body as it comes."""
    return change(client, arguments, "GET", arguments.command)


COMMANDS: dict[str, Callable[[Client, Arguments], str]] = {
    "info": info,
    "status": info,
    "listpeers": listpeers,
    "peers": peers,
    "listnetworks": listnetworks,
    "listmoons": listmoons,
    "listbonds": listbonds,
    "bond": bond,
    "join": join,
    "leave": leave,
    "orbit": orbit,
    "deorbit": deorbit,
    "set": set_property,
    "get": get_property,
    "dump": dump,
}


def run(argv: list[str]) -> Finish:
    """What the program says and how it ends, for a command line with its program's name."""
    try:
        arguments = parse_arguments(argv)
        if arguments.command == "help":
            return Finish(0, arguments.usage)
        client = make_client(arguments)
        command = raw if arguments.command.startswith("/") else COMMANDS.get(arguments.command)
        if command is None:
            return Finish(0, err=arguments.usage)
        return Finish(0, command(client, arguments))
    except Finish as outcome:
        return outcome


def main() -> None:
    """Run the command that the command line names."""
    outcome = run(sys.argv)
    sys.stdout.write(escape(outcome.out))
    sys.stderr.write(escape(outcome.err))
    sys.exit(outcome.status)
