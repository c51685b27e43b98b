"""Events of the node, read from the commands that it gives and from what it says of itself.

What the switch and the host are told of peers and networks is what happened to them. So nobody has
to look at all peers again and again, and the engines know nothing of events.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from earthline import effects
from earthline.node import Node
from earthline.runtime.base.clock import now_ms
from earthline.runtime.node.events import Events
from earthline.vl1.reasons import Explained, State
from earthline.wire.address import format_address, format_network
from earthline.wire.inet import InetAddress

LOOK_AGAIN_MS = 35_000
"""A peer that is not direct may be so for another reason then: 30 s are patience (`reasons`)."""
LOOKED_AT_ONCE = 64
"""Peers, in one call of `look`."""


class Happenings:
    """Tells `Events` what happens to a node."""

    def __init__(self, events: Events, node: Node) -> None:
        self._publish = events.publish
        self._node = node
        self._paths: dict[int, tuple[effects.Path, ...]] = {}
        """Of each peer that the switch knows, which bounds all that is kept here of peers."""
        self._told: dict[int, Explained] = {}
        self._look_at: dict[int, int] = {}
        """When to look at a peer again, ms; the earliest comes first."""
        self._networks: set[int] = set()
        self._seen: dict[str, Any] = {}

    def observers(self) -> Mapping[type, Callable[[Any], None]]:
        """Who wants to see which commands of the node, once they are carried out."""
        return {
            effects.InstallSession: self._session,
            effects.RemoveSession: self._forgotten,
            effects.InstallPaths: self._moved,
            effects.InstallRoute: self._routed,
            effects.ConfigureTap: self._joined,
            effects.InstallNetwork: self._configured,
            effects.RemoveNetwork: self._left,
            effects.Report: self._reported,
        }

    def look(self, now: int) -> None:
        """What the node says of itself, and reasons that became others. Now and then."""
        self._look_at_node()
        for _ in range(LOOKED_AT_ONCE):
            address = next(iter(self._look_at), None)
            if address is None or self._look_at[address] > now:
                break
            del self._look_at[address]
            self._judge(address, now)

    def _look_at_node(self) -> None:
        self._if_new("node.upstreams", {"upstreams": self._node.upstreams}, format_address)
        self._if_new("node.addresses", self._node.places._asdict(), str)

    def _if_new(
        self, kind: str, fields: dict[str, tuple[Any, ...]], text: Callable[[Any], str]
    ) -> None:
        if self._seen.get(kind) != fields:
            self._seen[kind] = fields
            self._publish(kind, **{key: list(map(text, value)) for key, value in fields.items()})

    # --- peers ------------------------------------------------------------------------------------

    def _session(self, command: effects.InstallSession) -> None:
        if command.address not in self._paths:
            self._paths[command.address] = ()
            self._publish("peer.new", address=format_address(command.address))

    def _forgotten(self, command: effects.RemoveSession) -> None:
        if self._paths.pop(command.address, None) is not None:
            self._told.pop(command.address, None)
            self._look_at.pop(command.address, None)
            self._publish("peer.gone", address=format_address(command.address))

    def _moved(self, command: effects.InstallPaths) -> None:
        before = self._paths.get(command.address)
        if before is None:
            return
        self._paths[command.address] = command.paths
        address = format_address(command.address)
        for kind, some, others in (
            ("peer.path_lost", before, command.paths),
            ("peer.path_found", command.paths, before),
        ):
            for path in some:
                if path not in others:
                    self._publish(kind, address=address, path=_text(path))

    def _routed(self, command: effects.InstallRoute) -> None:
        if command.address in self._paths:
            self._judge(command.address, now_ms(), command.path)

    def _judge(self, address: int, now: int, path: effects.Path | None = None) -> None:
        found = self._node.explain(address, now)
        if found is None:
            return
        self._look_at.pop(address, None)
        if found.state is not State.DIRECT:
            self._look_at[address] = now + LOOK_AGAIN_MS
        if self._told.get(address) == found:
            return
        self._told[address] = found
        fields = {"address": format_address(address)}
        if found.state in {State.DIRECT, State.TUNNELLED} and path is not None:
            fields["path"] = _text(path)
        if found.state is not State.DIRECT:
            fields["reason"] = found.reason.value
        self._publish(f"peer.{found.state.value}", **fields)

    # --- networks ---------------------------------------------------------------------------------

    def _joined(self, command: effects.ConfigureTap) -> None:
        self._enter(command.network)

    def _enter(self, network: int) -> None:
        if network not in self._networks:
            self._networks.add(network)
            self._publish("network.joined", network=format_network(network))

    def _configured(self, command: effects.InstallNetwork) -> None:
        state = next((s for s in self._node.networks() if s.network == command.network), None)
        if state is None:
            return
        self._enter(command.network)
        self._publish(
            "network.configured",
            network=format_network(command.network),
            name=state.name,
            addresses=[str(address) for address in state.addresses],
        )

    def _left(self, command: effects.RemoveNetwork) -> None:
        if command.network in self._networks:
            self._networks.discard(command.network)
            self._publish("network.left", network=format_network(command.network))

    # --- the node ---------------------------------------------------------------------------------

    def _reported(self, report: effects.Report) -> None:
        if report.event in {"online", "offline"}:
            self._publish(f"node.{report.event}")
        elif report.event == "network_status":
            self._publish("network.status", **report.fields)


def _text(path: effects.Path) -> str:
    return str(InetAddress(path[1], path[2]))
