"""An engine whose passes and answers are given: for tests of what a person sees and does around an answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dgedit.engine import Engine
from dgedit.engine.types import Frame, FrameSpan, ModelInfo, SlotState
from dgedit.fill.loop import Gap

from .editor_host import a_frame, a_result

MODEL = cast(
    Engine,
    SimpleNamespace(
        info=ModelInfo(name="nano", parameters=14_900_000, device="cpu", digest="0" * 12),
        notes=(),
        cancel=lambda: None,
    ),
)


class Offers:
    """Gives each gap its answers in turn, after one pass each; waits before the answer where it is held."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked = list[tuple[str, tuple[str | Gap, ...], str]]()
        self.go_on = threading.Event()
        self.go_on.set()

    def fill_gaps(self, before: str, parts: tuple[str | Gap, ...], after: str, *_: Any) -> Iterator[tuple[int, Frame]]:
        """Stands for the engine's loop."""
        self.asked.append((before, parts, after))
        for number, part in enumerate(parts):
            if isinstance(part, Gap):
                texts = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                yield number, a_frame(1, FrameSpan(texts[0][:2], SlotState.DRAFT, 0.5))
                self.go_on.wait(60)
                yield number, a_frame(2, FrameSpan(texts[0], SlotState.FIXED, 1.0), result=a_result(*texts))


def offers(monkeypatch: pytest.MonkeyPatch, *answers: Sequence[str]) -> Offers:
    """Put such an engine in the place of the real one."""
    made = Offers(*answers)
    monkeypatch.setattr("dgedit.tui.infill.thread.fill_gaps", made.fill_gaps)
    return made
