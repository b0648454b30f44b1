"""The one-line input of the dialogs: borderless, and Alt with a letter is a command, never a letter.

A terminal sends Alt+R as Escape and "r", and Textual hands that on as a key with the printable character "r", which a
plain `Input` would type into the text before any binding is asked.
"""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.widgets import Input

from ...terminal import drawn
from ...text.controls import without_unseen
from .history import History


class Field(Input):
    """An input one row high, with a history."""

    DEFAULT_CSS = """
    Field, Field:focus {
        width: 1fr;
        height: 1;
        border: none;
        padding: 0;
        background: $surface;
        color: $foreground;
        background-tint: transparent;
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("alt+backspace", "delete_left_word", "Delete the word before", show=False),
        Binding("alt+delete", "delete_right_word", "Delete the word behind", show=False),
        Binding("alt+b", "cursor_left_word", "A word to the left", show=False),
        Binding("alt+f", "cursor_right_word", "A word to the right", show=False),
    ]

    def __init__(self, value: str = "", *, placeholder: str = "", select: bool = False) -> None:
        super().__init__(value, placeholder, select_on_focus=select, compact=True)
        self.history = History()

    def on_key(self, event: events.Key) -> None:
        """Leave keys with Alt to the bindings."""
        if event.key.startswith("alt+"):
            event.prevent_default()

    def _on_paste(self, event: events.Paste) -> None:
        """Take the first line, without characters that nobody would see."""
        clean = without_unseen(event.text)
        if clean != event.text:
            event.stop()
            event.prevent_default()
            super()._on_paste(events.Paste(clean))

    @property
    def _value(self) -> Text:
        # A pasted pattern or the name of a file may hold what a terminal would act on.
        return Text(drawn(self.value), no_wrap=True, overflow="ignore", end="")

    def put(self, value: str) -> None:
        """Show a value with the cursor behind it."""
        self.value = value
        self.cursor_position = len(value)

    def walk_history(self, *, older: bool) -> None:
        """Show the entry before or after the one shown, if there is one."""
        entry = self.history.older(self.value) if older else self.history.newer(self.value)
        if entry is not None:
            self.put(entry)
