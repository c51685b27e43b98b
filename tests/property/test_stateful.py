"""Hostile conversations with whole nodes, and calls of the switch in any order, some every time.

``make fuzz TARGET=nodes`` and ``TARGET=switch`` go on for as long as is wanted.
"""

from __future__ import annotations

import random

import pytest

from hostile.nodes import NODES
from hostile.stateful import Broken, Kind, Session, parse_ranges, run, shortest
from hostile.switch import SWITCH


@pytest.mark.parametrize("part", range(4))
def test_nodes_survive_whoever_has_keys(part):
    run(NODES, random.getrandbits(32) + part, range(NODES.length))


@pytest.mark.parametrize("part", range(4))
def test_switch_accounts_for_everything(part):
    seed = random.getrandbits(32) + 8 * part
    for number in range(8):
        run(SWITCH, seed + number, range(SWITCH.length))


class Breaking(Session):
    """Breaks at the second of the steps that draw a certain number."""

    def __init__(self, seed: int) -> None:
        self.seen = 0

    def step(self, entropy: random.Random) -> None:
        self.seen += entropy.randrange(10) == 3
        if self.seen == 2:
            raise ValueError("broken")

    def finish(self) -> None:
        pass


def test_failure_says_how_to_repeat_it_with_the_fewest_steps():
    kind = Kind("breaking", Breaking, 200)
    with pytest.raises(Broken) as failure:
        run(kind, 7, range(kind.length))
    short = shortest(failure.value)
    assert len(short.steps) == 2
    seed, steps = short.command.split("--seed ")[1].split(" --only ")
    with pytest.raises(Broken, match="broken"):
        run(kind, int(seed), parse_ranges(steps))
