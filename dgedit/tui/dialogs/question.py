"""A question that a person may not have expected: it takes no key until they have seen it.

Whoever types looks at the text. A dialog that comes up under their hands would take the next letter for an answer, so
it takes nothing for a while after it is seen, and after each key that comes before that while is over. Answers that
throw something away have keys that no text is written with.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from textual import on
from textual.timer import Timer

from .answers import Answers
from .panel import PanelScreen

DISCARD = "ctrl+d"
"""The key of an answer that throws a text away."""


class Question(PanelScreen[str]):
    """Gives the key of an answer, or None for Escape."""

    def __init__(self, answers: Sequence[tuple[str, str]], default: str | None = None) -> None:
        """Args: answers: (key, name) pairs; see `Answers`."""
        super().__init__()
        self.hold_s = 0.0
        """How long nothing must be pressed before the first key counts."""
        self._answers = Answers(answers, default)
        self._still_since_s: float | None = None
        """None until it was drawn."""
        self._is_ready = False
        self._timer: Timer | None = None

    def on_mount(self) -> None:
        """Give the answers the keyboard; it counts once they are seen."""
        self._answers.focus()
        self._answers.is_ready = self.hold_s <= 0
        self.call_after_refresh(self._seen)

    def takes(self, came_s: float) -> bool:
        """Whether a key that came at a time of the monotonic clock is for this question; else the wait begins anew."""
        if self._is_ready or self.hold_s <= 0:
            return True
        if self._still_since_s is None:
            return False
        self._is_ready = came_s - self._still_since_s >= self.hold_s
        if not self._is_ready:
            self._wait_from(came_s)
        return self._is_ready

    def _seen(self) -> None:
        self._wait_from(time.monotonic())

    def _wait_from(self, moment_s: float) -> None:
        self._still_since_s = max(moment_s, self._still_since_s or moment_s)
        if self._timer is not None:
            self._timer.stop()
        left_s = self._still_since_s + self.hold_s - time.monotonic()
        self._timer = self.set_timer(max(left_s, 0.001), self._look_ready)

    def _look_ready(self) -> None:
        self._answers.is_ready = True
        self._answers.refresh()

    @on(Answers.Given)
    def _given(self, message: Answers.Given) -> None:
        if not message.clicked or self.takes(time.monotonic()):
            self.finish(message.letter)
