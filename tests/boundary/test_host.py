"""What the service does to the host it runs on, and how it follows it (02, 7.8; 05, 8 and 10)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time

from devices import addresses, routes

from earthline.lab.service import Service, script, wait_until


def listening_on(service: Service) -> set[str]:
    return set(service.status()["config"]["settings"]["listeningOn"])


def change(service: Service, network: str, body: dict) -> None:
    service.request("POST", f"/controller/network/{network}", body)


def test_routes_follow_the_controller_and_the_user(member):
    service, network = member
    device = service.device(network)
    ip = service.ip(network)
    change(
        service,
        network,
        {
            "routes": [
                {"target": "10.44.0.0/24"},
                {"target": "10.50.0.0/16"},
                {"target": "10.60.0.0/16", "via": "10.44.0.200"},
                {"target": "10.61.0.0/16", "via": ip},
                {"target": "0.0.0.0/0", "via": "10.44.0.200"},
            ]
        },
    )
    plain = {("10.44.0.0/24", None), ("10.50.0.0/16", None), ("10.60.0.0/16", "10.44.0.200")}
    wait_until("routes are set", lambda: routes(service, device) == plain)
    service.request("POST", f"/network/{network}", {"allowDefault": True})
    halves = {("0.0.0.0/1", "10.44.0.200"), ("128.0.0.0/1", "10.44.0.200")}
    service.found_planet()  # online, which a default route waits for
    wait_until("default is set", lambda: routes(service, device) == plain | halves)
    service.request("POST", f"/network/{network}", {"allowDefault": False})
    wait_until("default is gone", lambda: routes(service, device) == plain)
    service.request("POST", f"/network/{network}", {"allowManaged": False})
    wait_until("all is gone", lambda: not routes(service, device))


def test_route_of_the_host_is_left_alone(member):
    service, network = member
    service.host.run(["ip", "route", "add", "10.70.0.0/16", "dev", "eth0"])
    before = service.host.run(["ip", "route", "show", "10.70.0.0/16"])
    change(service, network, {"routes": [{"target": "10.44.0.0/24"}, {"target": "10.70.0.0/16"}]})
    revision = service.network(network)["netconfRevision"]
    wait_until("configured", lambda: service.network(network)["netconfRevision"] >= revision)
    service.leave(network)
    assert service.host.run(["ip", "route", "show", "10.70.0.0/16"]) == before


def test_address_of_the_administrator_stays(member):
    service, network = member
    device = service.device(network)
    service.host.run(["ip", "address", "add", "10.99.0.1/24", "dev", device])
    service.request("POST", f"/network/{network}", {"allowManaged": False})
    ip = service.ip(network)
    wait_until("managed one is gone", lambda: f"{ip}/24" not in addresses(service, device))
    assert "10.99.0.1/24" in addresses(service, device)


def test_mtu_follows_the_controller(member):
    service, network = member
    device = service.device(network)
    change(service, network, {"mtu": 1400})
    wait_until("MTU is set", lambda: "mtu 1400" in service.host.run(["ip", "link", "show", device]))


def test_multicast_groups_of_the_host_are_announced(member):
    service, network = member
    device = service.device(network)
    service.host.run(["ip", "maddress", "add", "33:33:00:00:12:34", "dev", device])
    wait_until(
        "group is subscribed",
        lambda: any(
            group["mac"] == "33:33:00:00:12:34"
            for group in service.network(network)["multicastSubscriptions"]
        ),
    )


def test_new_address_is_listened_on_within_3_seconds(node):
    node.start()
    before = listening_on(node)
    node.host.run(["ip", "address", "add", "85.1.2.3/24", "dev", "eth0"])
    wait_until(
        "it listens",
        lambda: "85.1.2.3/9993" in listening_on(node),
        timeout_s=3,
    )
    node.host.run(["ip", "address", "del", "85.1.2.3/24", "dev", "eth0"])
    wait_until(
        "it does not listen",
        lambda: listening_on(node) == before,
        timeout_s=3,
    )


def test_no_socket_is_bound_to_a_virtual_address(member):
    service, network = member
    ip = service.ip(network)
    service.host.run(["ip", "address", "add", "85.1.2.3/24", "dev", "eth0"])
    wait_until(
        "sockets are bound anew",
        lambda: "85.1.2.3/9993" in listening_on(service),
    )
    assert ip not in str(listening_on(service))


def test_two_instances_run_side_by_side(node):
    node.start()
    other = Service(node.host, home=node.host.directory / "other", port=9994)
    other.start()
    assert node.address != other.address
    wait_until("the other listens", lambda: other.status()["config"]["settings"]["listeningOn"])
    assert node.stop() == other.stop() == 0


def test_port_in_use_is_named(node):
    node.start()
    other = Service(node.host, home=node.host.directory / "other")
    other.start(wait=False)
    assert other.process.wait(20) == 1
    (line,) = other.process.output.splitlines()[-1:]
    assert "cannot bind to local control interface port 9993: earthline-one" in line
    assert f"(pid {node.process.pid}, TCP) has it" in line
    assert not (other.home / "zerotier-one.pid").exists()


def test_daemon_leaves_its_parent_at_once(node):
    argv = [script("earthline-one"), "-d", "-U", "-p9993", str(node.home)]
    process = node.host.start(argv)
    assert process.wait(20) == 0
    pid_file = node.home / "zerotier-one.pid"
    wait_until("it runs", (node.home / "zerotier-one.port").exists)
    pid = int(pid_file.read_text())
    assert pid != process.pid
    os.kill(pid, signal.SIGTERM)
    wait_until("it is gone", lambda: not pid_file.exists(), timeout_s=5)


def test_earth_is_not_joined_when_told_not_to(node):
    process = node.host.start([*node.argv, "--no-earth"])
    node._process = process
    node.wait_ready()
    node.found_planet()
    assert node.request("GET", "/network") == []
    node.stop()
    node.configure(joinEarth=False)
    node.start()
    assert node.request("GET", "/network") == []


def test_earth_that_was_left_is_not_joined_again(node):
    node.start()
    planet = node.found_planet()
    node.wait_ip(planet.earth)
    node.leave(planet.earth)
    node.stop()
    node.start()
    assert node.request("GET", "/network") == []


def test_network_of_an_empty_file_is_joined_at_the_start(node):
    folder = node.home / "networks.d"
    folder.mkdir()
    (folder / "1122334455000001.conf").touch()
    node.start()
    (network,) = node.request("GET", "/network")
    assert network["id"] == "1122334455000001"
    assert network["status"] == "REQUESTING_CONFIGURATION"


def test_device_map_names_the_device(node):
    (node.home / "devicemap").write_text("1122334455000001=lan7\n")
    node.start()
    node.join("1122334455000001")
    assert node.device("1122334455000001") == "lan7"
    assert "lan7" in node.host.run(["ip", "link"])


def test_ordinary_user_runs_all_but_the_devices(node):
    node.home.chmod(0o777)
    for folder in (node.host.directory, node.home):
        folder.chmod(0o777)
    node.host.lab.directory.chmod(0o755)
    argv = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *node.argv]
    node._process = node.host.start(argv)
    node.wait_ready()
    node.join("1122334455000001")
    assert node.network("1122334455000001")["status"] == "PORT_ERROR"
    assert node.stop() == 0


def test_stop_is_quick_even_with_a_client_connected(member):
    service, _ = member
    with service._connect() as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(100)
        started = time.monotonic()
        assert service.stop() == 0
        assert time.monotonic() - started < 10


def test_planet_is_installed_into_a_running_service(lab, node):
    node.start()
    planet = node.found_planet()
    file = node.host.directory / "planet"
    file.write_bytes(planet.data)
    other = Service(lab.host("other"))
    other.start()
    other.command("planet", "install", str(file))
    assert other.status()["planetWorldId"] == int(planet.world_id, 16)
    other.wait_ip(planet.earth)
    assert (other.home / "planet").read_bytes() == planet.data


def test_reissued_planet_reaches_a_node_that_holds_the_old_one(lab, node):
    node.start()
    planet = node.found_planet()
    made = json.loads(node.command("planet", "reissue", "--json"))
    other = Service(lab.host("other"))
    other.start(planet.data)
    wait_until(
        "the new revision arrives",
        lambda: other.status()["planetWorldTimestamp"] == made["timestamp"],
    )
    assert (other.home / "planet").read_bytes() != planet.data


def test_planet_key_is_for_the_owner_alone(node):
    node.start()
    node.found_planet()
    key = node.home / "planet.signing.json"
    assert key.stat().st_mode & 0o777 == 0o600


def test_help_is_quick_and_needs_no_service(node):
    found = subprocess.run(
        [script("earthline"), "--help"], capture_output=True, text=True, check=True
    )
    assert "planet" in found.stdout
