"""A rewrite drawn beside what it replaces, and places of the answer among both."""

from __future__ import annotations

from pathlib import Path

import pytest

from dgedit.tui.infill.review import Piece
from dgedit.tui.infill.rewrite import BESIDE, answer_offset, beside, shown_offset
from dgedit.tui.widgets.preview import BAR, GONE

from ...support.editor_host import editor
from ...support.offers import MODEL, offers

OLD = "x = 1\n    y = 2\n    return x"
DRAWN: dict[str, tuple[str, str, str, str]] = {
    "one line": ("sum(a)", "len(a)", "", "sum(a)len(a)"),
    "a line in the middle": (
        OLD,
        "x = 1\n    y = 3\n    return x",
        "    ",
        "x = 1\n    y = 2\n    y = 3\n    return x",
    ),
    "the first line": (OLD, "x = 5\n    y = 2\n    return x", "    ", "x = 1\n    x = 5\n    y = 2\n    return x"),
    "a new first line": (OLD, "a = 0\n    x = 1", "    ", "x = 1\n    y = 2\n    return x\n    a = 0\n    x = 1"),
    "lines that go": (OLD, "x = 1", "    ", "x = 1\n    y = 2\n    return x"),
    "behind other code": ("1,\n     2", "3,\n     2", "x = [", "1,\n     3,\n     2"),
    "nothing but the same": (OLD, OLD, "    ", OLD),
}


@pytest.mark.parametrize("name", DRAWN)
def test_old_and_new_lines_are_drawn_under_each_other(name: str) -> None:
    old, new, before, drawn = DRAWN[name]
    pieces = beside(old, [(new, "offered", 1.0)], before)
    assert "".join(text for text, _, _ in pieces) == drawn
    assert "".join(text for text, state, _ in pieces if state not in BESIDE) == new


@pytest.mark.parametrize("name", DRAWN)
def test_every_place_of_the_answer_is_found_where_it_is_drawn(name: str) -> None:
    old, new, before, drawn = DRAWN[name]
    pieces = beside(old, [(new[:3], "pinned", 1.0), (new[3:], "offered", 1.0)], before)
    for place in range(len(new) + 1):
        shown = shown_offset(pieces, place)
        assert answer_offset(pieces, shown) == place
        if place:
            assert drawn[shown - 1] == new[place - 1]
    assert answer_offset(pieces, len(drawn)) == len(new)


def test_pieces_keep_their_states_and_what_is_the_same_is_plain() -> None:
    pieces: list[Piece] = [("a\nb", "pinned", 1.0), ("c\nd", "offered", 1.0)]
    found = [piece[:2] for piece in beside("a\nx\nd", pieces, "") if piece[0]]
    assert found == [
        *(("a", "pinned"), ("\n", "filler"), ("x", "removed"), ("\n", "plain")),
        *(("b", "pinned"), ("c", "offered"), ("\n", "plain"), ("d", "plain")),
    ]


SOURCE = "def f(x):\n    y = x\n    return y\n\nlast = 1\n"


async def test_old_lines_are_shown_and_hidden_and_never_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.py"
    path.write_text(SOURCE)
    offers(monkeypatch, ["y = x + 1\n    return y"])
    shown = "def f(x):\n    y = x\n    y = x + 1\n    return y\n\nlast = 1\n"
    alone = shown.replace("    y = x\n", "")
    async with editor(path, model=MODEL) as host:
        await host.select((1, 4), (2, 12))
        await host.press("ctrl+g")
        await host.answered()
        assert host.text == shown
        assert [row.strip(" 1234")[:1] for row in host.rows[1:4]] == [GONE, BAR, "r"]
        await host.press("alt+v")
        assert host.text == alone
        await host.press("alt+v")
        assert host.text == shown
        await host.press("ctrl+s")
        assert path.read_text() == SOURCE
        await host.select((2, 8), (2, 13))
        await host.press("alt+k")
        assert host.review.pins == ((4, 9),), "what is pinned is a part of the answer"
        await host.select((2, 4))
        await host.write("y = x")
        assert host.selection[1] == (2, 9)
        await host.press("tab")
        assert host.text == alone
        await host.press("ctrl+z")
        assert host.text == SOURCE


async def test_what_is_below_does_not_move_while_it_denoises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.py"
    path.write_text(SOURCE)
    made = offers(monkeypatch, ["y = x + 1\n    return y"])
    made.go_on.clear()
    async with editor(path, model=MODEL) as host:
        await host.select((0, 0), (2, 12))
        await host.press("ctrl+g")
        assert host.area.document[4] == "last = 1"
        await host.until(lambda: host.review.seen, "a pass")
        await host.settle()
        assert host.area.document[4] == "last = 1"
        await host.press("escape")
        assert host.text == SOURCE
        made.go_on.set()


async def test_there_is_nothing_to_show_where_nothing_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text("x = \n")
    async with editor(path) as host:
        await host.press("alt+v")
        assert "replaces no code" in host.status
