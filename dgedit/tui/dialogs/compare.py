"""Two texts side against side as a diff, and a question about them.

Asked, say, when a file changed on disk under unsaved work; what the answers do is for the caller.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from rich.cells import chop_cells
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from ...terminal import drawn
from ..widgets.rows import Line, Rows
from ..widgets.text import cut
from .diff import ADDED, KEPT, PLACE, REMOVED, Diff, diff
from .question import Question

TAB_COLUMNS = 4
LINE_CHARS_MAX = 1000
"""What is behind this in a line is not shown."""
LOOK_OF_SIGN = {KEPT: "", REMOVED: "removed", ADDED: "added", PLACE: "heading"}


class Compare(Question):
    """Gives the key of an answer, or None for Escape."""

    DEFAULT_CSS = """
    Compare .question { width: 100%; height: auto; padding: 0 1; text-style: bold; }
    Compare .summary { width: 100%; height: auto; padding: 0 1; }
    Compare Rows { max-height: 60vh; padding: 0 1; background: $surface; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll_rows(-1)", "Up", show=False),
        Binding("down", "scroll_rows(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown,space", "page(1)", "Page down", show=False),
        Binding("home", "top", "Top", show=False),
        Binding("end", "bottom", "Bottom", show=False),
    ]

    def __init__(
        self, question: str, old: str, new: str, answers: Sequence[tuple[str, str]], *, default: str | None = None
    ) -> None:
        """Show what turns `old` into `new` and ask about it; answers are (key, name) pairs, see `Answers`."""
        super().__init__(answers, default)
        self._question = question
        self._diff = diff(old, new)
        self._lines: list[Line] = []
        self._rows = Rows(lambda row, width: self._lines[row])

    def compose(self) -> ComposeResult:
        """The question, the diff, the answers."""
        with Vertical(classes="panel"):
            yield Static(Content(drawn(self._question)), classes="question")
            yield Static(Content(summary(self._diff)), classes="summary")
            yield self._rows
            yield self._answers

    def on_resize(self, event: events.Resize) -> None:
        """Break the lines for the width."""
        padding_and_scrollbar = 3
        self._lines = list(wrapped(self._diff.lines, event.size.width - padding_and_scrollbar))
        self._rows.show(len(self._lines))

    def action_scroll_rows(self, rows: int) -> None:
        """Scroll the diff."""
        self._rows.scroll_rows(rows)

    def action_page(self, pages: int) -> None:
        """Scroll the diff by pages."""
        self._rows.scroll_rows(pages * max(1, self._rows.size.height - 1))

    def action_top(self) -> None:
        """Scroll to the top of the diff."""
        self._rows.scroll_rows(-len(self._lines))

    def action_bottom(self) -> None:
        """Scroll to the end of the diff."""
        self._rows.scroll_rows(len(self._lines))


def summary(found: Diff) -> str:
    """How much differs, and whether all of it was compared."""
    if not found.lines:
        return "no line differs"
    cut_note = f"; cut: {found.uncompared:,} further lines were not compared" if found.uncompared else ""
    return f"{found.removed:,} lines removed (-), {found.added:,} added (+){cut_note}"


def wrapped(lines: Sequence[tuple[str, str]], width: int) -> Iterator[Line]:
    """Signed lines as rows at most so many cells wide; the rows of one line have one sign."""
    for sign, line in lines:
        look = LOOK_OF_SIGN[sign]
        if sign == PLACE:
            yield ((cut(line, width), look),)
            continue
        # A lone carriage return is what differs when line endings do, so it must be seen.
        text = drawn(line.replace("\r", "␍").expandtabs(TAB_COLUMNS))
        for row in chop_cells(cut(text, LINE_CHARS_MAX), max(2, width - 2)) or [""]:
            yield ((f"{sign} {row}", look),)
