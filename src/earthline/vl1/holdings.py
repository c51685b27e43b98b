"""Records by who caused them, so that the fair one to forget is found in constant time."""

from __future__ import annotations


class Holdings:
    """Keys, each of one holder, the oldest first.

    Holders are listed by how much they hold, so that neither the size of the table nor the number
    of holders matters to any step.
    """

    def __init__(self) -> None:
        self._holder: dict[int, int] = {}
        self._keys: dict[int, dict[int, None]] = {}
        """Holder → its keys, the oldest first."""
        self._by_count: dict[int, dict[int, None]] = {}
        """Number of keys → the holders of so many; the one longest of that size first."""
        self._most = 0

    def __len__(self) -> int:
        return len(self._holder)

    def __contains__(self, key: int) -> bool:
        return key in self._holder

    def add(self, key: int, holder: int) -> None:
        """Note a record a holder caused; one noted before becomes the youngest of its new one."""
        self.discard(key)
        keys = self._keys.setdefault(holder, {})
        self._unlist(holder, len(keys))
        keys[key] = None
        self._holder[key] = holder
        self._list(holder, len(keys))

    def discard(self, key: int) -> None:
        """Forget a record, if it is there."""
        holder = self._holder.pop(key, None)
        if holder is None:
            return
        keys = self._keys[holder]
        self._unlist(holder, len(keys))
        del keys[key]
        if keys:
            self._list(holder, len(keys))
        else:
            del self._keys[holder]

    def holder_of(self, key: int) -> int:
        """Who caused a record; KeyError if there is none."""
        return self._holder[key]

    def oldest_of_largest(self) -> int | None:
        """The oldest record of the holder of most; None if there are none."""
        if not self._holder:
            return None
        holder = next(iter(self._by_count[self._most]))
        return next(iter(self._keys[holder]))

    def _list(self, holder: int, count: int) -> None:
        self._by_count.setdefault(count, {})[holder] = None
        self._most = max(self._most, count)

    def _unlist(self, holder: int, count: int) -> None:
        """Take a holder off the list of its size; who was the last of the largest lost only one."""
        if count == 0:
            return
        same = self._by_count[count]
        del same[holder]
        if not same:
            del self._by_count[count]
            if self._most == count:
                self._most = count - 1
