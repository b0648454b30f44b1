"""Many holes, one by one; the answers of one hole in a list."""

from __future__ import annotations

from pathlib import Path

import pytest

from dgedit.tui.dialogs import Pick
from dgedit.tui.infill.steering import distinct, first_line

from ...support.editor_host import Host, editor
from ...support.offers import MODEL, offers

SOURCE = "a = <FILL_ME>\n\n\nb = <FILL_ME>\n" + "\n" * 40 + "c = <FILL_ME>\n"
ANSWERS = (["1", "10"], ["2", "20"], ["3", "30"])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "x.py"
    file.write_text(SOURCE)
    return file


def filled(*texts: str) -> str:
    text = SOURCE
    for new in texts:
        text = text.replace("<FILL_ME>", new or "\0", 1)
    return text.replace("\0", "<FILL_ME>")


WALKS = {
    "all by one key": (["tab"], ("1", "2", "3")),
    "one by one": (["enter", "enter", "enter"], ("1", "2", "3")),
    "the middle one rejected": (["enter", "backspace", "enter"], ("1", "", "3")),
    "another answer for the second": (["enter", "alt+n", "enter", "enter"], ("1", "20", "3")),
    "the first one skipped, and met again at the end": (["f8", "enter", "enter", "backspace"], ("", "2", "3")),
    "the rest by one key": (["backspace", "tab"], ("", "2", "3")),
    "ended after the first": (["enter", "escape"], ("1", "", "")),
    "ended after nothing": (["f8", "escape"], ("", "", "")),
    "letters are no answer": ([*"xyz", "enter", "tab"], ("1", "2", "3")),
    "all rejected": (["backspace", "delete", "backspace"], ("", "", "")),
}


@pytest.mark.parametrize("name", WALKS)
async def test_holes_are_decided_one_by_one_and_are_one_step(
    path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    keys, texts = WALKS[name]
    offers(monkeypatch, *ANSWERS)
    async with editor(path, model=MODEL) as host:
        await host.press("f9")
        await host.answered()
        await host.press(*keys)
        assert host.app.infills.review is None
        assert host.text == filled(*texts)
        assert len(host.area.history.undo_stack) == (host.text != SOURCE)
        await host.press("ctrl+z")
        assert host.text == SOURCE


async def test_every_hole_is_on_the_screen_while_it_is_looked_at(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = offers(monkeypatch, *ANSWERS)
    made.go_on.clear()
    async with editor(path, model=MODEL, size=(60, 15)) as host:
        await host.press("f9")
        await host.until(lambda: "hole 1 of 3" in host.status, "the first hole")
        made.go_on.set()
        await host.answered()
        for number, row in enumerate((0, 3, 44), 1):
            assert f"hole {number} of 3" in host.status
            assert "answer 1/2" in host.status
            assert host.selection[1] == (row, 4)
            assert host.area.shows_row(row)
            await host.press("f8")
        assert "hole 1 of 3" in host.status
        assert host.area.shows_row(0)
        for part in ("Enter accept", "Backspace reject", "F1 Help"):
            assert part in host.help_line


async def test_saving_in_the_walk_writes_what_was_accepted(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offers(monkeypatch, *ANSWERS)
    async with editor(path, model=MODEL) as host:
        await host.press("f9")
        await host.answered()
        await host.press("enter", "ctrl+s")
        await host.until(lambda: path.read_text() != SOURCE, "the file to be saved")
        assert path.read_text() == filled("1", "", "")


async def listed(host: Host) -> list[str]:
    pick = await host.dialog(Pick)
    return [item.label for item in pick._items]


async def test_answers_are_listed_and_shown_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.py"
    path.write_text("x = <FILL_ME>\n")
    offers(monkeypatch, ["one", "two", " two", "three\n4", "f( x )", "f(x)"])
    async with editor(path, model=MODEL) as host:
        await host.press("f8", "ctrl+g")
        await host.answered()
        await host.press("alt+a")
        assert await listed(host) == ["one", "two", "three  (+1 line)", "f( x )"]
        await host.press("down")
        assert host.text == "x = two\n"
        await host.press("escape")
        await host.no_dialog()
        assert host.text == "x = one\n"
        await host.press("alt+a")
        await host.dialog(Pick)
        await host.press("down", "down", "enter")
        await host.no_dialog()
        assert host.text == "x = three\n4\n"
        await host.press("tab")
        assert host.text == "x = three\n4\n"


async def test_there_is_no_list_before_the_answer(path: Path) -> None:
    async with editor(path) as host:
        await host.press("alt+a")
        assert "no answer to choose yet" in host.status


def test_a_list_has_five_answers_at_most_and_none_twice() -> None:
    assert distinct(["a", "b", "a ", "a\n", "c", "d", "e", "f"]) == [0, 1, 4, 5, 6]
    assert distinct([]) == []


@pytest.mark.parametrize(
    ("text", "line"), [("x", "x"), ("\n  x\ny", "x  (+1 line)"), ("a\nb\nc\n", "a  (+2 lines)"), ("", "")]
)
def test_the_first_line_that_says_something(text: str, line: str) -> None:
    assert first_line(text) == line
