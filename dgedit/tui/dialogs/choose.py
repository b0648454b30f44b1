"""A question with a few answers, at the bottom of the screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from ...terminal import drawn
from .question import Question


class Choose(Question):
    """Gives the key of an answer, or None for Escape."""

    DEFAULT_CSS = """
    Choose .question { width: 100%; height: auto; padding: 0 1; text-style: bold; }
    Choose .detail { width: 100%; height: auto; max-height: 60vh; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "mark(-1)", "Answer before", show=False),
        Binding("down", "mark(1)", "Answer after", show=False),
    ]

    def __init__(
        self, question: str, answers: Sequence[tuple[str, str]], *, detail: str = "", default: str | None = None
    ) -> None:
        """Args: answers: (key, name) pairs, see `Answers`; detail: an explanation, of several lines if need be."""
        super().__init__(answers, default)
        self._question, self._detail = question, detail

    def compose(self) -> ComposeResult:
        """The question, its explanation, the answers."""
        with Vertical(classes="panel"):
            yield Static(Content(drawn(self._question)), classes="question")
            if self._detail:
                lines = (drawn(line) for line in self._detail.splitlines())
                yield Static(Content("\n".join(lines)), classes="detail")
            yield self._answers

    def action_mark(self, step: int) -> None:
        """Mark the next answer."""
        self._answers.action_move(step)
