"""Floods of forged packets at a root that has something else to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from steady import SteadyTcp

from earthline.lab.service import wait_until
from earthline.lab.siege import ApiWatch, Siege, siege
from earthline.lab.storm import Kind, Sources

RATE = 10_000
"""Packets a second of each kind."""
JOIN_S = 45
ANSWER_MS = 10_000
GROWTH_KIB = 64 * 1024
"""Of the root's memory: tables that are touched for the first time by a flood, and no more."""
KEPT_OUT = "drop_punt_unrepeated"


@dataclass(frozen=True)
class Flood:
    """Kinds at once, and under which name each is counted that does not get far."""

    sources: Sources
    counted: Mapping[str, tuple[Kind, ...]]


FLOODS = {
    "malformed": Flood(
        Sources.ANY,
        {"drop_noise": (Kind.NOISE,), "drop_hello_malformed": (Kind.MALFORMED,)},
    ),
    "one stranger": Flood(
        Sources.ONE,
        {"drop_stranger_budget": (Kind.STRANGER,), "drop_newcomer_budget": (Kind.HELLO,)},
    ),
    "strangers": Flood(Sources.ANY, {KEPT_OUT: (Kind.STRANGER, Kind.HELLO, Kind.SIGNED)}),
    "lists": Flood(Sources.ANY, {KEPT_OUT: (Kind.HELLO_LIST, Kind.SIGNED_LIST)}),
    "in the name of peers": Flood(
        Sources.ANY,
        {"drop_unauthentic": (Kind.PEER, Kind.PEER_CLEAR, Kind.PEER_HELLO)},
    ),
    "for peers": Flood(Sources.ANY, {"relayed": (Kind.RELAY_KNOWN, Kind.RELAY_UNKNOWN)}),
    "pieces": Flood(Sources.ANY, {"packets_rx": (Kind.FRAGMENT,)}),
}


@pytest.fixture(scope="module")
def besieged() -> Iterator[Siege]:
    with siege() as built:
        yield built


@pytest.fixture(scope="module")
def stream(besieged: Siege) -> Iterator[SteadyTcp]:
    target = besieged.far.wait_ip(besieged.planet.earth)
    with SteadyTcp(besieged.near.host, besieged.far.host, target) as flow:
        yield flow


@pytest.mark.parametrize("name", FLOODS)
def test_root_answers_lets_a_newcomer_in_and_relays_on_under_a_flood(
    besieged: Siege, stream: SteadyTcp, name: str
) -> None:
    flood, root = FLOODS[name], besieged.root
    newcomer = besieged.newcomer()
    members = [service.address for service in (besieged.near, besieged.far)]
    before, resident = besieged.counters(), besieged.resident_kib()
    kinds = [kind for kinds in flood.counted.values() for kind in kinds]
    numbers = stream.more(200)
    with ExitStack() as stack:
        storms = {kind: besieged.storm(kind, flood.sources, RATE) for kind in kinds}
        for storm in storms.values():
            stack.callback(storm.kill)
        with ApiWatch(root) as watch:
            besieged.join(newcomer, JOIN_S)
            wait_until("the stream goes on", lambda: stream.reached(numbers))
        sent = {kind: storm.end().count for kind, storm in storms.items()}
    after = besieged.counters()
    newcomer.kill()

    assert max(watch.answered_ms) < ANSWER_MS
    assert all(root.direct_path(member) for member in members)
    assert besieged.resident_kib() - resident < GROWTH_KIB
    came = after["packets_rx"] - before["packets_rx"]
    for reason, counted in flood.counted.items():
        share = sum(sent[kind] for kind in counted) / sum(sent.values())
        assert after[reason] - before.get(reason, 0) > 0.7 * share * came, reason
