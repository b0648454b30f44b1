"""A row of answers, each with its key: chosen by the key, by arrows and Enter, or by the mouse.

An answer that throws something away has a key with Ctrl, which no text is written with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.style import Style
from textual.widget import Widget

from ...terminal import drawn
from ..widgets.text import unbroken

CANCEL = ("Esc", "Cancel")
META = "answer"
"""Under this name a drawn answer carries its number, for clicks."""


class Answers(Widget, can_focus=True):
    """Answers in a row that wraps where the terminal is narrow; Escape is always the last one."""

    DEFAULT_CSS = """
    Answers { width: 100%; height: auto; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,shift+tab", "move(-1)", "Answer before", show=False),
        Binding("right,tab", "move(1)", "Answer after", show=False),
        Binding("enter", "give", "Give", show=False),
    ]

    @dataclass
    class Given(Message):
        """A person chose an answer."""

        letter: str | None
        """The key of the answer; none for cancel."""
        clicked: bool = False

    def __init__(self, answers: Sequence[tuple[str, str]], default: str | None = None) -> None:
        """Args:
        answers: (key, name) pairs; a key is a letter, or Ctrl with one, as "ctrl+d".
        default: the key that is marked first; the first answer's where none is named, and "" for cancel.

        Raises:
            ValueError: when there is no answer or two have one key.
        """
        super().__init__()
        self.is_ready = True
        """Whether a key is taken now; drawn faint where it is not."""
        self._letters = [letter.lower() for letter, _ in answers]
        if not answers or len(set(self._letters)) < len(answers):
            raise ValueError(f"answers need keys of their own, got {self._letters}")
        self._answers = [*answers, CANCEL]
        places = [*self._letters, ""]
        self._marked = 0 if default is None else places.index(default.lower())

    def render(self) -> Content:
        """Every answer, the marked one reversed."""
        return Content("  ").join(self._draw(number) for number in range(len(self._answers)))

    def _draw(self, number: int) -> Content:
        key, name = self._answers[number]
        look = Style.from_meta({META: number}) + Style(reverse=True if number == self._marked else None)
        look += Style(dim=None if self.is_ready else True)
        shown = drawn(key.title() if "+" in key else key)
        return Content.assemble((f"[{shown}]", look + Style(bold=True)), (unbroken(f" {drawn(name)}"), look))

    def on_key(self, event: events.Key) -> None:
        """Take a key as its answer."""
        letter = event.key if "+" in event.key else (event.character or "").lower()
        if letter in self._letters:
            event.stop()
            self.post_message(self.Given(letter))

    def on_click(self, event: events.Click) -> None:
        """Take a click on an answer as that answer."""
        number = event.style.meta.get(META)
        if number is not None:
            self._give(number, clicked=True)

    def action_move(self, step: int) -> None:
        """Mark the next answer."""
        self._marked = (self._marked + step) % len(self._answers)
        self.refresh()

    def action_give(self) -> None:
        """Give the marked answer."""
        self._give(self._marked)

    def _give(self, number: int, *, clicked: bool = False) -> None:
        letter = self._letters[number] if number < len(self._letters) else None
        self.post_message(self.Given(letter, clicked))
