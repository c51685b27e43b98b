"""``/metrics``: Prometheus text (05, section 11), and counters of our own."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import APIRouter
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.responses import Response

from earthline.runtime.clock import now_ms
from earthline.runtime.service import Service


class ServiceCollector(Collector):
    """Reads the service's state when it is asked for it."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterator[Metric]:
        """Every metric."""
        yield from self._networks()
        yield self._paths()
        yield from self._counters()
        count = len(self._service.authority.list_networks())
        yield GaugeMetricFamily("controller_network_count", "networks of this controller", count)

    def _networks(self) -> Iterator[Metric]:
        networks = self._service.node.networks()
        yield GaugeMetricFamily("zt_num_networks", "joined networks", len(networks))
        groups = GaugeMetricFamily(
            "zt_network_multicast_groups_subscribed",
            "multicast groups subscribed to",
            labels=["network_id"],
        )
        for network in networks:
            groups.add_metric([f"{network.network:016x}"], len(network.subscriptions))
        yield groups

    def _paths(self) -> Metric:
        paths = GaugeMetricFamily(
            "zt_peer_path_count", "paths to a peer", labels=["node_id", "status"]
        )
        for peer in self._service.node.peer_states(now_ms()):
            dead = sum(path.expired for path in peer.paths)
            address = f"{peer.address:010x}"
            paths.add_metric([address, "alive"], len(peer.paths) - dead)
            paths.add_metric([address, "dead"], dead)
        return paths

    def _counters(self) -> Iterator[Metric]:
        counters = self._service.counters()
        yield CounterMetricFamily(
            "earthline_punts", "packets and frames that Python had to handle", counters["punts"]
        )
        events = CounterMetricFamily(
            "earthline_events",
            "what the switch, the driver and the engines counted",
            labels=["name"],
        )
        for name, value in sorted(counters.items()):
            events.add_metric([name], value)
        yield events


def metrics_router(service: Service) -> APIRouter:
    """The one route."""
    router = APIRouter(tags=["metrics"])
    registry = CollectorRegistry(auto_describe=False)
    registry.register(ServiceCollector(service))

    @router.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(registry), media_type="text/plain")

    return router
