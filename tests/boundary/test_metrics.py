"""Prometheus metrics: the families of a recorded stock node, with its labels (05, 11)."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from caller import Caller
from prometheus_client.parser import text_string_to_metric_families

from earthline.lab.service import Service, wait_until

STOCK = json.loads((Path(__file__).parent / "data" / "metrics.json").read_text())
"""Each family's type, and what labels its series have; for all but the IDs, their values too."""
DIFFERENCES = json.loads((Path(__file__).parent / "data" / "differences.json").read_text())
NOT_COUNTED = {each["field"] for each in DIFFERENCES if each["exchange"] == "050-*"}
SERIES = re.compile(r"(\w+)(?:\{(.*)\})? [\d.e+-]+")


def shape(text: str) -> dict[str, dict]:
    """As `STOCK`."""
    found: dict[str, dict] = {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            found[name] = {"type": kind, "series": set()}
        elif not line.startswith("#"):
            series, labels = SERIES.fullmatch(line).groups()
            plain = re.sub(r'(\w+_id)="[0-9a-f]+"', r"\1", labels or "")
            found[name]["series"].add(f"{series.removeprefix(name)}{{{plain}}}")
    return {name: {**each, "series": sorted(each["series"])} for name, each in found.items()}


def metrics(caller: Caller) -> str:
    reply = caller("GET", "/metrics", headers={"X-ZT1-Auth": caller.metrics_token})
    assert reply.status == 200
    assert reply.headers["content-type"] == "text/plain"
    return reply.text


def values(text: str, name: str) -> dict[tuple[str, ...], float]:
    """Of one family, by the values of its labels in order of their names."""
    (family,) = (each for each in text_string_to_metric_families(text) if each.name == name)
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for sample in family.samples
    }


@pytest.fixture(scope="module")
def member(caller: Caller) -> Caller:
    """A node with a peer, the root, on the root's Earth."""
    service = Service(caller.service.host.lab.host("member"))
    shutil.copy(caller.service.home / "planet", service.home / "planet")
    service.start()
    wait_until("it is a member", lambda: service.request("GET", "/network"))
    service.wait_ip(service.request("GET", "/network")[0]["id"])
    return Caller(service)


def test_families_types_and_labels_are_stocks(member):
    # A histogram has something to show once the file has been written.
    wait_until("a latency was noted", lambda: "zt_peer_latency_sum" in metrics(member))
    found = shape(metrics(member))
    expected = {name: each for name, each in STOCK.items() if name not in NOT_COUNTED}
    assert {name: found.get(name) for name in expected} == expected
    assert set(found) - set(STOCK) == {"earthline_punts_total", "earthline_events_total"}


def test_packets_and_bytes_are_counted_by_type_and_direction(caller, member):
    network = member.service.request("GET", "/network")[0]["id"]
    before = metrics(member)
    member.service.host.run(["ping", "-c3", "-i0.2", "-W5", caller.service.ip(network)])
    after = metrics(member)
    packets = {
        key: value - values(before, "zt_packet")[key]
        for key, value in values(after, "zt_packet").items()
    }
    assert packets["tx", "frame"] >= 3
    assert packets["rx", "frame"] >= 3
    assert values(after, "zt_packet")["tx", "hello"] >= 1
    assert values(after, "zt_packet")["rx", "ok"] >= 1
    assert values(after, "zt_packet")["tx", "network_config_request"] >= 1
    for direction in ("rx", "tx"):
        more = (
            values(after, "zt_data")[direction, "udp"] - values(before, "zt_data")[direction, "udp"]
        )
        assert more > 3 * 84
        assert values(after, "zt_network_packets")["yes", direction, network] >= 3


def test_controller_counts_what_was_changed(caller):
    before = metrics(caller)
    made = caller.service.create_network("10.47.0.0/24", private=True)
    caller.service.request("POST", f"/controller/network/{made}/member/1234567890", {})
    caller.service.authorize(made, "1234567890")
    after = metrics(caller)
    grown = {
        name: values(after, name)[()] - values(before, name)[()]
        for name in (
            "controller_network_count",
            "controller_member_count",
            "controller_member_auth_count",
            "controller_member_change_count",
        )
    }
    assert grown == {
        "controller_network_count": 1,
        "controller_member_count": 1,
        "controller_member_auth_count": 1,
        "controller_member_change_count": 2,
    }
    assert values(after, "controller_network_config_request")[()] >= 1


def test_file_is_written_every_few_seconds_and_at_exit_and_emptied_at_start(node: Service):
    (node.home / "metrics.prom").write_text("old\n")
    node.start()
    file: Path = node.home / "metrics.prom"
    assert "old" not in file.read_text()
    wait_until("it was written", lambda: "zt_packet{" in file.read_text())
    network = node.create_network("10.48.0.0/24", private=False)
    node.join(network)
    assert node.stop() == 0
    assert "\nzt_num_networks 1\n" in file.read_text()
