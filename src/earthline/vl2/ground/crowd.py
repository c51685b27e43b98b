"""Many nodes, of which some are drawn at random."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator


class Crowd:
    """Distinct nodes. To add, to remove and to draw one takes constant time."""

    __slots__ = ("_order", "_places")

    def __init__(self, members: Iterable[int] = ()) -> None:
        self._order = list(dict.fromkeys(members))
        self._places = {member: place for place, member in enumerate(self._order)}

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[int]:
        return iter(self._order)

    def __contains__(self, member: object) -> bool:
        return member in self._places

    def add(self, member: int) -> None:
        if member not in self._places:
            self._places[member] = len(self._order)
            self._order.append(member)

    def remove(self, member: int) -> None:
        """Take one out; the last one takes its place."""
        place, last = self._places.pop(member), self._order.pop()
        if last != member:
            self._order[place] = last
            self._places[last] = place

    def sample(self, count: int, entropy: Callable[[int], bytes]) -> list[int]:
        """Up to ``count`` in random order; ``entropy(n)`` gives n random bytes."""
        order = self._order
        return [order[place] for place in _drawn(len(order), count, entropy)]

    def sample_with(self, other: Crowd, count: int, entropy: Callable[[int], bytes]) -> list[int]:
        """The same of both together; who is in both is likelier to be among them."""
        order, more, first = self._order, other._order, len(self._order)
        # Those may be drawn twice.
        twice = min(first, len(more), count)
        places = _drawn(first + len(more), count + twice, entropy)
        drawn = [order[place] if place < first else more[place - first] for place in places]
        return list(dict.fromkeys(drawn))[:count]


def _drawn(size: int, count: int, entropy: Callable[[int], bytes]) -> list[int]:
    """Up to ``count`` different numbers smaller than ``size``, in random order.

    It shuffles the beginning of the list of all, but keeps no more of it than what has moved.
    """
    count = min(count, size)
    moved: dict[int, int] = {}
    drawn = []
    # All at once: thousands of calls for some bytes each would take most of the time.
    for at, number in enumerate(struct.unpack(f">{count}Q", entropy(8 * count))):
        place = at + number % (size - at)
        drawn.append(moved.get(place, place))
        moved[place] = moved.get(at, at)
    return drawn
