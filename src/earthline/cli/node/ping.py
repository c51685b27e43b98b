"""``earthline ping``: how long it takes to a node and back, and whether that is direct."""

from __future__ import annotations

import ipaddress
import json
import re
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer

from earthline.cli.common.colors import REACHED
from earthline.cli.common.output import (
    call,
    demand_earthline,
    fail,
    hexadecimal,
    say,
    say_painted,
    show_json,
)
from earthline.cli.node.peers import path_of, reached
from earthline.wire.mac import address_of, parse_mac

EVERY_S = 1.0
"""A node answers one ECHO per path and 166 ms (02, 4.10)."""
IP_WAIT_S = 5
_TIME = re.compile(r"time[=<]([0-9.]+)")


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer; all of it is None where none came."""

    latency: float | None
    """Milliseconds."""
    state: str | None
    """How it came, where that is known: a word of `earthline.cli.common.colors.REACHED`."""
    path: str | None


NO_REPLY = Reply(None, None, None)


def ping(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="Address or IP of a node.")],
    count: Annotated[
        int, typer.Option("--count", "-c", min=1, metavar="N", help="How often to ask.")
    ] = 4,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure the latency of a node, and show whether it is reached directly.

    The node is asked by the service itself (ECHO). An IP address on a joined network is pinged by
    this host's own ping, which also tests addresses, routes and the network's rules.

    Exit status 1: no answer.
    """
    ask, node = _asker(target)
    replies: list[Reply] = []
    try:
        for number in range(count):
            if number:
                time.sleep(EVERY_S)
            replies.append(ask())
            if not as_json:
                _tell(target, replies[-1])
    except KeyboardInterrupt:
        pass  # what came until then is summed up
    times = [reply.latency for reply in replies if reply.latency is not None]
    if as_json:
        show_json({"target": target, "node": node(), "replies": [asdict(each) for each in replies]})
    else:
        _sum_up(len(replies), times)
    if not times:
        raise typer.Exit(1)


def _asker(target: str) -> tuple[Callable[[], Reply], Callable[[], str | None]]:
    """What asks the target once, and what tells the address of its node, if that is known."""
    try:
        ip = ipaddress.ip_address(target)
    except ValueError:
        node = hexadecimal(target, 10, "node address or IP address")
        demand_earthline()
        return lambda: _echo(node), lambda: node
    network = _network_of(ip)
    if shutil.which("ping") is None:
        fail("ping is not installed (apt-get install iputils-ping): give the node's address")
    return lambda: _host_ping(network, str(ip)), lambda: _node_at(network, str(ip))


def _echo(node: str) -> Reply:
    found = call("POST", f"/earthline/ping/{node}", {})
    return Reply(found["latency"], found["state"], found["path"])


def _network_of(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> dict[str, Any]:
    """The joined network that an IP address is on."""
    found: dict[str, Any] | None = None
    for network in call("GET", "/network"):
        for assigned in map(ipaddress.ip_interface, network["assignedAddresses"]):
            if assigned.ip == ip:
                own = f"{ip} is this node's own address on network {network['id']}"
                fail(f"{own}: give another node's")
            if ip in assigned.network:
                found = network
    if found is None:
        fail(f"{ip} is on no network of this node: `earthline networks` shows their addresses")
    return found


def _host_ping(network: dict[str, Any], ip: str) -> Reply:
    argv = ["ping", "-n", "-c1", f"-W{IP_WAIT_S}", "-I", network["portDeviceName"], ip]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    took = _TIME.search(done.stdout) if done.returncode == 0 else None
    if took is None:
        return NO_REPLY
    state, path = _way(_node_at(network, ip))
    return Reply(float(took[1]), state, path)


def _node_at(network: dict[str, Any], ip: str) -> str | None:
    """The node behind an IP, which its MAC on the network tells (01, 5.3)."""
    if shutil.which("ip") is None:
        return None
    argv = ["ip", "-json", "neighbour", "show", "to", ip, "dev", network["portDeviceName"]]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    try:
        mac = parse_mac(json.loads(done.stdout)[0]["lladdr"])
    except (ValueError, LookupError):
        return None
    address = address_of(mac, int(network["id"], 16))
    return None if address is None else f"{address:010x}"


def _way(node: str | None) -> tuple[str | None, str | None]:
    """How packets to a node go at present."""
    known = (peer for peer in call("GET", "/peer") if peer["address"] == node)
    peer = next(known, None)
    if peer is None:
        return None, None
    path, state = path_of(peer), str(reached(peer)["state"])
    return state, None if path is None or state == "relayed" else path["address"]


def _tell(target: str, reply: Reply) -> None:
    if reply.latency is None:
        say_painted(f"{target}: ", ("no answer", "bold red"))
        return
    parts: list[str | tuple[str, str]] = [f"{target}: {_ms(reply.latency)}"]
    if reply.state is not None:
        parts += [", ", (reply.state, REACHED.get(reply.state, ""))]
    if reply.state == "relayed":
        parts.append(" through a root")
    elif reply.path:
        parts.append(f" at {reply.path}")
    say_painted(*parts)


def _ms(latency: float) -> str:
    return f"{latency:.1f} ms" if latency >= 1 else f"{latency:.2f} ms"


def _sum_up(asked: int, times: list[float]) -> None:
    line = f"{len(times)} of {asked} answered"
    if len(times) > 1:
        middle = statistics.median(times)
        line += f": least {_ms(min(times))}, median {_ms(middle)}, most {_ms(max(times))}"
    say(line)
