"""Recorded exchanges in the life of networks, of a bond, and of metrics, repeated (04, 15; 05, 7).

The recording names a controller, which is the root, and one member. What was done between two
recorded exchanges, or was waited for, is done and waited for here too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from caller import Caller
from test_api_shapes import RECORDED, recorded, replay
from test_metrics import NOT_COUNTED, shape
from test_recorded_exchanges import Pair, differing, identity_of

from earthline.lab import Lab
from earthline.lab.service import Service, wait_until
from earthline.runtime.base.clock import wall_ms
from earthline.runtime.taps.devices import choose_device
from earthline.wire.computed_ip import rfc4193, six_plane
from earthline.wire.mac import format_mac, mac_of

FOLDER = Path(__file__).parent
PRIVATE, PUBLIC, MISSING = "000001", "1ca497", "999999"
NOBODYS = "fefeffffff000009"
"""A network of no controller, the last in order as the recorded one was."""
ROUTES = [
    {"target": "10.7.0.0/16"},
    {"target": "8.8.8.0/24"},
    {"target": "9.9.9.0/24", "via": "10.7.0.1"},
    {"target": "0.0.0.0/0", "via": "10.7.0.1"},
    {"target": "fd12::/64"},
    {"target": "::/0", "via": "fd12::1"},
]
SSO = {
    "name": "sso",
    "v4AssignMode": {"zt": True},
    "routes": [{"target": "10.7.0.0/16"}],
    "ipAssignmentPools": [{"ipRangeStart": "10.7.0.10", "ipRangeEnd": "10.7.0.99"}],
}
EXPIRY = "1795338428049"
"""The recorded one."""


class Life(Pair):
    """A pair whose networks come and go."""

    def __init__(self, root: Service, member: Service) -> None:
        names = {
            recorded("353")["response"]["identity"]: identity_of(root),
            recorded("308")["response"]["identity"]: identity_of(member),
            "b48062de76": root.address,
            "e2189d2483": member.address,
            "b48062deff000009": NOBODYS,
        }
        super().__init__(Caller(root), Caller(member), root.address + PRIVATE, names)
        for number, address in (
            ("303", member.address),
            ("302", member.address),
            ("301", member.address),
            ("381", member.address),
            ("350", root.address),
        ):
            said = recorded(number)["response"]
            network = int(self.translated(said["id"]), 16)
            self.names[said["mac"]] = format_mac(mac_of(int(address, 16), network))
            self.names[said["portDeviceName"]] = choose_device(network, ())
        for number, address in (("312", member.address), ("352", root.address)):
            theirs = recorded(number)["response"]["assignedAddresses"][:2]
            for text, compute in zip(theirs, (rfc4193, six_plane), strict=True):
                found = compute(int(self.network, 16), int(address, 16))
                self.names[text] = str(found)

    @property
    def public(self) -> str:
        return self.network.replace(PRIVATE, PUBLIC)

    def controlled(self, body: object, member: str = "", network: str = "") -> Any:
        """Change a network, or a member of one."""
        path = f"/controller/network/{network or self.network}"
        path += f"/member/{member}" if member else ""
        return self.root.service.request("POST", path, body)

    def all(self, caller: Caller, *numbers: str) -> list[str]:
        return [each for number in numbers for each in self.repeat(number, caller)]

    def answer(self, number: str) -> list[str]:
        """As `repeat` of the root, where the status may differ too and the text is one value."""
        name = next(name for name in RECORDED if name.startswith(number))
        case = json.loads(self.translated(json.dumps(RECORDED[name])))
        reply = replay(self.root, case)
        expected = {"status": case["status"], "text": case["responseText"]}
        found = {"status": reply.status, "text": reply.text}
        return [f"{name}{each}" for each in differing(name, "", found, expected)]

    def ask_again(self) -> None:
        """Have the member ask for its configuration at once, not within the minute."""
        self.member.service.stop()
        self.member.service.start()

    def await_client(self, what: str, network: str = "", **expected: object) -> dict[str, Any]:
        """Wait for fields of the member's network."""
        wanted = expected.items()

        def probe() -> dict[str, Any]:
            found = self.member.service.network(network or self.network)
            return found if found and wanted <= found.items() else {}

        # A request that is lost is repeated within the minute.
        return wait_until(what, probe, timeout_s=90)


@pytest.fixture(scope="module")
def life() -> Iterator[Life]:
    with Lab() as lab:
        root, member = Service(lab.host("root")), Service(lab.host("member"))
        for service in (root, member):
            service.configure(joinEarth=False)
        root.start()
        planet = root.found_planet()
        root.request("DELETE", f"/controller/network/{planet.earth}")
        member.start(planet.data)
        member.wait_online()
        yield Life(root, member)


@pytest.mark.timeout(300)
def test_networks_live_as_recorded(life):
    steps = (private, permitted, itself, edited, sso, public)
    found = [each for step in steps for each in step(life)]
    assert not found, "\n".join(found)


def private(life: Life) -> list[str]:
    """A private network is made, joined, changed and closed again."""
    root, member = life.root, life.member
    found = life.all(root, "300")
    member.service.host.unplug()
    found += life.all(member, "301", "302", "303", "304")
    member.service.host.plug()
    life.await_client("denied", status="ACCESS_DENIED")
    life.await_client("none", life.network.replace(PRIVATE, MISSING), status="NOT_FOUND")
    found += life.all(member, "305", "306")
    found += life.all(root, "307", "308")
    member.service.host.unplug()
    found += life.all(root, "310") + life.all(member, "311")
    member.service.host.plug()
    life.ask_again()
    life.await_client("authorised", status="OK")
    found += life.all(member, "312") + life.all(root, "313", "320")
    life.await_client("renamed", name="renamed")
    found += life.all(member, "321") + life.all(root, "322")
    life.await_client("a bridge", bridge=True)
    found += life.all(member, "323") + life.all(root, "324")
    life.await_client("no addresses", assignedAddresses=[])
    found += life.all(member, "325") + life.all(root, "326")
    wait_until("addresses again", lambda: life.member.service.ip(life.network))
    found += life.all(member, "327") + life.all(root, "328")
    member.service.host.unplug()  # ours would hear of it, and ask, at once
    found += life.all(root, "329") + life.all(member, "330", "331")
    member.service.host.plug()
    life.ask_again()
    life.await_client("denied", status="ACCESS_DENIED")
    return found + life.all(member, "332") + life.all(root, "333")


def permitted(life: Life) -> list[str]:
    """Addresses and routes that the user does not let in are told of all the same."""
    life.controlled({"routes": ROUTES, "mtu": 1400, "enableBroadcast": False, "multicastLimit": 5})
    ips = ["10.7.0.59", "8.8.8.9", "1.2.3.4"]
    life.controlled({"authorized": True, "ipAssignments": ips}, life.member.service.address)
    life.await_client("authorised", status="OK", mtu=1400)
    found = life.all(life.member, "340")
    path, allowed = f"/network/{life.network}", {"allowGlobal": True, "allowDefault": True}
    life.member.service.request("POST", path, allowed)
    return found + life.all(life.member, "341")


def itself(life: Life) -> list[str]:
    """The controller joins its own network."""
    own = f"/controller/network/{life.network}/member/{life.root.service.address}"
    assert life.root.authorised("GET", own).status == recorded("351")["status"]
    found = life.all(life.root, "350")
    life.controlled({"authorized": True}, life.root.service.address)
    life.root.service.wait_ip(life.network)
    return found + life.all(life.root, "352", "353")


def forget_addresses(life: Life) -> None:
    """Begin anew with addresses of the pools alone; what the recorded member had by then."""
    member = life.member.service
    life.controlled({"ipAssignments": [], "activeBridge": False}, member.address)
    life.await_client("plain addresses", bridge=False)


def edit_file(life: Life, **more: object) -> None:
    """Add to the network's file what the API does not take, while the controller stands still."""
    service = life.root.service
    folder = Path(mkdtemp(dir=service.host.directory))
    service.stop()
    service.command("controller", "export", str(folder))
    file = folder / "network" / f"{life.network}.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | more))
    for store in (service.home / "controller.d").glob("*.sqlite3*"):
        store.unlink()
    service.command("controller", "import", str(folder))
    service.start()


def edited(life: Life) -> list[str]:
    """What an edited file holds besides is kept, until the network is deleted."""
    forget_addresses(life)
    edit_file(life, customKey={"a": 1}, certificateTimeoutWindowSize=100)
    managed = {"allowManaged": True, "allowGlobal": False, "allowDefault": False}
    life.member.service.request("POST", f"/network/{life.network}", managed)
    found = life.all(life.root, "360", "361")
    life.ask_again()
    life.await_client("renamed", name="afteredit")
    return found + life.all(life.root, "370")


def sso(life: Life) -> list[str]:
    """A network of the same ID whose members must have logged in, and a login that runs out."""
    root, member = life.root, life.member
    address = member.service.address
    life.controlled(SSO)
    edit_file(life, ssoEnabled=True)
    path = f"/controller/network/{life.network}/member"
    began_ms = wall_ms()
    life.ask_again()
    wait_until("asked", lambda: address in root.service.request("GET", path))
    asking_ms = wall_ms() - began_ms
    member.service.stop()
    life.controlled({"authorized": True}, address)
    life.controlled({"authorized": False}, address)
    found = life.all(root, "371")
    member.service.host.unplug()
    member.service.start()
    found += life.all(member, "372")
    member.service.host.plug()
    # Later than this machine takes, as it is loaded now, from here to the member's request.
    ends_ms = wall_ms() + max(15_000, 4 * asking_ms)
    life.names[EXPIRY] = str(ends_ms)
    found += life.all(root, "373")
    life.ask_again()
    life.await_client("authorised", status="OK", name="sso")
    found += life.all(member, "374")
    member.service.host.unplug()
    wait_until("login ran out", lambda: wall_ms() > ends_ms)
    found += life.all(member, "375")
    member.service.host.plug()
    return found + life.all(root, "376")


def public(life: Life) -> list[str]:
    """Members of a public network let themselves in, also when they were thrown out."""
    root, member = life.root, life.member
    address = member.service.address
    for number in ("000002", "3cc245", "5ac77a"):
        life.controlled({}, network=life.network.replace(PRIVATE, number))
    life.controlled({"name": "second"}, network=life.public)
    found = life.all(root, "380") + life.all(member, "381")
    life.await_client("in", life.public, status="OK")
    found += life.all(member, "382") + life.all(root, "383", "384", "385")
    life.controlled({"authorized": False}, address, life.public)
    path = f"/controller/network/{life.public}/member/{address}"
    wait_until("in again", lambda: root.service.request("GET", path)["authorized"])
    found += life.all(root, "386", "387", "388")
    life.ask_again()
    wait_until("made again", lambda: root.authorised("GET", path).status == 200, timeout_s=90)
    return found + life.all(root, "389")


def test_bond_answers_as_recorded_but_for_bonding(life):
    numbers = ("044", "045", "046", "047", "048", "049-bond-setmtu-nolink", "049-bond-setmtu-small")
    found = life.repeat("025", life.root)
    assert found + [each for number in numbers for each in life.answer(number)] == []


@pytest.mark.parametrize("number", ["050", "051", "052", "058"])
def test_metrics_are_answered_as_recorded(life, number):
    case = recorded(number)
    caller = life.root if number == "058" else life.member
    if case["auth"] == "metricsbearer":
        headers = {"Authorization": f"Bearer {caller.metrics_token}"}
        reply = caller(case["method"], case["path"], headers=headers)
    else:
        reply = replay(caller, case)
    assert reply.status == case["status"]
    assert reply.headers["content-type"] == case["responseHeaders"]["Content-Type"]
    found, theirs = shape(reply.text), shape(case["responseText"])
    assert set(theirs) - set(found) <= NOT_COUNTED
    for name in theirs.keys() - NOT_COUNTED:
        assert found[name]["type"] == theirs[name]["type"], name
        # A family without a network or a peer to tell of has no series.
        if found[name]["series"] and theirs[name]["series"]:
            assert set(found[name]["series"]) == set(theirs[name]["series"]), name


def test_status_tells_of_the_stored_settings_as_recorded():
    with Lab() as lab:
        service = Service(lab.host("third"), port=9995)
        service.start()
        caller = Caller(service)
        for number in ("061", "063"):
            replay(caller, recorded(number))
        theirs = recorded("068")["response"]
        own = {theirs["publicIdentity"]: identity_of(service), theirs["address"]: service.address}
        assert Pair(caller, caller, "", own).repeat("068", caller) == []


def test_no_recorded_exchange_is_forgotten():
    texts = [path.read_text() for path in FOLDER.glob("test_*.py")]
    replayed = tuple({n for text in texts for n in re.findall(r'"(\d{3}(?:-[\w-]+)?)"', text)})
    assert [name for name in RECORDED if not name.startswith(replayed)] == []
