"""A TextArea for source files of any size and any bytes: what is shown, not what keys do.

Lossless documents, highlighting by viewport, marks drawn over the text (a span under infill, search matches), control
characters made visible. Several names of Textual's TextArea used here are private to it; the version is pinned and
tests cover each use.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path

from rich.cells import cell_len
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.document._document import EditResult, Newline
from textual.document._document_navigator import DocumentNavigator
from textual.document._edit import Edit
from textual.strip import Strip
from textual.timer import Timer
from textual.widgets import TextArea
from textual.widgets.text_area import Selection

from ... import config
from ...text.edits import Indent, matching_bracket
from ...text.languages import comment_of, indent_of
from ..infill.overlay import Location
from ..theme import Theme
from .document import TextDocument, line_ending
from .painting import MARK_COLUMNS, PICTURES, Kept, restyled
from .wrapping import WrappedRows

PARSE_MS = 4.0
"""A key waits so long for the parser; a longer text is read on between keys."""
PARSED_AT_ONCE_ROWS = 3_000
"""In a longer text a key does not wait for the parser at all."""
PARSE_AFTER_KEY_S = 0.03
PARSE_ON_MS = 8.0
PARSE_PAUSE_S = 0.004
"""Between two slices of a parse, for what else is to be done."""
HIGHLIGHT_MARGIN = 10
"""Rows above and below the visible ones that are highlighted with them."""


class Reread(Edit):
    """The whole text replaced by one whose lines end otherwise, as one step of the history."""

    def __init__(self, text: str, end: Location) -> None:
        super().__init__(text, (0, 0), end, False)
        self._newline = line_ending(text)
        """Of the text that is not shown now; edits before this one know the rows that it was split into."""

    def do(self, text_area: TextArea, record_selection: bool = True) -> EditResult:
        """Put the new text in the place of the old one; the cursor stays in its row and column."""
        assert isinstance(text_area, SourceArea)
        if record_selection:
            self._original_selection = text_area.selection
        replaced, self._newline = text_area.exchange_document(self.text, self._newline)
        self._updated_selection = text_area.selection
        self._edit_result = EditResult(text_area.document.end, replaced)
        return self._edit_result

    def undo(self, text_area: TextArea) -> EditResult:
        """Put the old text back, the selection too."""
        assert isinstance(text_area, SourceArea)
        assert self._edit_result is not None, "it was done"
        replaced, self._newline = text_area.exchange_document(self._edit_result.replaced_text, self._newline)
        self._updated_selection = self._original_selection
        return EditResult(text_area.document.end, replaced)


class SourceArea(TextArea):
    """Shows a text; `CodeArea` adds the keys."""

    document: TextDocument

    def __init__(self, palette: Theme, editor: config.Editor) -> None:
        self.palette, self.editor = palette, editor
        self.version = 0
        """Counts the edits, undone and redone ones too."""
        self.syntax_name = "text"
        self.indent = Indent(" " * editor.indent_width, editor.indent_width)
        self._highlighted_rows = range(0)
        self._marks: tuple[Sequence[tuple[int, int]], int | None] = ((), None)
        self._reparse: Timer | None = None
        super().__init__(
            "",
            soft_wrap=editor.soft_wrap,
            show_line_numbers=editor.line_numbers,
            tab_behavior="focus",
            max_checkpoints=100_000,
        )
        self.use_palette(palette)
        self.cursor_blink = False

    def use_palette(self, palette: Theme) -> None:
        """Draw in a theme's colours."""
        self.palette = palette
        colours = (f"editor.{name}" for name in ("cursor_background", "selection"))
        self._kept = Kept(*(Color.parse(palette.colour(name)) for name in (*colours, "denoise.background")))
        self.register_theme(palette.text_area_theme())
        # A theme that was changed under its own name must be drawn anew.
        self._set_theme(palette.name)
        self.theme = palette.name
        self._line_cache.clear()
        self.refresh()

    def open_text(self, text: str, path: Path | None, language: str) -> None:
        """Show a text, with no undo history."""
        self.history.clear()
        self.version += 1
        self.syntax_name = language
        unit = indent_of(text, language) or " " * self.editor.indent_width
        self.indent = Indent(unit, self.editor.indent_width)
        self.indent_width = self.editor.indent_width
        self._use_document(TextDocument(text, language))
        self.post_message(self.Changed(self))

    def set_language(self, language: str) -> None:
        """Highlight the text as another language; it stays as it is, and so does its history."""
        if language != self.syntax_name:
            self.syntax_name = language
            self.document.set_language(language)
            self._build_highlight_map()
            self.refresh()

    def _use_document(self, document: TextDocument) -> None:
        self.document = document
        self.wrapped_document = WrappedRows(document, tab_width=self.indent_width)
        self.navigator = DocumentNavigator(self.wrapped_document)
        self._build_highlight_map()
        self.move_cursor((0, 0))
        self._rewrap_and_refresh_virtual_size()

    def _set_document(self, text: str, language: str | None) -> None:
        """TextArea makes its first, empty document through this."""
        self._use_document(TextDocument(text, language or "text"))

    def edit(self, edit: Edit) -> object:  # type: ignore[override]
        """Change the text as one step of the history."""
        self.version += 1
        self._marks = ((), None)
        if isinstance(edit, Reread):
            self.history.checkpoint()
            result = edit.do(self)
            self.history.record(edit)
            self.history.checkpoint()
            self._reread(edit)
            return result
        return super().edit(edit)

    def _reread(self, edit: Edit) -> None:
        edit.after(self)
        self._build_highlight_map()
        self.post_message(self.Changed(self))
        self._refresh_size()

    def exchange_document(self, text: str, newline: Newline) -> tuple[str, Newline]:
        """Show another text, whose lines may end otherwise, past the history; returns what was there."""
        replaced, selection = (self.document.text, self.document.newline), self.selection
        self._use_document(TextDocument(text, self.syntax_name, newline))
        self.selection = Selection(*map(self._inside, selection))
        return replaced

    def _undo_batch(self, edits: Sequence[Edit]) -> None:
        self.version += 1
        if isinstance(edits[0], Reread):
            edits[0].undo(self)
            self._reread(edits[0])
            self.history.checkpoint()
            return
        super()._undo_batch(edits)
        # TextArea would join the next key to the step before this one.
        self.history.checkpoint()
        self._check_wrapping()

    def _redo_batch(self, edits: Sequence[Edit]) -> None:
        self.version += 1
        if isinstance(edits[0], Reread):
            edits[0].do(self, record_selection=False)
            self._reread(edits[0])
            return
        super()._redo_batch(edits)
        self._check_wrapping()

    def _check_wrapping(self) -> None:
        """Several edits at once may leave TextArea's table of rows behind the document."""
        if len(self.wrapped_document._line_index_to_offsets) != self.document.line_count:
            self._rewrap_and_refresh_virtual_size()

    def _refresh_size(self) -> None:
        # An undo gets here before the cursor was moved, and a scroll bar that comes or goes then looks for it.
        inside = Selection(*map(self._inside, self.selection))
        if inside != self.selection:
            self.selection = inside
        super()._refresh_size()

    def _inside(self, location: Location) -> Location:
        row = min(location[0], self.document.line_count - 1)
        return row, min(location[1], len(self.document[row]))

    def raw_replace(self, text: str, start: Location, end: Location) -> Location:
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

    def offset_of(self, location: Location) -> int:
        """Characters before a location."""
        return self.document.get_index_from_location(location)

    def location_of(self, offset: int) -> Location:
        """Where so many characters are before."""
        return self.document.get_location_from_index(offset)

    def end_of(self, start: Location, text: str) -> Location:
        """Where a text ends that is put in at a location."""
        newline = self.document.newline
        lines = (self.document.own_breaks(text) if newline != "\n" else text).split(newline)
        return start[0] + len(lines) - 1, len(lines[-1]) + (start[1] if len(lines) == 1 else 0)

    def shows_row(self, row: int) -> bool:
        """Whether a row is on the screen."""
        top = int(self.scroll_offset.y)
        return self.soft_wrap or top <= row < top + self.size.height

    def find_matching_bracket(self, bracket: str, search_from: Location) -> Location | None:
        """The partner of a bracket; TextArea's own search reads the whole text at a bracket that has none."""
        return matching_bracket(self.document.lines, search_from, line_comment=comment_of(self.syntax_name).line)

    def _build_highlight_map(self) -> None:
        """Highlight the visible rows and a margin; Textual's own version queries the whole tree at every key."""
        self._highlights.clear()
        document = self.document
        if not isinstance(document, TextDocument):
            return
        top = max(0, self._first_row() - HIGHLIGHT_MARGIN)
        last = min(document.line_count - 1, top + max(self.size.height, 20) + 2 * HIGHLIGHT_MARGIN)
        self._highlighted_rows = range(top, last + 1)
        if document.line_count <= PARSED_AT_ONCE_ROWS and not document.syntax.costly:
            document.syntax.refresh(PARSE_MS)
        self._highlights.update(document.syntax.highlights(top, last))
        if document.syntax.stale:
            self._parse_later(PARSE_AFTER_KEY_S)

    def _parse_later(self, wait_s: float) -> None:
        """Parse on when no key has come for a moment; till then the colours move with the text."""
        if self._reparse is not None:
            self._reparse.stop()
        self._reparse = self.set_timer(wait_s, self._go_on_parsing) if self.is_running else None

    def _go_on_parsing(self) -> None:
        self._reparse = None
        if self.document.syntax.refresh(PARSE_ON_MS):
            self._build_highlight_map()
            self.refresh()
        else:
            self._parse_later(PARSE_PAUSE_S)

    def _first_row(self) -> int:
        """The row of the text at the top of the screen."""
        try:
            return self.wrapped_document._offset_to_line_info[int(self.scroll_offset.y)][0]
        except IndexError:
            return 0

    def _watch_scroll_y(self) -> None:
        super()._watch_scroll_y()
        top = self._first_row()
        rows = self._highlighted_rows
        if top < rows.start or top + self.size.height > rows.stop < self.document.line_count:
            self._build_highlight_map()

    def show_matches(self, ranges: Sequence[tuple[int, int]], current: int | None) -> None:
        """Mark ranges of characters, in order; the current one more than the others."""
        self._marks = (ranges, current)
        self._line_cache.clear()
        self.refresh()

    def styles_of_row(self, row: int) -> list[tuple[int, int, Style]]:
        """Columns of a row that are drawn in a style over the text's own."""
        ranges, current = self._marks
        if not ranges:
            return []
        start = self.offset_of((row, 0))
        stop = start + len(self.document[row])
        first = bisect_left(ranges, start, key=lambda pair: pair[1])
        found = []
        for number in range(first, len(ranges)):
            left, right = ranges[number]
            if left > stop:
                break
            name = "editor.match_current" if number == current else "editor.match"
            style = Style(bgcolor=self.palette.colour(name), underline=number == current)
            found.append((max(left, start) - start, min(right, stop) - start, style))
        return found

    def get_line(self, line_index: int) -> Text:
        """A row of the text as it is drawn."""
        # Text drops some control characters and passes others on to the terminal.
        return Text(self.document.get_line(line_index).translate(PICTURES), end="", no_wrap=True)

    def render_line(self, y: int) -> Strip:
        """A line of the screen, drawn anew only where what stands in it changed.

        Textual's own version draws the whole screen anew at every key, and joins the whole text for each line of it.
        """
        try:
            row, section = self.wrapped_document._offset_to_line_info[y + int(self.scroll_offset.y)]
        except IndexError:
            return self._render_line(y)
        selection, bracket = self.selection, self._matching_bracket_location
        has_cursor = selection.end[0] == row
        key = (
            *(self.document[row], row, section, tuple(self._highlights.get(row, ())), tuple(self.styles_of_row(row))),
            self.mark_of_row(row),
            tuple(self.cursors_of_row(row)),
            self.suggestion if has_cursor else "",
            selection if selection.contains_line(row) or has_cursor else None,
            bracket if bracket is not None and (has_cursor or bracket[0] == row) else None,
            *(self.size, self.virtual_size.width, self.gutter_width, self.scroll_offset.x, self.indent_width),
            *(self.palette.name, self.soft_wrap, self.show_line_numbers, self.read_only, self.has_focus),
        )
        line = self._line_cache.get(key)
        if line is None:
            line = self._line_cache[key] = self._render_line(y)
        return line

    def _render_line(self, y: int) -> Strip:
        strip = super()._render_line(y)
        try:
            row, section = self.wrapped_document._offset_to_line_info[y + int(self.scroll_offset.y)]
        except IndexError:
            return strip
        strip = self._suggested(self._marked(strip, row), row)
        styles, cursors = self.styles_of_row(row), self.cursors_of_row(row)
        if not styles and not cursors:
            return strip
        edges = [0, *self.wrapped_document.get_offsets(row), len(self.document[row])]
        first, last = edges[section], edges[section + 1]
        for left, right, style in styles:
            left, right = max(left, first), min(right, last)
            if left < right:
                cells = self._screen_column(row, left), self._screen_column(row, right - 1, 1)
                strip = restyled(strip, *cells, style, self._kept)
        look = Style(
            color=self.palette.colour("editor.background"), bgcolor=self.palette.colour("editor.cursor_background")
        )
        for column in cursors:
            if first <= column <= last and (column < last or section == len(edges) - 2):
                left = self._screen_column(row, column)
                strip = restyled(strip, left, left + 1, look, self._kept)
        return strip

    def _suggested(self, strip: Strip, row: int) -> Strip:
        """A line of the screen with what is suggested behind the cursor, which TextArea cuts at the longest line."""
        if not self.suggestion or row != self.selection.end[0] or not self.has_focus:
            return strip
        # The first cell is the cursor's.
        first = self._screen_column(row, len(self.document[row])) + cell_len(self.suggestion[0])
        look = Style(color=self.palette.colour("editor.gutter"), italic=True)
        rest = Strip([Segment(self.suggestion[1:].translate(PICTURES), self.palette.line_style() + look)])
        drawn = Strip.join([strip.crop(0, first), rest])
        return Strip.join([drawn, strip.crop(drawn.cell_length)]).crop(0, max(strip.cell_length, self.size.width))

    def cursors_of_row(self, row: int) -> list[int]:
        """Columns of a row at which further cursors stand."""
        return []

    def mark_of_row(self, row: int) -> tuple[str, Style] | None:
        """A sign beside the number of a row, and its look."""
        return None

    def _marked(self, strip: Strip, row: int) -> Strip:
        """A line of the screen with the sign of its row between the number and the text."""
        mark, width = self.mark_of_row(row), self.gutter_width
        if mark is None or width < len(MARK_COLUMNS):
            return strip
        before, behind = strip.crop(0, width - len(MARK_COLUMNS)), strip.crop(width - 1)
        look = next(iter(before), Segment("")).style or Style()
        return Strip.join([before, Strip([Segment(mark[0], look + mark[1])], 1), behind])

    def _screen_column(self, row: int, column: int, more: int = 0) -> int:
        """Cells from the left edge to a column, or to the end of its character."""
        x = self.wrapped_document.location_to_offset((row, column)).x
        if more:
            line = self.document[row]
            wide = self.get_column_width(row, column + 1) - self.get_column_width(row, column)
            x += wide if line[column : column + 1] else 0
        scrolled = 0 if self.soft_wrap else int(self.scroll_offset.x)
        return x + self.gutter_width - scrolled
