"""Editing keys on lines: what changes, what is selected after it, and what comes back."""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from typing import Literal

import pytest

from dgedit.text.edits import (
    BRACKET_CHARS_MAX,
    Change,
    Indent,
    Selection,
    backspace,
    dedent_lines,
    delete_lines,
    duplicate_lines,
    indent_lines,
    matching_bracket,
    move_lines,
    newline,
    tab,
    toggle_comment,
    touched_rows,
    word_at,
)

Way = Literal["up", "down"]
FOUR, TABS = Indent(), Indent("\t", 4)
ANCHOR, CURSOR = "<", "|"
PIECES = ["a", "if x:", "é😀", "  ", "    ", "\t", "# ", "#", "\r", "\f", "\u2028", "(", "]"]


def marked(text: str) -> tuple[list[str], Selection]:
    """Lines and selection of a text with `|` at the cursor and, where it is elsewhere, `<` at the anchor."""
    found = {}
    for mark in (ANCHOR, CURSOR):
        for row, line in enumerate(text.replace(CURSOR if mark == ANCHOR else ANCHOR, "").split("\n")):
            if mark in line:
                found[mark] = (row, line.index(mark))
    lines = text.replace(ANCHOR, "").replace(CURSOR, "").split("\n")
    return lines, (found.get(ANCHOR, found[CURSOR]), found[CURSOR])


def applied(lines: list[str], change: Change) -> list[str]:
    """The lines after a change, which must be in range and select what is there."""
    (top, left), (bottom, right) = change.start, change.end
    assert change.start <= change.end
    assert left <= len(lines[top])
    assert right <= len(lines[bottom])
    done = lines[:top] + (lines[top][:left] + change.text + lines[bottom][right:]).split("\n") + lines[bottom + 1 :]
    for row, column in change.selection:
        assert 0 <= row < len(done)
        assert 0 <= column <= len(done[row])
    return done


def shown(lines: list[str], selection: Selection) -> str:
    """The text with its marks, as `marked` reads it."""
    (anchor, cursor), drawn = selection, list(lines)
    marks = [(cursor, CURSOR)] + ([(anchor, ANCHOR)] if anchor != cursor else [])
    for (row, column), mark in sorted(marks, reverse=True):
        drawn[row] = drawn[row][:column] + mark + drawn[row][column:]
    return "\n".join(drawn)


def after(text: str, key: Callable[[list[str], Selection], Change | None]) -> str | None:
    lines, selection = marked(text)
    change = key(lines, selection)
    return None if change is None else shown(applied(lines, change), change.selection)


def random_case(draw: random.Random) -> tuple[list[str], Selection]:
    lines = ["".join(draw.choices(PIECES, k=draw.randrange(4))) for _ in range(draw.randrange(1, 7))]
    rows = [draw.randrange(len(lines)) for _ in range(2)]
    anchor, cursor = ((row, draw.randrange(len(lines[row]) + 1)) for row in rows)
    return lines, (anchor, cursor)


def ends_with_colon(text: str) -> bool:
    return text.rstrip().endswith(":")


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("|", "\n|"),
        ("x = 1|", "x = 1\n|"),
        ("    x = 1|", "    x = 1\n    |"),
        ("    if x:|", "    if x:\n        |"),
        ("    if x:|  pass", "    if x:\n        |pass"),
        ("    if x:  |", "    if x:  \n        |"),
        ("a, |  b", "a, \n|b"),
        ("|    x", "\n|    x"),
        ("  |  x", "  \n  |  x"),
        ("    |", "\n    |"),
        ("x\n    |\ny", "x\n\n    |\ny"),
        ("\tx|", "\tx\n\t|"),
        ("  f(|)", "  f(\n      |\n  )"),
        ("  f( | ) + 1", "  f( \n      |\n  ) + 1"),
        ("  {|}", "  {\n      |\n  }"),
        ("  f(|]", "  f(\n  |]"),
        ("  f(|", "  f(\n  |"),
        ("  f<oo\n\n  ba|r", "  f\n  |r"),
        ("  f|oo\n\n  ba<r", "  f\n  |r"),
        ("  x|\r", "  x\n  |\r"),
    ],
)
def test_enter_keeps_the_indentation(before: str, expected: str) -> None:
    assert after(before, lambda lines, at: newline(lines, at, FOUR, ends_with_colon)) == expected


def test_enter_goes_deeper_by_the_unit_and_asks_about_the_text_before_the_cursor() -> None:
    seen: list[str] = []

    def deeper(text: str) -> bool:
        seen.append(text)
        return True

    assert after("\tif x:| y", lambda lines, at: newline(lines, at, TABS, deeper)) == "\tif x:\n\t\t|y"
    assert seen == ["\tif x:"]


@pytest.mark.parametrize(
    ("indent", "before", "expected"),
    [
        (FOUR, "a|", "    a|"),
        (FOUR, "|a", "    |a"),
        (FOUR, "<a\n\nb|", "<    a\n\n    b|"),
        (FOUR, "a<a\nb\n|c", "    a<a\n    b\n|c"),
        (FOUR, "|aa\nb\n<c", "|    aa\n    b\n<c"),
        (TABS, "<a\n  b|", "<\ta\n\t  b|"),
        (FOUR, "a\n|\nb", None),
    ],
)
def test_indenting(indent: Indent, before: str, expected: str | None) -> None:
    assert after(before, lambda lines, at: indent_lines(lines, at, indent)) == expected


@pytest.mark.parametrize(
    ("indent", "before", "expected"),
    [
        (FOUR, "    a|", "a|"),
        (FOUR, "  |  a", "|a"),
        (FOUR, "      a|", "  a|"),
        (FOUR, "  a|", "a|"),
        (FOUR, "\t\ta|", "\ta|"),
        (FOUR, "  \ta|", "a|"),
        (FOUR, "    \ta|", "\ta|"),
        (TABS, "    \ta|", "\ta|"),
        (FOUR, "<    a\nb\n        c|", "<a\nb\n    c|"),
        (FOUR, "<    a\n|    b", "<a\n|    b"),
        (FOUR, "a|\n    b", None),
    ],
)
def test_dedenting(indent: Indent, before: str, expected: str | None) -> None:
    assert after(before, lambda lines, at: dedent_lines(lines, at, indent)) == expected


@pytest.mark.parametrize("indent", [FOUR, TABS, Indent("  "), Indent("\t", 8)])
def test_dedenting_takes_back_an_indent(indent: Indent) -> None:
    draw = random.Random(3)
    changed = 0
    for _ in range(2000):
        lines, selection = random_case(draw)
        deeper = indent_lines(lines, selection, indent)
        if deeper is None:
            assert not any(lines[row] for row in range(touched_rows(selection)[0], touched_rows(selection)[1] + 1))
            continue
        inside = applied(lines, deeper)
        assert touched_rows(deeper.selection) == touched_rows(selection)
        back = dedent_lines(inside, deeper.selection, indent)
        assert back is not None
        assert applied(inside, back) == lines
        changed += 1
    assert changed > 500


@pytest.mark.parametrize(
    ("indent", "before", "expected"),
    [
        (FOUR, "|", "    |"),
        (FOUR, "ab|c", "ab  |c"),
        (FOUR, "abcd|", "abcd    |"),
        (FOUR, "\ta|", "\ta   |"),
        (Indent("  ", 8), "\ta|", "\ta |"),
        (FOUR, "\ra\t|", "\ra\t    |"),
        (TABS, "ab|c", "ab\t|c"),
        (FOUR, "a<bc\nd|e", "a   |e"),
    ],
)
def test_tab_goes_to_the_next_stop(indent: Indent, before: str, expected: str) -> None:
    assert after(before, lambda lines, at: tab(lines, at, indent)) == expected


@pytest.mark.parametrize(
    ("indent", "before", "expected"),
    [
        (FOUR, "        |x", "    |x"),
        (FOUR, "      |", "    |"),
        (FOUR, "    |    x", "|    x"),
        (FOUR, " |x", "|x"),
        (FOUR, "\t\t|x", "\t|x"),
        (FOUR, "  \t  |x", "  \t|x"),
        (FOUR, "  \t|x", "|x"),
        (Indent("  ", 8), "\t|x", "|x"),
        (TABS, "      |x", "    |x"),
        (FOUR, "|x", None),
        (FOUR, "a   |x", None),
        (FOUR, "  <  |x", None),
        (FOUR, "", None),
    ],
)
def test_backspace_over_indentation(indent: Indent, before: str, expected: str | None) -> None:
    assert after(before or "|", lambda lines, at: backspace(lines, at, indent)) == expected


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("x|", "# x|"),
        ("# x|", "x|"),
        ("#x|", "x|"),
        ("  |x", "  # |x"),
        ("  # |x", "  |x"),
        ("|  x", "|  # x"),
        ("|", "# |"),
        ("# |", "|"),
        ("<a\n  b\n\n    c|", "<# a\n#   b\n\n#     c|"),
        ("  <a\n      b|", "  <# a\n  #     b|"),
        ("<\ta\n    b|", "<# \ta\n#     b|"),
        ("<# a\nb|", "<# # a\n# b|"),
        ("<# a\n\n#b|", "<a\n\nb|"),
        ("<a\n|b", "<# a\n|b"),
        ("<\n\n|", "<# \n# \n|"),
        ("a|\r", "# a|\r"),
    ],
)
def test_line_comments(before: str, expected: str) -> None:
    assert after(before, lambda lines, at: toggle_comment(lines, at, "#", None)) == expected


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("  a|  ", "  /* a */|  "),
        ("  /* |a */  ", "  |a  "),
        ("/*a*/|", "a|"),
        ("/* */|", "|"),
        ("/**/|", "|"),
        ("<  a\n\nb|", "<  /* a\n\nb */|"),
        ("<  /* a\n\nb */|", "<  a\n\nb|"),
        ("a|\r", "/* a */|\r"),
        ("a /* b */|", None),
        ("</* a */\nb\n/* c */|", None),
        ("a */|", None),
        ("/*/|", None),
        (" |", None),
    ],
)
def test_block_comments(before: str, expected: str | None) -> None:
    assert after(before, lambda lines, at: toggle_comment(lines, at, None, ("/*", "*/"))) == expected


def test_a_language_without_comments_has_none_to_toggle() -> None:
    assert toggle_comment(["x"], ((0, 0), (0, 0)), None, None) is None


@pytest.mark.parametrize(
    ("line_comment", "block_comment"), [("#", None), ("//", ("/*", "*/")), (None, ("<!--", "-->"))]
)
def test_toggling_twice_gives_the_lines_back(line_comment: str | None, block_comment: tuple[str, str] | None) -> None:
    draw = random.Random(4)
    done = 0
    for _ in range(2000):
        lines, selection = random_case(draw)
        lines = [line.replace("#", "") for line in lines]
        selection = ((selection[0][0], 0), (selection[1][0], len(lines[selection[1][0]])))
        once = toggle_comment(lines, selection, line_comment, block_comment)
        if once is None:
            continue
        commented = applied(lines, once)
        assert commented != lines
        twice = toggle_comment(commented, once.selection, line_comment, block_comment)
        assert twice is not None
        assert applied(commented, twice) == lines
        done += 1
    assert done > 1000


@pytest.mark.parametrize(
    ("before", "up", "down"),
    [
        ("a\nb|\nc", "b|\na\nc", "a\nc\nb|"),
        ("a\n<b\nc|\nd", "<b\nc|\na\nd", "a\nd\n<b\nc|"),
        ("a\n<b\n|c", "<b\n|a\nc", "a\nc\n<b|"),
        ("|a\nb", None, "b\n|a"),
        ("a\nb|", "b|\na", None),
        ("a\nb|\n", "b|\na\n", None),
        ("a\n|", None, None),
        ("|", None, None),
    ],
)
def test_moving_lines(before: str, up: str | None, down: str | None) -> None:
    assert after(before, lambda lines, at: move_lines(lines, at, "up")) == up
    assert after(before, lambda lines, at: move_lines(lines, at, "down")) == down


def test_moving_back_gives_the_lines_back() -> None:
    draw = random.Random(5)
    ways: tuple[Way, Way] = ("up", "down")
    done = 0
    for _ in range(3000):
        lines, selection = random_case(draw)
        for there, back in (ways, ways[::-1]):
            first = move_lines(lines, selection, there)
            if first is None:
                continue
            moved = applied(lines, first)
            assert sorted(moved) == sorted(lines)
            if not moved[-1] and lines[-1]:
                # An empty line that comes last is no line any more but the end of the text.
                continue
            second = move_lines(moved, first.selection, back)
            assert second is not None, (lines, selection, there)
            assert applied(moved, second) == lines
            done += 1
    assert done > 1000


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("a|b\nc", "ab\na|b\nc"),
        ("<a\nb|\nc", "a\nb\n<a\nb|\nc"),
        ("<a\n|b", "a\n<a\n|b"),
        ("a|", "a\na|"),
        ("\n|", None),
    ],
)
def test_duplicating_lines(before: str, expected: str | None) -> None:
    assert after(before, duplicate_lines) == expected


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("abc|\nd\ne", "d|\ne"),
        ("a\nb|c", "a|"),
        ("<a\nb|\nc\n", "c|\n"),
        ("<a\n|b\nc", "|b\nc"),
        ("a|bc", "|"),
        ("<a\nb|", "|"),
        ("a|\n", "|"),
        ("a\n|", None),
        ("|", None),
    ],
)
def test_deleting_lines(before: str, expected: str | None) -> None:
    assert after(before, delete_lines) == expected


def test_deleting_a_duplicate_gives_the_lines_back() -> None:
    draw = random.Random(6)
    done = 0
    for _ in range(3000):
        lines, selection = random_case(draw)
        copy = duplicate_lines(lines, selection)
        if copy is None:
            continue
        doubled = applied(lines, copy)
        removal = delete_lines(doubled, copy.selection)
        assert removal is not None
        assert applied(doubled, removal) == lines
        done += 1
    assert done > 1000


@pytest.mark.parametrize(
    ("line", "column", "word"),
    [
        ("foo_1 bar", 0, "foo_1"),
        ("foo_1 bar", 4, "foo_1"),
        ("foo_1  bar", 5, "  "),
        ("a.b(c))", 5, "))"),
        ("naïve e\u0301t", 6, "e\u0301t"),
        ("变量 = 1", 1, "变量"),
        ("x += 1", 2, "+="),
        ("end", 3, "end"),
        ("a\t \rb", 2, "\t \r"),
        ("", 0, ""),
    ],
)
def test_words(line: str, column: int, word: str) -> None:
    start, end = word_at(line, column)
    assert line[start:end] == word
    assert start <= column <= end


BRACKET_CASES = [
    "f⟨(a, [b])⟩",
    "f(a, ⟨[b]⟩)",
    "if x ⟨{\n  a()\n  b[0]\n}⟩",
    "f⟨(')', \")\", a)⟩",
    "f⟨(  # not this )\n)⟩",
    r"f⟨('\')', x)⟩",
    r"f⟨(r'\)', x)⟩",
    "x = 'don''t', ⟨(1)⟩",
    "# it isn't ⟨(so)⟩",
    "fn f<'a>⟨(x: &'a str)⟩ {",
    "'a ⟨(b c)⟩ d' + (e",
    "f(a  # see ⟨(b)⟩ there\n)",
    'f⟨("""it (is) one""")⟩',
    "⟨(\r\f(\u2028)é)⟩",
]


@pytest.mark.parametrize("case", BRACKET_CASES)
def test_brackets_have_partners_both_ways(case: str) -> None:
    plain = case.replace("⟩", "")
    lines = plain.replace("⟨", "").split("\n")
    opens = next((row, line.index("⟨")) for row, line in enumerate(plain.split("\n")) if "⟨" in line)
    ended = case.replace("⟨", "").split("\n")
    closes = next((row, line.index("⟩") - 1) for row, line in enumerate(ended) if "⟩" in line)
    assert matching_bracket(lines, opens, line_comment="#") == closes
    assert matching_bracket(lines, closes, line_comment="#") == opens


@pytest.mark.parametrize(
    ("text", "location"),
    [("(", (0, 0)), (")", (0, 0)), ("a", (0, 0)), ("", (0, 0)), ("()", (0, 2)), ("(]", (0, 0)), ("'(' )", (0, 1))],
)
def test_brackets_without_a_partner(text: str, location: tuple[int, int]) -> None:
    assert matching_bracket(text.split("\n"), location) is None


def test_the_search_for_a_bracket_is_bounded() -> None:
    lines = ["("] + ["x"] * 50 + [")"]
    assert matching_bracket(lines, (0, 0), limit_rows=52) == (51, 0)
    assert matching_bracket(lines, (0, 0), limit_rows=51) is None
    assert matching_bracket(lines, (51, 0), limit_rows=52) == (0, 0)
    assert matching_bracket(lines, (51, 0), limit_rows=51) is None
    long = "(" + "x" * (BRACKET_CHARS_MAX - 2)
    assert matching_bracket([long + ")"], (0, 0)) == (0, BRACKET_CHARS_MAX - 1)
    assert matching_bracket([long + "x)"], (0, 0)) is None


class CountedLines:
    """A long document that knows how many of its lines were read."""

    def __init__(self, lines: list[str]) -> None:
        self.lines, self.reads = lines, 0

    def __len__(self) -> int:
        return len(self.lines)

    def __getitem__(self, row: int, /) -> str:
        assert row >= 0
        self.reads += 1
        return self.lines[row]


KEYS: dict[str, Callable[[CountedLines, Selection], object]] = {
    "newline": lambda lines, at: newline(lines, at, FOUR, ends_with_colon),
    "indent": lambda lines, at: indent_lines(lines, at, FOUR),
    "dedent": lambda lines, at: dedent_lines(lines, at, FOUR),
    "tab": lambda lines, at: tab(lines, at, FOUR),
    "backspace": lambda lines, at: backspace(lines, (at[1], at[1]), FOUR),
    "comment": lambda lines, at: toggle_comment(lines, at, "#", None),
    "block": lambda lines, at: toggle_comment(lines, at, None, ("/*", "*/")),
    "up": lambda lines, at: move_lines(lines, at, "up"),
    "down": lambda lines, at: move_lines(lines, at, "down"),
    "duplicate": duplicate_lines,
    "delete": delete_lines,
}


@pytest.mark.parametrize("name", KEYS)
def test_a_key_reads_the_touched_lines_alone(name: str) -> None:
    lines = CountedLines(["    x = 1"] * 20_000)
    assert KEYS[name](lines, ((9_999, 2), (10_001, 4))) is not None
    assert 1 <= lines.reads <= 30


@pytest.mark.parametrize("unit", ["", "x", "\t\t", " \t"])
def test_an_indent_is_spaces_or_one_tab(unit: str) -> None:
    with pytest.raises(ValueError, match="spaces or one tab"):
        Indent(unit)


def test_an_indent_has_a_width() -> None:
    assert (Indent("   ").width, Indent("\t", 8).width) == (3, 8)
    assert Indent(tab_width=8).columns("a\t\rb") == 10
    with pytest.raises(ValueError, match="at least 1 column"):
        Indent("\t", 0)


def test_words_partition_any_line() -> None:
    draw = random.Random(7)
    for _ in range(300):
        line = "".join(draw.choices(string.printable + "é变\u0301", k=draw.randrange(1, 12)))
        at = 0
        while at < len(line):
            start, end = word_at(line, at)
            assert start == at < end
            assert all(word_at(line, column) == (start, end) for column in range(start, end))
            at = end
