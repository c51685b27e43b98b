"""Every block of code in README.md and CONTRIBUTING.md works, pasted as it stands."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from desk import Desk, copy
from documents import NOT_HERE, ROOT, Block, blocks, command

from earthline.lab import Lab, NatKind
from earthline.lab.service import wait_until
from wheels import built_wheel

PUBLIC = "203.0.113.5"
"""The address that the README gives to the machine which all others reach."""
NETWORK, MEMBER = "1122334455000001", "0a1b2c3d4e"
"""Stand-ins: whoever pastes them puts what the command before them printed."""
STOCK_HOME = "/var/lib/zerotier-one"

SHELL = [block for block in blocks() if block.language == "sh" and block.runnable]
PYTHON = [block for block in blocks() if block.language == "python"]
PLACES = {
    "planet make": "server",
    "pip install": "member",
    "planet install": "member",
    "network create": "server",
    "earthline join": "member",
    "member authorize": "server",
    "earthline doctor": "member",
    "controller import": "server",
    "make help": "clone",
}
"""What a block does → the machine where it is pasted."""


def place(block: Block) -> str:
    (found,) = {where for what, where in PLACES.items() if what in block.text} or {"nowhere"}
    return found


def does(what: str) -> str:
    """The text of the block that does it."""
    (block,) = [block for block in SHELL if what in block.text]
    return block.runnable


class Machines:
    """The two machines of the README: a server, and a member behind a NAT."""

    def __init__(self, lab: Lab, wheel: Path) -> None:
        self.server = Desk(lab.host("server"))
        self.member = Desk(lab.router("home", NatKind.PORT_RESTRICTED).host("member"))
        public = self.server.host
        public.namespace.ip("address", "add", f"{PUBLIC}/32", "dev", public.uplink)
        lab.core.ip("route", "add", PUBLIC, "via", public.address)
        copy(wheel, self.server, self.member)

    def found_lan(self) -> None:
        """Up to where both are on Earth."""
        self.server.paste(does("pip install"))  # What `make install` does there.
        self.server.paste(does("planet make"))
        copy(self.server.folder / "planet", self.member)
        self.member.paste(does("pip install"))
        self.member.paste(does("planet install"))

    def network(self, desk: Desk, network: str) -> dict[str, Any]:
        listed = json.loads(desk.paste("earthline networks --json"))
        return next((found for found in listed if found["id"] == network), {})

    def ip(self, desk: Desk, network: str) -> str:
        """Its IPv4 address on a network, once it has one."""

        def look() -> str:
            addresses = self.network(desk, network).get("assignedAddresses", [])
            return next((each.partition("/")[0] for each in addresses if "." in each), "")

        return wait_until(f"{desk.host.name} has an address", look, timeout_s=60)

    def controlled(self) -> dict[str, list[Any]]:
        """What the server's networks are, by ID."""
        listed = json.loads(self.server.paste("earthline network list --json"))
        kept = ("name", "private", "routes", "ipAssignmentPools", "rules")
        return {found["id"]: [found[name] for name in kept] for found in listed}

    def status(self, desk: Desk) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(desk.paste("earthline status --json"))
        return found


@pytest.fixture(scope="module")
def wheel() -> Path:
    return built_wheel()


@pytest.fixture(scope="module")
def machines(wheel: Path) -> Iterator[Machines]:
    with Lab() as lab:
        machines = Machines(lab, wheel)
        machines.found_lan()
        yield machines
        for desk in (machines.server, machines.member):
            desk.paste("earthline down")


def test_every_block_has_its_place():
    """A new block is run here, or its commands are named, with the reason, in `NOT_HERE`."""
    assert {block.language for block in blocks()} == {"sh", "python"}
    assert [block.text for block in SHELL if place(block) == "nowhere"] == []


def test_commands_that_no_test_runs_exist_and_stand_in_a_document():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    written = {command(line) for block in blocks() for line in block.text.splitlines()}
    assert set(NOT_HERE) <= written
    named = {line.split()[1] for line in written if line.startswith("make ")}
    assert named <= targets


def test_block_for_a_clone_works_there():
    argv = ["bash", "-ec", does("make help")]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "make demo" in done.stdout


@pytest.mark.parametrize("block", PYTHON, ids=lambda block: block.document)
def test_sample_runs_and_leaves_nothing_open(block):
    argv = [sys.executable, "-W", "error", "-c", block.text]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert "reaches bob" in done.stdout


@pytest.mark.timeout(600)
def test_lan_of_your_own_comes_up_as_pasted(machines):
    server, member = machines.server, machines.member
    earth = f"{machines.status(server)['address']}000001"
    there = machines.ip(server, earth)
    machines.ip(member, earth)
    ping = f"ping -c1 -W2 {there} || true"
    wait_until("a ping over Earth", lambda: " 0% packet loss" in member.paste(ping))
    assert "other checks passed" in member.paste(does("earthline doctor"))


@pytest.mark.timeout(600)
def test_private_network_comes_up_as_pasted(machines):
    server, member = machines.server, machines.member
    (network,) = set(re.findall(r"\b[0-9a-f]{16}\b", server.paste(does("network create"))))
    address = machines.status(member)["address"]
    asked = member.paste(does("earthline join").replace(NETWORK, network))
    assert f"earthline member authorize {network} {address}" in asked
    letting_in = does("member authorize").replace(NETWORK, network).replace(MEMBER, address)
    assert address in server.paste(letting_in)
    assert machines.ip(member, network).startswith("10.7.0.")


@pytest.mark.timeout(600)
def test_stock_controller_is_taken_over_as_pasted(machines):
    """Its home is one that `controller export` wrote: the layout is the same."""
    server = machines.server
    server.paste(does("network create"))
    before = machines.controlled()
    server.paste(
        f"earthline down; earthline controller export {STOCK_HOME}/controller.d\n"
        f"mv /var/lib/earthline/identity.* {STOCK_HOME}; mv /var/lib/earthline /var/lib/before"
    )
    server.paste(does("controller import"))
    server.paste("earthline up >/dev/null 2>&1 & earthline status")
    assert machines.controlled() == before
