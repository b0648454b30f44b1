"""Documents that give back exactly the text they were made of.

Textual's own documents split at every Unicode line boundary and join with one newline, so a form feed or a lone
carriage return comes back as another character. These split at the file's real line ending alone; every other
character stays inside its line.
"""

from __future__ import annotations

from textual.document._document import Document, EditResult, Location, Newline
from textual.document._syntax_aware_document import SyntaxAwareDocument


def line_ending(text: str) -> Newline:
    """The line ending that splits `text`: CRLF only where no line ends otherwise."""
    breaks = text.count("\n")
    return "\r\n" if breaks and text.count("\r\n") == breaks else "\n"


class LosslessDocument(Document):
    """A plain document; `text` is always exactly what was put in."""

    def __init__(self, text: str) -> None:
        self._newline = line_ending(text)
        self._lines = text.split(self._newline)

    def replace_range(self, start: Location, end: Location, text: str) -> EditResult:
        """Replace a range; line breaks in `text` must already be the document's own (see `own_breaks`)."""
        (top_row, top_column), (bottom_row, bottom_column) = sorted((start, end))
        replaced = self.get_text_range((top_row, top_column), (bottom_row, bottom_column))
        before = self._lines[top_row][:top_column] if top_row < len(self._lines) else ""
        after = self._lines[bottom_row][bottom_column:] if bottom_row < len(self._lines) else ""
        inserted = text.split(self._newline)
        end_column = len(inserted[-1]) + (len(before) if len(inserted) == 1 else 0)
        inserted[0] = before + inserted[0]
        inserted[-1] += after
        self._lines[top_row : bottom_row + 1] = inserted
        return EditResult((top_row + len(inserted) - 1, end_column), replaced)

    def own_breaks(self, text: str) -> str:
        """`text` with every newline as this document writes it."""
        return text.replace("\r\n", "\n").replace("\n", self._newline)


class PlainDocument(LosslessDocument):
    """A lossless document without syntax."""

    def replace_range(self, start: Location, end: Location, text: str) -> EditResult:
        """Replace a range."""
        return super().replace_range(start, end, self.own_breaks(text))


class SyntaxDocument(SyntaxAwareDocument, LosslessDocument):
    """A lossless document with a tree-sitter tree, which must see the very bytes that the text gets."""

    def replace_range(self, start: Location, end: Location, text: str) -> EditResult:
        """Replace a range and parse anew what it touched."""
        return super().replace_range(start, end, self.own_breaks(text))
