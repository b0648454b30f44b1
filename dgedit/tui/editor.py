"""The text area: lossless documents, highlighting by viewport, and a span that denoises in place.

While a span denoises its text is written straight into the document, past the undo history; the original comes
back before anything else happens, and an accepted infill is then one edit and one undo step.

Several names of Textual's TextArea used here are private to it; the version is pinned and tests cover each use.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.document._document import Document
from textual.document._document_navigator import DocumentNavigator
from textual.document._edit import Edit
from textual.document._wrapped_document import WrappedDocument
from textual.strip import Strip
from textual.widgets import TextArea
from textual.widgets.text_area import Selection

from .document import PlainDocument, SyntaxDocument
from .overlay import Cell, Location, place
from .theme import Theme

HIGHLIGHT_MARGIN = 60
"""Rows above and below the visible ones that are highlighted with them."""
HIGHLIGHT_LINES_MAX = 12_000
"""Longer files are shown plain: reparsing them would be felt at every key."""


@dataclass(slots=True)
class Preview:
    """A span that is being denoised."""

    start: Location
    end: Location
    """Where the text shown now ends."""
    original: str
    selection: Selection
    cells: dict[int, list[Cell]] = field(default_factory=dict)


class CodeArea(TextArea):
    """A TextArea for source files."""

    def __init__(self, theme: Theme, *, syntax: str | None) -> None:
        self.preview: Preview | None = None
        self._palette = theme
        self._highlighted_rows = range(0)
        super().__init__(
            "", soft_wrap=False, show_line_numbers=True, tab_behavior="indent", max_checkpoints=10_000, id="code"
        )
        self.register_theme(theme.text_area_theme())
        self.theme = theme.name
        self.cursor_blink = False
        self._syntax = syntax

    # -- documents ---------------------------------------------------------------------------------------------

    def open_text(self, text: str) -> None:
        """Show a text, with no undo history."""
        self.history.clear()
        wants_syntax = self._syntax if text.count("\n") <= HIGHLIGHT_LINES_MAX else None
        self._set_document(text, wants_syntax)
        self.post_message(self.Changed(self))

    def _set_document(self, text: str, language: str | None) -> None:
        document: Document = PlainDocument(text)
        self._highlight_query = None
        if language == "python":
            import tree_sitter_python
            from tree_sitter import Language

            aware = SyntaxDocument(text, Language(tree_sitter_python.language()))
            self._highlight_query = aware.prepare_query(tree_sitter_python.HIGHLIGHTS_QUERY)
            document = aware
        self.document = document
        self.wrapped_document = WrappedDocument(document, tab_width=self.indent_width)
        self.navigator = DocumentNavigator(self.wrapped_document)
        self._build_highlight_map()
        self.move_cursor((0, 0))
        self._rewrap_and_refresh_virtual_size()

    def _build_highlight_map(self) -> None:
        """Highlight the visible rows and a margin; Textual's own version queries the whole tree at every key."""
        self._line_cache.clear()
        self._highlights.clear()
        top = max(0, int(self.scroll_offset.y) - HIGHLIGHT_MARGIN)
        rows = range(top, int(self.scroll_offset.y) + max(self.size.height, 50) + HIGHLIGHT_MARGIN)
        self._highlighted_rows = rows
        if self._highlight_query is None:
            return
        captures = self.document.query_syntax_tree(self._highlight_query, (rows.start, 0), (rows.stop, 0))
        for name, nodes in captures.items():
            for node in nodes:
                first, last = node.start_point, node.end_point
                for row in range(max(first[0], rows.start), min(last[0], rows.stop - 1) + 1):
                    start = first[1] if row == first[0] else 0
                    end = last[1] if row == last[0] else None
                    self._highlights[row].append((start, end, name))

    def _watch_scroll_y(self) -> None:
        super()._watch_scroll_y()
        top = int(self.scroll_offset.y)
        if top < self._highlighted_rows.start or top + self.size.height > self._highlighted_rows.stop:
            self._build_highlight_map()

    # -- keys that Textual leaves open ---------------------------------------------------------------------------

    async def _on_paste(self, event: events.Paste) -> None:
        """Terminals send carriage returns for the line breaks of a paste."""
        event.prevent_default()
        event.stop()
        if not self.read_only:
            text = event.text.replace("\r\n", "\n").replace("\r", "\n")
            self._replace_via_keyboard(text, *self.selection)

    async def _on_key(self, event: events.Key) -> None:
        """Enter keeps the indentation of the line."""
        if event.key == "enter" and not self.read_only:
            event.prevent_default()
            event.stop()
            row, column = min(self.selection)
            line = self.document[row][:column]
            indent = line[: len(line) - len(line.lstrip(" \t"))]
            deeper = " " * self.indent_width if line.rstrip().endswith(":") else ""
            self._replace_via_keyboard("\n" + indent + deeper, *self.selection)
            return
        await super()._on_key(event)

    def action_undo(self) -> None:
        """Undo, but never into a span that is being denoised."""
        if self.preview is None:
            super().action_undo()

    def action_redo(self) -> None:
        """Redo, but never into a span that is being denoised."""
        if self.preview is None:
            super().action_redo()

    # -- the denoising span --------------------------------------------------------------------------------------

    def begin_preview(self, start: Location, end: Location) -> None:
        """Take a range over for denoising; the rest of the text is locked until it is accepted or cancelled."""
        original = self.document.get_text_range(start, end)
        self.preview = Preview(start, end, original, self.selection)
        self.read_only = True

    def show_pieces(self, pieces: tuple[tuple[str, str, float], ...]) -> None:
        """Write a frame's (text, state, confidence) pieces into the span."""
        preview = self.preview
        if preview is None:
            return
        preview.end = self._raw_replace("".join(text for text, _, _ in pieces), preview.start, preview.end)
        preview.cells = place(preview.start, pieces)
        self._build_highlight_map()
        self.refresh()

    def cancel_preview(self) -> None:
        """Put the original bytes and the selection back."""
        preview = self._take_preview()
        if preview is not None:
            self.selection = preview.selection
            self.refresh()

    def accept_preview(self, text: str) -> None:
        """Replace the span by `text` as one edit, which one undo takes back."""
        preview = self._take_preview()
        if preview is None:
            return
        # Undo restores the selection that the edit began with: the one the person had.
        self.selection = preview.selection
        end = self._end_of(preview.start, preview.original)
        self.edit(Edit(text, preview.start, end, False))

    def _take_preview(self) -> Preview | None:
        preview, self.preview = self.preview, None
        if preview is not None:
            self._raw_replace(preview.original, preview.start, preview.end)
            self.read_only = False
            self._build_highlight_map()
        return preview

    def _end_of(self, start: Location, text: str) -> Location:
        lines = text.split(self.document.newline)
        return start[0] + len(lines) - 1, len(lines[-1]) + (start[1] if len(lines) == 1 else 0)

    def _raw_replace(self, text: str, start: Location, end: Location) -> Location:
        """Change the document past the undo history; returns where the new text ends."""
        gutter = self.gutter_width
        result = self.document.replace_range(start, end, text)
        if self.gutter_width != gutter:
            self.wrapped_document.wrap(self.wrap_width, self.indent_width)
        else:
            self.wrapped_document.wrap_range(start, end, result.end_location)
        self._refresh_size()
        self._line_cache.clear()
        return result.end_location

    def _render_line(self, y: int) -> Strip:
        strip = super()._render_line(y)
        if self.preview is None:
            return strip
        try:
            line_info = self.wrapped_document._offset_to_line_info[y + int(self.scroll_offset.y)]
        except IndexError:
            return strip
        for cell in self.preview.cells.get(line_info[0], ()):
            left, right = (self._screen_column(line_info[0], column) for column in (cell.start, cell.end))
            strip = _restyle(strip, left, right, self._palette.denoise_style(cell.state, cell.confidence))
        return strip

    def _screen_column(self, row: int, column: int) -> int:
        return self.get_column_width(row, column) + self.gutter_width - int(self.scroll_offset.x)


def _restyle(strip: Strip, left: int, right: int, style: Style) -> Strip:
    """The strip with cells [left, right) in `style`."""
    left, right = max(0, left), min(strip.cell_length, right)
    if left >= right:
        return strip
    before, middle, after = strip.crop(0, left), strip.crop(left, right), strip.crop(right)
    painted = [Segment(text, (old or Style()) + style, control) for text, old, control in middle]
    return Strip.join([before, Strip(painted, middle.cell_length), after])
