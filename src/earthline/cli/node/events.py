"""``earthline events``: what happened to peers, networks, members and this node."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

import typer

from earthline.cli.common.output import (
    demand_earthline,
    fail,
    say_at_once,
    show_json,
    show_json_line,
    stream,
)
from earthline.runtime.node.event_kinds import ENDED, MISSED

LINES = {
    "peer.new": "node {address} is known",
    "peer.gone": "node {address} is forgotten",
    "peer.path_found": "node {address} at {path}",
    "peer.path_lost": "node {address} not at {path}",
    "peer.direct": "node {address} is direct",
    "peer.tunnelled": "node {address} is tunnelled: {reason}",
    "peer.relayed": "node {address} is relayed: {reason}",
    "peer.unreachable": "node {address} is unreachable: {reason}",
    "network.joined": "network {network} is joined",
    "network.status": "network {network} is {status}",
    "network.configured": "network {network} is configured: {addresses} {name}",
    "network.left": "network {network} is left",
    "member.asked": "member {member} asks to be in {network}",
    "member.authorized": "member {member} is let into {network}",
    "member.deauthorized": "member {member} is put out of {network}",
    "member.changed": "member {member} of {network} is changed",
    "member.deleted": "member {member} of {network} is deleted",
    "controller.network_created": "network {network} is created here {name}",
    "controller.network_changed": "network {network} is changed here {name}",
    "controller.network_deleted": "network {network} is deleted here",
    "node.online": "this node is online",
    "node.offline": "this node is offline",
    "node.upstreams": "roots: {upstreams}",
    "node.addresses": "this node is at {surfaces} {mapped} {listening}",
    "doctor.changed": "doctor: {line}",
    MISSED: "events before these are not kept any more",
}
"""What an event is to a person; one that is not here is shown by its name."""


def events(
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Keep printing new events.")
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print a JSON array of events; with --follow one per line."),
    ] = False,
) -> None:
    """Show what happened lately to peers, networks, members and this node.

    The newest of each kind are kept while the service runs. Ctrl-C ends --follow.
    """
    demand_earthline()
    found = told(stream(f"/earthline/events?last=0&follow={str(follow).lower()}"))
    if as_json and not follow:
        show_json([event for event in found if event["event"] != ENDED])
        return
    try:
        for event in found:
            if event["event"] == ENDED:
                _end(event["why"], follow=follow)
            elif as_json:
                show_json_line(event)
            else:
                say_at_once(_clock(event.get("at")), text_of(event))
    except KeyboardInterrupt:
        pass  # as announced


def _end(why: str, *, follow: bool) -> None:
    if follow:
        fail(f"no more events: {why}")


def told(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    """The events of a stream; what is a comment or for browsers is left out."""
    for line in lines:
        name, _, value = line.partition(": ")
        if name == "data":
            yield json.loads(value)


def text_of(event: dict[str, Any]) -> str:
    """What it is to a person."""
    words = {key: _words(value) for key, value in event.items()}
    text = LINES.get(event["event"])
    if text is None:
        rest = [f"{key}={value}" for key, value in words.items() if key not in {"at", "event"}]
        said = " ".join((event["event"], *rest))
    else:
        said = text.format_map(defaultdict(str, words))
    return " ".join(said.split())


def _words(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _clock(at: int | None) -> str:
    """The time of today, the day of others."""
    if at is None:
        return ""
    when, now = datetime.fromtimestamp(at / 1000).astimezone(), datetime.now().astimezone()
    return when.strftime("%H:%M:%S" if when.date() == now.date() else "%b %d %H:%M")
