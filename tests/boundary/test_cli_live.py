"""The command lines against a real service (05, 6; 06, 6.1)."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from earthline.lab import LabError
from earthline.lab.service import script

CASES = json.loads((Path(__file__).parent / "data" / "cli-cases.json").read_text())["cases"]
JOINED = "b48062de761ca497"
NO_NETWORKS = [
    case
    for case in CASES
    if case["args"] not in (["info"], ["/health"], ["listnetworks"], ["listpeers"], ["peers"])
    and JOINED not in case["args"]
    and not (case["args"][0] == "-j" and case["args"][1] in {"info", "listpeers", "listnetworks"})
]


def client(service, *words):
    argv = [script("earthline-cli"), f"-D{service.home}", *words]
    inside = service.host.namespace.enter_argv(argv)
    return subprocess.run(inside, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize("case", NO_NETWORKS, ids=[" ".join(c["args"]) for c in NO_NETWORKS])
def test_stock_client_run_is_repeated(caller, case):
    found = client(caller.service, *case["args"])
    stderr = case["stderr"].replace("zerotier-cli", "earthline-cli")
    assert (found.returncode, found.stdout, found.stderr) == (case["exit"], case["stdout"], stderr)


def test_info_and_lists(caller):
    address = caller.service.address
    assert client(caller.service, "info").stdout == f"200 info {address} 1.14.1 ONLINE\n"
    header, row = client(caller.service, "listnetworks").stdout.splitlines()
    network = caller.authorised("GET", "/network").json[0]
    assert header.startswith("200 listnetworks <nwid> <name>")
    assert row == (
        f"200 listnetworks {network['id']} earth {network['mac']} OK PUBLIC "
        f"{network['portDeviceName']} {','.join(network['assignedAddresses'])}"
    )
    assert client(caller.service, "peers").stdout.splitlines()[0] == "200 peers"


def test_join_set_get_leave(node):
    node.start()
    network = node.create_network("10.44.0.0/24", private=False)
    assert client(node, "join", network).stdout == "200 join OK\n"
    ip = node.wait_ip(network)
    assert client(node, "get", network, "ip4").stdout == f"{ip}\n"
    assert client(node, "get", network, "status").stdout == "OK\n"
    changed = json.loads(client(node, "set", network, "allowDNS=1").stdout)
    assert changed["allowDNS"] is True
    permissions = node.home / "networks.d" / f"{network}.local.conf"
    assert "allowDNS=1" in permissions.read_text()
    assert client(node, "leave", network).stdout == "200 leave OK\n"
    assert client(node, "listnetworks").stdout.count("\n") == 1
    assert list((node.home / "networks.d").iterdir()) == []


def test_private_network_waits_for_its_controller(node):
    node.start()
    network = node.create_network("10.45.0.0/24", private=True)
    node.command("join", network)
    assert node.network(network)["status"] in {"REQUESTING_CONFIGURATION", "ACCESS_DENIED"}
    node.command("member", "authorize", network, node.address)
    assert node.wait_ip(network).startswith("10.45.0.")
    (member,) = json.loads(node.command("member", "list", network, "--json"))
    assert member["authorized"] is True
    node.command("member", "deauthorize", network, node.address)
    (member,) = json.loads(node.command("member", "list", network, "--json"))
    assert member["authorized"] is False


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["join", "xyz"], "16 hexadecimal digits"),
        (["planet", "make"], "already holds planet"),
        (["planet", "make", "--endpoint", "1.2.3"], "is not an endpoint"),
        (["planet", "make", "--endpoint", "10.0.0.1/9993"], "already holds planet"),
        (["network", "create", "--pool", "10.1.0.1-10.1.0.9"], "needs a --route"),
        (["network", "create", "--pool", "here"], "write it as"),
        (["network", "show", "1111111111111111"], "is node 1111111111, and this is node"),
        (["member", "authorize", "1111111111111111", "12"], "10 hexadecimal digits"),
        (["planet", "install", "/nonexistent"], "cannot read /nonexistent"),
    ],
)
def test_bad_input_is_answered_in_one_line(caller, words, said):
    argv = [script("earthline"), "--home", str(caller.service.home), *words]
    inside = caller.service.host.namespace.enter_argv(argv)
    found = subprocess.run(inside, capture_output=True, text=True, timeout=30, check=False)
    assert found.returncode == 1
    assert found.stdout == ""
    (line,) = found.stderr.splitlines()
    assert said in line


def test_no_service_is_said_with_what_to_do(node):
    with pytest.raises(LabError, match="start it with"):
        node.command("status")


@pytest.mark.parametrize(
    "words", [["status"], ["peers"], ["networks"], ["network", "list"], ["planet", "show"]]
)
def test_people_get_tables_and_scripts_get_json(caller, words):
    assert caller.service.command(*words).strip()
    assert json.loads(caller.service.command(*words, "--json")) is not None
