"""A command finds the service that runs, waits for one that starts, and says what hinders it."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from beside_stock import NAMED, REFUSED, WORKING

from earthline.lab import Host, Lab
from earthline.lab.process import LabProcess
from earthline.lab.service import Service, script, wait_until

STOCK = os.environ.get("ZEROTIER_ONE", "")
HOLD = "import socket, time; s = socket.socket(type=socket.{kind}); s.bind(('{ip}', 9993)); "
LISTEN = HOLD + "s.listen(); print('holds', flush=True); time.sleep(100)"
BIND = HOLD + "print('holds', flush=True); time.sleep(100)"
LEAVE_TIME_WAIT = """
import socket
waiting = socket.socket(); waiting.bind(("127.0.0.1", 9993)); waiting.listen()
caller = socket.create_connection(("127.0.0.1", 9993))
accepted, _ = waiting.accept()
accepted.close(); caller.close(); waiting.close()
"""


@pytest.fixture
def host(lab: Lab) -> Host:
    return lab.host("root")


def earthline(host: Host, *words: str) -> subprocess.CompletedProcess[str]:
    inside = host.namespace.enter_argv([script("earthline"), *words])
    return subprocess.run(inside, capture_output=True, text=True, timeout=100, check=False)


def start(host: Host, *words: str, home: Path | None = None) -> LabProcess:
    place = home or host.directory / "home"
    return host.start([script("earthline"), "up", "--stay-root", "--home", str(place), *words])


def said(found: subprocess.CompletedProcess[str]) -> str:
    """The one line of a refusal."""
    assert (found.returncode, found.stdout) == (1, "")
    (line,) = found.stderr.splitlines()
    return line


def test_command_pasted_after_up_waits_for_the_service_and_finds_its_home(host):
    service = start(host)
    made = earthline(host, "planet", "make", "--endpoint", f"{host.address}/9993")
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout.startswith("made planet")
    found = json.loads(earthline(host, "--json", "status").stdout)
    assert found["config"]["settings"]["homeDir"] == str(host.directory / "home")
    assert earthline(host, "down").returncode == 0
    assert service.wait(5) == 0
    assert "start it with" in said(earthline(host, "status"))


def test_service_of_the_drop_in_daemon_is_found_too(host):
    service = Service(host)
    service.start()
    found = json.loads(earthline(host, "status", "--json").stdout)
    assert found["config"]["settings"]["homeDir"] == str(service.home)


def test_another_home_than_that_which_runs_is_answered_with_that(host):
    service = Service(host)
    service.start()
    line = said(earthline(host, "status", "--home", str(host.directory / "other")))
    assert f"{service.home} (pid {service.process.pid})" in line


def test_two_services_are_told_apart_by_their_homes(host):
    service = Service(host)
    service.start()
    other = Service(host, home=host.directory / "other", port=9994)
    other.start()
    line = said(earthline(host, "status"))
    assert str(service.home) in line
    assert str(other.home) in line
    found = json.loads(earthline(host, "status", "--json", "--home", str(other.home)).stdout)
    assert found["address"] == other.address


def test_home_deleted_under_a_living_service_is_told_truly(host):
    service = start(host)
    assert earthline(host, "status").returncode == 0
    shutil.rmtree(host.directory / "home")
    assert f"(pid {service.pid}) was deleted" in said(earthline(host, "networks"))
    report = json.loads(earthline(host, "doctor", "--json").stdout)
    assert report["cause"] == "home_deleted"
    assert earthline(host, "down").returncode == 0
    assert service.wait(5) == 0


def test_log_of_a_service_in_the_foreground_is_shown(host):
    start(host, "--log", "text")
    address = json.loads(earthline(host, "status", "--json").stdout)["address"]
    shown = earthline(host, "logs").stdout
    assert f"This node is {address}, on port 9993." in shown
    assert "No planet yet: earthline planet make" in shown


def test_killed_service_leaves_nothing_that_is_believed(host):
    service = start(host)
    assert earthline(host, "status").returncode == 0
    service.signal(signal.SIGKILL)
    service.wait(5)
    assert "start it with" in said(earthline(host, "status"))


def on_terminal(host: Host, *words: str, until: str) -> str:
    """What `earthline up` shows on a terminal of 80 columns, up to a line that has ``until``."""
    ours, theirs = pty.openpty()
    home = host.directory / "home"
    argv = [*words, script("earthline"), "up", "--stay-root", "--home", str(home)]
    inside = host.namespace.enter_argv(argv)
    shown = b""
    with subprocess.Popen(inside, stdin=theirs, stdout=theirs, stderr=theirs) as child:
        os.close(theirs)
        try:
            while until.encode() not in shown.rpartition(b"\n")[0]:
                assert select.select([ours], [], [], 60)[0], shown
                shown += os.read(ours, 4096)
        finally:
            child.terminate()
            child.wait(10)
            os.close(ours)
    return shown.decode()


def test_terminal_shows_sentences_and_the_next_command(host):
    shown = on_terminal(host, until="earthline planet make")
    assert "This node is " in shown
    assert str(host.directory / "home") in shown
    assert "earthline status" in shown
    assert "{" not in shown
    assert "no_devices" not in shown
    assert "will not reach any network" not in shown


def test_missing_right_to_make_devices_is_said_at_once(host):
    without = ("setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin")
    shown = on_terminal(host, *without, until="will not reach any network")
    assert "this user may not make network devices: start it as root" in shown


def test_log_is_json_where_no_person_reads(host):
    service = start(host)
    wait_until("it runs", lambda: "answering" in service.output)
    assert all(json.loads(line)["event"] for line in service.output.splitlines())


# --- the port -------------------------------------------------------------------------------------


@pytest.fixture(params=[("tcp", LISTEN), ("udp", BIND)], ids=["TCP", "UDP"])
def holder(request, host: Host) -> Iterator[tuple[LabProcess, str]]:
    protocol, program = request.param
    kind = {"tcp": "SOCK_STREAM", "udp": "SOCK_DGRAM"}[protocol]
    text = program.format(kind=kind, ip="0.0.0.0")
    process = host.start([sys.executable, "-c", text])
    wait_until("the port is held", lambda: "holds" in process.output)
    yield process, protocol.upper()
    process.kill()


def test_holder_of_the_port_is_named_with_what_to_do(host, holder):
    process, protocol = holder
    service = start(host)
    assert service.wait(20) == 1
    line = service.output.splitlines()[-1]
    assert "cannot bind to local control interface port 9993: python" in line
    assert f"(pid {process.pid}, {protocol}) has it; stop that, or choose" in line
    assert "--port" in line
    report = json.loads(earthline(host, "doctor", "--json").stdout)
    (found,) = (found for found in report["findings"] if found["id"] == "port_taken")
    assert f"(pid {process.pid}, {protocol})" in found["seen"]


def test_port_of_the_settings_is_changed_in_the_settings(host, holder):
    service = Service(host)
    service.configure(primaryPort=9993)
    service.start(wait=False)
    assert service.process.wait(20) == 1
    assert service.process.output.splitlines()[-1].endswith("with primaryPort in local.conf")


def test_port_that_only_closed_connections_have_is_waited_for(host):
    """Up to a minute: the kernel lets nobody shorten that."""
    host.run([sys.executable, "-c", LEAVE_TIME_WAIT])
    service = start(host, "--log", "text")
    wait_until("it says so", lambda: "still held by closed connections" in service.output)
    wait_until("it runs", lambda: "This node is" in service.output, timeout_s=90)


# --- ZeroTier One ---------------------------------------------------------------------------------


@pytest.fixture
def stock(host: Host) -> Service:
    if not STOCK:
        pytest.skip("$ZEROTIER_ONE names no stock binary")
    service = Service(host, program=[STOCK])
    service.start()
    return service


def test_commands_work_beside_stock_or_name_it(stock):
    for words, word in WORKING.items():
        found = earthline(stock.host, "--home", str(stock.home), *words.split())
        assert (found.returncode, found.stderr) == (0, ""), words
        assert word in found.stdout
    for words in REFUSED:
        line = said(earthline(stock.host, "--home", str(stock.home), *words.split()))
        assert f"{NAMED}{stock.home}" in line, words


def test_stock_service_is_not_stopped_and_its_port_is_named(stock):
    line = said(earthline(stock.host, "down", "--home", str(stock.home)))
    assert f"ZeroTier One (pid {stock.process.pid})" in line
    ours = start(stock.host, home=stock.host.directory / "ours")
    assert ours.wait(20) == 1
    assert f"zerotier-one (pid {stock.process.pid}, TCP) has it" in ours.output
