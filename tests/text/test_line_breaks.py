"""Line endings set aside and given back: edits turn the one text into the other, whatever its ends are."""

from __future__ import annotations

import random

import pytest

from dgedit.text.conflicts import answers, find_conflicts
from dgedit.text.line_breaks import edits_between, plain

ENDS = [["\n"], ["\r\n"], ["\n", "\r\n"], ["\r"]]


def applied(text: str, edits: list[tuple[int, int, str]]) -> str:
    """A text with edits made."""
    for start, end, new in reversed(edits):
        text = text[:start] + new + text[end:]
    return text


def test_edits_make_the_changed_text_of_any_text() -> None:
    draw = random.Random(1)
    for _ in range(2_000):
        lines = [draw.choice(["", "a", "b", "cc"]) for _ in range(draw.randint(0, 6))]
        ends = draw.choice(ENDS)
        text = "".join(line + draw.choice(ends) for line in lines) + draw.choice(["", "end"])
        changed = plain(text).split("\n")
        for _ in range(draw.randint(0, 3)):
            place = draw.randrange(len(changed) + 1)
            changed[place : place + draw.randint(0, 2)] = [draw.choice(["a", "x", ""])] * draw.randint(0, 2)
        wanted = "\n".join(changed or [""])
        edits = edits_between(text, wanted)
        assert plain(applied(text, edits)) == wanted, (text, wanted, edits)


@pytest.mark.parametrize(
    ("text", "changed", "expected"),
    [
        ("a\r\nb\nc\r\n", "a\nX\nc\n", "a\r\nX\nc\r\n"),
        ("a\rb\rc\r", "a\nX\nY\nc\n", "a\rX\rY\rc\r"),
        ("a\rb\nc\n", "a\rb\nX\n", "a\rb\nX\n"),
        ("a\r\nb\r\n", "a\nX\nY\n", "a\r\nX\r\nY\r\n"),
        ("a\r\nb", "a\nb\nc", "a\r\nb\r\nc"),
        ("a\r\nb", "a", "a"),
        ("a", "", ""),
        ("", "a\n", "a\n"),
    ],
)
def test_lines_keep_their_breaks_and_new_ones_get_the_usual(text: str, changed: str, expected: str) -> None:
    assert applied(text, edits_between(text, changed)) == expected


def test_equal_texts_need_no_edit() -> None:
    assert edits_between("a\r\nb\n", "a\nb\n") == []


def test_conflicts_are_found_with_both_sides_and_their_base() -> None:
    text = "x\n<<<<<<< a\n1\n||||||| b\n0\n=======\n2\n>>>>>>> c\ny\n<<<<<<< d\n=======\n3\n>>>>>>> e"
    found = find_conflicts(text)
    assert [(each.ours, each.base, each.theirs) for each in found] == [("1\n", "0\n", "2\n"), ("", None, "3\n")]
    assert [text[: found[0].start], text[found[0].end : found[1].start], text[found[1].end :]] == ["x\n", "y\n", ""]


@pytest.mark.parametrize(
    "text", ["<<<<<<< a\n1\n>>>>>>> b\n", "<<<<<<< a\n1\n=======\n", "x = '<<<<<<<'\n", "=======\n"]
)
def test_half_a_block_is_none(text: str) -> None:
    assert find_conflicts(text) == []


@pytest.mark.parametrize(
    ("block", "groups"),
    [
        ("<<<<<<< a\n1\n||||||| b\n1\n=======\n2\n>>>>>>> c\n", [("2\n",)]),
        ("<<<<<<< a\n1\n||||||| b\n2\n=======\n2\n>>>>>>> c\n", [("1\n",)]),
        ("<<<<<<< a\n1\n=======\n1\n>>>>>>> c\n", [("1\n",)]),
        ("<<<<<<< a\n=======\n2\n>>>>>>> c\n", [("2\n",)]),
        (
            "<<<<<<< a\nx = 1\n=======\nx = 2\n>>>>>>> c\n",
            [("x = 1\n", "x = 2\n"), ("x = 1\nx = 2\n", "x = 2\nx = 1\n")],
        ),
        ("<<<<<<< a\n1\n=======\n2\n>>>>>>> c\n", [("1\n2\n",), ("2\n1\n",), ("1\n2\n",), ("1\n", "2\n")]),
    ],
)
def test_the_obvious_answer_stands_alone(block: str, groups: list[tuple[str, ...]]) -> None:
    assert answers(find_conflicts(block)[0]) == groups
