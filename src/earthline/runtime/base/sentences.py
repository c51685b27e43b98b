"""The log as it is shown to a person at a terminal: what happened, and what can be done next.

Events are named for scripts, so the same ones are JSON elsewhere. One without a sentence of its own
is shown by its name.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

from earthline.clean import clean

SENTENCES: Mapping[str, str] = {
    "made_identity": "Made an identity for this node: it is kept in {file}.",
    "started": "This node is {address}, on port {port}.",
    "answering": "It lives in {home}. In another terminal: earthline status, earthline help.",
    "no_planet": (
        "No planet yet: earthline planet make --endpoint IP/PORT makes one, "
        "earthline planet install FILE takes another's."
    ),
    "online": "Online: the address of this node is {address}. Next: {then}.",
    "offline": "Offline: no root answers. earthline doctor looks for the reason.",
    "joining_earth": "Joining {network}, the Earth of this planet.",
    "identity_cloned": (
        "Another host uses this node's identity: it is at {there}, this one at {here}. "
        "earthline doctor says what to do."
    ),
    "no_devices": "This host's programs will not reach any network: {why}.",
    "tap_failed": "Network {network} has no device: {error}.",
    "made_user": "Made the system user {user}, which the service now is (else: {otherwise}).",
    "still_root": "The service stays root: {why}.",
    "home_not_written": "Nothing can be written to {home} ({why}): it goes on from memory.",
    "controller_in_memory": (
        "The networks of this node's controller are in memory only, since nothing can be written "
        "to {folder} ({why})."
    ),
    "home_written": "{home} can be written to again, and is up to date.",
    "port_lingers": (
        "Port {port} is still held by closed connections of who had it before: "
        "waiting up to {seconds} s."
    ),
    "port_mapped": "The router maps {external} to this node, by {protocol}.",
    "port_not_mapped": "The router maps no port to this node.",
    "socket_not_bound": "No socket on {address}: {error}.",
    "tunnel_up": "UDP is blocked: connected over TCP to {relay}.",
    "tunnel_left": "UDP works again: the TCP connection to {relay} is not needed any more.",
    "tcp_relay_started": "Relaying over TCP at {listen}.",
    "tcp_relay_failed": "Cannot relay over TCP at {listen}: {why}.",
    "file_ignored": "{file} is left as it is and not used: {why}.",
    "file_not_written": "{file} is not written: {why}.",
    "lines_ignored": "{file}: {lines} not understood and not used, the first is line {first}.",
    "network_cache_malformed": "What was kept of network {network} is damaged and not used.",
    "state_malformed": "What was kept of {kind} {key} is damaged and not used.",
    "state_misnamed": "What was kept as {kind} {key} is none, or another one, and not used.",
    "set_aside": "{file} could not be used: it is called {name} now.",
    "settings_ignored": "The settings were changed, and cannot be used: {fault}.",
    "reverse_path_loose": "{device} takes answers over any path while the default route is here.",
    "reverse_path_not_restored": "The reverse path filter of an interface stays loose: {why}.",
    "bridges_not_checked": "The bridges could not be looked at: {error}.",
    "stopping": "Stopping.",
    "stopped": "Stopped.",
}
_MARKS = {"warning": "! ", "error": "! ", "critical": "! "}


def sentence(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    """A structlog renderer: time, a mark if it is a warning, and the sentence."""
    fields = dict(event)
    name, time = str(fields.pop("event")), fields.pop("timestamp", "")
    mark = _MARKS.get(str(fields.pop("level", "")), "")
    trace = str(fields.pop("exception", ""))
    lines = [f"{time} {mark}{clean(_told(name, fields))}".lstrip()]
    # Indented: what a fault says cannot pass for a line of ours.
    lines += [f"  {clean(line)}" for line in trace.splitlines()]
    return "\n".join(lines)


def _told(name: str, fields: dict[str, Any]) -> str:
    words = {key: _plain(value) for key, value in fields.items()}
    try:
        return SENTENCES[name].format_map(words)
    except KeyError:
        told = " ".join(f"{key}={value}" for key, value in words.items())
        return f"{name.replace('_', ' ')} {told}".rstrip()


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
