"""Several cursors in a text area: where they are, and what keys do at all of them, as one undo step.

The last one is the text area's own; the others hold as long as the text is changed through here alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from textual.document._history import EditHistory
from textual.widgets.text_area import Selection

from ...text import cursors, edits
from ...text.edits import Change
from .document import TextDocument

Pair = edits.Selection


class SeveralArea(Protocol):
    """What is read and changed of a text area."""

    selection: Selection
    document: TextDocument
    history: EditHistory
    version: int

    def apply(self, change: Change) -> None:
        """Carry out a change as one undo step."""

    def refresh(self) -> object:
        """Draw it anew."""


class Cursors:
    """Owns the selections beside the text area's own."""

    def __init__(self, area: SeveralArea) -> None:
        self._area = area
        self._others = list[Pair]()
        self._version, self._steps = -1, 0

    @property
    def others(self) -> Sequence[Pair]:
        """The selections beside the text area's own; none where the text was changed since."""
        return self._others if self._version == self._area.version else ()

    def columns_of(self, row: int) -> list[int]:
        """Columns of a row at which the others stand."""
        return [column for _, (at, column) in self.others if at == row]

    def selected_in(self, row: int) -> list[tuple[int, int]]:
        """Columns of a row that the others have selected."""
        spans = (sorted(each) for each in self.others)
        length = len(self._area.document[row])
        found = [
            (left if row == top else 0, right if row == last else length)
            for (top, left), (last, right) in spans
            if top <= row <= last
        ]
        return [(left, right) for left, right in found if left < right]

    def drop(self) -> bool:
        """Leave one cursor; false where there was one only."""
        had = bool(self.others)
        self._others, self._steps = [], 0
        if had:
            self._area.refresh()
        return had

    def add(self, selection: Pair) -> None:
        """Put one more cursor somewhere, which is the text area's own from now on."""
        before = [*self.others, _pair(self._area.selection)]
        self._put(cursors.ordered([*before, selection]), selection)

    def add_next(self) -> bool:
        """Select the word, or one more place that says what is selected; false where there is none."""
        own = _pair(self._area.selection)
        found = cursors.next_like(self._area.document.lines, [*self.others, own])
        if found is None:
            return False
        if own[0] == own[1]:
            self._area.selection = Selection(*found)
        else:
            self.add(found)
        return True

    def takes(self, key: str, character: str | None) -> bool:
        """Carry a key out at all cursors; false where there is one only, or the key is none of theirs."""
        if not self.others:
            return False
        base, lines = key.removeprefix("shift+"), self._area.document.lines
        if base in cursors.MOVES:
            self._all(lambda each: cursors.stepped(lines, each, base, select=base != key))
        elif key in ("backspace", "delete"):
            found = cursors.widened(lines, self._sorted(), forward=key == "delete")
            self._write(found, [""] * len(found))
        elif key == "enter":
            found = self._sorted()
            self._write(found, ["\n" + _indent(lines[min(each)[0]], min(each)[1]) for each in found])
        elif character is not None and character.isprintable():
            self.write([character])
        else:
            return False
        return True

    def write(self, texts: Sequence[str]) -> None:
        """Replace every selection by a text, or each by its own where there are as many."""
        found = self._sorted()
        self._write(found, texts if len(texts) == len(found) else ["\n".join(texts)] * len(found))

    def _sorted(self) -> list[Pair]:
        return cursors.ordered([*self.others, _pair(self._area.selection)])

    def _all(self, step: Callable[[Sequence[Pair]], list[Pair]]) -> None:
        found = step(self._sorted())
        self._steps = 0
        self._put(found, found[-1])

    def _write(self, selections: Sequence[Pair], texts: Sequence[str]) -> None:
        change, found = cursors.replaced(self._area.document.lines, selections, texts)
        self._area.apply(change)
        # What is typed at the same cursors is one step, as it is at one cursor.
        stack = self._area.history._undo_stack
        if self._steps and len(stack) > 1:
            last = stack.pop()
            stack[-1].extend(last)
        self._steps = self._steps + 1 if self._others else 0
        self._put(found, found[-1])

    def _put(self, selections: Sequence[Pair], own: Pair) -> None:
        own = own if own in selections else selections[-1]
        self._others = [each for each in selections if each != own]
        self._version = self._area.version
        self._area.selection = Selection(*own)
        self._area.refresh()


def _pair(selection: Selection) -> Pair:
    return selection.start, selection.end


def _indent(line: str, column: int) -> str:
    before = line[:column]
    return before[: len(before) - len(before.lstrip(" \t"))]
