"""The text that is edited: rows that give back exactly the text they were made of, and what is known of their syntax.

Textual's own documents split at every Unicode line boundary and join with one newline, so a form feed or a lone
carriage return comes back as another character. This one splits at the file's real line ending alone; every other
character stays inside its row. Its answers are kept from one key to the next, so that a key costs what it changes and
not what the file holds. It must know nothing of widgets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from textual._cells import cell_len
from textual.document._document import Document, EditResult, Location, Newline
from textual.geometry import Size

from ..syntax import Edit, Syntax, syntax_of
from ..syntax.rows import RowStarts

WIDTH_CHARS_MAX = 10_000
"""Rows over this are not measured character by character; their width is an upper bound."""


def line_ending(text: str) -> Newline:
    """The line ending that splits `text`: CRLF only where no line ends otherwise, a return alone where no line does."""
    breaks = text.count("\n")
    if not breaks:
        return "\r" if "\r" in text else "\n"
    return "\r\n" if text.count("\r\n") == breaks else "\n"


class TextDocument(Document):
    """A text in rows; `text` is always exactly what was put in."""

    def __init__(self, text: str, language: str = "text", newline: Newline | None = None) -> None:
        """Args: newline: what splits the text, where that is not for its own line endings to say."""
        self._newline: Newline = newline or line_ending(text)
        self._lines = text.split(self._newline)
        self._returns = _returns(self._lines) if "\r" in text else 0
        """Rows that end in a carriage return: in a text of line feeds it belongs to the line break."""
        self._text: str | None = text
        self._starts: RowStarts | None = None
        self._widths = Counter[int]()
        self._widths_tab = 0
        self.language = language
        self.syntax: Syntax = syntax_of(language, self._as_parsed(text), self._lines)

    def set_language(self, language: str) -> None:
        """Take the text for another language."""
        if language != self.language:
            self.language = language
            self.syntax = syntax_of(language, self._as_parsed(self.text), self._lines)

    def _as_parsed(self, text: str) -> str:
        """The text with breaks that a grammar knows; of the same length."""
        return text.replace("\r", "\n") if self._newline == "\r" else text

    @property
    def ending(self) -> str:
        """How lines end, as a person calls it: LF, CRLF, CR, or mixed."""
        if self._newline != "\n":
            return "CRLF" if self._newline == "\r\n" else "CR"
        returns = self._returns - self._lines[-1].endswith("\r")
        if not returns:
            return "LF"
        return "CRLF" if returns == len(self._lines) - 1 else "mixed"

    @property
    def text(self) -> str:
        """The whole text."""
        if self._text is None:
            self._text = self._newline.join(self._lines)
        return self._text

    def replace_range(self, start: Location, end: Location, text: str) -> EditResult:
        """Replace a range; the result has the end of the new text and the text that was there.

        In a text with other endings every newline of `text` becomes one of those. Otherwise it goes in as it is, so
        that an undo brings back a carriage return too.
        """
        top, bottom = sorted((self._clamped(start), self._clamped(end)))
        inserted = self.own_breaks(text) if self._newline != "\n" else text
        replaced = self.get_text_range(top, bottom)
        (first, left), (last, right) = top, bottom
        before, after = self._lines[first][:left], self._lines[last][right:]
        rows = inserted.split(self._newline)
        end_location = first + len(rows) - 1, len(rows[-1]) + (left if len(rows) == 1 else 0)
        rows[0] = before + rows[0]
        rows[-1] += after
        self._measure_again(self._lines[first : last + 1], rows)
        if self._starts is not None:
            has_break_after = last + 1 < len(self._lines)
            lengths = [len(row) + len(self._newline) for row in rows]
            lengths[-1] -= 0 if has_break_after else len(self._newline)
            self._starts.splice(first, last + 1, lengths)
        self._returns += _returns(rows) - _returns(self._lines[first : last + 1])
        self._lines[first : last + 1] = rows
        self._text = None
        self.syntax.edited(Edit(first, before, self._as_parsed(replaced), self._as_parsed(inserted)))
        return EditResult(end_location, replaced)

    def own_breaks(self, text: str) -> str:
        """A text from elsewhere, with every newline as this document writes it."""
        return text.replace("\r\n", "\n").replace("\n", self._newline)

    def get_text_range(self, start: Location, end: Location) -> str:
        """The text between two locations."""
        (first, left), (last, right) = sorted((start, end))
        if first == last:
            return self._lines[first][left:right] if first < len(self._lines) else ""
        rows = self._lines[first : last + 1]
        rows[0] = rows[0][left:]
        if last < len(self._lines):
            rows[-1] = rows[-1][:right]
        return self._newline.join(rows)

    def get_size(self, tab_width: int) -> Size:
        """Cells of the widest row, and how many rows there are."""
        if self._widths_tab != tab_width:
            self._widths_tab = tab_width
            plain = self.text.isascii() and self.text.replace(self._newline, "").isprintable()
            # Of a text without tabs and signs that are wider a row is as wide as it is long.
            self._widths = Counter(map(len if plain else self._width, self._lines))
        return Size(max(self._widths), len(self._lines))

    def get_index_from_location(self, location: Location) -> int:
        """Where a location is in `text`."""
        row, column = location
        return self._row_starts()[row] + column

    def get_location_from_index(self, index: int) -> Location:
        """The location of an offset in `text`; inside a line ending it is the end of the row.

        Raises:
            ValueError: for an offset outside the text.
        """
        starts = self._row_starts()
        if not 0 <= index <= starts[len(self._lines)]:
            raise ValueError(f"offset {index} is outside the text of {starts[len(self._lines)]} characters")
        row = starts.row_at(index)
        return row, min(index - starts[row], len(self._lines[row]))

    def _row_starts(self) -> RowStarts:
        if self._starts is None:
            lengths = [len(line) + len(self._newline) for line in self._lines]
            lengths[-1] -= len(self._newline)
            self._starts = RowStarts(lengths)
        return self._starts

    def _clamped(self, location: Location) -> Location:
        """The nearest location that the text has."""
        if location[0] >= len(self._lines):
            return self.end
        row = max(0, location[0])
        return row, min(max(0, location[1]), len(self._lines[row]))

    def _measure_again(self, removed: Iterable[str], added: Iterable[str]) -> None:
        if not self._widths_tab:
            return
        for width in map(self._width, added):
            self._widths[width] += 1
        for width in map(self._width, removed):
            self._widths[width] -= 1
            if not self._widths[width]:
                del self._widths[width]

    def _width(self, line: str) -> int:
        if line.isascii():
            # The usual row, measured without a look at every character.
            if line.isprintable():
                return len(line)
            return len(line.expandtabs(self._widths_tab))
        if len(line) > WIDTH_CHARS_MAX:
            return 2 * len(line) + line.count("\t") * self._widths_tab
        return cell_len(line.expandtabs(self._widths_tab))


def _returns(rows: Iterable[str]) -> int:
    return sum(row.endswith("\r") for row in rows)


PlainDocument = TextDocument
