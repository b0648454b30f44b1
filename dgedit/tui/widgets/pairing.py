"""Brackets and quotes of a text area that close themselves: which partners came, and what a key does with them."""

from __future__ import annotations

from typing import Protocol

from textual.widgets.text_area import Selection

from ... import config
from ...text import pairs
from ...text.edits import CLOSERS, Change, Location, matching_bracket
from ...text.languages import comment_of
from .document import TextDocument

PROSE = ("text", "markdown")
"""Where an apostrophe is no quote."""
ROWS_MAX = 500
"""A closing bracket looks so far up for its partner."""


class Area(Protocol):
    """What is read and changed of a text area."""

    selection: Selection
    document: TextDocument
    editor: config.Editor
    syntax_name: str

    @property
    def cursor_location(self) -> Location:
        """Where the cursor is."""

    def apply(self, change: Change) -> None:
        """Carry out a change as one undo step."""

    def move_cursor(self, location: Location) -> None:
        """Put the cursor somewhere."""

    def scroll_cursor_visible(self) -> object:
        """Bring the cursor into view."""


class Pairing:
    """Knows the partners that came by themselves in the row of the cursor."""

    def __init__(self, area: Area) -> None:
        self._area = area
        self._row, self._came = -1, 0

    def takes(self, typed: str) -> bool:
        """Carry a character out; false where it is just to be written."""
        area = self._area
        if not area.editor.close_brackets:
            return False
        lines, cursor = area.document.lines, area.cursor_location
        came = self._came_before(cursor)
        if area.selection.is_empty and pairs.is_typed_over(lines, cursor, typed, came):
            self._came = came - 1
            area.move_cursor((cursor[0], cursor[1] + 1))
            return True
        change = pairs.opened(lines, area.selection, typed, quotes=area.syntax_name not in PROSE)
        if change is not None:
            is_pair = area.selection.is_empty
            area.apply(change)
            self._row, self._came = cursor[0], came + is_pair
            area.scroll_cursor_visible()
            return True
        return self._closes(typed)

    def deletes(self) -> Change | None:
        """What Backspace does to an empty pair."""
        area = self._area
        change = pairs.emptied(area.document.lines, area.selection, self._came_before(area.cursor_location))
        if change is not None:
            self._came -= 1
        return change

    def _came_before(self, cursor: Location) -> int:
        """Partners that came in the row of the cursor and are still behind it."""
        if cursor[0] != self._row:
            self._row, self._came = cursor[0], 0
        behind = self._area.document[cursor[0]][cursor[1] :]
        self._came = min(self._came, sum(letter in CLOSERS or letter in pairs.QUOTES for letter in behind))
        return self._came

    def _closes(self, typed: str) -> bool:
        area = self._area
        row, column = area.cursor_location
        if typed not in CLOSERS or not area.selection.is_empty or area.document[row][:column].strip():
            return False
        rows = [*area.document.lines[max(0, row - ROWS_MAX) : row], area.document[row][:column] + typed]
        top = row - len(rows) + 1
        sign = comment_of(area.syntax_name).line
        partner = matching_bracket(rows, (len(rows) - 1, column), line_comment=sign)
        change = pairs.closed(area.document.lines, (row, column), typed, partner[0] + top if partner else None)
        if change is None:
            return False
        area.apply(change)
        area.selection = Selection.cursor(area.cursor_location)
        return True
