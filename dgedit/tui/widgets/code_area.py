"""The text area of the editor: what keys and the mouse do in it, and a span that denoises in place.

While a span denoises its text is written straight into the document, past the undo history; the original comes
back before anything else happens, and an accepted infill is then one edit and one undo step.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.document._edit import Edit
from textual.message import Message
from textual.widgets.text_area import Selection

from ... import config
from ...judges.problems import Doubt
from ...text import controls, edits
from ...text.edits import Change
from ...text.languages import indents_after
from ..infill.overlay import Location, place
from ..infill.review import Piece
from ..infill.spans import changed_range
from ..syntax import Symbol
from ..theme import Theme
from .cursors import Cursors
from .document import line_ending
from .pairing import Pairing
from .preview import BAR, DOUBT, GONE, Preview
from .source_area import Reread, SourceArea

INFILL_LOCK = "the text is locked while an infill is open; accept or cancel it"


class CodeArea(SourceArea):
    """A text that is edited."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+home", "document_edge(False, False)", "Start of the text", show=False),
        Binding("ctrl+end", "document_edge(True, False)", "End of the text", show=False),
        Binding("ctrl+shift+home", "document_edge(False, True)", "Select to the start", show=False),
        Binding("ctrl+shift+end", "document_edge(True, True)", "Select to the end", show=False),
        Binding("ctrl+delete,alt+delete", "delete_word_right", "Delete the word behind", show=False),
        Binding("alt+backspace", "delete_word_left", "Delete the word before", show=False),
        Binding("alt+b", "cursor_word_left", "A word to the left", show=False),
        Binding("alt+f", "cursor_word_right", "A word to the right", show=False),
        Binding("shift+pageup", "page(-1)", "Select a page up", show=False),
        Binding("shift+pagedown", "page(1)", "Select a page down", show=False),
    ]

    class Typed(Message):
        """A key that would change the text while an infill is open in it: nothing was done yet."""

        def __init__(self, area: CodeArea, event: events.Key | events.Paste) -> None:
            super().__init__()
            self.area, self.event = area, event

    class Refused(Message):
        """A key would have changed a text that is locked, or a paste was not taken whole."""

        def __init__(self, reason: str) -> None:
            super().__init__()
            self.reason = reason

    def __init__(self, palette: Theme, editor: config.Editor) -> None:
        self.preview: Preview | None = None
        self._read_only_reason = ""
        self.problems: Sequence[Doubt] = ()
        self._problem_rows, self._problems_in = dict[int, Doubt](), 0
        self._pairing, self.cursors = Pairing(self), Cursors(self)
        self._grown = list[tuple[Selection, Selection]]()
        super().__init__(palette, editor)

    @property
    def locked(self) -> str:
        """Why keys cannot change the text now; empty where they can."""
        return INFILL_LOCK if self.preview is not None else self._read_only_reason

    def locked_because(self, reason: str | None) -> None:
        """Lock the text, or unlock it without a reason."""
        self._read_only_reason = reason or ""
        self.read_only = bool(self.locked)

    def true_text(self) -> str:
        """The text without what an open infill shows."""
        if self.preview is None:
            return self.text
        before = self.document.get_text_range((0, 0), self.preview.start)
        return before + self.preview.kept + self.document.get_text_range(self.preview.end, self.document.end)

    def apply(self, change: Change) -> None:
        """Carry out a change as one undo step."""
        self.history.checkpoint()
        self.edit(Edit(self.with_own_breaks(change.text), change.start, change.end, False))
        self.history.checkpoint()
        self.selection = Selection(*change.selection)
        self.record_cursor_width()

    def undo(self) -> None:
        """Take the last step back; the text area has keys of its own for it, which a lock must stop too."""
        if self.locked:
            self.post_message(self.Refused(self.locked))
        else:
            super().undo()

    def redo(self) -> None:
        """Do again what was taken back."""
        if self.locked:
            self.post_message(self.Refused(self.locked))
        else:
            super().redo()

    def replace_changed(self, old: str, new: str, *, keep_cursor: bool = False) -> None:
        """Turn the text from `old` into `new` by one edit of what differs."""
        if old == new:
            return
        if ("\n" in new or "\r" in new) and line_ending(new) != self.document.newline:
            # The rows of a document all end alike, so this text has other rows.
            scroll = self.scroll_offset
            self.edit(Reread(new, self.document.end))
            if keep_cursor:
                self.scroll_to(scroll.x, scroll.y, animate=False)
            return
        start, stop, new_stop = changed_range(old, new)
        if start == stop == new_stop:
            return
        before, scroll = self.selection, self.scroll_offset
        first, last = self.location_of(start), self.location_of(stop)
        end = self.end_of(first, new[start:new_stop])
        self.apply(Change(first, last, self.with_line_feeds(new[start:new_stop]), (end, end)))
        if keep_cursor:
            self.selection = before
            self.scroll_to(scroll.x, scroll.y, animate=False)

    def insert_pasted(self, text: str, *, whole: bool = False) -> None:
        """Put a pasted text in the place of the selection.

        Args: whole: characters that nobody would see are not left out.
        """
        # Terminals send carriage returns for the line breaks of a paste.
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        left_out = Counter() if whole else controls.unseen(text)
        if left_out:
            text = controls.without_unseen(text)
        self.cursors.write(text.split("\n"))
        self.scroll_cursor_visible()
        if left_out:
            self.post_message(self.Refused(f"pasted without {controls.told(left_out)}"))

    def go_to(self, row: int, column: int) -> None:
        """Put the cursor somewhere, in the middle of the screen; outside is the nearest place."""
        row = min(max(0, row), self.document.line_count - 1)
        column = min(max(0, column), len(self.document[row]))
        self.move_cursor((row, column), center=not self.shows_row(row))

    def action_document_edge(self, end: bool, select: bool) -> None:
        """Go to the start or the end of the text."""
        self.move_cursor(self.document.end if end else (0, 0), select=select)

    def action_page(self, pages: int) -> None:
        """Select a page up or down."""
        row, column = self.cursor_location
        row = min(max(0, row + pages * max(1, self.size.height - 1)), self.document.line_count - 1)
        self.move_cursor((row, min(column, len(self.document[row]))), select=True)

    def symbols(self) -> list[Symbol]:
        """Classes, functions, headings, in order."""
        return self.document.syntax.symbols()

    def expand_selection(self) -> None:
        """Select the next larger piece of code around the selection."""
        start, end = sorted(self.selection)
        for larger in self.document.syntax.node_ranges(start, end):
            if larger[0] <= start and end <= larger[1] and larger != (start, end):
                before, scroll = self.selection, self.scroll_offset
                self.selection = Selection(*larger)
                # The person looks at what they grow the selection from, which may end far below.
                self.scroll_to(scroll.x, scroll.y, animate=False)
                self._grown.append((self.selection, before))
                return

    def shrink_selection(self) -> None:
        """Go back to the selection before it was expanded."""
        if self._grown and self._grown[-1][0] == self.selection:
            self.selection = self._grown.pop()[1]
        else:
            self._grown.clear()
            self.move_cursor(self.cursor_location)

    async def _on_paste(self, event: events.Paste) -> None:
        event.prevent_default()
        event.stop()
        if self.preview is not None:
            self.post_message(self.Typed(self, event))
        elif self.locked:
            self.post_message(self.Refused(self.locked))
        else:
            self.insert_pasted(event.text)

    async def _on_key(self, event: events.Key) -> None:
        if event.key.startswith("alt+"):
            # A terminal sends the letter with it, which nobody meant to type.
            event.prevent_default()
            return
        changes = event.is_printable or event.key in ("enter", "backspace", "delete")
        if self.locked and changes:
            event.prevent_default()
            event.stop()
            open_in_it = self.preview is not None
            self.post_message(self.Typed(self, event) if open_in_it else self.Refused(self.locked))
        elif not self.locked and self.cursors.takes(event.key, event.character if event.is_printable else None):
            event.prevent_default()
            event.stop()
            self.scroll_cursor_visible()
        elif not self.locked and event.is_printable and self._pairing.takes(event.character or ""):
            event.prevent_default()
            event.stop()
        elif event.key == "enter":
            event.prevent_default()
            event.stop()
            self._break_line()
        else:
            await super()._on_key(event)

    async def take(self, event: events.Key | events.Paste) -> None:
        """Carry out a key that writes, or a paste, after it was held up."""
        if isinstance(event, events.Paste):
            self.insert_pasted(event.text)
        else:
            await self._on_key(event)

    def _break_line(self) -> None:
        if self.editor.auto_indent:
            language = self.syntax_name
            self.apply(
                edits.newline(
                    self.document.lines, self.selection, self.indent, lambda line: indents_after(language, line)
                )
            )
            self.scroll_cursor_visible()
        else:
            self._replace_via_keyboard("\n", *self.selection)

    def action_cursor_right(self, select: bool = False) -> None:
        """Go right; what is suggested behind the cursor is taken by a key of its own."""
        self.suggestion = ""
        super().action_cursor_right(select)

    def action_delete_left(self) -> None:
        """Delete the character before the cursor; before code, back to the tab stop."""
        change = None
        if not self.locked:
            change = self._pairing.deletes() or edits.backspace(self.document.lines, self.selection, self.indent)
        if change is not None:
            self.apply(change)
        else:
            super().action_delete_left()

    async def _on_mouse_down(self, event: events.MouseDown) -> None:
        """With Alt one more cursor, else one alone."""
        if event.meta and not self.locked:
            event.prevent_default()
            place = self.get_target_document_location(event)
            self.cursors.add((place, place))
        else:
            self.cursors.drop()

    async def _on_click(self, event: events.Click) -> None:
        """Twice selects a word, three times a line."""
        if event.meta:
            return
        if event.chain == 2:
            row, column = self.get_target_document_location(event)
            start, end = edits.word_at(self.document[row], column)
            self.selection = Selection((row, start), (row, end))
        elif event.chain > 2:
            row, _ = self.get_target_document_location(event)
            self.select_line(row)

    def begin_preview(self, start: Location, end: Location) -> None:
        """Take a range over for denoising; the rest of the text is locked until it is accepted or cancelled."""
        original = self.document.get_text_range(start, end)
        self.preview = Preview(start, end, original, self.selection, original)
        self.read_only = True
        self.move_cursor(start)

    def show_pieces(self, pieces: Sequence[Piece]) -> None:
        """Write a frame's (text, state, confidence) pieces into the span."""
        preview = self.preview
        if preview is None:
            return
        old = preview.original if preview.shown is None else preview.shown
        new = self.with_own_breaks("".join(text for text, _, _ in pieces))
        start, stop, new_stop = changed_range(old, new)
        if start < stop or start < new_stop:
            first = self.end_of(preview.start, old[:start])
            last = self.end_of(preview.start, old[:stop])
            self.raw_replace(new[start:new_stop], first, last)
        preview.end = self.end_of(preview.start, new)
        preview.shown, preview.cells = new, place(preview.start, pieces)
        row, column = self.cursor_location
        if row >= self.document.line_count or column > len(self.document[row]):
            self.move_cursor(min((row, column), preview.end))
        self._build_highlight_map()
        self.refresh()

    def accept_so_far(self, kept: str, text: str) -> None:
        """Take note of what the span is if it ends now, and put the cursor behind what is accepted of it."""
        if self.preview is not None:
            self.kept_so_far(kept)
            self.move_cursor(self.end_of(self.preview.start, self.with_own_breaks(text)))

    def kept_so_far(self, kept: str) -> None:
        """Take note of what the span is if it ends now."""
        if self.preview is not None:
            self.preview.kept = self.with_own_breaks(kept)
            self.version += 1

    def reveal_offered(self, text: str) -> None:
        """Put the cursor behind so much of what the span shows, and that on the screen."""
        if self.preview is not None:
            place = self.end_of(self.preview.start, self.with_own_breaks(text))
            self.move_cursor(place, center=not self.shows_row(place[0]))

    def cancel_preview(self) -> None:
        """Put the original bytes and the selection back."""
        preview = self._take_preview()
        if preview is not None:
            self.selection = preview.selection
            self.refresh()

    def accept_preview(self, text: str) -> None:
        """Replace the span by `text` as one edit, which one undo takes back; none where that changes nothing."""
        preview = self._take_preview()
        if preview is None:
            return
        # Undo restores the selection that the edit began with: the one the person had.
        self.selection = preview.selection
        if self.with_own_breaks(text) == preview.original:
            self.refresh()
            return
        after = self.end_of(preview.start, self.with_own_breaks(text))
        self.apply(Change(preview.start, self.end_of(preview.start, preview.original), text, (after, after)))

    def with_line_feeds(self, text: str) -> str:
        """A piece of the text with a line feed for every line break."""
        return text.replace(self.document.newline, "\n")

    def with_own_breaks(self, text: str) -> str:
        """A text whose line feeds are line breaks; a carriage return before one belongs to its line."""
        return text.replace("\n", self.document.newline)

    def _take_preview(self) -> Preview | None:
        preview, self.preview = self.preview, None
        if preview is not None:
            self.raw_replace(preview.original, preview.start, preview.end)
            self.read_only = bool(self.locked)
            self._build_highlight_map()
        return preview

    def mark_of_row(self, row: int) -> tuple[str, Style] | None:
        """A bar beside a span under infill."""
        cells = self.preview.cells.get(row, ()) if self.preview is not None else ()
        states = {cell.state for cell in cells} - {"plain", "filler"}
        if not states:
            return (DOUBT, Style(color=self.palette.colour("editor.error"))) if self.problem_at(row) else None
        gone = states == {"removed"}
        return (GONE, Style(color=self.palette.colour("editor.error"))) if gone else (BAR, self.palette.mark_style())

    def cursors_of_row(self, row: int) -> list[int]:
        """Columns of a row at which further cursors stand."""
        return self.cursors.columns_of(row)

    def show_problems(self, problems: Sequence[Doubt]) -> None:
        """Mark doubtful places beside their rows, until a line comes or goes."""
        last = self.document.line_count
        self.problems = [each for each in problems if each.row < last]
        self._problems_in = last
        self._problem_rows = {each.row: each for each in reversed(self.problems)}
        self.refresh()

    def problem_at(self, row: int) -> Doubt | None:
        """The first doubtful place of a row."""
        if not self._problem_rows or self.document.line_count != self._problems_in:
            return None
        return self._problem_rows.get(row)

    def styles_of_row(self, row: int) -> list[tuple[int, int, Style]]:
        """Search matches, and the states of a span under infill over them."""
        styles = super().styles_of_row(row)
        selected = Style(bgcolor=self.palette.colour("editor.selection"))
        styles += [(*ends, selected) for ends in self.cursors.selected_in(row)]
        if self.preview is not None:
            cells = (cell for cell in self.preview.cells.get(row, ()) if cell.state != "plain")
            styles += [(c.start, c.end, self.palette.denoise_style(c.state, c.confidence)) for c in cells]
        return styles
