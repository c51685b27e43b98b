"""Faults to add to `Internet.faults`: each looks at a datagram and says pass or drop."""

from __future__ import annotations

from collections.abc import Collection

from earthline.sim.internet import Fault, Flight, Verdict


def between(left: Collection[str], right: Collection[str]) -> Fault:
    """Nothing passes between the hosts named in ``left`` and those in ``right``."""

    def judge(flight: Flight) -> Verdict:
        there = flight.sender in left and flight.receiver in right
        back = flight.sender in right and flight.receiver in left
        return Verdict.DROP if there or back else Verdict.PASS

    return judge


def unplugged(name: str) -> Fault:
    """Nothing passes from or to the host ``name``."""

    def judge(flight: Flight) -> Verdict:
        cut = name in (flight.sender, flight.receiver)
        return Verdict.DROP if cut else Verdict.PASS

    return judge


def whole_only_up_to(length: int) -> Fault:
    """A router on the way fragments what is longer, or drops it where it may not."""

    def judge(flight: Flight) -> Verdict:
        too_long = flight.dont_fragment and len(flight.datagram) > length
        return Verdict.DROP if too_long else Verdict.PASS

    return judge


def larger_than(length: int) -> Fault:
    """Datagrams of more than ``length`` bytes vanish, whole or not: a path MTU black hole."""

    def judge(flight: Flight) -> Verdict:
        return Verdict.DROP if len(flight.datagram) > length else Verdict.PASS

    return judge
