"""A word that is clicked: a command, or a setting that shows its state by brackets as well as by colour."""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content
from textual.message import Message
from textual.widget import Widget

AROUND: dict[bool | None, tuple[str, str]] = {True: ("[", "]"), False: (" ", " "), None: ("~", "~")}
"""What stands around a setting: on, off, or decided by what is typed."""


class Chip(Widget):
    """One word; an underlined letter is its key together with Alt."""

    DEFAULT_CSS = """
    Chip { width: auto; height: 1; color: $foreground; }
    Chip:hover { text-style: reverse; }
    Chip.-on { color: $accent; text-style: bold; }
    """

    @dataclass
    class Pressed(Message):
        """A person clicked the word."""

        name: str

    def __init__(
        self, name: str, word: str, tooltip: str, *, alt_letter: bool = False, words: tuple[str, str, str] | None = None
    ) -> None:
        """Args:
        alt_letter: the first letter of the word is its key.
        words: what stands there instead when it is off, on, or decided by what is typed.
        """
        super().__init__(name=name)
        self._word = word
        self._look_of_first = "underline" if alt_letter else ""
        self._words = words
        self._state: bool | None = False
        self._short = False
        self.tooltip = tooltip

    def show(self, state: bool | None, *, short: bool) -> None:
        """Show a state; the word or, when short, its first letter."""
        self._state, self._short = state, short
        self.set_class(state is not False, "-on")
        self.refresh(layout=True)

    def render(self) -> Content:
        """The word between its brackets."""
        before, after = AROUND[self._state]
        word = self._word[:1] if self._short else self._word
        if self._words is not None and not self._short:
            before, after = AROUND[False]
            word = self._words[2 if self._state is None else int(self._state)]
        return Content.assemble(before, (word[:1], self._look_of_first), word[1:], after)

    def on_click(self) -> None:
        """Say that the word was clicked."""
        self.post_message(self.Pressed(self.name or ""))
