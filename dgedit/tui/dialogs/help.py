"""Every key of the editor on one screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, Static

from ..widgets.field import Field
from ..widgets.rows import Line, Rows
from .columns import KeyRow, filtered, lay_out
from .panel import PanelScreen, title

HINT = "/ filter  Esc close"


class HelpScreen(PanelScreen[None]):
    """Closed with Escape, F1 or q; a filter is typed after a slash."""

    DEFAULT_CSS = """
    HelpScreen .panel { height: 100%; }
    HelpScreen Rows { height: 1fr; padding: 0 1; }
    HelpScreen Field { display: none; margin: 0 1; }
    HelpScreen.-filtering Field { display: block; }
    HelpScreen #hint { width: 1fr; height: 1; padding: 0 1; text-align: right; }
    HelpScreen.-filtering #hint { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1,q", "close", "Close", show=False),
        Binding("slash", "filter", "Filter", show=False),
        Binding("up,k", "scroll_rows(-1)", "Up", show=False),
        Binding("down,j", "scroll_rows(1)", "Down", show=False),
        Binding("pageup,b", "page(-1)", "Page up", show=False),
        Binding("pagedown,space", "page(1)", "Page down", show=False),
        Binding("home", "page(-1000)", "Top", show=False),
        Binding("end", "page(1000)", "Bottom", show=False),
    ]
    AUTO_FOCUS = None

    def __init__(self, rows: Sequence[KeyRow], *, label: str = "Keys") -> None:
        """Args: rows: (group, keys, what they do); the rows of a group stand together."""
        super().__init__()
        self._label, self._keys = label, rows
        self._lines: list[Line] = []
        self._rows, self._field = Rows(lambda row, width: self._lines[row]), Field(placeholder="type to filter")

    def compose(self) -> ComposeResult:
        """The heading with the filter, the keys."""
        with Vertical(classes="panel"):
            with Horizontal(classes="row"):
                yield title(self._label)
                yield self._field
                yield Static(Content(HINT), id="hint")
            yield self._rows

    def on_resize(self, event: events.Resize) -> None:
        """Lay the keys out for the width."""
        self._lay_out(event.size.width)

    def _lay_out(self, width: int) -> None:
        padding_and_scrollbar = 3
        self._lines = lay_out(filtered(self._keys, self._field.value), width - padding_and_scrollbar)
        self._lines = self._lines or [(("no key like that", "hint"),)]
        self._rows.show(len(self._lines))

    @on(Input.Changed)
    def _filter(self) -> None:
        self._lay_out(self.size.width)

    def action_filter(self) -> None:
        """Open the filter."""
        self.add_class("-filtering")
        self._field.focus()

    def action_scroll_rows(self, rows: int) -> None:
        """Scroll the keys."""
        self._rows.scroll_rows(rows)

    def action_page(self, pages: int) -> None:
        """Scroll the keys by pages."""
        self._rows.scroll_rows(pages * max(1, self._rows.size.height - 1))
