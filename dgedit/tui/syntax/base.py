"""What the editor knows of a text's language: colours of rows, ranges of its structure, its symbols.

A `Syntax` that knows lines alone, and what those that know more must answer too. A syntax reads the document's own list
of lines, is told of every edit before the next question, and must know nothing of widgets or colours.
"""

from __future__ import annotations

from dataclasses import dataclass

from . import shapes
from .shapes import Location, Range

Highlight = tuple[int, int | None, str]
"""In one row: start and end in bytes of UTF-8 (none: to the end of the row) and a syntax name of the theme."""
Highlights = dict[int, list[Highlight]]
"""By row; of two that overlap the later one counts."""

NAMES = (
    *("comment", "string", "number", "keyword", "function", "type", "variable", "constant", "operator"),
    *("tag", "attribute", "heading", "link"),
)
"""All names that a highlight can have."""
ROW_BYTES_MAX = 5_000
"""A row is highlighted up to here."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """Something that a person may want to go to."""

    name: str
    kind: str
    """As "class", "function", "method", "heading" or "key"."""
    row: int
    column: int
    depth: int
    """How many symbols it stands in."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A replacement in a text; row breaks in its strings are the text's own."""

    row: int
    before: str
    """What stands before the replaced text in its row."""
    replaced: str
    inserted: str


class Syntax:
    """What can be said of any text; the base of those that know more."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    @property
    def stale(self) -> bool:
        """Is there more to read than was read for the last answer? Then ask again later."""
        return False

    @property
    def costly(self) -> bool:
        """Was reading the text given up, because it took too long? Then do not make a key wait for the next try."""
        return False

    def edited(self, edit: Edit) -> None:
        """Take note of an edit that the lines now have."""

    def refresh(self, budget_ms: float | None = None) -> bool:
        """Read the text anew after edits, for about `budget_ms` at most; False where that was not enough.

        The next call goes on where this one ended, if nothing was edited between them. Without a budget it ends when
        all is read.
        """
        return True

    def highlights(self, first_row: int, last_row: int) -> Highlights:
        """The highlights of the rows from the first to the last one; close ones if the syntax is stale after it."""
        return {}

    def node_ranges(self, start: Location, end: Location) -> list[Range]:
        """Ranges that a selection can grow to, the smallest first; each holds the one before."""
        return shapes.enclosing(self._lines, start, end)

    def symbols(self) -> list[Symbol]:
        """What can be gone to, in the order of the text."""
        return []
