"""The bar for finding and replacing: says what to find, shows what came of it, and searches nothing itself.

It stands in the layout above the status line and is not modal: the text stays in reach. Its keys work while the focus
is in it (`has_focus_within`); an app with priority bindings for the same keys must let go of them meanwhile, see
`keyboard_is_taken`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from ...terminal import drawn
from .chip import Chip
from .field import Field
from .history import History

NARROW_BELOW_COLUMNS = 64
NEXT_CASE: dict[bool | None, bool | None] = {None: True, True: False, False: None}


@dataclass(frozen=True, slots=True, kw_only=True)
class FindSettings:
    """What to find, how, and what to put in its place."""

    pattern: str = ""
    replacement: str = ""
    regex: bool = False
    case: bool | None = None
    """Whether capitals matter; None: only when the pattern has one."""
    whole_word: bool = False
    in_selection: bool = False


class FindBar(Widget):
    """One row to find, a second one to replace; hidden until it is opened."""

    DEFAULT_CSS = """
    FindBar {
        display: none;
        width: 100%;
        height: auto;
        background: $panel;
        color: $foreground;
        &.-open { display: block; }
        Horizontal { width: 100%; height: 1; }
        #replace-row { display: none; }
        &.-replacing #replace-row { display: block; }
        .label { width: 9; padding: 0 1; text-style: bold; text-wrap: nowrap; text-overflow: clip; }
        #count { width: auto; min-width: 9; max-width: 45%; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
        #count.-error { color: $error; text-style: bold; }
        &.-narrow .label { width: 3; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close", show=False),
        Binding("tab,shift+tab", "other_field", "Other field", show=False),
        Binding("up", "walk(True)", "Older", show=False),
        Binding("down", "walk(False)", "Newer", show=False),
        Binding("f3", "next(False)", "Next", show=False),
        Binding("shift+f3,shift+enter", "next(True)", "Previous", show=False),
        Binding("alt+r", "switch('regex')", "Regular expression", show=False),
        Binding("alt+c", "switch('case')", "Case", show=False),
        Binding("alt+w", "switch('whole_word')", "Whole word", show=False),
        Binding("alt+s", "switch('in_selection')", "In selection", show=False),
        Binding("alt+a", "replace_all", "Replace all", show=False),
    ]

    @dataclass
    class Changed(Message):
        """Something else is to be found; also sent when the bar opens."""

        settings: FindSettings

    @dataclass
    class Next(Message):
        """Go to the next match, or to the one before."""

        backwards: bool

    @dataclass
    class ReplaceOne(Message):
        """Replace this match and go to the next."""

        replacement: str

    @dataclass
    class ReplaceAll(Message):
        """Replace every match."""

        replacement: str

    class Closed(Message):
        """The bar was closed and is hidden already."""

    def __init__(self) -> None:
        super().__init__()
        self.settings = FindSettings()
        self._find = Field(placeholder="find", select=True)
        self._replace = Field(placeholder="replace with", select=True)
        self._settings_chips = (
            Chip("regex", "Regex", "Regular expression, Alt+R", alt_letter=True),
            Chip("case", "Case", "Case matters, Alt+C; ~ only when a capital is typed", alt_letter=True),
            Chip("whole_word", "Word", "Whole words, Alt+W", alt_letter=True),
            Chip("in_selection", "Sel", "In the selection, Alt+S", alt_letter=True),
        )

    def compose(self) -> ComposeResult:
        """The row to find over the row to replace."""
        with Horizontal(id="find-row"):
            yield Static("Find", classes="label")
            yield self._find
            yield from self._settings_chips
            yield Static(id="count")
            yield Chip("before", "↑", "Previous match, Shift+F3")
            yield Chip("next", "↓", "Next match, F3")
            yield Chip("close", "×", "Close, Esc")
        with Horizontal(id="replace-row"):
            yield Static("Replace", classes="label")
            yield self._replace
            yield Chip("one", "Enter: one", "Replace this match and go to the next")
            yield Chip("all", "All", "Replace every match, Alt+A", alt_letter=True)

    # What the app calls.

    def open(
        self,
        settings: FindSettings,
        *,
        replacing: bool = False,
        patterns: Sequence[str] = (),
        replacements: Sequence[str] = (),
    ) -> None:
        """Show the bar with the pattern selected and the focus in it.

        Args:
            settings: of a pattern or replacement with several lines the first one is taken.
            replacing: whether there is a row to replace.
            patterns: earlier ones, oldest first, for Up and Down; `replacements` likewise.
        """
        self.settings = replace(
            settings, pattern=_first_line(settings.pattern), replacement=_first_line(settings.replacement)
        )
        with self.prevent(Input.Changed):
            self._find.value, self._replace.value = self.settings.pattern, self.settings.replacement
        self._find.history, self._replace.history = History(patterns), History(replacements)
        self.set_class(replacing, "-replacing")
        self.add_class("-open")
        self._show_count("")
        self._find.focus()
        self._find.select_all()
        self._query_changed()

    def close(self) -> None:
        """Hide the bar."""
        self.remove_class("-open")

    @property
    def is_open(self) -> bool:
        """Whether the bar is on the screen."""
        return self.has_class("-open")

    @property
    def is_replacing(self) -> bool:
        """Whether the bar has its row to replace."""
        return self.has_class("-replacing")

    def show_count(self, current: int, total: int, *, truncated: bool = False) -> None:
        """Say which match is the current one, from 1 on, of how many; 0: none is. `truncated`: there are more."""
        if not self.settings.pattern:
            self._show_count("")
        elif not total:
            self._show_count("no match")
        else:
            found = f"{total:,}{'+' if truncated else ''}"
            self._show_count(f"{current:,} of {found}" if current else found)

    def show_error(self, text: str) -> None:
        """Say what is wrong with the pattern, until the next count."""
        self._show_count(text, error=True)

    # What a person does.

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if event.input is self._replace:
            self.settings = replace(self.settings, replacement=event.value)
        elif event.value != self.settings.pattern:
            self.settings = replace(self.settings, pattern=event.value)
            self._query_changed()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.ReplaceOne(event.value) if event.input is self._replace else self.Next(False))

    @on(Chip.Pressed)
    async def _pressed(self, event: Chip.Pressed) -> None:
        event.stop()
        actions = {
            "before": "next(True)",
            "next": "next(False)",
            "close": "close",
            "one": "replace_one",
            "all": "replace_all",
        }
        await self.run_action(actions.get(event.name, f"switch({event.name!r})"))

    def on_resize(self, event: events.Resize) -> None:
        """Shorten the words where there is little room."""
        self.set_class(event.size.width < NARROW_BELOW_COLUMNS, "-narrow")
        self._show_settings()

    def action_close(self) -> None:
        """Close the bar and say so."""
        self.close()
        self.post_message(self.Closed())

    def action_other_field(self) -> None:
        """Go between the pattern and the replacement."""
        if self.is_replacing:
            (self._find if self._replace.has_focus else self._replace).focus()

    def action_walk(self, older: bool) -> None:
        """Show what was found or put in before."""
        (self._replace if self._replace.has_focus else self._find).walk_history(older=older)

    def action_next(self, backwards: bool) -> None:
        """Go to the next match, or to the one before."""
        self.post_message(self.Next(backwards))

    def action_replace_one(self) -> None:
        """Replace this match and go on."""
        self.post_message(self.ReplaceOne(self.settings.replacement))

    def action_replace_all(self) -> None:
        """Replace every match."""
        if self.is_replacing:
            self.post_message(self.ReplaceAll(self.settings.replacement))

    def action_switch(self, name: str) -> None:
        """Change one setting to its next state."""
        now: bool | None = getattr(self.settings, name)
        changes: dict[str, Any] = {name: NEXT_CASE[now] if name == "case" else not now}
        self.settings = replace(self.settings, **changes)
        self._query_changed()

    def _query_changed(self) -> None:
        self._show_settings()
        self.post_message(self.Changed(self.settings))

    def _show_settings(self) -> None:
        crowded = self.has_class("-narrow") or self.query_one("#count").has_class("-error")
        for chip in self._settings_chips:
            chip.show(getattr(self.settings, chip.name or ""), short=crowded)

    def _show_count(self, text: str, *, error: bool = False) -> None:
        count = self.query_one("#count", Static)
        count.set_class(error, "-error")
        count.update(Content(drawn(text)))
        self._show_settings()


def _first_line(text: str) -> str:
    return text.splitlines()[0] if text else ""
