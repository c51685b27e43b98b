"""Blocks of a script: from an opening word to its ``;`` (04, 13.2).

An empty block is not closed by a ``;`` of its own, so ``accept;`` goes on to the end of the script.
Where such a word stands in another block, its ``;`` closes that one instead. Scripts rely on the
latter: the last action of a capability closes it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from earthline.controller.rules_script.names import OPENING
from earthline.controller.rules_script.words import Word, read_words

Item: TypeAlias = "Word | Block"


@dataclass(slots=True, eq=False)
class Block:
    """What an opening word opens."""

    opening: Word
    items: list[Item] = field(default_factory=list)


def read_blocks(script: str) -> list[Item]:
    """What stands at the top of a script. Raises `ScriptFault`."""
    top = Block(Word("", 1, 0))
    stack = [top]
    for word in read_words(script):
        if word.text in OPENING:
            _open(word, stack)
        elif word.text:
            stack[-1].items.append(word)
            _close(word, stack)
        elif stack[-1].items:
            _close(word, stack)
    return top.items


def _open(word: Word, stack: list[Block]) -> None:
    block = Block(word)
    stack[-1].items.append(block)
    if word.closes and len(stack) > 1:
        stack.pop()
    else:
        stack.append(block)


def _close(word: Word, stack: list[Block]) -> None:
    if word.closes and len(stack) > 1:
        stack.pop()


class Items:
    """Takes the items of a block one after the other, and knows where something is missing."""

    def __init__(self, items: list[Item], opening: Word) -> None:
        self._items = items
        self._next = 0
        self.last = opening
        """The word taken last."""

    def __bool__(self) -> bool:
        return self._next < len(self._items)

    def take(self) -> Item:
        """The next item, which must be there."""
        item = self._items[self._next]
        self._next += 1
        self.last = item if isinstance(item, Word) else item.opening
        return item

    def word(self, what: str) -> Word:
        """The next item, which must be a word: ``what`` is missing otherwise."""
        before = self.last
        if not self:
            raise before.fault(f"{before.quoted} needs {what} after it")
        item = self.take()
        if isinstance(item, Block):
            raise item.opening.fault(
                f"{what} is needed here: {item.opening.quoted} is a reserved word"
            )
        return item
