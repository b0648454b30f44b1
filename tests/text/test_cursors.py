"""Several selections: what an edit makes of the text and of them, where keys lead them, what is selected next."""

from __future__ import annotations

import pytest

from dgedit.text import cursors
from dgedit.text.edits import Location, Selection

LINES = ["one two one", "", "one", "three one"]


def at(*places: Location) -> list[Selection]:
    return [(place, place) for place in places]


def after(lines: list[str], selections: list[Selection], texts: list[str]) -> tuple[str, list[Location]]:
    """The whole text after a change, and the cursors."""
    change, found = cursors.replaced(lines, selections, texts)
    before = "\n".join([*lines[: change.start[0]], lines[change.start[0]][: change.start[1]]])
    behind = "\n".join([lines[change.end[0]][change.end[1] :], *lines[change.end[0] + 1 :]])
    return before + change.text + behind, [cursor for _, cursor in found]


REPLACED = {
    "in one line": (at((0, 0), (0, 4)), ["x", "y"], "xone ytwo one\n\none\nthree one", [(0, 1), (0, 6)]),
    "over lines": ([((0, 8), (0, 11)), ((2, 3), (2, 0))], ["1", "1"], "one two 1\n\n1\nthree one", [(0, 9), (2, 1)]),
    "breaks": (at((0, 3), (3, 5)), ["\n", "\n  "], "one\n two one\n\none\nthree\n   one", [(1, 0), (5, 2)]),
    "across a break": ([((0, 11), (2, 0)), ((3, 0), (3, 6))], ["", ""], "one two oneone\none", [(0, 11), (1, 0)]),
}


@pytest.mark.parametrize("name", REPLACED)
def test_each_becomes_its_text(name: str) -> None:
    selections, texts, text, places = REPLACED[name]
    assert after(LINES, selections, texts) == (text, places)


MOVED = {
    "left": [(0, 0), (0, 3), (1, 0)],
    "right": [(0, 1), (0, 5), (2, 1)],
    "up": [(0, 0), (0, 4), (1, 0)],
    "down": [(1, 0), (3, 0)],
    "home": [(0, 0), (2, 0)],
    "end": [(0, 11), (2, 3)],
}


@pytest.mark.parametrize("key", MOVED)
def test_keys_lead_each_on_and_those_that_meet_are_one(key: str) -> None:
    found = cursors.stepped(LINES, at((0, 0), (0, 4), (2, 0)), key, select=False)
    assert [cursor for _, cursor in found] == MOVED[key]


def test_edges_of_the_text_and_of_selections() -> None:
    assert cursors.moved(LINES, (0, 0), "left") == (0, 0)
    assert cursors.moved(LINES, (3, 9), "right") == (3, 9)
    assert cursors.stepped(LINES, [((0, 0), (0, 3))], "left", select=False) == at((0, 0))
    assert cursors.stepped(LINES, [((0, 3), (0, 0))], "right", select=False) == at((0, 3))
    assert cursors.stepped(LINES, at((0, 0)), "right", select=True) == [((0, 0), (0, 1))]


def test_backspace_and_delete_take_a_character_each() -> None:
    back = cursors.widened(LINES, at((0, 0), (0, 1), (2, 0)), forward=False)
    assert after(LINES, back, [""] * len(back))[0] == "ne two one\none\nthree one"
    on = cursors.widened(LINES, at((0, 11), (3, 9)), forward=True)
    assert after(LINES, on, [""] * len(on))[0] == "one two one\none\nthree one"


def test_the_next_like_it_goes_round_and_ends() -> None:
    found = [((0, 8), (0, 11))]
    while (another := cursors.next_like(LINES, found)) is not None:
        found.append(another)
    assert found == [((0, 8), (0, 11)), ((2, 0), (2, 3)), ((3, 6), (3, 9)), ((0, 0), (0, 3))]
    assert cursors.next_like(LINES, at((0, 5))) == ((0, 4), (0, 7))
    assert cursors.next_like(LINES, at((1, 0))) is None
    assert cursors.next_like(LINES, [((0, 0), (2, 1))]) is None


def test_overlapping_selections_become_one() -> None:
    assert cursors.ordered([((0, 4), (0, 0)), ((0, 2), (0, 6))]) == [((0, 6), (0, 0))]
    assert cursors.ordered([*at((0, 3)), ((0, 0), (0, 3))]) == [((0, 0), (0, 3))]
    assert cursors.ordered([((0, 3), (0, 6)), ((0, 0), (0, 3))]) == [((0, 0), (0, 3)), ((0, 3), (0, 6))]
