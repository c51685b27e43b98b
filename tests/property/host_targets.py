"""What else is thrown bytes at: what a gateway answers, files of the user, what members ask.

Beside `wire_targets`, under the same rules: a target returns if the bytes were something or were
refused the way they are to be refused, and raises where the code is wrong.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import random
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from unittest.mock import patch

from async_upnp_client.client import UpnpRequester
from async_upnp_client.const import HttpRequest, HttpResponse
from controller_seeds import ASK, CONTROLLER, MEMBER, NETWORK_OBJECT, SELF

from earthline.controller.authority import Authority
from earthline.controller.objects.coercion import JsonObject
from earthline.controller.objects.rules_json import normalise_rules
from earthline.controller.rules_check.frames import FrameFault, read_frame
from earthline.controller.rules_script import ScriptFault, compile_script
from earthline.controller.store.archive import (
    archive_files,
    import_archive,
    read_archive,
    take_archive,
)
from earthline.controller.store.sqlite import IN_MEMORY, SqliteStore
from earthline.effects import RequestConfig, SendConfig, StateLoaded
from earthline.node import Node
from earthline.root.planet import DefinitionFault, WorldDefinition
from earthline.runtime.home.home import StartFault, parse_planet
from earthline.runtime.portmap import natpmp, pcp, ssdp, upnp
from earthline.runtime.portmap.lease import NotMapped, Site, reachable
from earthline.runtime.settings.settings import parse_settings_text, understand
from earthline.runtime.settings.trusted_paths import parse_trusted_paths, with_trusted_paths
from earthline.wire.network_config import NetworkConfig
from earthline.wire.reader import Malformed

Target = Callable[[bytes], None]

SITE = Site("192.168.1.1", "192.168.1.7", 40_000)
NONCE = bytes(range(12))
NOW = 1_795_337_000_000


def check_line(fault: Exception) -> None:
    """What a person is shown is one line."""
    assert len(str(fault).splitlines()) == 1


def check_place(fault: ScriptFault, text: str) -> None:
    assert 1 <= fault.line <= text.count("\n") + 1


# --- gateways ---------------------------------------------------------------------------------


def nat_pmp(data: bytes) -> None:
    with suppress(Malformed, NotMapped):
        ip = natpmp.parse_address_answer(data)
        assert len(ip) == 4
    with suppress(Malformed, NotMapped):
        answer = natpmp.parse_map_answer(data, SITE.port)
        assert natpmp.reason(answer.result)
        assert reachable(SITE, b"\x50\1\2\3", answer.external_port).port


def pcp_answer(data: bytes) -> None:
    with suppress(Malformed, NotMapped):
        answer = pcp.parse_map_answer(data, NONCE, SITE.port)
        assert pcp.reason(answer.result)
        if not answer.result:
            external = reachable(SITE, answer.external_ip, answer.external_port)
            assert external.ip_text != SITE.client


def ssdp_answer(data: bytes) -> None:
    place = ssdp.parse_answer(data, SITE.gateway)
    assert place is None or (ssdp.on_gateway(place, SITE.gateway) and len(place) <= len(data))


class Scripted(UpnpRequester):
    """A gateway that says one text after the other, whatever it is asked."""

    def __init__(self, texts: list[str]) -> None:
        self._texts = texts
        self.asked = 0

    async def async_http_request(self, http_request: HttpRequest) -> HttpResponse:
        text = self._texts[min(self.asked, len(self._texts) - 1)]
        self.asked += 1
        return HttpResponse(500 if "Fault" in text else 200, {}, text)


SEPARATOR = b"\0"


def upnp_answers(data: bytes) -> None:
    """The description, its service, and then one answer after the other."""
    texts = [part.decode("utf-8", "replace") for part in data[:20_000].split(SEPARATOR)]
    gateway = Scripted(texts)

    async def found(_site: Site) -> list[str]:
        return [f"http://{SITE.gateway}:5000/root.xml"]

    async def talk() -> None:
        client = upnp.Upnp(SITE, "ZeroTier/0a1b2c3d4e@")
        with suppress(NotMapped):
            lease = await client.map(SITE.port)
            assert lease.external.port
            assert lease.lifetime_s >= 0
        with suppress(NotMapped):
            await client.release()

    with (
        patch.object(upnp, "GatewayRequester", lambda _site: gateway),
        patch.object(upnp, "find_descriptions", found),
        patch.object(upnp, "PAUSE_S", 0),
    ):
        asyncio.run(talk())
    assert gateway.asked < 400


# --- files of the user ------------------------------------------------------------------------


def local_conf(data: bytes) -> None:
    try:
        raw = parse_settings_text(data, "local.conf")
        parsed = understand(raw, "local.conf")
    except StartFault as fault:
        check_line(fault)
        return
    parsed.blacklisted(bytes((80, 1, 2, 3)))
    for ip, prefix, path_id in parsed.trusted_networks():
        assert 0 <= prefix <= 8 * len(ip)
        assert 0 < path_id < 1 << 64
    assert understand(raw, "local.conf") == parsed


def trusted_paths(data: bytes) -> None:
    with suppress(StartFault):
        found = parse_trusted_paths(data, "trustedpaths")
        understand(with_trusted_paths({}, found), "local.conf")


def planet_file(data: bytes) -> None:
    with suppress(StartFault):
        assert parse_planet(data, "planet").emit()


def planet_json(data: bytes) -> None:
    try:
        definition = WorldDefinition.parse(data.decode("utf-8", "replace"), "planet.json")
    except DefinitionFault as fault:
        check_line(fault)
        return
    assert WorldDefinition.parse(definition.emit(), "again") == definition
    world = definition.issue(NOW)
    assert world.verify(definition.key.public) or definition.key.public != definition.next_key


def stored_state(data: bytes) -> None:
    """What the node stored, or somebody else in its place: it starts with whatever is there."""
    node = Node(SELF, random.Random(1).randbytes, NOW)
    for number, kind in enumerate(("planet", "moon", "peer", "network")):
        key = MEMBER.address if kind == "peer" else CONTROLLER << 24 | number
        node.receive(StateLoaded(kind, key, data), NOW)
    node.poll()
    node.save()
    for command in node.poll():
        assert type(command).__name__ in ("Store", "Report", "ProveIdentity")


# --- controllers ------------------------------------------------------------------------------


def rule_script(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    try:
        program = compile_script(text)
    except ScriptFault as fault:
        check_line(fault)
        check_place(fault, text)
        return
    assert json.loads(program.emit())["config"] == program.config
    for table in (program.config["rules"], *(c["rules"] for c in program.config["capabilities"])):
        assert len(normalise_rules(table)) == len(table)


def rule_frame(data: bytes) -> None:
    with suppress(FrameFault):
        assert 0 <= read_frame(data.decode("utf-8", "replace")).ethertype <= 0xFFFF


@cache
def _controller() -> tuple[Authority, list[int]]:
    """One that serves networks of several kinds, for all inputs."""
    store = SqliteStore(IN_MEMORY)
    atexit.register(store.close)
    authority = Authority(SELF, store, random.Random(1).randbytes)
    kinds: list[JsonObject] = [
        {"private": False},
        {"private": True},
        {"private": True, "authTokens": [{"token": "x"}]},
        {"private": False, "rules": [{"type": "ACTION_ACCEPT"}], "mtu": 1_280},
    ]
    networks = []
    for number, body in enumerate(kinds, 1):
        network = CONTROLLER << 24 | number
        authority.post_network(network, {**NETWORK_OBJECT, **body}, NOW)
        networks.append(network)
    return authority, networks


_moment = [NOW]


def controller_request(data: bytes) -> None:
    """The metadata of a request; each comes late enough to be looked at."""
    authority, networks = _controller()
    _moment[0] += 60_000
    for network in (*networks, networks[0] + 99):
        request = RequestConfig(network, MEMBER.address, MEMBER.public.emit(), 1, data, None)
        _check_answers(authority, request)


def _check_answers(authority: Authority, request: RequestConfig) -> None:
    for answer in authority.handle_request(request, _moment[0]):
        if isinstance(answer, SendConfig):
            assert NetworkConfig.parse(answer.dictionary).issued_to == request.member
    assert authority.counters.get("store_faults", 0) == 0


def archive(data: bytes) -> None:
    """A network's file, a NUL, and the file of one of its members: what is imported is served."""
    network, _, member = data.partition(SEPARATOR)
    number = CONTROLLER << 24 | 1
    with tempfile.TemporaryDirectory(prefix="earthline-fuzz.") as name:
        folder = Path(name, "network")
        members = folder / f"{number:016x}" / "member"
        members.mkdir(parents=True)
        (folder / f"{number:016x}.json").write_bytes(network)
        (members / f"{MEMBER.address:010x}.json").write_bytes(member)
        found = read_archive(Path(name))
    store = SqliteStore(IN_MEMORY)
    import_archive(found, store)
    taken = take_archive(store)
    assert set(taken.networks) == set(found.networks)
    assert all(content for _, content in archive_files(taken))
    authority = Authority(SELF, store, random.Random(1).randbytes)
    for imported in found.networks:
        request = RequestConfig(imported, MEMBER.address, MEMBER.public.emit(), 1, ASK, None)
        _check_answers(authority, request)
        assert authority.get_network(imported)
        authority.member_listing(imported)
    store.close()


HOST_TARGETS: dict[str, Target] = {
    "nat_pmp": nat_pmp,
    "pcp": pcp_answer,
    "ssdp": ssdp_answer,
    "upnp": upnp_answers,
    "local_conf": local_conf,
    "trusted_paths": trusted_paths,
    "planet_file": planet_file,
    "planet_json": planet_json,
    "stored_state": stored_state,
    "rule_script": rule_script,
    "rule_frame": rule_frame,
    "controller_request": controller_request,
    "archive": archive,
}
"""By the name that ``make fuzz TARGET=`` takes."""
