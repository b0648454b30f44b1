"""A one-line question at the bottom of the screen, checked while it is typed, completed with Tab.

What is a good answer and what completes it are functions of the caller; this knows neither files nor documents.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.style import Style
from textual.widgets import Input, Static

from ...terminal import drawn
from ..widgets.field import Field
from ..widgets.history import History
from ..widgets.text import unbroken
from .completion import Completion
from .panel import PanelScreen, title


class Ask(PanelScreen[str]):
    """Gives what was typed, or None for Escape."""

    DEFAULT_CSS = """
    Ask #note { display: none; width: 100%; height: auto; max-height: 3; padding: 0 1; }
    Ask #note.-shown { display: block; }
    Ask #note.-error { color: $error; text-style: bold; }
    Ask Field { margin: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "walk(True)", "Older", show=False),
        Binding("down", "walk(False)", "Newer", show=False),
        Binding("tab", "complete(1)", "Complete", show=False),
        Binding("shift+tab", "complete(-1)", "Complete backwards", show=False),
    ]

    def __init__(
        self,
        label: str,
        value: str = "",
        *,
        placeholder: str = "",
        select: bool = False,
        check: Callable[[str], str | None] | None = None,
        complete: Callable[[str], list[str]] | None = None,
        history: Sequence[str] = (),
    ) -> None:
        """Ask for one line.

        Args:
            select: the value is selected at first, so that typing replaces it; else the cursor stands behind it.
            check: what is wrong with a value, or None; said while typing, and Enter refuses a wrong value.
            complete: whole values that a value could become; Tab asks for them.
            history: earlier answers, oldest first; Up and Down show them.
        """
        super().__init__()
        self._label = label
        self._field = Field(value, placeholder=placeholder, select=select)
        self._field.history = History(history)
        self._check = check or (lambda value: None)
        self._completion = Completion(complete or (lambda value: []))
        self._completes = complete is not None
        self._initial: str | None = value

    def compose(self) -> ComposeResult:
        """The note over the question, so that the question keeps its place when a note comes."""
        with Vertical(classes="panel"):
            yield Static(id="note")
            with Horizontal(classes="row"):
                yield title(self._label)
                yield self._field

    def on_mount(self) -> None:
        """Give the field the keyboard."""
        self._field.focus()

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        initial, self._initial = self._initial, None
        self._completion.forget(event.value)
        if self._completion.candidates:
            self._show_candidates()
        elif event.value != initial:
            self._show_error(self._check(event.value))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        error = self._check(event.value)
        if error is None:
            self.finish(event.value)
        else:
            self._show_error(error)

    def action_walk(self, older: bool) -> None:
        """Show an earlier answer, or a later one."""
        self._field.walk_history(older=older)

    def action_complete(self, step: int) -> None:
        """Complete the value, or show the next way to."""
        if not self._completes:
            return
        before = self._field.value
        self._field.put(self._completion.step(before, step))
        if self._completion.candidates:
            self._show_candidates()
        elif self._field.value == before:
            self._show_error("no completion")

    def _show_error(self, error: str | None) -> None:
        note = self.query_one("#note", Static)
        note.set_class(error is not None, "-shown", "-error")
        note.update(Content(drawn(error or "")))

    def _show_candidates(self) -> None:
        note = self.query_one("#note", Static)
        note.remove_class("-error").add_class("-shown")
        names = [unbroken(drawn(name)) for name in self._completion.names()]
        chosen = self._completion.chosen
        shown = [Content.styled(name, Style(reverse=number == chosen or None)) for number, name in enumerate(names)]
        note.update(Content("  ").join([Content(f"{len(shown)}:"), *shown]))
