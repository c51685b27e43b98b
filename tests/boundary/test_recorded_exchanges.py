"""Recorded exchanges with stock nodes, member and root, repeated with ours field by field (05, 7).

What may differ stands in ``data/differences.json``, each with its reason.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from caller import Caller
from test_api_shapes import RECORDED, recorded, replay

from earthline.lab import Lab
from earthline.lab.service import Service, wait_until
from earthline.wire.mac import format_mac, mac_of

DIFFERENCES = json.loads((Path(__file__).parent / "data" / "differences.json").read_text())
NETWORK = {
    "name": "renamed",
    "ipAssignmentPools": [
        {"ipRangeStart": "10.7.0.10", "ipRangeEnd": "10.7.0.99"},
        {"ipRangeStart": "fd12::1", "ipRangeEnd": "fd12::ffff"},
    ],
    "v4AssignMode": {"zt": True},
    "v6AssignMode": {"6plane": True, "rfc4193": True, "zt": True},
    "routes": [
        {"target": "10.7.0.0/16"},
        {"target": "10.8.0.0/16", "via": "10.7.0.1"},
        {"target": "fd12::/64"},
    ],
}
"""That of the recording."""


@dataclass
class Pair:
    """A root, which is controller and moon, and a member of its network."""

    root: Caller
    member: Caller
    network: str
    names: dict[str, str]
    """What the recording calls things, and what they are called here."""

    def translated(self, text: str) -> str:
        for theirs, ours in self.names.items():
            text = text.replace(theirs, ours)
        return text

    def repeat(self, number: str, caller: Caller) -> list[str]:
        """Fields that differ from the recorded answer, with both values."""
        case = json.loads(self.translated(json.dumps(recorded(number))))
        reply = replay(caller, case)
        name = next(name for name in RECORDED if name.startswith(number))
        assert reply.status == case["status"], (name, reply.text)
        assert reply.headers.get("content-type") == case["responseHeaders"].get("Content-Type")
        if case["method"] == "HEAD":
            return []
        found, expected = parsed(reply.text), parsed(case["responseText"])
        return [f"{name}{each}" for each in differing(name, "", found, expected)]


def parsed(text: str) -> Any:
    """JSON, that of a callback too."""
    return json.loads(re.fullmatch(r"(?:\w+\()?(.*?)(?:\);)?", text, re.DOTALL)[1])


def accepted(name: str, path: str) -> bool:
    return any(
        fnmatchcase(name, each["exchange"])
        and fnmatchcase(path, each["field"].replace("[]", "[[]]"))
        for each in DIFFERENCES
    )


def differing(name: str, path: str, found: Any, expected: Any) -> Iterator[str]:
    """What differs and may not. A field that may differ still has the recorded type."""
    if isinstance(found, dict) and isinstance(expected, dict):
        for key in sorted(found.keys() | expected.keys()):
            inner = f"{path}.{key}"
            if key in found and key in expected:
                yield from differing(name, inner, found[key], expected[key])
            elif not accepted(name, inner):
                yield f"{inner}: {'ours alone' if key in found else 'missing'}"
    elif isinstance(found, list) and isinstance(expected, list):
        for ours, theirs in zip(found, expected, strict=False):
            yield from differing(name, f"{path}[]", ours, theirs)
        if len(found) != len(expected) and not accepted(name, path):
            yield f"{path}: {len(found)} elements, recorded {len(expected)}"
    elif type(found) is not type(expected) or (found != expected and not accepted(name, path)):
        yield f"{path}: {found!r}, recorded {expected!r}"


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with Lab() as lab:
        root, member = Service(lab.host("root")), Service(lab.host("member"))
        root.start()
        planet = root.found_planet()
        make_moon(root)
        member.start(planet.data)
        made = root.request("POST", "/controller/network", NETWORK)["id"]
        member.join(made)
        root.request(
            "POST",
            f"/controller/network/{made}/member/{member.address}",
            {"authorized": True, "activeBridge": True},
        )
        member.wait_ip(made)
        groups = len(recorded("033")["response"]["multicastSubscriptions"])
        wait_until("the kernel listens to its groups", lambda: listens(member, made) == groups)
        mac = format_mac(mac_of(int(member.address, 16), int(made, 16)))
        yield Pair(
            Caller(root),
            Caller(member),
            made,
            {
                recorded("071")["response"][0]["roots"][0]["identity"]: identity_of(root),
                recorded("002")["response"]["publicIdentity"]: identity_of(member),
                "b48062de76000001": made,
                "b48062de76": root.address,
                "B48062DE76": root.address.upper(),
                "e2189d2483": member.address,
                "02:e2:18:eb:fa:e1": mac,
                "10.99.5.1/": f"{root.host.address}/",
                "10.99.5.2/": f"{member.host.address}/",
            },
        )


def listens(member: Service, network: str) -> int:
    """How many multicast groups the interface of the network is in."""
    return len(member.network(network)["multicastSubscriptions"])


def identity_of(service: Service) -> str:
    return str(service.status()["publicIdentity"])


def make_moon(root: Service) -> None:
    """Make the root a moon's root too, which it is once it starts again."""
    folder = root.host.directory
    endpoint = f"{root.host.address}/{root.port}"
    words = ("moon", "make", "--endpoint", endpoint, "--out", str(folder), "--json")
    root.command("moon", "install", json.loads(root.command(*words))["file"])
    root.stop()
    root.start()


def test_member_answers_as_recorded(pair):
    numbers = ("002", "014", "020", "021", "022", "033", "034", "035", "036", "037", "056")
    assert [each for n in numbers for each in pair.repeat(n, pair.member)] == []


@pytest.mark.timeout(300)
def test_moon_is_orbited_as_recorded(pair):
    assert pair.repeat("071", pair.root) == []
    assert [each for n in ("070", "073", "074") for each in pair.repeat(n, pair.member)] == []
    wait_until("the moon came", lambda: pair.member.authorised("GET", "/moon").json, timeout_s=200)
    numbers = ("075", "076", "077", "080", "081")
    assert [each for n in numbers for each in pair.repeat(n, pair.member)] == []


def test_node_that_controls_nothing_says_so(pair):
    assert pair.repeat("057", pair.member) == []


def test_differences_are_few_and_each_has_a_reason():
    assert len(DIFFERENCES) < 40
    assert all(set(each) == {"exchange", "field", "reason"} for each in DIFFERENCES)
    assert all(len(each["reason"]) > 15 for each in DIFFERENCES)
