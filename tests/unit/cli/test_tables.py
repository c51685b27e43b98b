"""Every table with the longest that can be in it: whole IDs and addresses, no line too long."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from earthline.cli.common.table import Column, cells, fold, lay_out
from earthline.lab.service import script
from served_home import Service, served
from terminal import WIDTH, in_a_pipe, on_a_terminal

NAME = "The seventh floor's printers and 打印机 of the house by the river that nobody may turn off"
LONG_NAME = "x" * 127
NETWORKS = [f"112233445500000{digit}" for digit in range(3)]
CIDRS = [f"fd00:1234:5678:9abc:def0:1234:5678:{end:04x}/128" for end in range(0x1111, 0x1115)]
IPS = [cidr.partition("/")[0] for cidr in CIDRS]
ENDPOINT = "2001:db8:1234:5678:9abc:def0:1234:5678/65535"
PEERS = ["0a1b2c3d4e", "9f8e7d6c5b", *(f"0123456{end:03x}" for end in range(0x9A0, 0x9AA))]
"""A dozen."""
DROPS = [
    {
        "by": "rule",
        "rule": 2,
        "text": f"drop ipdest {CIDRS[0]} not ipsrc {CIDRS[1]} ztsrc {PEERS[0]}",
        "sent": 1_234_567,
        "received": 0,
    },
    {"by": "no_rule", "rule": 0, "text": "", "sent": 0, "received": 12},
]


def joined(network: str, name: str, status: str) -> dict[str, object]:
    return {
        "id": network,
        "name": name,
        "status": status,
        "type": "PRIVATE",
        "portDeviceName": "zt0123456789abc",
        "portError": 0,
        "assignedAddresses": CIDRS,
        "mac": "32:a1:b2:c3:d4:e5",
        "mtu": 2_800,
        "routes": [{"target": cidr, "via": IPS[3]} for cidr in CIDRS],
        "earthline": {
            "notes": [f"{cidr} is on eth0 of this host already" for cidr in CIDRS[:2]],
            "ruleDrops": DROPS,
        },
    }


def peer(address: str, reason: str | None) -> dict[str, object]:
    path = {"address": ENDPOINT, "preferred": True, "age": 123_456, "mtu": 65_535}
    explanation = (
        "It is reached through a root: " + "this side and that side, " * 6 + "are both so."
    )
    return {
        "address": address,
        "role": "PLANET",
        "version": "11.14.111",
        "versionMajor": 11,
        "latency": 12_345,
        "earthline": {
            "state": "unreachable",
            "reason": reason,
            "explanation": explanation,
            "nextStep": "Allow UDP port 9993 in the firewalls of both sides. " * 3,
            "paths": [path],
        },
    }


def controlled(network: str, name: str) -> dict[str, object]:
    routes = [{"target": cidr, "via": "fd00:1234:5678:9abc:def0:1234:5678:ffff"} for cidr in CIDRS]
    return {
        "id": network,
        "name": name,
        "private": True,
        "revision": 1_234_567,
        "mtu": 2_800,
        "routes": routes,
        "ipAssignmentPools": [{"ipRangeStart": IPS[0], "ipRangeEnd": IPS[1]}],
    }


MEMBERS = [
    {
        "address": address,
        "name": name,
        "authorized": True,
        "ipAssignments": IPS,
        "revision": 12_345_678,
        "earthline": {
            "online": True,
            "lastSeen": 1_795_916_189_736,
            "physicalAddress": ENDPOINT,
            "version": "11.14.111",
            "notes": [f"{IPS[0]} is in no route of the network, and not given"],
        },
    }
    for address, name in zip(PEERS, itertools.cycle((NAME, LONG_NAME)), strict=False)
]
BRIDGE = {
    "network": NETWORKS[0],
    "device": "zt0123456789abc",
    "bridge": "br-enp0s31f6.99",
    "interface": "enp0s31f6.99999",
    "addresses": CIDRS,
    "activeBridge": False,
    "rollbackAt": None,
}
MOON = {
    "id": "0000001122334455",
    "timestamp": 1_795_916_189_736,
    "roots": [{"identity": f"{one}:0:", "stableEndpoints": [ENDPOINT] * 2} for one in PEERS[:2]],
}
RELAY = {"listeningOn": [ENDPOINT] * 3, "clients": 12_345, "failure": ""}
PLANET = {
    "worldId": "0000001122334455",
    "timestamp": 1_795_916_189_736,
    "roots": [{"address": one, "stableEndpoints": [ENDPOINT] * 4} for one in PEERS[:4]],
    "earth": NETWORKS[2],
    "data": "",
}
DOCTOR = {
    "cause": "peers_relayed",
    "findings": [
        {
            "id": "peers_relayed",
            "severity": severity,
            "seen": f"Relayed: {', '.join(PEERS)} (tried: {', '.join([ENDPOINT] * 3)}).",
            "do": f"To {ENDPOINT}: `earthline member authorize {NETWORKS[0]} {PEERS[0]}`.",
            "evidence": [ENDPOINT] * 2,
        }
        for severity in ("fault", "warning", "note", "ok")
    ],
}
STATUS = {
    "address": "1122334455",
    "online": True,
    "planetWorldId": 0x1122334455000001,
    "earthline": {"version": "0.1.0", "earth": NETWORKS[2], "root": True, "tcpRelay": RELAY},
    "config": {
        "settings": {
            "homeDir": "/srv/" + "a-folder/" * 5 + "earthline",
            "listeningOn": [ENDPOINT] * 3,
            "surfaceAddresses": [ENDPOINT] * 3,
        }
    },
}
ANSWERS = {
    "/health": {},
    "/status": STATUS,
    "/peer": [peer(PEERS[0], "udp_blocked"), *(peer(each, None) for each in PEERS[1:])],
    "/network": [
        joined(NETWORKS[0], NAME, "OK"),
        joined(NETWORKS[1], LONG_NAME, "ACCESS_DENIED"),
        joined(NETWORKS[2], "", "REQUESTING_CONFIGURATION"),
    ],
    f"/network/{NETWORKS[0]}": joined(NETWORKS[0], NAME, "OK"),
    "/moon": [MOON],
    "/controller/network": NETWORKS[:2],
    f"/controller/network/{NETWORKS[0]}": controlled(NETWORKS[0], NAME),
    f"/controller/network/{NETWORKS[1]}": controlled(NETWORKS[1], LONG_NAME),
    f"/unstable/controller/network/{NETWORKS[0]}/member": {"data": MEMBERS},
    f"/earthline/controller/network/{NETWORKS[1]}/member": {"data": MEMBERS},
    "/earthline/bridge": [BRIDGE],
    "/earthline/planet": PLANET,
    "/earthline/doctor": DOCTOR,
    "/earthline/counters": {},
}
SCREENS = {
    "status": [ENDPOINT, f"{0x1122334455000001:016x}", "role  "],
    "peers": [*PEERS, ENDPOINT],
    "networks": [*NETWORKS, *CIDRS, "member authorize"],
    f"networks {NETWORKS[0]}": [
        *(NETWORKS[0], *CIDRS, "rule 2 (drop ipdest", "1,234,567"),
        "no rule accepts them: 0 sent, 12 received",
    ],
    "moon list": [MOON["id"], *PEERS[:2], ENDPOINT],
    "network list": NETWORKS[:2],
    f"network show {NETWORKS[0]}": [NETWORKS[0], *CIDRS, *IPS],
    f"network show {NETWORKS[1]}": [NETWORKS[1], *CIDRS, *IPS],
    f"member list {NETWORKS[0]}": [*PEERS, *IPS],
    f"member list {NETWORKS[1]}": [*PEERS, *IPS],
    "top -d 0.2": PEERS,
    "planet show": [PLANET["worldId"], *PEERS[:4], ENDPOINT, NETWORKS[2]],
    "tcp-relay show": [ENDPOINT, "12345 clients"],
    "doctor --all": [*PEERS, ENDPOINT],
    "bridge status": [NETWORKS[0], *CIDRS],
}
"""What has to be on each, in one piece."""
LIVE = {"top -d 0.2"}
STATUSES = {"doctor --all": 1}
RULES = f"""
cap a_capability_with_a_long_name
  id 1
  accept ipdest {CIDRS[0]};
;
drop not ethertype ipv4 and not ethertype arp and not ethertype ipv6;
accept ipprotocol tcp and dport 1-65535 and ipdest {CIDRS[1]};
break;
"""


class Answering(Service):
    def do_GET(self) -> None:  # noqa: N802 - the library's name
        known = ANSWERS.get(self.path)
        body = b"" if known is None else json.dumps(known).encode()
        self.answer(404 if known is None else 200, body)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    with served(tmp_path, Answering) as home:
        yield home


def words(home: Path, screen: str) -> list[str]:
    return [script("earthline"), "--home", str(home), *screen.split()]


@pytest.mark.parametrize("screen", SCREENS)
def test_terminal_shows_whole_ids_in_lines_that_fit(home, screen):
    done = on_a_terminal(words(home, screen), stop_at="tx/s" if screen in LIVE else "")
    shown = done.plain
    assert done.status == STATUSES.get(screen, 0), shown
    too_long = [line for line in shown.splitlines() if cells(line) > WIDTH]
    assert too_long == []
    for text in SCREENS[screen]:
        assert text in shown


@pytest.mark.parametrize("screen", SCREENS)
def test_pipe_gets_every_column_and_whole_lines(home, screen):
    done = in_a_pipe(words(home, screen))
    lines = done.text.splitlines()
    assert done.status == STATUSES.get(screen, 0), done.text
    for text in SCREENS[screen]:
        assert any(text in line for line in lines)
    if screen == "peers":
        assert lines[0].split() == (
            ["address", "role", "version", "latency", "state", "path", "mtu", "heard"]
        )
        assert [line.split()[0] for line in lines if re.match("[09]", line)] == PEERS
    if screen == "networks":
        assert lines[0].split() == ["network", "name", "status", "type", "device", "addresses"]


def test_rules_that_are_checked_fit_a_terminal(home, tmp_path):
    file = tmp_path / "some.rules"
    file.write_text(RULES)
    frame = f"tcp [{IPS[2]}]:5000 > [{IPS[1]}]:443"
    argv = [*words(home, f"rules check {file} --as {PEERS[0]} --frame"), frame]
    shown = on_a_terminal(argv).plain
    table = [line for line in shown.splitlines() if re.match(r"line  |\d+  ", line)]
    assert len(table) > 4
    assert max(map(cells, table)) <= WIDTH
    assert CIDRS[1] in shown


def test_columns_that_can_be_spared_go_in_their_order():
    columns = (Column("id"), Column("least", spare=1), Column("less", spare=2), Column("most"))
    row = [("0a1b2c3d4e",), ("0123456789",), ("0123456789",), ("0123456789",)]
    headers = [lay_out(columns, [row], width)[0].split() for width in (46, 45, 30, 10)]
    assert headers == [
        ["id", "least", "less", "most"],
        ["id", "less", "most"],
        ["id", "most"],
        ["id", "most"],
    ]


def test_word_is_broken_only_if_it_is_no_address():
    assert fold("a" * 30, 10) == ["a" * 30]  # hexadecimal
    assert fold("x" * 25, 10) == ["x" * 10, "x" * 10, "x" * 5]
    assert fold("at /a/long/path/name of it", 10) == ["at", "/a/long/path/name", "of it"]
    assert fold("  打印机 打印机", 9) == ["  打印机", "  打印机"]


def test_styles_change_no_width_and_are_of_the_cell_alone():
    waiting = "waiting for the controller"
    columns = (Column("id"), Column("state", folds=True, styles={waiting: "yellow"}))
    rows = [[("0a1b2c3d4e",), (waiting,)], [("1122334455",), ("neither",)]]
    plain = lay_out(columns, rows, 26)
    painted = lay_out(columns, rows, 26, lambda text, style: f"<{text}>" if style else text)
    assert [line.replace("<", "").replace(">", "") for line in painted] == plain
    assert painted[1].endswith("  <waiting for>")
    assert painted[2].endswith("  <the controller>")
    assert "<" not in painted[0] + painted[3]


def test_command_to_be_copied_stays_in_a_line_if_it_fits():
    assert fold("run `a b c` here", 8) == ["run", "`a b c`", "here"]
    assert fold("run (`a b c`): or not", 10) == ["run", "(`a b c`):", "or not"]
    assert fold("run `a bb cc dd ee`", 10) == ["run `a bb", "cc dd ee`"]
