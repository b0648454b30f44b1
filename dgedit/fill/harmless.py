"""Answers without what a terminal, or a reader, would be tricked by: control characters, signs that turn text around.

A model that is asked elsewhere may answer anything, and a small one now and then does. A candidate that holds such a
character is no candidate; while it is drafted, a stand-in is shown. It must know nothing of screens.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..engine import Frame, InfillResult

HARMFUL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Controls but tabs and line breaks; marks, overrides and isolates of direction; separators that editors hide."""
STAND_IN = "\ufffd"


def harmless(frame: Frame) -> Frame:
    """A frame whose drafts show nothing harmful, and whose result offers nothing harmful."""
    spans = tuple(
        replace(span, text=HARMFUL.sub(STAND_IN, span.text)) if HARMFUL.search(span.text) else span
        for span in frame.spans
    )
    result = None if frame.result is None else _result(frame.result)
    return frame if spans == frame.spans and result is frame.result else replace(frame, spans=spans, result=result)


def _result(result: InfillResult) -> InfillResult:
    kept = tuple(each for each in result.candidates if not HARMFUL.search(each.text))
    if len(kept) == len(result.candidates) and not HARMFUL.search(result.text):
        return result
    return replace(result, candidates=kept, text=kept[0].text if kept else "")
