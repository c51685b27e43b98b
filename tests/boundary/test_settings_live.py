"""local.conf changed under a running service: what it takes over, and what it says it cannot."""

from __future__ import annotations

import http.client
import socket

import pytest

from earthline.lab.service import Service, wait_until


@pytest.fixture
def running(node: Service) -> Service:
    node.configure(portMappingEnabled=False)
    node.start()
    return node


def change(node: Service, **settings: object) -> None:
    node.request("POST", "/config/settings", settings)


def answer_outside(node: Service) -> int | None:
    """The status of a call by the host's own address; None if nobody listens there."""
    token = (node.home / "authtoken.secret").read_text()
    with node.host.inside():
        opened = socket.socket()
    connection = http.client.HTTPConnection(node.host.address, node.port, timeout=10)
    connection.sock = opened
    try:
        opened.connect((node.host.address, node.port))
        connection.request("GET", "/status", headers={"X-ZT1-Auth": token})
        return connection.getresponse().status
    except OSError:
        return None
    finally:
        connection.close()


def test_management_from_outside_opens_and_closes_while_running(running: Service) -> None:
    assert answer_outside(running) is None
    change(running, allowManagementFrom=[f"{running.host.address}/32"])
    wait_until("the API answers outside", lambda: answer_outside(running) == 200)
    change(running, allowManagementFrom=["192.0.2.0/24"])
    wait_until("it refuses us", lambda: answer_outside(running) == 401)
    change(running, allowManagementFrom=[])
    wait_until("it is gone again", lambda: answer_outside(running) is None)
    wait_until("it answers inside", running._answers)


def listening(node: Service) -> set[str]:
    return set(node.status()["config"]["settings"]["listeningOn"])


def test_ports_and_interfaces_follow_the_settings(running: Service) -> None:
    here = running.host.address
    change(running, secondaryPort=30001, tertiaryPort=30002, portMappingEnabled=True)
    every = {f"{here}/{port}" for port in (9993, 30001, 30002)}
    wait_until("all ports are bound", lambda: listening(running) == every)
    change(running, allowSecondaryPort=False, portMappingEnabled=False)
    wait_until("one is left", lambda: listening(running) == {f"{here}/9993"})
    assert running.status()["config"]["settings"]["tertiaryPort"] == 30002
    change(running, interfacePrefixAllowlist=["wlan"])
    wait_until("none is left", lambda: listening(running) == set())
    change(running, interfacePrefixAllowlist=["eth"])
    wait_until("it is back", lambda: listening(running) == {f"{here}/9993"})


def test_status_shows_the_ports_in_use(node: Service) -> None:
    node.start()
    settings = node.status()["config"]["settings"]
    assert settings["portMappingEnabled"] is True
    used = {settings[name] for name in ("primaryPort", "secondaryPort", "tertiaryPort")}
    assert listening(node) == {f"{node.host.address}/{port}" for port in used}
    assert len(used) == 3


def test_setting_that_waits_for_a_restart_is_named_in_the_log(running: Service) -> None:
    running.configure(primaryPort=9995, portMappingEnabled=False)
    wait_until(
        "it is named",
        lambda: '"settings": ["primaryPort"]' in running.process.output,
        timeout_s=60,
    )
    assert listening(running) >= {f"{running.host.address}/9993"}


def test_wrong_setting_changes_nothing_while_running(running: Service) -> None:
    before = listening(running)
    running.configure(bind=[1])
    wait_until("it is named", lambda: "settings.bind.0" in running.process.output, timeout_s=60)
    assert listening(running) == before


def test_password_of_the_database_is_shown_nowhere(node: Service) -> None:
    node.configure(controllerDbPath=f"{node.home}/controller.d", note="postgres://me:s3cret@db/zt")
    node.settings_file.chmod(0o644)
    node.start()
    shown = [node.request("GET", path) for path in ("/status", "/config", "/earthline/doctor")]
    assert "s3cret" not in repr(shown) + node.process.output
    assert shown[1]["settings"]["note"] == "postgres://me:***@db/zt"
    change(node, joinEarth=False)
    assert "s3cret" in node.settings_file.read_text()
    assert node.settings_file.stat().st_mode & 0o777 == 0o600


def test_files_of_the_home_are_no_other_users_business(node: Service) -> None:
    (node.home / "networks.d").mkdir()
    (node.home / "peers.d").mkdir()
    node.start()
    node.wait_ip(node.found_planet().earth)
    node.stop()
    modes = {path.name: path.stat().st_mode & 0o777 for path in node.home.rglob("*")}
    public = {"identity.public", "planet", "zerotier-one.port", "earthline.lock"}
    assert {name for name, mode in modes.items() if mode & 0o077} == public | {"metrics.prom"}
    assert modes["metrics.prom"] == 0o640
    assert modes["networks.d"] == modes["peers.d"] == 0o700
