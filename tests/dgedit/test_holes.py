"""Spans in text."""

from __future__ import annotations

import pytest

from dgedit.errors import DgeditError, ExitCode
from dgedit.fill import Gap
from dgedit.holes import find_holes, line_hole, parse_line_range

TEXT = "def f(x):\n    y = x\n\n    return y\n"


def test_every_marker_is_a_hole() -> None:
    text = "a = <FILL_ME>\n<FILL_ME>\nb(<FILL_ME>)<FILL_ME>"
    holes = find_holes(text, [])
    assert [text[hole.start : hole.end] for hole in holes] == ["<FILL_ME>"] * 4
    assert not any(hole.replaces for hole in holes)


@pytest.mark.parametrize(
    ("text", "lines", "span"),
    [
        (TEXT, (2, 2), "y = x"),
        (TEXT, (1, 1), "def f(x):"),
        (TEXT, (2, 4), "y = x\n\n    return y"),
        (TEXT, (3, 3), ""),
        (TEXT, (4, 4), "return y"),
        (TEXT.replace("\n", "\r\n"), (2, 2), "y = x"),
        (TEXT.replace("\n", "\r\n"), (2, 4), "y = x\r\n\r\n    return y"),
        ("no end", (1, 1), "no end"),
        ("\tx\n", (1, 1), "x"),
        ("a\n    \nb", (2, 2), "    "),
    ],
)
def test_lines_leave_indentation_and_line_break_alone(text: str, lines: tuple[int, int], span: str) -> None:
    hole = line_hole(text, *lines)
    assert text[hole.start : hole.end] == span


@pytest.mark.parametrize("lines", [(0, 1), (3, 2), (4, 5), (99, 99)])
def test_lines_out_of_range_say_what_the_range_is(lines: tuple[int, int]) -> None:
    with pytest.raises(DgeditError, match="the text has 4 lines") as caught:
        line_hole(TEXT, *lines)
    assert caught.value.hint == "use 1-4"


@pytest.mark.parametrize(("value", "expected"), [("3-5", (3, 5)), ("7", (7, 7))])
def test_ranges_are_parsed(value: str, expected: tuple[int, int]) -> None:
    assert parse_line_range(value) == expected


@pytest.mark.parametrize("value", ["", "a-b", "3-", "-3", "3-5-7", "3.5"])
def test_other_ranges_are_refused(value: str) -> None:
    with pytest.raises(DgeditError, match="is not a range"):
        parse_line_range(value)


def test_nothing_to_fill_has_its_own_exit_code() -> None:
    with pytest.raises(DgeditError, match="nothing to fill") as caught:
        find_holes(TEXT, [])
    assert caught.value.code is ExitCode.NOTHING_TO_FILL
    assert "\n" not in caught.value.line()


def test_overlapping_spans_are_refused() -> None:
    with pytest.raises(DgeditError, match="overlap at line 2"):
        find_holes(TEXT, [(1, 3), (2, 2)])


def test_a_rewritten_span_gives_its_length_as_a_hint() -> None:
    assert Gap(code="x" * 38).expected_tokens() == 10
    assert Gap(code="x").expected_tokens() == 1
