"""All screens of a real planet with networks, peers and members, on a terminal and in a pipe."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import typer

from earthline.cli.app import OVER_THE_COMMAND_LINE, app
from earthline.cli.common.table import cells
from earthline.lab import Lab, NatKind
from earthline.lab.service import Service, script
from terminal import WIDTH, Shown, in_a_pipe, on_a_terminal

RULES = "accept ethertype arp;\naccept ipprotocol tcp and dport 443;\ndrop;\n"

NOT_RUN = {
    "up": "it stays in the foreground",
    "service install": "it changes this machine",
    "service remove": "it changes this machine",
    "uninstall": "it changes this machine",
    "lab": "a program of its own",
    "demo": "a program of its own",
    "bridge up": "it takes the interface that the test needs",
    "bridge confirm": "there is no bridge",
    "bridge down": "there is no bridge",
    "controller import": "it needs the service stopped",
    "controller export": "it needs the service stopped",
}
ROOT = {
    "status": "",
    "networks": "",
    "peers": "",
    "top": "-d 0.2",
    "ping": "{alice} -c 1",
    "doctor": "--all",
    "logs": "",
    "events": "",
    "config": "",
    "version": "",
    "help": "network create",
    "join": "{public}",
    "set": "{public} allowDNS=on",
    "leave": "{public}",
    "planet make": "",
    "planet reissue": "--endpoint {address}",
    "planet show": "",
    "planet install": "{home}/planet",
    "moon make": "--out {folder}/moon",
    "moon install": "/nonexistent/000000deadbeef00.moon",
    "moon list": "",
    "moon orbit": "0a1b2c3d4e",
    "moon leave": "0a1b2c3d4e",
    "tcp-relay on": "--listen 127.0.0.1/4430",
    "tcp-relay show": "",
    "tcp-relay off": "",
    "network create": "office --pool 10.9.0.10-10.9.0.99 --route 10.9.0.0/24",
    "network list": "",
    "network show": "{private}",
    "network rules": "{public} {folder}/some.rules",
    "network public": "{public}",
    "network private": "{public}",
    "network delete": "1122334455000001 --yes",
    "member list": "{private}",
    "member authorize": "{private} 0a1b2c3d4e",
    "member name": "{private} 0a1b2c3d4e Ada",
    "member ip": "{private} {alice}",
    "member bridge": "{private} 0a1b2c3d4e off",
    "member tag": "{private} 0a1b2c3d4e 1 2",
    "member capability": "{private} 0a1b2c3d4e 1 off",
    "member deauthorize": "{private} 0a1b2c3d4e",
    "member delete": "{private} 0a1b2c3d4e",
    "rules compile": "{folder}/some.rules",
    "rules check": "{folder}/some.rules --as {alice} --frame ethertype\t0x88cc",
    "bridge status": "",
    "service show": "",
}
"""What is run on the root, in this order, with which arguments."""
MEMBER = (
    *("status", "networks", "peers", "top", "events"),
    *("config", "doctor", "ping", "set", "leave", "join"),
)
"""What looks different on a member."""
AS_WRITTEN = {"logs", "service show", "rules compile"}
"""They print files and lines of others, and break none of them."""
SPARING = {"top"}
"""They leave out paths where there is no room."""
ID = re.compile(r"(?<![0-9a-f])(?:[0-9a-f]{16}|[0-9a-f]{10})(?![0-9a-f])")


@dataclass(frozen=True)
class Planet:
    """A root that is a controller, and a member of its networks."""

    root: Service
    alice: Service
    names: dict[str, str]

    def argv(self, command: str, *, on_member: bool) -> list[str]:
        service = self.alice if on_member else self.root
        names = self.names | ({"alice": self.root.address} if on_member else {})
        words = [word.format(**names).replace("\t", " ") for word in ROOT[command].split(" ")]
        words = [word for word in words if word]
        argv = [script("earthline"), "--home", str(service.home), *command.split(), *words]
        return service.host.namespace.enter_argv(argv)

    def known(self) -> set[str]:
        """IDs and addresses that must stay in one piece."""
        found = set(self.names.values()) | {self.root.address}
        for service in (self.root, self.alice):
            for network in service.request("GET", "/network"):
                found |= {network["id"], *network["assignedAddresses"]}
            found |= set(service.status()["config"]["settings"]["listeningOn"])
        return {text for text in found if len(text) >= 8 and text[0] != "/"}


@pytest.fixture(scope="module")
def planet() -> Iterator[Planet]:
    with Lab() as lab:
        root = Service(lab.host("root"))
        root.start()
        made = root.found_planet()
        home = lab.router("home", NatKind.PORT_RESTRICTED, "192.168.1.0/24")
        alice = Service(home.host("alice"))
        alice.start(made.data)
        alice.wait_online()
        private = root.create_network("10.7.0.0/24", private=True)
        public = root.create_network("10.8.0.0/24", private=False)
        folder = root.host.directory / "screens"
        (folder / "moon").mkdir(parents=True)
        (folder / "some.rules").write_text(RULES)
        six = {"v6AssignMode": {"6plane": True, "rfc4193": True}}
        root.request("POST", f"/controller/network/{private}", six)
        for service in (root, alice):
            service.join(private)
            root.authorize(private, service.address)
            service.wait_ip(private)
        names = {
            "alice": alice.address,
            "private": private,
            "public": public,
            "address": root.host.address,
            "home": str(root.home),
            "folder": str(folder),
        }
        yield Planet(root, alice, names)


def leaves(command: object = None, words: tuple[str, ...] = ()) -> Iterator[str]:
    """Every command that is shown in the help."""
    inner = getattr(command or typer.main.get_command(app), "commands", None)
    if inner is None:
        yield " ".join(words)
        return
    for name, each in inner.items():
        if not each.hidden:
            yield from leaves(each, (*words, name))


def test_every_command_has_its_screen_looked_at():
    assert set(leaves()) == {*ROOT, *NOT_RUN, "down"}
    assert set(OVER_THE_COMMAND_LINE) <= set(NOT_RUN)


def both(argv: list[str], command: str) -> tuple[Shown, Shown]:
    """On a terminal, and in a pipe of somebody whose terminal is narrow."""
    stop_at = "tx/s" if command == "top" else ""
    return on_a_terminal(argv, stop_at=stop_at), in_a_pipe(argv, COLUMNS="30")


def check(command: str, terminal: Shown, pipe: Shown, known: set[str]) -> None:
    for shown in (terminal, pipe):
        assert "Traceback" not in shown.text
        assert shown.status in {0, 1}, shown.text
    assert "\x1b" not in pipe.text
    if command not in AS_WRITTEN:
        lines = terminal.plain.splitlines()
        # A single word, such as the path of a file, stays whole however long it is.
        assert [line for line in lines if cells(line) > WIDTH and " " in line] == []
    # Else the second run found nothing any more to do, and says that.
    for text in known if terminal.status == pipe.status else ():
        if text in pipe.text and (command not in SPARING or ID.fullmatch(text)):
            assert text in terminal.plain, f"{text} is in pieces:\n{terminal.plain}"


@pytest.mark.parametrize("command", ROOT)
def test_screen_of_a_root_and_controller(planet, command):
    argv = planet.argv(command, on_member=False)
    check(command, *both(argv, command), planet.known())


@pytest.mark.parametrize("command", MEMBER)
def test_screen_of_a_member(planet, command):
    argv = planet.argv(command, on_member=True)
    check(command, *both(argv, command), planet.known())


@pytest.mark.parametrize("command", ["status", "networks", "peers", "member list", "network list"])
def test_pipe_gets_rows_that_are_whole(planet, command):
    """A row has as many fields as the header has, however narrow the terminal is said to be."""
    argv = planet.argv(command, on_member=False)
    narrow, wide = (in_a_pipe(argv, COLUMNS=columns).text for columns in ("20", "400"))
    assert [len(line.split()) for line in narrow.splitlines()] == [
        len(line.split()) for line in wide.splitlines()
    ]
    assert set(ID.findall(narrow)) == set(ID.findall(wide)) != set()


def test_states_are_in_color_unless_that_is_declined(planet):
    argv = planet.argv("peers", on_member=True)
    assert "\x1b[32mdirect" in on_a_terminal(argv).text
    for declined in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert "\x1b" not in on_a_terminal(argv, **declined).text


def test_json_is_one_document_on_either_side_of_the_command(planet):
    argv = planet.argv("status", on_member=True)
    at = argv.index("status")
    for place in (at, at + 1):
        words = [*argv[:place], "--json", *argv[place:]]
        assert json.loads(in_a_pipe(words).text)["address"] == planet.alice.address


def test_service_that_is_told_to_end_says_so_in_json(planet):
    words = [script("earthline"), "down", "--json", "--home", str(planet.alice.home)]
    answer = json.loads(in_a_pipe(planet.alice.host.namespace.enter_argv(words)).text)
    assert answer == {
        "home": str(planet.alice.home),
        "pid": answer["pid"],
        "unit": None,
    }
    assert planet.alice.process.wait(30) == 0
