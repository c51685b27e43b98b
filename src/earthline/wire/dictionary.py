r"""The dictionary: text-like key/value blobs of configurations and requests (01, 5.2).

::

    key=value LF key=value ...        no LF at the end

Values are escaped: NUL, CR, LF, backslash and ``=`` become ``\0 \r \n \\ \e``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from earthline.wire.address import format_address

_ESCAPES = {b"\\": b"\\\\", b"\x00": b"\\0", b"\r": b"\\r", b"\n": b"\\n", b"=": b"\\e"}
_SPECIAL = re.compile(rb"[\\\x00\r\n=]")
_NOT_IN_KEYS = re.compile(r"[\x00\r\n=]")
_ESCAPED = re.compile(rb"\\(.?)", re.DOTALL)
_UNESCAPES = {b"0": b"\x00", b"r": b"\r", b"n": b"\n", b"e": b"="}
_LINE_END = re.compile(rb"[\r\n]+")
_NUMBER = re.compile(rb"[ \t\n\v\f\r]*([+-]?)(?:0[xX](?=[0-9a-fA-F]))?([0-9a-fA-F]+)")
_MAX_NUMBER = 0xFFFFFFFFFFFFFFFF


class Dictionary:
    """Entries in order; of several with one key, the first is read."""

    __slots__ = ("_entries", "_first")

    def __init__(self, entries: Iterable[tuple[str, bytes]] = ()) -> None:
        self._entries: list[tuple[str, bytes]] = list(entries)
        self._first: dict[str, bytes] = {}
        for key, value in self._entries:
            self._first.setdefault(key, value)

    @classmethod
    def parse(cls, data: bytes) -> Dictionary:
        """Read anything: a NUL ends the text, and lines that are no entries are passed over."""
        text = data.partition(b"\x00")[0]
        return cls(_read_lines(text))

    def emit(self) -> bytes:
        lines = []
        for key, value in self._entries:
            written = _escape(value) if _SPECIAL.search(value) else value
            lines.append(b"%s=%s" % (key.encode("latin-1"), written))
        return b"\n".join(lines)

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: str) -> bool:
        return key in self._first

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dictionary) and self._entries == other._entries

    __hash__ = None  # type: ignore[assignment]

    def get(self, key: str) -> bytes | None:
        """The value's bytes, or None where the key is absent."""
        return self._first.get(key)

    def get_int(self, key: str, default: int = 0) -> int:
        """An unsigned 64-bit number in hex, read as C does; ``default`` if absent or empty."""
        value = self._first.get(key)
        return _read_number(value) if value else default

    def get_signed(self, key: str, default: int = 0) -> int:
        """A signed 64-bit number; a leading ``-`` is understood, though never written."""
        number = self.get_int(key, default)
        return number - (1 << 64) if number >> 63 else number

    def get_bool(self, key: str, default: bool = False) -> bool:
        """Whether the value starts with ``1``, ``t`` or ``T``; ``default`` if absent or empty."""
        value = self._first.get(key)
        return value[:1] in (b"1", b"t", b"T") if value else default

    def get_text(self, key: str, default: str = "") -> str:
        """The value as UTF-8, with replacement characters for what is not."""
        value = self._first.get(key)
        return default if value is None else value.decode("utf-8", "replace")

    def get_address(self, key: str) -> int:
        """The low 40 bits of a number; 0 if absent."""
        return self.get_int(key) & 0xFFFFFFFFFF

    def set(self, key: str, value: bytes) -> None:
        """Put an entry at the end, or in the place of the first with this key."""
        if not key or not key.isascii() or _NOT_IN_KEYS.search(key):
            raise ValueError(f"not a dictionary key: {key!r}")
        if key in self._first:
            index = next(i for i, (k, _) in enumerate(self._entries) if k == key)
            self._entries[index] = (key, value)
        else:
            self._entries.append((key, value))
        self._first[key] = value

    def set_int(self, key: str, number: int) -> None:
        """16 hex digits of an unsigned 64-bit number."""
        if not 0 <= number <= _MAX_NUMBER:
            raise ValueError(f"not an unsigned 64-bit number: {number}")
        self.set(key, b"%016x" % number)

    def set_signed(self, key: str, number: int) -> None:
        """16 hex digits of the absolute value: stock nodes lose the sign too."""
        self.set_int(key, abs(number))

    def set_bool(self, key: str, value: bool) -> None:
        """``1`` or ``0``."""
        self.set(key, b"1" if value else b"0")

    def set_text(self, key: str, text: str) -> None:
        """The text as UTF-8."""
        self.set(key, text.encode())

    def set_address(self, key: str, address: int) -> None:
        """10 hex digits."""
        self.set(key, format_address(address).encode())


def _read_lines(text: bytes) -> Iterator[tuple[str, bytes]]:
    for line in _LINE_END.split(text):
        key, equals, value = line.partition(b"=")
        if equals:
            yield key.decode("latin-1"), _unescape(value)


def _escape(value: bytes) -> bytes:
    # The backslash comes first, so that no escape is escaped again.
    for raw, escaped in _ESCAPES.items():
        if raw in value:
            value = value.replace(raw, escaped)
    return value


def _unescape(value: bytes) -> bytes:
    if b"\\" not in value:
        return value
    return _ESCAPED.sub(lambda match: _UNESCAPES.get(match[1], match[1]), value)


def _read_number(value: bytes) -> int:
    match = _NUMBER.match(value)
    if match is None:
        return 0
    number = int(match[2], 16)
    if number > _MAX_NUMBER:
        return _MAX_NUMBER
    return -number & _MAX_NUMBER if match[1] == b"-" else number
