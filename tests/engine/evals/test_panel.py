"""The panel's holes are sound, and an answer is accepted for what it means, not for how it is spelt."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from dgedit.engine.evals import panel
from dgedit.engine.evals.panel import MARK, PanelHole

from ...support.toy import ToyDenoiser

HOLES = panel.load()


def hole(*accepted: str, text: str = f"def f(items, n):\n    {MARK}\n") -> PanelHole:
    return PanelHole(name="a hole", text=text, accepted=accepted)


def test_there_are_forty_holes_of_different_names() -> None:
    assert len(HOLES) == 40
    assert len({each.name for each in HOLES}) == 40


@pytest.mark.parametrize("each", HOLES, ids=lambda each: each.name)
def test_every_accepted_line_is_one_line_that_parses(each: PanelHole) -> None:
    for line in each.accepted:
        ast.parse(each.text.replace(MARK, line))
        assert "\n" not in line
        assert each.accepts(line)
    assert not each.accepts("pass_on(nothing)")
    assert not each.accepts("")


@pytest.mark.parametrize(
    ("answer", "taken"),
    [
        ('items["a"] = (n + 1)', True),
        ("items['a']=n+1  # counts", True),
        ("  items['a'] = n + 1\n", True),
        ("items['a'] = 1 + n", False),
        ("items['b'] = n + 1", False),
        ("items['a'] = n + 1; print(n)", False),
        ("items['a'] = (n + 1", False),
    ],
)
def test_spelling_is_free_and_meaning_is_not(answer: str, taken: bool) -> None:
    assert hole("items['a'] = n + 1").accepts(answer) is taken


def test_a_hole_needs_a_mark_and_an_answer() -> None:
    with pytest.raises(ValueError, match="accepted line"):
        hole()
    with pytest.raises(ValueError, match="a hole needs one"):
        hole("x = 1", text="x = 1\n")


def test_the_counts_are_those_of_the_answers(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    holes = (hole("f(x)"), hole("g(x)"))
    monkeypatch.setattr(panel, "load", lambda path=Path(): holes)
    line = panel.summary(ToyDenoiser("f(x)", lambda _pass, _slot: 0.999))
    assert line == "toy: 1 of 2 accepted first, 1 in three"
    assert "f(x)" in capsys.readouterr().out
