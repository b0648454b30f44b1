"""A filler whose answers are known beforehand, for tests of what happens around the model."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from dgedit.engine.types import (
    Candidate,
    ContextUse,
    Frame,
    FrameSpan,
    InfillResult,
    ModelInfo,
    Origin,
    SlotState,
)
from dgedit.fill.loop import Ending, FillOptions, Limits, Outcome, with_line_ending
from dgedit.text.holes import Hole

USE = ContextUse(tokens=3, limit=9, prefix_cut=False, suffix_cut=False)


class Answers:
    """Gives the answers in turn, after one frame each; None leaves a hole as it was."""

    info = ModelInfo(name="answers", parameters=1, device="cpu", digest="0123456789ab")
    notes = ("all of it is made up",)

    def __init__(self, *answers: str | None) -> None:
        self.answers = list(answers)
        self.asked = list[tuple[tuple[Hole, ...], FillOptions, Limits]]()

    def fill(
        self, text: str, holes: Sequence[Hole], options: FillOptions, limits: Limits
    ) -> Generator[tuple[int, Frame | Outcome], None, None]:
        self.asked.append((tuple(holes), options, limits))
        for number, hole in enumerate(holes):
            answer = self.answers.pop(0)
            yield number, frame(answer or "?")
            if answer is None:
                yield number, Outcome(ending=Ending.TIMEOUT)
            else:
                new = with_line_ending(hole.indent + answer, text)
                yield number, Outcome(ending=Ending.FILLED, text=new, result=result(answer))


def frame(text: str) -> Frame:
    """A frame that shows a text in two states."""
    spans = (FrameSpan(text[:1], SlotState.NEW, 0.98765), FrameSpan(text[1:], SlotState.DRAFT, 0.5))
    return Frame(
        pass_index=1,
        passes_max=8,
        spans=spans,
        mean_entropy=0.1,
        elapsed_ms=12.345,
        pass_ms=1.0,
        tokens_per_second=100.0,
        context=USE,
    )


def result(text: str) -> InfillResult:
    """A result of one candidate."""
    candidate = Candidate(
        text=text,
        score=1.23456,
        parses=True,
        repeats_suffix=False,
        origins=frozenset({Origin.RECALLED, Origin.WRITTEN}),
    )
    return InfillResult(text=text, candidates=(candidate,), passes=1, elapsed_ms=20.0, context=USE)
