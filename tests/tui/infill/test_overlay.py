"""Pure parts of the screen: where pieces stand, what the status line says."""

from __future__ import annotations

from typing import Any

import pytest

from dgedit.engine.types import Candidate, ContextUse, Frame, FrameSpan, ModelInfo, Origin, SlotState
from dgedit.tui.infill.overlay import Cell, place
from dgedit.tui.widgets.status_bar import answer_line, figures_line, file_parts, fitted


def test_pieces_are_placed_over_lines() -> None:
    rows = place((3, 4), [("ab", "new", 1.0), ("c\n  d", "draft", 0.5), ("\n", "noise", 0.1), ("é", "fixed", 1.0)])
    assert rows == {
        3: [Cell(4, 6, "new", 1.0), Cell(6, 7, "draft", 0.5)],
        4: [Cell(0, 3, "draft", 0.5)],
        5: [Cell(0, 1, "fixed", 1.0)],
    }


def test_the_status_lines_say_what_is_asked_of_them() -> None:
    frame = Frame(
        pass_index=3,
        passes_max=10,
        spans=(FrameSpan("x", SlotState.NEW, 0.9),),
        mean_entropy=0.4,
        elapsed_ms=120.0,
        pass_ms=30.0,
        tokens_per_second=87.6,
        context=ContextUse(tokens=250, limit=312, prefix_cut=True, suffix_cut=False),
    )
    model = ModelInfo(name="nano", parameters=14_900_000, device="cpu", digest="0" * 12)
    assert figures_line(frame, model) == "30 ms/pass · 88 tok/s · ctx 250/312 cut · nano 14.9M cpu"
    where: dict[str, Any] = {"row": 4, "column": 0, "lines": 9, "encoding": "UTF-8", "language": "python"}
    line = fitted([file_parts("a.py", dirty=True, locked=False, ending="CRLF", **where)], 80)
    assert line == "a.py *  5:1 of 9  CRLF  UTF-8  python"
    line = fitted([file_parts("a.py", dirty=False, locked=True, ending="LF", **where)], 80)
    assert line == "a.py (read-only)  5:1 of 9  LF  UTF-8  python"


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({}, "answer 2/5"),
        ({"confidence": 0.81}, "answer 2/5 · sure (81%)"),
        ({"confidence": 0.05}, "answer 2/5 · a guess (5%)"),
        ({"confidence": 0.0, "breaks": True}, "answer 2/5 · breaks the file"),
        ({"confidence": 0.3, "unknown_names": ("a", "b")}, "answer 2/5 · unsure (30%) · unknown: a, b"),
        ({"origins": frozenset({Origin.KEPT})}, "answer 2/5 · as it was"),
    ],
)
def test_an_answer_is_said_to_be_as_sure_as_it_is(told: dict[str, Any], words: str) -> None:
    known: dict[str, Any] = {"text": "x", "score": 0.0, "parses": None, "repeats_suffix": False, "origins": frozenset()}
    assert answer_line(2, 5, Candidate(**(known | told))) == words
