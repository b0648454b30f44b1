"""Many lines of which only those in view are drawn: the body of the lists, the diff and the help.

A line is plain data, (text, look) pieces; which line a row shows is a function of the owner. Looks are the names in
`LOOKS`, coloured by the theme and told apart without colour too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

Line = tuple[tuple[str, str], ...]
"""Pieces of one line: a text and its look, "" for the plain one."""

LOOKS = ("match", "hint", "key", "heading", "added", "removed")


class Rows(ScrollView, can_focus=False):
    """Lines drawn on demand, one of them marked perhaps."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"rows--marked", *(f"rows--{look}" for look in LOOKS)}
    DEFAULT_CSS = """
    Rows {
        width: 100%;
        height: auto;
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
        background: $panel;
        color: $foreground;
        .rows--marked { background: $primary; color: $text; text-style: bold; }
        .rows--match { color: $accent; text-style: bold underline; }
        .rows--hint { text-style: dim; }
        .rows--key { color: $accent; text-style: bold; }
        .rows--heading { text-style: bold underline; }
        .rows--added { color: $success; }
        .rows--removed { color: $error; }
    }
    """

    @dataclass
    class Clicked(Message):
        """A person clicked a line."""

        row: int

    def __init__(self, draw: Callable[[int, int], Line]) -> None:
        """Args: draw: the line at a row, for a width in cells; what is too long is cropped."""
        super().__init__()
        self._draw = draw
        self._count = 0
        self._marked: int | None = None

    def show(self, count: int, marked: int | None = None) -> None:
        """Show so many lines from the top, with one of them marked and in view."""
        self._count = count
        self.virtual_size = Size(0, count)
        self.scroll_to(y=0, animate=False)
        self.mark(marked)

    def mark(self, row: int | None) -> None:
        """Mark a line and bring it into view."""
        self._marked = row
        self.refresh()
        if row is not None:
            self.scroll_to_region(Region(0, row, 1, 1), animate=False)

    def on_resize(self) -> None:
        """Keep the marked line in view."""
        self.mark(self._marked)

    def scroll_rows(self, rows: int) -> None:
        """Scroll down by so many rows, up when negative."""
        self.scroll_to(y=self.scroll_offset.y + rows, animate=False)

    def on_click(self, event: events.Click) -> None:
        """Say which line was clicked."""
        row = self.scroll_offset.y + event.y
        if row < self._count:
            self.post_message(self.Clicked(row))

    def render_line(self, y: int) -> Strip:
        """Draw the line at a row of the view."""
        row, width = self.scroll_offset.y + y, self.size.width
        base = self.rich_style
        if row >= self._count:
            return Strip.blank(width, base)
        marked = row == self._marked
        base = self.get_component_rich_style("rows--marked") if marked else base
        segments = [Segment(text, base + self._look(look, marked)) for text, look in self._draw(row, width)]
        return Strip(segments).adjust_cell_length(width, base)

    def _look(self, look: str, marked: bool) -> Style:
        if not look:
            return Style.null()
        style = self.get_component_rich_style(f"rows--{look}", partial=True)
        # The colours of looks are chosen for the panel, not for the colour of the marked line.
        return style.without_color if marked else style


def joined(pieces: Sequence[tuple[str, str]]) -> str:
    """The text of a line without its looks."""
    return "".join(text for text, _ in pieces)
