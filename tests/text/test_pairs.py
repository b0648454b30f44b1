"""Brackets and quotes that close themselves: what is written, what is typed over, what is deleted."""

from __future__ import annotations

import pytest

from dgedit.text import pairs
from dgedit.text.edits import Change


def at(line: str) -> tuple[list[str], tuple[tuple[int, int], tuple[int, int]]]:
    """A line with | at the cursor, or at both ends of a selection."""
    first, last = line.index("|"), line.rindex("|")
    end = last - 1 if last > first else first
    return [line.replace("|", "")], ((0, first), (0, end))


def done(line: str, change: Change | None) -> str | None:
    if change is None:
        return None
    text = line.replace("|", "")
    new = text[: change.start[1]] + change.text + text[change.end[1] :]
    left, right = sorted(place[1] for place in change.selection)
    return new[:left] + "|" + new[left:] if left == right else f"{new[:left]}|{new[left:right]}|{new[right:]}"


OPENED = [
    ("|", "(", "(|)"),
    ("f|", "(", "f(|)"),
    ("f(|)", "[", "f([|])"),
    ("|x", "(", None),
    ("x|+", "(", None),
    ("x = |", '"', 'x = "|"'),
    ("x = f|", "'", "x = f'|'"),
    ("don|", "'", None),
    ('"|', '"', None),
    ('x = "abc|', '"', None),
    ("|ab|", "(", "(|ab|)"),
    ("|ab|", '"', '"|ab|"'),
    ("|", "x", None),
    ("|", ")", None),
]


@pytest.mark.parametrize(("line", "typed", "after"), OPENED)
def test_what_an_opening_sign_writes(line: str, typed: str, after: str | None) -> None:
    lines, selection = at(line)
    assert done(line, pairs.opened(lines, selection, typed, quotes=True)) == after


def test_in_prose_an_apostrophe_has_no_partner() -> None:
    lines, selection = at("|")
    assert pairs.opened(lines, selection, "'", quotes=False) is None
    assert pairs.opened(lines, selection, "(", quotes=False) is not None


@pytest.mark.parametrize(
    ("line", "typed", "came", "over"),
    [
        ("(|)", ")", 1, True),
        ("(|)", ")", 0, False),
        ("(|]", ")", 1, False),
        ('"|"', '"', 1, True),
        ("|x", "x", 1, False),
    ],
)
def test_only_a_partner_that_came_is_typed_over(line: str, typed: str, came: int, over: bool) -> None:
    lines, selection = at(line)
    assert pairs.is_typed_over(lines, selection[1], typed, came) is over


@pytest.mark.parametrize(
    ("line", "came", "after"),
    [("a(|)b", 1, "a|b"), ("(|)", 0, None), ("(x|)", 1, None), ('"|"', 1, "|"), ("|()", 1, None), ("(|]", 1, None)],
)
def test_an_empty_pair_goes_at_once(line: str, came: int, after: str | None) -> None:
    lines, selection = at(line)
    assert done(line, pairs.emptied(lines, selection, came)) == after


@pytest.mark.parametrize(
    ("lines", "column", "partner", "text"),
    [
        (["  x = [", "      1,", "      "], 6, 0, "  ]"),
        (["x = [", "    "], 4, 0, "]"),
        (["  x = [", "  "], 2, 0, None),
        (["x = [", "    1"], 5, 0, None),
        (["", "    "], 4, None, None),
    ],
)
def test_a_closing_bracket_goes_under_its_partner(
    lines: list[str], column: int, partner: int | None, text: str | None
) -> None:
    change = pairs.closed(lines, (len(lines) - 1, column), "]", partner)
    assert (change and change.text) == text
