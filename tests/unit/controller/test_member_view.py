"""Members as people want to see them: ``/earthline/controller``
(api/ours/controller_members.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from controller_lab import LAB, MEMBER, NOW, Lab, secret_identity
from fastapi import FastAPI

from earthline.api.ours.controller_members import controller_members_router
from earthline.controller.members.activity import ONLINE_MS
from earthline.controller.members.sightings import Sighting, Sightings
from earthline.wire.inet import InetAddress

BASE = "/earthline/controller/network"
OTHER = 0x0A1B2C3D4E
ROUTED = {"routes": [{"target": "10.7.0.0/24"}]}


async def at_once(call: Callable[..., Any], *args: Any) -> Any:
    return call(*args)


async def occupied() -> list[InetAddress]:
    return [InetAddress.parse("10.0.0.0/8")]


@pytest.fixture
def client(lab: Lab) -> httpx.AsyncClient:
    app = FastAPI()
    router = controller_members_router(lab.authority, at_once, lambda *_: None, occupied)
    app.include_router(router)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")


def described(lab: Lab, member: int = MEMBER) -> dict[str, Any]:
    found = lab.authority.describe_member(LAB, member, lab.now)
    assert found is not None
    extension: dict[str, Any] = found["earthline"]
    return extension


def notes(lab: Lab, *ips: str) -> list[str]:
    lab.post_member(ipAssignments=list(ips))
    found: list[str] = described(lab)["notes"]
    return found


def test_member_that_asked_is_online_and_seen_with_its_address_and_version(lab: Lab) -> None:
    lab.create(private=True)
    lab.ask(prefix=7)
    found = described(lab)
    assert found == {
        "online": True,
        "lastSeen": NOW,
        "physicalAddress": "81.0.7.1/9993",
        "version": "1.14.1",
        "notes": [],
    }
    lab.now += ONLINE_MS
    assert described(lab) == {**found, "online": False}


def test_member_behind_a_root_has_no_physical_address(lab: Lab) -> None:
    lab.create(private=False)
    lab.config()
    assert described(lab)["online"]
    assert described(lab)["physicalAddress"] is None


def test_nothing_is_known_of_a_member_that_never_asked(lab: Lab) -> None:
    lab.create()
    lab.post_member(authorized=True)
    found = described(lab)
    assert (found["online"], found["lastSeen"], found["version"]) == (False, None, None)


def test_restarted_controller_knows_the_version_of_who_was_let_in(lab: Lab) -> None:
    lab.create(private=False)
    lab.config()
    assert described(Lab(lab.store))["version"] == "1.14.1"


def test_who_has_another_identity_is_not_taken_for_the_member(lab: Lab) -> None:
    lab.create(private=False)
    lab.config()
    seen_at = lab.now
    lab.now += 5_000
    lab.ask(identity=type(lab.identity.public)(MEMBER, secret_identity(OTHER).public.public_key))
    assert described(lab)["lastSeen"] == seen_at


def test_version_is_on_record_as_soon_as_a_waiting_member_is_let_in(lab: Lab) -> None:
    lab.create(private=True)
    lab.ask()
    lab.post_member(authorized=True)
    member = lab.member()
    assert (member["vMajor"], member["vMinor"], member["vRev"], member["vProto"]) == (1, 14, 1, 12)


def test_sightings_are_bounded_and_a_crowd_of_one_place_pushes_out_its_own() -> None:
    sightings = Sightings(4)
    sighting = Sighting(NOW, None, (1, 14, 1))
    sightings.note(LAB, MEMBER, sighting, 1)
    for member in range(100):
        sightings.note(LAB, member, sighting, 2)
    assert len(sightings) == 4
    assert sightings.last(LAB, MEMBER) == sighting


def test_notes_name_what_is_wrong_with_assigned_addresses(lab: Lab) -> None:
    lab.create(**ROUTED)
    lab.post_member(OTHER, ipAssignments=["10.7.0.50"])
    assert notes(lab, "10.7.0.5") == []
    assert notes(lab, "192.168.9.1") == ["192.168.9.1: in no route of the network, and not given"]
    assert notes(lab, "10.7.0.0", "10.7.0.255") == [
        "10.7.0.0, 10.7.0.255: reserved by its subnet, and no host can use it"
    ]
    assert notes(lab, "10.7.0.50") == ["10.7.0.50: another member's too"]


def test_member_that_let_itself_in_again_is_told_of(lab: Lab) -> None:
    lab.create(private=False)
    lab.ask()
    assert described(lab)["notes"] == []
    lab.post_member(authorized=False)
    assert lab.member()["authorized"] is True
    assert described(lab)["notes"] == [
        "deauthorized, and in again by itself: the network is public, and lets in whoever asks"
    ]
    lab.authority.post_network(LAB, {"private": True}, lab.now)
    assert described(lab)["notes"] == []
    lab.post_member(authorized=False)
    assert lab.member()["authorized"] is False
    assert described(lab)["notes"] == []
    lab.post_member(authorized=True)
    lab.authority.post_network(LAB, {"private": False}, lab.now)
    assert described(lab)["notes"] == []


def test_addresses_beyond_what_a_member_takes_are_told(lab: Lab) -> None:
    lab.create(**ROUTED, private=False, v6AssignMode="rfc4193")
    assert notes(lab, *(f"10.7.0.{last}" for last in range(1, 32))) == []
    assert notes(lab, *(f"10.7.0.{last}" for last in range(1, 41))) == [
        "10.7.0.32, 10.7.0.33, 10.7.0.34 and 6 more: more than the 32 that a member takes"
    ]
    given = [address.ip_text for address in lab.config().static_ips]
    assert given[1:] == [f"10.7.0.{last}" for last in range(1, 32)]


async def test_members_are_listed_with_what_is_known_of_them(
    lab: Lab, client: httpx.AsyncClient
) -> None:
    lab.create(private=False)
    lab.config(OTHER)
    lab.post_member(MEMBER, authorized=True)
    listed = (await client.get(f"{BASE}/{LAB:016x}/member")).json()
    assert listed["meta"] == {"authorizedCount": 2, "totalCount": 2}
    assert [member["address"] for member in listed["data"]] == ["0a1b2c3d4e", "e2189d2483"]
    assert listed["data"][0]["earthline"]["version"] == "1.14.1"
    assert listed["data"][1]["earthline"]["notes"] == []
    one = (await client.get(f"{BASE}/{LAB:016x}/member/{MEMBER:010x}")).json()
    assert one == listed["data"][1]
    assert (await client.get(f"{BASE}/{LAB + 1:016x}/member")).status_code == 404
    assert (await client.get(f"{BASE}/{LAB:016x}/member/{7:010x}")).status_code == 404


async def test_list_notes_who_shares_an_address(lab: Lab, client: httpx.AsyncClient) -> None:
    lab.create(**ROUTED)
    for member in (OTHER, MEMBER):
        lab.post_member(member, ipAssignments=["10.7.0.50"])
    listed = (await client.get(f"{BASE}/{LAB:016x}/member")).json()["data"]
    assert [member["earthline"]["notes"] for member in listed] == [
        ["10.7.0.50: another member's too"]
    ] * 2


async def test_address_of_another_member_is_refused_and_nothing_changes(
    lab: Lab, client: httpx.AsyncClient
) -> None:
    lab.create(**ROUTED)
    lab.post_member(OTHER, ipAssignments=["10.7.0.50"])
    lab.post_member(ipAssignments=["10.7.0.5"])
    place = f"{BASE}/{LAB:016x}/member/{MEMBER:010x}"
    answer = await client.post(place, json={"ipAssignments": ["10.7.0.6", "10.7.0.50"]})
    assert answer.status_code == 400
    assert answer.json()["description"].startswith("10.7.0.50 is the address of 0a1b2c3d4e: ")
    assert lab.member()["ipAssignments"] == ["10.7.0.5"]
    answer = await client.post(place, json={"ipAssignments": ["10.7.0.5", "192.168.9.1"]})
    assert answer.json()["ipAssignments"] == ["10.7.0.5", "192.168.9.1"]
    assert answer.json()["earthline"]["notes"] == [
        "192.168.9.1: in no route of the network, and not given"
    ]


async def test_new_network_has_a_free_subnet_whose_members_get_addresses(
    lab: Lab, client: httpx.AsyncClient
) -> None:
    made = [
        (await client.post(BASE, json={"name": "office", "private": False})).json()
        for _ in range(2)
    ]
    targets = {network["routes"][0]["target"] for network in made}
    assert len(targets) == 2
    # All of 10.0.0.0/8 is this host's.
    assert all(target.startswith("172.") for target in targets)
    network = int(made[0]["id"], 16)
    (given,) = lab.config(network=network).static_ips
    assert str(given.network) == made[0]["routes"][0]["target"]
