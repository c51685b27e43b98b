"""What one packet costs whom it is sent to, whoever sends it: at most this, and that is a promise.

The dearest packets of every verb are tried on a node, a root and a controller that run as the
service does, in rounds, so that gates are open again and each try meets the same. CPU time is asserted nowhere
else: here the price is the property. It is that of the thread, the least of identical tries, and
held against what a known piece of work takes at the same time.
"""

from __future__ import annotations

import pytest
from hostile import price as pricing
from hostile.dear import DEAREST, Call, Row, datagrams, rows
from hostile.price import Price, Till, of_tries, reference
from hostile.stage import PORT, Stage

from earthline.wire.packet import Verb

ROUNDS = 5
"""Tries; the one before them warms up."""

TO_BE_MENDED: frozenset[str] = frozenset()
"""Rows that are known to cost too much CPU time."""


@pytest.fixture(scope="module")
def prices(tmp_path_factory):
    stage = Stage(tmp_path_factory.mktemp("price"))
    tries: dict[Row, list[Price]] = {}
    scales = []
    for number in range(ROUNDS + 1):
        for place, row in enumerate(rows()):
            found = try_once(stage, place, row)
            if number:
                tries.setdefault(row, []).append(found)
        scales.append(reference())
        stage.settle()
    return {row: of_tries(found) for row, found in tries.items()}, min(scales)


def try_once(stage: Stage, place: int, row: Row) -> Price:
    """Each row of a target has a speaker of its own, so that they close no gate for one another."""
    wires = stage.members if row.sender == "member" else stage.strangers
    wire = wires[place % len(wires)]
    call = Call(stage, wire, stage.targets[row.target])
    source = (wire.ip, PORT)
    if row.path == "unproved path":
        source = (bytes((203, 0, place // 256, place % 256)), stage.entropy.randrange(1_024, 65_536))
    return Till(call.host).price(datagrams(row, call), source, call.now)


def test_every_verb_has_a_price():
    """A new verb is to be made as dear as can be in `hostile.dear`."""
    assert set(DEAREST) == set(Verb)
    assert all(DEAREST.values())


def test_no_packet_takes_a_millisecond_of_the_loop(prices):
    found, measured = prices
    most = pricing.CPU_NS * measured / pricing.REFERENCE_NS
    dear = [
        f"{price.cpu_ns / 1e6:.2f} ms, {price.wire_bytes} B: {row}"
        for row, price in found.items()
        if price.cpu_ns > most and str(row) not in TO_BE_MENDED
    ]
    assert not dear, f"more than {most / 1e6:.2f} ms:\n" + "\n".join(sorted(dear))
