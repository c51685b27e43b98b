"""What others do to our devices is noticed, whatever the service gave them before."""

from __future__ import annotations

import json

import pytest
from devices import addresses, routes

from earthline.lab.service import Service, wait_until

BROADCAST = "ff:ff:ff:ff:ff:ff"


def link(service: Service, device: str) -> dict:
    (shown,) = json.loads(service.host.run(["ip", "-j", "link", "show", "dev", device]))
    return shown


def devices(service: Service) -> set[str]:
    return {shown["ifname"] for shown in json.loads(service.host.run(["ip", "-j", "link"]))}


def resolved(service: Service, network: str) -> set[int]:
    """The IPv4 addresses, as numbers, that ARP requests reach us for."""
    groups = service.network(network)["multicastSubscriptions"]
    return {group["adi"] for group in groups if group["mac"] == BROADCAST and group["adi"]}


@pytest.mark.parametrize("times", [1, 3])
def test_flushed_address_and_routes_come_back(member, times):
    service, network = member
    device = service.device(network)
    before = addresses(service, device), routes(service, device)
    for _ in range(times):
        service.host.run(["ip", "address", "flush", "dev", device, "scope", "global"])
        wait_until(
            "all is back", lambda: (addresses(service, device), routes(service, device)) == before
        )


def test_device_that_was_put_down_and_given_a_larger_mtu_is_as_it_was(member):
    service, network = member
    device = service.device(network)
    before = routes(service, device)
    service.host.run(["ip", "link", "set", device, "down", "mtu", "9000"])
    wait_until("it is up", lambda: "UP" in link(service, device)["flags"])
    wait_until("MTU is back", lambda: link(service, device)["mtu"] == 2800)
    wait_until("routes are back", lambda: routes(service, device) == before)


def test_smaller_mtu_set_by_hand_stays(member):
    service, network = member
    device = service.device(network)
    before = routes(service, device)
    service.host.run(["ip", "link", "set", device, "down", "mtu", "1400"])
    # All is put back in one pass, routes last.
    wait_until("routes are back", lambda: routes(service, device) == before)
    assert link(service, device)["mtu"] == 1400
    service.request("POST", f"/controller/network/{network}", {"mtu": 1300})
    wait_until("no more than the network", lambda: link(service, device)["mtu"] == 1300)


def test_devicemap_with_a_name_no_interface_can_have_stops_no_network(member):
    service, network = member
    service.stop()
    (service.home / "devicemap").write_text(f"{network}=a/b\n")
    service.start()
    service.wait_ip(network)
    device, entry = service.device(network), service.network(network)
    assert (device[:2], entry["portError"]) == ("zt", 0)
    assert f"it is called {device}, not 'a/b'" in entry["earthline"]["notes"][0]


def test_renamed_device_goes_on_under_its_new_name(member):
    service, network = member
    index = link(service, service.device(network))["ifindex"]
    service.host.run(["ip", "link", "set", service.device(network), "name", "office0"])
    wait_until("it is known", lambda: service.device(network) == "office0")
    path = f"/controller/network/{network}/member/{service.address}"
    service.request("POST", path, {"ipAssignments": ["10.44.0.77"], "noAutoAssignIps": True})
    wait_until("address is set", lambda: "10.44.0.77/24" in addresses(service, "office0"))
    wait_until("others find it", lambda: resolved(service, network) == {0x0A2C004D})
    service.host.run(["ip", "maddress", "add", "33:33:00:00:12:34", "dev", "office0"])
    wait_until(
        "new groups are seen",
        lambda: (
            "33:33:00:00:12:34"
            in {group["mac"] for group in service.network(network)["multicastSubscriptions"]}
        ),
    )
    service.request("POST", f"/controller/network/{network}", {"mtu": 1400})
    wait_until("MTU follows", lambda: link(service, "office0")["mtu"] == 1400)
    assert link(service, "office0")["ifindex"] == index


def test_deleted_device_is_made_again(member):
    service, network = member
    device = service.device(network)
    index, before = link(service, device)["ifindex"], addresses(service, device)
    ours = {text for text in before if text.startswith("10.44.")}
    service.host.run(["ip", "link", "del", device])
    wait_until("it is there", lambda: device in devices(service))
    wait_until("it has its address", lambda: addresses(service, device) >= ours)
    assert link(service, device)["ifindex"] != index
    assert service.network(network)["portError"] == 0
    wait_until("others find it", lambda: len(resolved(service, network)) == 1)


def test_host_that_switches_ipv6_off_keeps_all_else(member):
    service, network = member
    device = service.device(network)
    body = {
        "v6AssignMode": {"rfc4193": True},
        "routes": [{"target": "10.44.0.0/24"}, {"target": "10.45.0.0/16"}],
    }
    service.request("POST", f"/controller/network/{network}", body)

    def has_ipv6() -> bool:
        return any(text.startswith("fd") for text in addresses(service, device))

    wait_until("it has both", lambda: has_ipv6() and len(routes(service, device)) == 2)
    before = routes(service, device)
    service.host.namespace.sysctl(f"net/ipv6/conf/{device}/disable_ipv6", "1")
    assert not has_ipv6()
    service.host.run(["ip", "-4", "address", "flush", "dev", device])
    wait_until("IPv4 is back", lambda: routes(service, device) == before)
    assert service.network(network)["portError"] == 0
    service.host.namespace.sysctl(f"net/ipv6/conf/{device}/disable_ipv6", "0")
    wait_until("IPv6 is back", has_ipv6)


def test_cable_comes_before_a_network_of_the_same_subnet_always(node):
    node.start()
    host = node.host
    host.run(["ip", "link", "add", "eth7", "type", "veth", "peer", "name", "eth8"])
    host.run(["ip", "link", "set", "eth8", "up"])
    host.run(["ip", "link", "set", "eth7", "up"])
    host.run(["ip", "address", "add", "10.44.0.10/24", "dev", "eth7"])
    body = {"routes": [{"target": "10.44.0.0/24"}, {"target": "10.45.0.0/16"}]}
    network = node.create_network("10.44.0.0/24", private=False)
    node.request("POST", f"/controller/network/{network}", body)
    node.join(network)
    node.wait_ip(network)
    device = node.device(network)
    wanted = {("10.44.0.0/24", None), ("10.45.0.0/16", None)}
    wait_until("routes are set", lambda: routes(node, device) == wanted)

    def way(target: str) -> str:
        (found,) = json.loads(host.run(["ip", "-j", "route", "get", target]))
        return str(found["dev"])

    assert way("10.44.0.50") == "eth7"
    host.run(["ip", "link", "set", "eth7", "down"])
    assert way("10.44.0.50") == device
    host.run(["ip", "link", "set", "eth7", "up"])
    assert way("10.44.0.50") == "eth7"
    shown = json.loads(host.run(["ip", "-j", "route", "show", "dev", device]))
    assert {route["metric"] for route in shown} == {5000}
