"""Spans in text, and what stands around them."""

from __future__ import annotations

import random

import pytest

from dgedit.engine.parsing import PARSE_LIMIT_CHARS
from dgedit.errors import DgeditError
from dgedit.fill.loop import Gap
from dgedit.fill.windows import SIDE_CHARS, WINDOW_CHARS, Surroundings
from dgedit.text.holes import (
    STAND_IN,
    Hole,
    Wanted,
    find_holes,
    holds_marker,
    line_hole,
    marked_holes,
    parse_line_range,
    pattern_holes,
    replaced,
    span_hole,
    without_marked_lines,
)

TEXT = "def f(x):\n    y = x\n\n    return y\n"


def test_every_marker_is_a_hole() -> None:
    text = "a = <FILL_ME>\n<FILL_ME>\nb(<FILL_ME>)<FILL_ME>\n'<FILL_ME>'"
    holes = marked_holes(text, "python")
    assert [text[hole.start : hole.end] for hole in holes] == ["<FILL_ME>"] * 5
    assert not any(hole.replaces for hole in holes)


def test_markers_of_all_forms_come_in_order_of_place() -> None:
    text = "# dgedit: fill\n<FILL_ME>\n# dgedit: begin\nx\n# dgedit: end\n<FILL_ME>\n"
    starts = [hole.start for hole in marked_holes(text, "python")]
    assert starts == sorted(starts)
    assert len(starts) == 4


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("    # dgedit: fill\n", "    NEW\n"),
        ("    # dgedit: fill\r\n", "    NEW\r\n"),
        ("\t# dgedit: fill lines=1", "\tNEW"),
        ("a\n  # dgedit: begin\n  old\n  # dgedit: end\nb\n", "a\n  NEW\nb\n"),
        ("a\r\n  # dgedit: begin\r\n  old\r\n  # dgedit: end\r\nb\r\n", "a\r\n  NEW\r\nb\r\n"),
        ("# dgedit: begin\n    old\n    er\n# dgedit: end\n", "    NEW\n"),
        ("    # dgedit: begin\nold\n    # dgedit: end", "NEW"),
        ("  # dgedit: begin\n  # dgedit: end\n", "  NEW\n"),
        ("  # dgedit: begin\n\n  \n  old\n\n  # dgedit: end\n", "  NEW\n"),
    ],
)
def test_what_a_marker_is_replaced_by_stands_where_the_code_stood(text: str, result: str) -> None:
    (hole,) = marked_holes(text, "python")
    assert replaced(text, [(hole.start, hole.end, hole.indent + "NEW")]) == result


def test_a_block_is_code_that_is_rewritten_within_its_budget() -> None:
    text = "# dgedit: begin lines=2 tokens=9 strength=0.5 be kind\n\n    a = 1\n    b = 2\n\n# dgedit: end\n"
    (hole,) = marked_holes(text, "python")
    assert (hole.code, hole.replaces) == ("a = 1\n    b = 2", True)
    assert (hole.lines_max, hole.tokens_max, hole.strength, hole.instruction) == (2, 9, 0.5, "be kind")


def test_a_block_that_says_no_strength_takes_the_one_of_the_command_line() -> None:
    text = "# dgedit: begin\na\n# dgedit: end\n# dgedit: begin strength=0.75\nb\n# dgedit: end\n<FILL_ME>\n"
    assert [hole.strength for hole in find_holes(text, "python", Wanted(strength=0.5))] == [0.5, 0.75, 1.0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x\n# dgedit: end\n", "line 2: dgedit: end without a begin"),
        ("x\n# dgedit: begin\ny\n", "line 2: dgedit: begin without an end"),
        ("# dgedit: begin\n# dgedit: begin\n# dgedit: end\n", "line 2: dgedit: begin inside the block of line 1"),
        ("# dgedit: begin\n# dgedit: end\n# dgedit: end\n", "line 3: dgedit: end without a begin"),
        ("# dgedit: begin\n<FILL_ME>\n# dgedit: end\n", "overlap at line 2"),
    ],
)
def test_blocks_that_do_not_fit_together_are_refused_by_line(text: str, message: str) -> None:
    with pytest.raises(DgeditError, match=message) as caught:
        find_holes(text, "python", Wanted())
    assert caught.value.hint


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
    assert hole.code == span.strip()


@pytest.mark.parametrize("lines", [(0, 1), (3, 2), (4, 5), (99, 99)])
def test_lines_out_of_range_say_what_the_range_is(lines: tuple[int, int]) -> None:
    with pytest.raises(DgeditError, match="the text has 4 lines") as caught:
        line_hole(TEXT, *lines)
    assert caught.value.hint == "use 1-4"


@pytest.mark.parametrize(("value", "expected"), [("3-5", (3, 5)), ("7", (7, 7))])
def test_ranges_are_parsed(value: str, expected: tuple[int, int]) -> None:
    assert parse_line_range(value) == expected


@pytest.mark.parametrize("value", ["", "a-b", "3-", "-3", "3-5-7", "3.5", "9" * 5_000])
def test_other_ranges_are_refused(value: str) -> None:
    with pytest.raises(DgeditError, match="is not a range"):
        parse_line_range(value)


@pytest.mark.parametrize(
    ("value", "span"),
    [
        ("1:5-1:6", "f"),
        ("2:5-2:10", "y = x"),
        ("1:10-2:5", "\n    "),
        ("1:1-1:1", ""),
        ("4:13-4:13", ""),
        ("5:1-5:1", ""),
        ("1:1-5:1", TEXT),
    ],
)
def test_spans_go_from_a_place_up_to_before_another(value: str, span: str) -> None:
    hole = span_hole(TEXT, value, strength=0.5)
    assert TEXT[hole.start : hole.end] == span
    assert hole.replaces == bool(span.strip())


@pytest.mark.parametrize("value", ["1:11-2:1", "0:1-1:1", "1:0-1:1", "6:1-6:1", "5:2-5:2", "2:1-1:1", "1-2", "", "1:1"])
def test_spans_that_are_not_in_the_text_are_refused(value: str) -> None:
    with pytest.raises(DgeditError, match=r"--span") as caught:
        span_hole(TEXT, value)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("pattern", "spans"),
    [
        (r"\?\?\?", ["???", "???"]),
        (r"return (.*)$", ["y"]),
        (r"^x = (\?+)|z", ["???"]),
        (r"(?<=return )(?=y)", [""]),
        (r"nowhere", []),
        (r"# todo.*", ["# todo"]),
    ],
)
def test_patterns_find_placeholders(pattern: str, spans: list[str]) -> None:
    text = "x = ???\ny = ???\nreturn y\nz\n# todo\r\n"
    holes = pattern_holes(text, pattern)
    assert [text[hole.start : hole.end] for hole in holes] == spans
    assert not any(hole.replaces for hole in holes)


def test_a_broken_pattern_is_said() -> None:
    with pytest.raises(DgeditError, match="is no regular expression"):
        pattern_holes(TEXT, "(")


def test_nothing_to_fill_is_no_error() -> None:
    assert find_holes(TEXT, "python", Wanted()) == []


@pytest.mark.parametrize(
    "wanted",
    [Wanted(lines=("1-3", "2-2")), Wanted(lines=("2",), spans=("2:6-2:7",)), Wanted(patterns=("y = x", "x$"))],
)
def test_overlapping_spans_are_refused(wanted: Wanted) -> None:
    with pytest.raises(DgeditError, match="overlap at line 2"):
        find_holes(TEXT, "python", wanted)


@pytest.mark.parametrize(
    ("hole", "tokens"),
    [
        (Hole(start=0, end=0), None),
        (Hole(start=0, end=0, lines_max=1), None),
        (Hole(start=0, end=0, lines_max=3), 24),
        (Hole(start=0, end=0, tokens_max=20), 12),
        (Hole(start=0, end=0, tokens_max=1), 1),
        (Hole(start=0, end=0, lines_max=9, tokens_max=10), 6),
    ],
)
def test_a_budget_says_about_how_much_is_wanted(hole: Hole, tokens: int | None) -> None:
    assert hole.expected_tokens() == tokens


@pytest.mark.parametrize(
    ("text", "holds"),
    [("a(<FILL_ME>)", True), ("# dgedit: fill", True), ("// dgedit:begin x", True), ("dgedit", False), ("", False)],
)
def test_answers_that_hold_a_marker_are_known(text: str, holds: bool) -> None:
    assert holds_marker(text) is holds


def test_a_rewritten_span_gives_its_length_as_a_hint() -> None:
    assert Gap(code="x" * 38).expected_tokens() == 10
    assert Gap(code="x").expected_tokens() == 1


def test_a_hole_sees_the_answers_before_it_and_stand_ins_after_it() -> None:
    text = "a = <FILL_ME>\r\n# dgedit: begin\r\n  old\r\n# dgedit: end\r\nz = <FILL_ME>\r\n"
    around = Surroundings(text, marked_holes(text, "python"))
    assert around.around(0) == ("a = ", f"\n  old\nz = {STAND_IN}\n")
    around.answer(0, "1\n+ 2")
    assert around.around(1) == ("a = 1\n+ 2\n  ", f"\nz = {STAND_IN}\n")
    around.answer(1, "new")
    assert around.around(2) == ("a = 1\n+ 2\n  new\nz = ", "\n")


def test_of_a_long_text_a_hole_sees_what_is_near_and_never_so_little_that_it_is_parsed() -> None:
    chooser = random.Random(3)
    text = "".join(chooser.choice("ab\n") for _ in range(WINDOW_CHARS + 150_000))
    for at in (0, 10, SIDE_CHARS - 1, SIDE_CHARS, 300_000, len(text) - 5, len(text)):
        others = [Hole(start=other, end=other) for other in (100, 299_000, 301_000) if other != at]
        holes = sorted([*others, Hole(start=at, end=at)], key=lambda hole: hole.start)
        before, after = Surroundings(text, holes).around([hole.start for hole in holes].index(at))
        assert len(before) + len(after) == WINDOW_CHARS > PARSE_LIMIT_CHARS
        assert len(before) >= min(at, SIDE_CHARS) - 9
        assert len(after) >= min(len(text) - at, SIDE_CHARS) - 9
        assert text[:at].endswith(before.replace(STAND_IN, "")[-500:])
        assert text[at:].startswith(after.replace(STAND_IN, "")[:500])


def test_a_text_of_a_common_length_is_seen_whole() -> None:
    text = "x\r\n" * 100_000 + "<FILL_ME>" + "y\r\n" * 10
    assert Surroundings(text, marked_holes(text, "python")).around(0) == ("x\n" * 100_000, "y\n" * 10)


def test_marked_lines_of_another_file_are_left_out() -> None:
    text = "a = 1\ntotal = <FILL_ME>\n# dgedit: fill lines=2\r\nb = 2\n// dgedit: begin\nc = 3\n"
    assert without_marked_lines(text) == "a = 1\nb = 2\nc = 3\n"
    assert without_marked_lines("a = 1\x0c\nb") == "a = 1\x0c\nb"
