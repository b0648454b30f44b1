"""Answers without what a terminal, or a reader, would be tricked by: control characters, signs that turn text around.

A model that is asked elsewhere may answer anything, and a small one now and then does. A candidate that holds such a
character is no candidate; while it is drafted, a stand-in is shown. It must know nothing of screens.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..text.controls import unseen, without_unseen

if TYPE_CHECKING:
    from ..engine import Frame, InfillResult
    from ..engine.types import FrameSpan


def harmless(frame: Frame) -> Frame:
    """A frame whose drafts show nothing harmful, and whose result offers nothing harmful."""
    spans = tuple(map(_span, frame.spans))
    result = None if frame.result is None else _seen(frame.result)
    return frame if spans == frame.spans and result is frame.result else replace(frame, spans=spans, result=result)


def _span(span: FrameSpan) -> FrameSpan:
    return replace(span, text=without_unseen(span.text)) if unseen(span.text) else span


def _seen(result: InfillResult) -> InfillResult:
    """A result without candidates that hold control characters; where all do, the best one without those."""
    if not any(unseen(candidate.text) for candidate in result.candidates) and not unseen(result.text):
        return result
    kept = tuple(candidate for candidate in result.candidates if not unseen(candidate.text))
    if not kept:
        kept = tuple(replace(best, text=without_unseen(best.text)) for best in result.candidates[:1])
    return replace(result, text=kept[0].text if kept else without_unseen(result.text), candidates=kept)
