"""``earthline`` on the networks that a node controls, against a real service."""

from __future__ import annotations

import json
import subprocess

import pytest

from earthline.lab.service import script

SCRIPT = """\
tag role id 7 default client enum 1 client enum 2 printer ;
cap admin id 50 accept ipprotocol tcp dport 22; ;
drop not ethertype ipv4 and not ethertype arp;
tee -1 0a1b2c3d4e ethertype arp;
accept;
"""
MEMBER = "0a1b2c3d4e"


def run(service, *words):
    argv = [script("earthline"), "--home", str(service.home), *words]
    inside = service.host.namespace.enter_argv(argv)
    return subprocess.run(inside, capture_output=True, text=True, timeout=30, check=False)


def told(service, *words):
    return json.loads(service.command(*words, "--json"))


@pytest.fixture
def network(caller):
    made = caller.service.create_network("10.77.0.0/24", private=True)
    yield made
    run(caller.service, "network", "delete", made, "--yes")


def test_rules_of_a_network_are_kept_with_their_script(caller, network, tmp_path):
    service = caller.service
    file = tmp_path / "office.rules"
    file.write_text(SCRIPT)
    assert "1 capabilities, 1 tags" in service.command("network", "rules", network, str(file))
    assert service.command("network", "rules", network) == SCRIPT
    stored = told(service, "network", "show", network)
    assert stored["rulesSource"] == SCRIPT
    assert stored["rules"][-1] == {"type": "ACTION_ACCEPT"}
    assert stored["capabilities"][0]["id"] == 50
    assert stored["tags"] == [{"default": 1, "id": 7}]
    assert told(service, "network", "rules", network)["sourceInForce"] is True


def test_compiled_rules_are_taken_as_they_are_and_belie_the_script(caller, network, tmp_path):
    service = caller.service
    file = tmp_path / "office.rules"
    file.write_text(SCRIPT)
    service.command("network", "rules", network, str(file))
    file.write_text("drop;")
    compiled = tmp_path / "office.json"
    compiled.write_text(service.command("rules", "compile", str(file)))
    service.command("network", "rules", network, str(compiled))
    found = run(service, "network", "rules", network)
    assert found.stdout == SCRIPT
    assert "changed since" in found.stderr
    assert told(service, "network", "rules", network)["rules"] == [{"type": "ACTION_DROP"}]


def test_faulty_script_changes_nothing(caller, network, tmp_path):
    before = told(caller.service, "network", "show", network)
    file = tmp_path / "bad.rules"
    file.write_text("accept ipdest 10.0.0.1;")
    found = run(caller.service, "network", "rules", network, str(file))
    assert found.returncode == 1
    assert found.stderr.startswith(f"earthline: {file} line 1 column 14: ")
    body = json.dumps({"source": "accept foo;"})
    reply = caller.authorised("POST", f"/earthline/rules/{network}", body)
    assert reply.status == 400
    assert reply.json["description"].startswith("line 1 column 7: unknown match 'foo'")
    assert told(caller.service, "network", "show", network) == before


@pytest.mark.parametrize("body", ["{}", '{"source": 1}', "[]"])
def test_rules_without_a_script_are_refused(caller, network, body):
    assert caller.authorised("POST", f"/earthline/rules/{network}", body).status == 400


def test_rules_of_no_network_are_not_found(caller):
    path = "/earthline/rules/1111111111111111"
    assert caller.authorised("GET", path).status == 404
    assert caller.authorised("POST", path, '{"source": ""}').status == 404


def test_member_is_named_given_addresses_and_deleted(caller, network):
    service = caller.service
    service.command("member", "authorize", network, MEMBER)
    assert "Ada" in service.command("member", "name", network, MEMBER, "Ada")
    service.command("member", "ip", network, MEMBER, "10.77.0.5", "fd00::5")
    (member,) = told(service, "member", "list", network)
    assert member["name"] == "Ada"
    assert member["ipAssignments"] == ["10.77.0.5", "fd00::5"]
    assert service.command("member", "ip", network, MEMBER) == "10.77.0.5, fd00::5\n"
    assert "Ada" in service.command("member", "list", network)
    service.command("member", "ip", network, MEMBER, "--auto")
    assert told(service, "member", "ip", network, MEMBER)["ipAssignments"] == []
    service.command("member", "delete", network, MEMBER)
    assert told(service, "member", "list", network) == []


def test_network_is_deleted_only_when_that_is_certain(caller, network):
    asked = run(caller.service, "network", "delete", network)
    assert asked.returncode == 1
    assert "--yes" in asked.stderr
    assert told(caller.service, "network", "show", network)["id"] == network
    assert network in caller.service.command("network", "delete", network, "--yes")
    assert run(caller.service, "network", "show", network).returncode == 1


def test_moon_is_made_installed_and_orbited(node, tmp_path):
    node.start()
    address = node.address
    words = ("moon", "make", "--endpoint", f"{node.host.address}/9993", "--out", str(tmp_path))
    made = told(node, *words)
    assert made["id"] == f"{address:0>16}"
    assert (tmp_path / f"{made['id']}.moon.json").stat().st_mode & 0o777 == 0o600
    again = run(node, *words)
    assert again.returncode == 1
    assert "exists" in again.stderr
    installed = told(node, "moon", "install", made["file"])
    assert installed["file"] == str(node.home / "moons.d" / f"{made['id']}.moon")
    assert told(node, "moon", "list") == []
    node.stop()
    node.start()
    assert [moon["id"] for moon in told(node, "moon", "list")] == [made["id"]]
    assert f"{address} at {node.host.address}/9993" in node.command("moon", "list")
    assert "orbiting moon" in node.command("moon", "orbit", address)
    node.command("moon", "leave", made["id"])
    assert told(node, "moon", "list") == []


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["nosuch"], 2, "see `earthline --help`"),
        (["member", "ip"], 2, "see `earthline member ip --help`"),
        (["member", "ip", "1111111111111111", MEMBER, "here"], 1, "write it as 10.7.0.5"),
        (["member", "ip", "1111111111111111", MEMBER, "10.0.0.1", "--auto"], 1, "not both"),
        (["moon", "make", "--endpoint", "1.2.3"], 1, "is not an endpoint"),
        (["moon", "make", "--endpoint", "x"], 1, "is not an endpoint"),
        (["moon", "install", "/dev/null"], 1, "is not a moon"),
        (["moon", "orbit", "xyz"], 1, "10 hexadecimal digits"),
        (["network", "rules", "1111111111111111", "/nonexistent"], 1, "cannot read /nonexistent"),
        (["network", "rules", "1111111111111111"], 1, "not found"),
    ],
)
def test_bad_input_is_answered_in_one_line(caller, words, status, said):
    found = run(caller.service, *words)
    assert found.returncode == status
    assert found.stdout == ""
    (line,) = found.stderr.splitlines()
    assert said in line
