"""Commands that change something say what state that led to, and what to do next."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from earthline.cli.app import app
from earthline.cli.common import output
from earthline.cli.common.client import Answer
from earthline.cli.node import joined

OWN, OTHER = "0a1b2c3d4e", "1122334455"
NETWORK, SERVED, FOREIGN = f"{OWN}000001", f"{OWN}000002", f"{OTHER}000001"
PLANET = {
    "worldId": f"{OWN}000001",
    "timestamp": 1_795_916_189_736,
    "roots": [{"address": OWN, "stableEndpoints": ["192.0.2.1/9993"]}],
    "earth": None,
}
MADE = {"id": NETWORK, "private": True, "ipAssignmentPools": []}


def member(*, asked: bool) -> dict[str, Any]:
    return {"id": OTHER, "nwid": NETWORK, "authorized": True} | ({"identity": "x"} if asked else {})


def network(status: str) -> dict[str, Any]:
    return {
        "id": FOREIGN,
        "name": "office",
        "status": status,
        "assignedAddresses": ["10.7.0.12/24"],
        "portError": 0,
        "earthline": {"notes": []},
    }


@pytest.fixture
def service(monkeypatch) -> Iterator[dict[tuple[str, str], list[Any]]]:
    """By method and path, what the service answers one after the other; the last one for ever."""
    answers: dict[tuple[str, str], list[Any]] = {
        ("GET", "/status"): [{"address": OWN, "earthline": {"version": "0.1.0"}}],
        ("GET", "/peer"): [[]],
    }

    def answer(method: str, path: str, _body: Any = None) -> Answer:
        found = answers.get((method, path))
        if found is None:
            return Answer(404, b"")
        return Answer(200, json.dumps(found.pop(0) if len(found) > 1 else found[0]).encode())

    monkeypatch.setattr(output, "answer_to", answer)
    monkeypatch.setattr(joined, "JOIN_WAIT_S", 0.5)
    monkeypatch.setattr(joined, "_PAUSE_S", 0)
    return answers


def run(words: str) -> int:
    try:
        app(words.split(), prog_name="earthline", standalone_mode=False)
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_join_waits_for_the_controller(service, capsys):
    service["POST", f"/network/{FOREIGN}"] = [network("REQUESTING_CONFIGURATION")]
    waiting = [[network("REQUESTING_CONFIGURATION")]] * 3
    service["GET", "/network"] = [*waiting, [network("OK")]]
    assert run(f"join {FOREIGN}") == 0
    assert capsys.readouterr().out == f"joined {FOREIGN} (office): 10.7.0.12/24\n"


def test_join_of_a_network_that_denies_access_says_what_its_owner_types(service, capsys):
    service["POST", f"/network/{FOREIGN}"] = [network("ACCESS_DENIED")]
    assert run(f"join {FOREIGN}") == 0
    first, *more = capsys.readouterr().out.splitlines()
    assert first == f"joined {FOREIGN}: access denied"
    assert f"earthline member authorize {FOREIGN} {OWN}" in more[-1]


def test_join_of_an_unknown_controller_does_not_wait_for_ever(service, capsys):
    service["POST", f"/network/{FOREIGN}"] = [network("REQUESTING_CONFIGURATION")]
    service["GET", "/network"] = [[network("REQUESTING_CONFIGURATION")]]
    assert run(f"join {FOREIGN}") == 0
    assert "no root knows a node with that address" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("asked", "said"), [(True, "is authorized on"), (False, "in advance (it never asked to join)")]
)
def test_authorising_a_node_that_never_asked_is_noticed(service, capsys, asked, said):
    service["POST", f"/controller/network/{NETWORK}/member/{OTHER}"] = [member(asked=asked)]
    assert run(f"member authorize {NETWORK} {OTHER}") == 0
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (f"member authorize {FOREIGN} {OTHER}", f"is node {OTHER}, and this is node {OWN}"),
        (f"member list {FOREIGN}", f"is node {OTHER}, and this is node {OWN}"),
        (f"network show {NETWORK}", "`earthline network list`"),
        (f"member ip {NETWORK} {OTHER}", "`earthline network list`"),
        (f"member ip {SERVED} {OTHER}", f"`earthline member list {SERVED}`"),
    ],
)
def test_command_on_the_wrong_node_names_the_right_one(service, capsys, words, said):
    service["GET", f"/controller/network/{SERVED}"] = [MADE]
    assert run(words) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_member_of_a_public_network_is_not_said_to_be_put_out(service, capsys):
    """It would be in again at once, as with a stock controller."""
    service["GET", f"/controller/network/{NETWORK}"] = [MADE | {"private": False}]
    path = f"/controller/network/{NETWORK}/member/{OTHER}"
    service["POST", path] = [member(asked=True) | {"authorized": False}]
    assert run(f"member deauthorize {NETWORK} {OTHER}") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{OTHER} would be back at once" in line
    assert f"`earthline network private {NETWORK}`" in line
    service["GET", f"/controller/network/{NETWORK}"] = [MADE]
    assert run(f"member deauthorize {NETWORK} {OTHER}") == 0
    assert capsys.readouterr().out == f"{OTHER} is no longer authorized on {NETWORK}\n"


def test_network_is_made_private_and_public_but_not_by_a_mistyped_id(service, capsys):
    service["GET", f"/controller/network/{NETWORK}"] = [MADE]
    for word in ("private", "public"):
        service["POST", f"/controller/network/{NETWORK}"] = [MADE | {"private": word == "private"}]
        assert run(f"network {word} {NETWORK}") == 0
        assert capsys.readouterr().out == f"{NETWORK} is {word}\n"
    service["POST", f"/controller/network/{SERVED}"] = [MADE | {"id": SERVED}]
    assert run(f"network private {SERVED}") == 1


def test_new_network_prints_its_id_alone_and_beside_it_what_to_type(service, capsys):
    service["POST", "/controller/network"] = [MADE]
    assert run("network create office") == 0
    shown = capsys.readouterr()
    assert shown.out == f"{NETWORK}\n"
    for words in (f"join {NETWORK}", f"member authorize {NETWORK} ADDRESS", "no --pool"):
        assert words in shown.err


def test_new_network_asks_for_a_subnet_unless_told_otherwise(service, capsys):
    subnet = {"ipAssignmentPools": [{"ipRangeStart": "10.60.3.1", "ipRangeEnd": "10.60.3.254"}]}
    service["POST", "/controller/network"] = [MADE]
    service["POST", "/earthline/controller/network"] = [MADE | subnet | {"id": SERVED}]
    given = "--pool 10.7.0.10-10.7.0.99 --route 10.7.0.0/24"
    for words, made in (("", SERVED), ("--no-pool", NETWORK), (given, NETWORK)):
        assert run(f"network create office {words}") == 0
        shown = capsys.readouterr()
        assert shown.out == f"{made}\n"
        assert ("no --pool" in shown.err) is (made == NETWORK)
    assert run(f"network create office --no-pool {given}") == 1


def test_address_that_a_member_does_not_get_is_warned_of(service, capsys):
    note = "192.168.9.1: in no route of the network, and not given"
    found = member(asked=True) | {"ipAssignments": ["192.168.9.1"]}
    path = f"/controller/network/{NETWORK}/member/{OTHER}"
    service["POST", f"/earthline{path}"] = [found | {"earthline": {"notes": [note]}}]
    assert run(f"member ip {NETWORK} {OTHER} 192.168.9.1") == 0
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("192.168.9.1\n", f"warning: {note}\n")


def test_stock_controller_assigns_without_notes(service, capsys):
    path = f"/controller/network/{NETWORK}/member/{OTHER}"
    service["POST", path] = [member(asked=True) | {"ipAssignments": ["10.7.0.5"]}]
    assert run(f"member ip {NETWORK} {OTHER} 10.7.0.5") == 0
    assert capsys.readouterr().out == "10.7.0.5\n"


@pytest.mark.parametrize("words", ["make --endpoint 192.0.2.1/9993", "show"])
def test_planet_has_a_date(service, capsys, words):
    service["POST", "/earthline/planet"] = [PLANET]
    service["GET", "/earthline/planet"] = [PLANET]
    assert run(f"planet {words}") == 0
    assert f"planet {OWN}000001, issued 2026-11-29 01:36 UTC\n" in capsys.readouterr().out
