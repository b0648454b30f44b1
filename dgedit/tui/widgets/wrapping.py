"""Rows as they stand on the screen, for texts of any length.

Textual keeps a list of sections for every row, sums it up for every line that is drawn, and renumbers all rows below a
line break. Without soft wrap a row is one section and its number is its offset, so nothing is kept at all; with it
only the sum is spared. It must know nothing of what is drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.document._document import DocumentBase, Location
from textual.document._wrapped_document import WrappedDocument
from textual.expand_tabs import get_tab_widths


class WrappedRows(WrappedDocument):
    """A `WrappedDocument` whose cost without soft wrap does not grow with the text."""

    # Textual declares these lists; without soft wrap something that reads like them takes their place.
    _offset_to_line_info: Any
    _line_index_to_offsets: Any
    _wrap_offsets: Any
    _tab_width_cache: Any

    def wrap(self, width: int, tab_width: int | None = None) -> None:
        """Wrap all rows anew; a width of 0 is no wrapping."""
        if width:
            super().wrap(width, tab_width)
            return
        self._width = 0
        self._tab_width = tab_width or self._tab_width
        self._offset_to_line_info = _PerRow(self.document, lambda row: (row, 0))
        self._line_index_to_offsets = _PerRow(self.document, lambda row: [row])
        self._wrap_offsets = _PerRow(self.document, lambda row: [])
        self._tab_width_cache = _PerRow(
            self.document, lambda row: [width for _, width in get_tab_widths(self.document[row], self._tab_width)]
        )

    def wrap_range(self, start: Location, old_end: Location, new_end: Location) -> None:
        """Wrap the rows anew that an edit touched."""
        if self._width:
            super().wrap_range(start, old_end, new_end)

    @property
    def height(self) -> int:
        """Rows on the screen that the whole text takes."""
        return len(self._offset_to_line_info)


class _PerRow:
    """Reads like a list with an item for every row of a document."""

    def __init__(self, document: DocumentBase, item: Callable[[int], Any]) -> None:
        self._document = document
        self._item = item

    def __len__(self) -> int:
        return self._document.line_count

    def __getitem__(self, row: int) -> Any:
        count = self._document.line_count
        if not -count <= row < count:
            raise IndexError(f"row {row} of {count}")
        return self._item(row % count)
