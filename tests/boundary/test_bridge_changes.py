"""What others do to the interfaces of a bridge is followed: names, and a device made anew."""

from __future__ import annotations

import json

import pytest
from devices import addresses

from earthline.lab.service import Service, wait_until


def links(service: Service) -> dict[str, dict]:
    return {link["ifname"]: link for link in json.loads(service.host.run(["ip", "-j", "link"]))}


def bridging(service: Service) -> dict | None:
    return next(iter(service.request("GET", "/earthline/bridge")), None)


@pytest.fixture
def bridged(member: tuple[Service, str]) -> tuple[Service, str]:
    """The network of `member` is bridged to eth7, which has an address."""
    service, network = member
    host = service.host
    host.run(["ip", "link", "add", "eth7", "type", "veth", "peer", "name", "eth8"])
    for name in ("eth7", "eth8"):
        host.run(["ip", "link", "set", name, "up"])
    host.run(["ip", "address", "add", "10.88.0.10/24", "dev", "eth7"])
    service.command("member", "bridge", network, service.address, "on")
    wait_until("it is an active bridge", lambda: service.network(network)["bridge"])
    service.command("bridge", "up", network, "--interface", "eth7", "--rollback", "0")
    wait_until("it has the network's address", lambda: managed(service, "br-eth7"))
    return service, network


def managed(service: Service, bridge: str) -> bool:
    return any(text.startswith("10.44.0.") for text in addresses(service, bridge))


def test_renamed_bridge_and_ports_go_on_and_are_taken_apart_under_their_new_names(bridged):
    service, network = bridged
    new = {"br-eth7": "lan7", "eth7": "port7", service.device(network): "office0"}
    for before, after in new.items():
        service.host.run(["ip", "link", "set", before, "name", after])
    wait_until(
        "the names are known",
        lambda: (
            (found := bridging(service)) is not None
            and [found["bridge"], found["interface"], found["device"]] == list(new.values())
        ),
    )
    assert managed(service, "lan7")
    assert links(service)["office0"]["master"] == links(service)["port7"]["master"] == "lan7"
    service.command("bridge", "down", network)
    assert bridging(service) is None
    assert "lan7" not in links(service)
    assert "master" not in links(service)["office0"]
    assert "10.88.0.10/24" in addresses(service, "port7")


def test_next_run_takes_a_renamed_bridge_apart(bridged):
    service, _ = bridged
    service.host.run(["ip", "link", "set", "br-eth7", "name", "lan7"])
    wait_until("it is known", lambda: (bridging(service) or {}).get("bridge") == "lan7")
    service.kill()
    assert "lan7" in links(service)
    service.start()
    assert "lan7" not in links(service)
    assert "10.88.0.10/24" in addresses(service, "eth7")


def test_deleted_device_is_a_port_again_when_it_is_made_anew(bridged):
    service, network = bridged
    device = service.device(network)
    index = links(service)[device]["ifindex"]
    service.host.run(["ip", "link", "del", device])
    wait_until(
        "it is a port again",
        lambda: links(service).get(device, {}).get("master") == "br-eth7",
    )
    assert links(service)[device]["ifindex"] != index
    assert managed(service, "br-eth7")
    assert bridging(service) is not None


def test_port_that_somebody_takes_out_ends_the_bridging(bridged):
    service, network = bridged
    service.host.run(["ip", "link", "set", service.device(network), "nomaster"])
    wait_until("it is taken apart", lambda: "br-eth7" not in links(service))
    assert bridging(service) is None
    assert "10.88.0.10/24" in addresses(service, "eth7")
