"""Many nodes, of which some are drawn at random."""

from __future__ import annotations

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

    def sample(self, count: int, below: Callable[[int], int]) -> list[int]:
        """Up to ``count`` in random order; ``below(n)`` gives a random number smaller than n.

        It shuffles the beginning of the list, but keeps beside it what would have moved.
        """
        moved: dict[int, int] = {}
        order = self._order
        drawn = []
        for at in range(min(count, len(order))):
            place = at + below(len(order) - at)
            drawn.append(moved.get(place, order[place]))
            moved[place] = moved.get(at, order[at])
        return drawn
