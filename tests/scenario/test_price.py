"""What one packet costs whom it is sent to, whoever sends it: at most this, and that is a promise.

The dearest packets of every verb are tried on a node, a root and a controller that run as the
service does, in rounds, so that gates are open again and each try meets the same. CPU time is
asserted nowhere else: here the price is the property. It is that of the thread, held against what
a known piece of work takes just before and after, and the least of identical tries.
"""

from __future__ import annotations

from collections import Counter
from contextlib import closing

import pytest

from earthline.wire.packet import Verb
from hostile.dear import DEAREST, Call, Row, datagrams, rows
from hostile.limits import AMPLIFICATION
from hostile.price import CPU_NS, LOG_BYTES, Price, Till, of_tries, on_the_known_machine, reference
from hostile.stage import PORT, Stage

ROUNDS = 6
"""Tries; the round before them warms up."""
SECOND_LOOKS = 8
"""So often, with as many tries, all is looked at again while something seems too dear: a processor
that others use at the same time makes things dearer now and then, never cheaper."""
NEAR = 2
"""Each try is held against the least of so many references before it, and of as many after it."""

pytestmark = pytest.mark.timeout(600)


class Prices:
    """Of every row."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._tries: dict[Row, list[Price]] = {}
        self._round()
        self._tries.clear()
        for look in range(1 + SECOND_LOOKS):
            if look and not self.dear():
                break
            for _ in range(ROUNDS):
                self._round()

    @property
    def of(self) -> dict[Row, Price]:
        return {row: of_tries(found) for row, found in self._tries.items()}

    def dear(self) -> dict[Row, Price]:
        """What costs more than it may."""
        return {row: price for row, price in self.of.items() if price.cpu_ns > CPU_NS}

    def _round(self) -> None:
        """Try every row once: what happens to one depends on those before it."""
        used: Counter[tuple[str, str]] = Counter()
        tries: list[tuple[Row, Price]] = []
        references = [reference() for _ in range(NEAR)]
        for row in rows():
            used[row.sender, row.target] += 1
            tries.append((row, try_once(self._stage, used[row.sender, row.target], row)))
            references.append(reference())
        references += [reference() for _ in range(NEAR - 1)]
        for at, (row, price) in enumerate(tries):
            least = min(references[at : at + 2 * NEAR])
            self._tries.setdefault(row, []).append(on_the_known_machine(price, least))
        self._stage.settle()


@pytest.fixture(scope="module")
def prices(tmp_path_factory):
    with closing(Stage(tmp_path_factory.mktemp("price"))) as stage:
        yield Prices(stage)


def try_once(stage: Stage, place: int, row: Row) -> Price:
    """Each row of a target has a speaker of its own, so that they close no gate for one another."""
    wires = stage.members if row.sender == "member" else stage.strangers
    wire = wires[place % len(wires)]
    call = Call(stage, wire, stage.targets[row.target])
    source = (wire.ip, PORT)
    if row.path == "unproved path":
        port = stage.entropy.randrange(1_024, 65_536)
        source = (bytes((203, 0, place // 256, place % 256)), port)
    return Till(call.host).price(datagrams(row, call), source, call.now)


def test_every_verb_has_a_price():
    """A new verb is to be made as dear as can be in `hostile.dear`."""
    assert set(DEAREST) == set(Verb)
    assert all(DEAREST.values())


def test_packets_were_looked_at_and_not_kept_out_by_a_gate(prices):
    """Else what was measured is the gate."""
    gated = [
        str(row)
        for row, price in prices.of.items()
        if any(name.startswith("gated_") for name, _ in price.happened)
    ]
    assert not gated


def test_no_packet_takes_a_millisecond_of_the_loop(prices):
    dear = [
        f"{price.cpu_ns / 1e6:.2f} ms for {price.wire_bytes} B: {row}"
        for row, price in prices.dear().items()
    ]
    assert not dear, f"more than {CPU_NS / 1e6:.2f} ms:\n" + "\n".join(sorted(dear))


def test_no_packet_writes_a_page_into_the_log(prices):
    wordy = [f"{p.log_bytes} B: {row}" for row, p in prices.of.items() if p.log_bytes > LOG_BYTES]
    assert not wordy, "\n".join(wordy)


def test_no_packet_is_answered_by_much_more_where_nobody_answered(prices):
    """Whoever forges his address must not have others flooded by us."""
    loud = [
        f"{price.wire_bytes} B bring {price.sent_bytes}: {row}"
        for row, price in prices.of.items()
        if row.path == "unproved path" and price.sent_bytes > AMPLIFICATION * price.wire_bytes
    ]
    assert not loud, "\n".join(loud)
