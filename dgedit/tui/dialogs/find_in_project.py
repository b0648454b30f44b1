"""A text looked for in a whole project while it is typed: lines that hold it, and the code around the marked one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, Static

from ...files.project import HITS_MAX, Hit
from ...terminal import drawn
from ..widgets.field import Field
from ..widgets.history import History
from ..widgets.rows import Line, Rows
from ..widgets.text import cut_middle
from .panel import PanelScreen, title
from .pick import MARK, NO_MARK

PAUSE_S = 0.15
"""So long nothing is typed before the search begins."""
PLACE_CELLS_MAX = 34
TAB_COLUMNS = 4


class FindInProject(PanelScreen[Hit]):
    """Gives the line that was chosen, or None for Escape."""

    DEFAULT_CSS = """
    FindInProject .panel { height: 80%; }
    FindInProject #hits { height: 1fr; }
    FindInProject #around { height: 1fr; background: $surface; }
    FindInProject .place { width: 100%; height: 1; padding: 0 1; background: $surface; text-style: bold; }
    FindInProject Field { margin: 0 1; }
    FindInProject #count { width: auto; height: 1; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("alt+up", "walk(True)", "Older", show=False),
        Binding("alt+down", "walk(False)", "Newer", show=False),
    ]

    def __init__(
        self,
        label: str,
        value: str,
        *,
        find: Callable[[str], AsyncGenerator[list[Hit], None]],
        lines_of: Callable[[str], Sequence[str]],
        history: Sequence[str] = (),
    ) -> None:
        """Look for a text.

        Args:
            find: lines that hold a text, some at a time.
            lines_of: the lines of a file, by its name in the project.
            history: what was looked for before, oldest first.
        """
        super().__init__()
        self._label, self._find, self._lines_of = label, find, lines_of
        self._field = Field(value, placeholder="a text; case counts where it has capitals", select=True)
        self._field.history = History(history)
        self._hits, self._rows, self._around = list[Hit](), Rows(self._draw), Rows(self._draw_around)
        self._hits_of, self._at, self._lines = "", 0, tuple[str, ...]()
        self._rows.id, self._around.id = "hits", "around"

    @property
    def typed(self) -> str:
        """What is looked for."""
        return self._field.value

    def compose(self) -> ComposeResult:
        """The text over the lines over the code around the marked one."""
        with Vertical(classes="panel"):
            with Horizontal(classes="row"):
                yield title(self._label)
                yield self._field
                yield Static(id="count")
            yield self._rows
            yield Static(classes="place")
            yield self._around

    def on_mount(self) -> None:
        """Look for what stands there."""
        self._field.focus()
        self._look()

    @on(Input.Changed)
    def _changed(self) -> None:
        self._look()

    @on(Input.Submitted)
    def _submitted(self) -> None:
        if self._hits and self._hits_of == self.typed:
            self.finish(self._hits[self._at])

    @on(Rows.Clicked)
    def _clicked(self, message: Rows.Clicked) -> None:
        if message.row < len(self._hits):
            self.finish(self._hits[message.row])

    def action_move(self, step: int) -> None:
        """Mark the next line, from the last one on to the first."""
        self._mark((self._at + step) % max(1, len(self._hits)))

    def action_page(self, pages: int) -> None:
        """Mark the line a page further on, at most the last."""
        last = max(0, len(self._hits) - 1)
        self._mark(min(last, max(0, self._at + pages * max(1, self._rows.size.height - 1))))

    def action_walk(self, older: bool) -> None:
        """Show what was looked for before, or later."""
        self._field.walk_history(older=older)

    def _look(self) -> None:
        self.run_worker(self._search(self.typed), group="search", exclusive=True)

    async def _search(self, text: str) -> None:
        if not text.strip():
            self._show([], text, "")
            return
        await asyncio.sleep(PAUSE_S)
        found = list[Hit]()
        async with contextlib.aclosing(self._find(text)) as some:
            async for hits in some:
                found += hits
                if len(found) == len(hits):
                    self._show(found, text, "…")
        self._show(found, text, f"{len(found):,}{'+' * (len(found) >= HITS_MAX)}" if found else "no match")

    def _show(self, hits: list[Hit], text: str, count: str) -> None:
        same = self._hits_of == text and self._at < len(hits)
        self._hits, self._hits_of, self._at = hits, text, self._at if same else 0
        self._rows.show(len(hits), self._at if hits else None)
        self.query_one("#count", Static).update(Content(count))
        self._mark(self._at)

    def _mark(self, at: int) -> None:
        """Mark a line and show the code around it."""
        place = self.query_one(".place", Static)
        if not self._hits:
            self._lines = ()
            self._around.show(0)
            place.update(Content(""))
            return
        self._at = at
        self._rows.mark(at)
        hit = self._hits[at]
        self._lines = tuple(self._lines_of(hit.name))
        place.update(Content(drawn(f"{hit.name}:{hit.row + 1}")))
        self._around.show(len(self._lines), hit.row if hit.row < len(self._lines) else None)
        self.call_after_refresh(self._center, hit.row)

    def _center(self, row: int) -> None:
        self._around.scroll_to(y=max(0, row - self._around.size.height // 2), animate=False)

    def _draw(self, row: int, width: int) -> Line:
        hit = self._hits[row]
        place = cut_middle(drawn(f"{hit.name}:{hit.row + 1}"), min(PLACE_CELLS_MAX, width // 2))
        lead = MARK if row == self._at else NO_MARK
        gap = " " * (min(PLACE_CELLS_MAX, width // 2) - cell_len(place) + 1)
        line = hit.line
        if hit.column + len(self._hits_of) > width - len(lead) - cell_len(place):
            line = "…" + line[max(0, hit.column - 10) :]
        return ((lead, ""), (place, "hint"), (gap, ""), *self._lit(line.strip()))

    def _draw_around(self, row: int, width: int) -> Line:
        number = f"{row + 1:>{len(str(len(self._lines)))}}  "
        return ((number, "hint"), *self._lit(self._lines[row].expandtabs(TAB_COLUMNS)[: 2 * width]))

    def _lit(self, line: str) -> list[tuple[str, str]]:
        """A line in pieces, what is looked for in the look of a match."""
        text = self._hits_of
        folded, wanted = (line, text) if text != text.lower() else (line.lower(), text)
        at = folded.find(wanted) if len(folded) == len(line) else -1
        if at < 0:
            return [(drawn(line), "")]
        end = at + len(text)
        return [(drawn(line[:at]), ""), (drawn(line[at:end]), "match"), (drawn(line[end:]), "")]
