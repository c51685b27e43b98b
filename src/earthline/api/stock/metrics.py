"""``/metrics`` and ``metrics.prom``: stock's families (05, 11), and counters of our own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from fastapi import APIRouter
from starlette.responses import PlainTextResponse, Response

from earthline.api.http.exposition import Family, Histogram, render, single
from earthline.runtime.base.clock import now_ms
from earthline.runtime.service import Service

FILE = "metrics.prom"
FOR_OUR_GROUP = 0o640
"""The numbers name networks and peers: who may read them without a token is in our group."""
DIRECTIONS = ("rx", "tx")
SYSFS = Path("/sys/class/net")

PACKET_TYPES = {
    "nop": "nop",
    "error": "error",
    "ack": "ack",
    "qos": "qos_measurement",
    "hello": "hello",
    "ok": "ok",
    "whois": "whois",
    "rendezvous": "rendezvous",
    "frame": "frame",
    "ext_frame": "ext_frame",
    "echo": "echo",
    "multicast_like": "multicast_like",
    "network_credentials": "network_credentials",
    "network_config_request": "network_config_request",
    "network_config": "network_config",
    "multicast_gather": "multicast_gather",
    "multicast_frame": "multicast_frame",
    "push_direct_paths": "push_direct_paths",
    "user_message": "user_message",
    "remote_trace": "remote_trace",
    "path_negotiation_request": "path_negotiation_request",
}
"""Stock's words for the verbs, and ours."""

ERROR_TYPES = {
    "obj_not_found": "object_not_found",
    "unsupported_operation": "unsupported_operation",
    "identity_collision": "identity_collision",
    "need_membership_certificate": "need_membership_certificate",
    "network_access_denied": "network_access_denied",
    "unwanted_multicast": "unwanted_multicast",
    "authentication_required": "network_authentication_required",
    "internal_server_error": "internal_server_error",
}
"""The same for the codes of errors; the last has none that is ever sent."""

ANSWERS = ("granted", "refused_", "dropped_", "identity_mismatch")
"""How the controller's counters of answered requests begin."""

CHANGES = {
    "controller_network_change_count": ("network_changes", "times networks were changed"),
    "controller_member_change_count": ("member_changes", "times members were changed"),
    "controller_member_auth_count": ("member_auths", "members authorized"),
    "controller_member_deauth_count": ("member_deauths", "members deauthorized"),
    "controller_db_network_change": ("network_changes", "networks written"),
    "controller_db_member_change": ("member_changes", "members written"),
}

NEVER = (
    "controller_sso_expiration_checks",
    "controller_sso_timeouts",
    "controller_db_get_network",
    "controller_db_get_network_and_member",
    "controller_db_get_networK_and_member_summary",
    "controller_db_get_member_list",
    "controller_db_get_network_list",
)
"""What stock's controller does inside and ours does not: always 0, for whoever looks for them."""


class Metrics:
    """Everything there is to know of a service in numbers."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._latencies: dict[int, Histogram] = {}

    @property
    def path(self) -> Path:
        return self._service.home.path / FILE

    async def text(self) -> bytes:
        """All families as of now."""
        counts = await self._service.controller.run(self._service.authority.count)
        return render(self._families(*counts))

    async def write(self) -> None:
        """Note the peers' latencies, and have the file say what is true now."""
        peers = self._service.node.peer_states(now_ms())
        known = {peer.address: peer.latency for peer in peers}
        self._latencies = {a: self._latencies.get(a) or Histogram() for a in known}
        for address, latency in known.items():
            if latency >= 0:
                self._latencies[address].observe(latency)
        self._keep(await self.text())

    def clear(self) -> None:
        """An empty file, until there is something to say."""
        self._keep(b"")

    def _keep(self, text: bytes) -> None:
        self._service.home.keeping.write(self.path, text, FOR_OUR_GROUP, durable=False)

    def _families(self, controlled: int, members: int) -> Iterator[Family]:
        counters = self._service.counters()
        yield _packets(counters)
        yield _errors(counters)
        yield _data(counters)
        yield from self._networks()
        yield from self._peers()
        yield from self._controller(counters, controlled, members)
        yield from _own(counters)

    def _networks(self) -> Iterator[Family]:
        networks = self._service.node.networks()
        yield single("zt_num_networks", "gauge", "networks joined", len(networks))
        name = "zt_network_multicast_groups_subscribed"
        groups = Family(name, "gauge", "multicast groups subscribed to")
        packets = Family("zt_network_packets", "counter", "frames to and from a network")
        for network in networks:
            shown = f"{network.network:016x}"
            groups.add(len(network.subscriptions), network_id=shown)
            for (accepted, direction), value in _frames(self._device(network.network)).items():
                packets.add(value, accepted=accepted, direction=direction, network_id=shown)
        yield groups
        yield packets

    def _device(self, network: int) -> str | None:
        tap = self._service.taps.tap(network)
        return None if tap is None else tap.name or None

    def _peers(self) -> Iterator[Family]:
        latencies = Family("zt_peer_latency", "histogram", "latency of a peer (ms)")
        for address, histogram in self._latencies.items():
            histogram.add_to(latencies, node_id=f"{address:010x}")
        yield latencies
        paths = Family("zt_peer_path_count", "gauge", "paths to a peer")
        for peer in self._service.node.peer_states(now_ms()):
            dead = sum(path.expired for path in peer.paths)
            shown = f"{peer.address:010x}"
            paths.add(len(peer.paths) - dead, node_id=shown, status="alive")
            paths.add(dead, node_id=shown, status="dead")
        yield paths

    def _controller(self, counters: Counter[str], networks: int, members: int) -> Iterator[Family]:
        yield single("controller_network_count", "gauge", "networks controlled", networks)
        yield single("controller_member_count", "gauge", "members of them", members)
        for name, (counter, meaning) in CHANGES.items():
            yield single(name, "counter", meaning, counters[counter])
        answered = sum(value for name, value in counters.items() if name.startswith(ANSWERS))
        name = "controller_network_config_request"
        yield single(name, "counter", "requests for a configuration", answered)
        waiting = self._service.controller.waiting
        yield single(f"{name}_queue", "gauge", "requests that wait", waiting)
        yield single(f"{name}_threads", "gauge", "threads that answer them", 1)
        for name in NEVER:
            yield single(name, "counter", "done by stock only", 0)


def _packets(counters: Counter[str]) -> Family:
    family = Family("zt_packet", "counter", "packets by type")
    for direction in DIRECTIONS:
        for packet_type, verb in PACKET_TYPES.items():
            value = counters[f"{direction}_{verb}"]
            family.add(value, direction=direction, packet_type=packet_type)
    return family


def _errors(counters: Counter[str]) -> Family:
    family = Family("zt_packet_error", "counter", "ERROR packets by code")
    for direction in DIRECTIONS:
        for error_type, code in ERROR_TYPES.items():
            value = counters[f"{direction}_error_{code}"]
            family.add(value, direction=direction, error_type=error_type)
    return family


def _data(counters: Counter[str]) -> Family:
    family = Family("zt_data", "counter", "bytes in datagrams")
    for direction in DIRECTIONS:
        for protocol, counter in (("udp", "udp"), ("tcp", "tunnel")):
            value = counters[f"{counter}_{direction}_bytes"]
            family.add(value, direction=direction, protocol=protocol)
    return family


def _frames(device: str | None) -> dict[tuple[str, str], int]:
    """What passed a network's device, and what it dropped: the host's transmitting is ours."""
    names = {"rx": ("rx_packets", "rx_dropped"), "tx": ("tx_packets", "tx_dropped")}
    return {
        (accepted, direction): _statistic(device, name)
        for direction, pair in names.items()
        for accepted, name in zip(("yes", "no"), pair, strict=True)
    }


def _statistic(device: str | None, name: str) -> int:
    if device is None:
        return 0
    try:
        return int((SYSFS / device / "statistics" / name).read_text("ascii"))
    except (OSError, ValueError):
        return 0


def _own(counters: Counter[str]) -> Iterator[Family]:
    meaning = "packets and frames that the switch handed up for Python"
    yield single("earthline_punts_total", "counter", meaning, counters["punts"])
    meaning = "what the switch, the driver and the engines counted"
    events = Family("earthline_events_total", "counter", meaning)
    for name, value in sorted(counters.items()):
        events.add(value, name=name)
    yield events


def metrics_router(metrics: Metrics) -> APIRouter:
    """The one route. Unlike stock's, its answer is of now and not of up to 5 s ago."""
    router = APIRouter(tags=["metrics"])

    @router.get("/metrics", response_class=PlainTextResponse)
    async def show() -> Response:
        """All families as of now, as text for Prometheus."""
        return Response(await metrics.text(), headers={"content-type": "text/plain"})

    return router
