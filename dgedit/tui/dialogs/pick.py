"""A list to choose from, filtered while typing, over the lower part of an editor that shows what is marked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import ClassVar

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, Static

from ...terminal import drawn
from ..widgets.field import Field
from ..widgets.rows import Line, Rows
from ..widgets.text import cut
from .fuzzy import fold, match, rank
from .panel import PanelScreen, title

ROWS_MAX = 12
INDENT = "  "
MARK, NO_MARK = "› ", "  "


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to pick."""

    label: str
    """What the filter looks at."""
    hint: str = ""
    """Said at the right, fainter: a kind, a line, a folder."""
    indent: int = 0
    """Levels to the right while the list is not filtered."""


class Pick(PanelScreen[int]):
    """Gives the number of an item, or None for Escape."""

    DEFAULT_CSS = """
    Pick Rows { max-height: 50vh; }
    Pick Field { margin: 0 1; }
    Pick #count { width: auto; height: 1; padding: 0 1; }
    """
    none_said = "no match"
    """Stands where the count would, without a match."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("ctrl+home", "go(0)", "First", show=False),
        Binding("ctrl+end", "go(-1)", "Last", show=False),
    ]

    def __init__(
        self,
        label: str,
        items: Sequence[Item],
        *,
        start: int = 0,
        on_highlight: Callable[[int], None] | None = None,
    ) -> None:
        """Offer items.

        Args:
            start: the item that is marked first.
            on_highlight: told the item that is marked whenever that becomes another one, for a preview.
        """
        super().__init__()
        self._label = label
        self._take(items)
        self._on_highlight = on_highlight or (lambda number: None)
        self._field, self._rows = Field(placeholder="type to filter"), Rows(self._draw)
        self._shown: Sequence[int] = range(len(items))
        self._query = ""
        self._at = min(max(start, 0), max(len(items) - 1, 0))

    def _take(self, items: Sequence[Item]) -> None:
        self._items = items
        self._texts = [drawn(item.label) for item in items]
        self._folded = [fold(text) for text in self._texts]

    def compose(self) -> ComposeResult:
        """The filter over the list."""
        with Vertical(classes="panel"):
            with Horizontal(classes="row"):
                yield title(self._label)
                yield self._field
                yield Static(id="count")
            yield self._rows

    def on_mount(self) -> None:
        """Show everything; the list keeps this height, so that the filter keeps its place."""
        self._rows.styles.height = max(1, min(len(self._items), ROWS_MAX))
        self._field.focus()
        self._show_rows()

    @on(Input.Changed)
    def _filter(self, event: Input.Changed) -> None:
        before, self._query = self._query, event.value
        marked = self._marked()
        narrower = event.value.startswith(before) and bool(before.strip())
        if not event.value.strip():
            self._shown = range(len(self._items))
            self._at = marked or 0
        else:
            among = self._shown if narrower else range(len(self._items))
            self._shown = rank(event.value, self._texts, self._folded, among)
            self._at = 0
        self._show_rows()
        self._tell(marked)

    @on(Input.Submitted)
    def _submitted(self) -> None:
        if self._shown:
            self.finish(self._marked())

    @on(Rows.Clicked)
    def _clicked(self, message: Rows.Clicked) -> None:
        self.finish(self._shown[message.row])

    def _ranked(self) -> Sequence[int]:
        """The items that fit the query, best first; all of them without one."""
        if not self._query.strip():
            return range(len(self._items))
        return rank(self._query, self._texts, self._folded, range(len(self._items)))

    def action_move(self, step: int) -> None:
        """Mark the next item, from the last one on to the first."""
        self.action_go((self._at + step) % max(1, len(self._shown)))

    def action_page(self, pages: int) -> None:
        """Mark the item a page further on, at most the last."""
        last = max(0, len(self._shown) - 1)
        self.action_go(min(last, max(0, self._at + pages * max(1, self._rows.size.height - 1))))

    def action_go(self, at: int) -> None:
        """Mark the item at a place of the list, counted from the end when negative."""
        if self._shown:
            marked = self._marked()
            self._at = at % len(self._shown)
            self._rows.mark(self._at)
            self._tell(marked)

    def _marked(self) -> int | None:
        return self._shown[self._at] if self._shown else None

    def _tell(self, before: int | None) -> None:
        marked = self._marked()
        if marked is not None and marked != before:
            self._on_highlight(marked)

    def _show_rows(self) -> None:
        self._rows.show(len(self._shown), self._at if self._shown else None)
        found, total = len(self._shown), len(self._items)
        count = self.none_said if not found else f"{found:,}" if found == total else f"{found:,} of {total:,}"
        self.query_one("#count", Static).update(Content(count))

    def _draw(self, row: int, width: int) -> Line:
        number = self._shown[row]
        item, filtered = self._items[number], bool(self._query.strip())
        lead = (MARK if row == self._at else NO_MARK) + ("" if filtered else INDENT * item.indent)
        lead = lead[: max(len(MARK), width // 2)]
        hint = cut(drawn(item.hint), width // 2 - 2)
        room = width - len(lead) - (cell_len(hint) + 2 if hint else 1)
        label = cut(self._texts[number], room)
        found = match(self._query, self._texts[number]) if filtered else None
        pieces = _lit(label, found.positions if found else ())
        gap = " " * max(1, width - len(lead) - cell_len(label) - cell_len(hint) - 1)
        return ((lead, ""), *pieces, (gap, ""), (hint, "hint"))


def _lit(label: str, positions: Sequence[int]) -> list[tuple[str, str]]:
    """The label in pieces, those at the positions in the look of a match."""
    lit = set(positions)
    runs = groupby(enumerate(label), key=lambda pair: pair[0] in lit)
    return [("".join(letter for _, letter in run), "match" if is_lit else "") for is_lit, run in runs]
