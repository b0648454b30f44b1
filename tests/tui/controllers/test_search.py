"""Finding and replacing in the editor: what is marked, selected, counted and said, and what one undo takes back."""

from __future__ import annotations

from pathlib import Path

import pytest

from dgedit.tui.widgets.source_area import SourceArea

from ...support.editor_host import Host, editor

TEXT = "one two\nTwo = one_two\n(two)\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "x.txt"
    file.write_text(TEXT)
    return file


def count(host: Host) -> str:
    """What the bar says of the matches."""
    return str(host.app.find_bar.query_one("#count").render()).strip()


def selected(host: Host) -> str:
    return host.area.selected_text


def marks(area: SourceArea) -> int:
    """How many matches are drawn as such."""
    return sum(len(area.styles_of_row(row)) for row in range(area.document.line_count))


async def find(host: Host, pattern: str, *switches: str) -> None:
    """Open the bar, type a pattern, set switches."""
    await host.press("ctrl+f")
    await host.write(pattern)
    await host.press(*switches)


async def replace(host: Host, pattern: str, replacement: str, *switches: str) -> None:
    """Open the bar with both fields filled; the keyboard is in the second."""
    await host.press("ctrl+r")
    await host.write(pattern)
    await host.press(*switches, "tab")
    await host.write(replacement)


async def test_typing_searches_from_the_cursor_and_steps_go_round(path: Path) -> None:
    async with editor(path) as host:
        await host.select((1, 0))
        await find(host, "two")
        assert (selected(host), host.selection[0], count(host)) == ("Two", (1, 0), "2 of 4")
        for key, place in (("enter", (1, 10)), ("f3", (2, 1)), ("enter", (0, 4)), ("shift+f3", (2, 1))):
            await host.press(key)
            assert host.selection[0] == place, key
        assert marks(host.area) == 4
        await host.press("escape")
        assert marks(host.area) == 0
        assert host.app.focused is host.area
        assert not host.app.find_bar.is_open
        await host.press("f3")
        assert host.selection[0] == (0, 4)
        await host.press("f2")
        assert host.selection[0] == (2, 1)


@pytest.mark.parametrize(
    ("pattern", "switches", "expected"),
    [
        ("two", (), "1 of 4"),
        ("Two", (), "1 of 1"),
        ("two", ("alt+c",), "1 of 3"),
        ("two", ("alt+w",), "1 of 3"),
        ("t.o", ("alt+r",), "1 of 4"),
        (r"^\(|=\s", ("alt+r",), "1 of 2"),
        (r"two\n", ("alt+r",), "1 of 2"),
        ("t.o", (), "no match"),
        ("(", ("alt+r",), "the pattern is wrong at column 1: a ( is never closed"),
    ],
)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
async def test_what_is_found(path: Path, ending: str, pattern: str, switches: tuple[str, ...], expected: str) -> None:
    path.write_bytes(TEXT.replace("\n", ending).encode())
    async with editor(path, size=(160, 20)) as host:
        await find(host, pattern, *switches)
        assert count(host) == expected
        assert host.text == TEXT.replace("\n", ending), "keys of the bar do not reach the text"


async def test_a_selection_is_what_is_looked_for(path: Path) -> None:
    async with editor(path) as host:
        await host.select((1, 6), (1, 9))
        await host.press("ctrl+f")
        assert host.app.find_bar.settings.pattern == "one"
        assert count(host) == "2 of 2"


async def test_several_selected_lines_are_where_is_looked(path: Path) -> None:
    async with editor(path) as host:
        await host.select((1, 0), (2, 5))
        await replace(host, "two", "2")
        await host.press("alt+a")
        assert host.text == "one two\n2 = one_2\n(2)\n"
        await host.press("escape", "ctrl+z")
        assert host.text == TEXT


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
async def test_matches_are_replaced_one_by_one(path: Path, ending: str) -> None:
    path.write_bytes(TEXT.replace("\n", ending).encode())
    async with editor(path) as host:
        await replace(host, r"(t)(wo)$", r"\2\n\1", "alt+r")
        await host.press("enter")
        assert host.text == TEXT.replace("one two\n", "one wo\nt\n").replace("\n", ending)
        assert selected(host) == "two"
        await host.press("enter")
        assert host.text == "one wo\nt\nTwo = one_wo\nt\n(two)\n".replace("\n", ending)
        await host.press("escape", "ctrl+z")
        assert host.text == "one wo\nt\nTwo = one_two\n(two)\n".replace("\n", ending)
        await host.press("ctrl+z")
        assert host.text == TEXT.replace("\n", ending)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("pattern", "replacement", "switches", "new", "number"),
    [
        ("two", "2", (), "one 2\n2 = one_2\n(2)\n", 4),
        ("two", "two two", ("alt+w",), "one two two\ntwo two = one_two\n(two two)\n", 3),
        (r"\n", "", ("alt+r",), "one twoTwo = one_two(two)", 3),
        (r"\n", r"\n\n", ("alt+r",), TEXT.replace("\n", "\n\n"), 3),
        (r"(?P<a>\w+) (?P<b>\w+)$", r"\g<b> \g<a>", ("alt+r",), "two one\nTwo = one_two\n(two)\n", 1),
        (r"(?s).*", "", ("alt+r",), "", 1),
    ],
)
async def test_replacing_all_is_one_step(
    path: Path, ending: str, pattern: str, replacement: str, switches: tuple[str, ...], new: str, number: int
) -> None:
    source = TEXT.replace("\n", ending)
    path.write_bytes(source.encode())
    async with editor(path) as host:
        await replace(host, pattern, replacement, *switches)
        await host.press("alt+a")
        assert host.text == new.replace("\n", ending)
        await host.pilot.pause(0.3)
        assert f"replaced {number}" in host.status
        await host.press("escape", "ctrl+z")
        assert host.text == source
        assert len(host.area.history.undo_stack) == 0
        await host.press("ctrl+y", "ctrl+s")
        assert path.read_bytes() == new.replace("\n", ending).encode()


async def test_a_mixed_text_that_becomes_even_is_undone_too(path: Path) -> None:
    path.write_bytes(b"a\r\nb\nc\r\n")
    async with editor(path) as host:
        await replace(host, r"b\n", "", "alt+r")
        await host.press("alt+a")
        assert host.text == "a\r\nc\r\n"
        await host.press("escape", "ctrl+z")
        assert host.text == "a\r\nb\nc\r\n"


async def test_what_cannot_be_done_is_said_and_changes_nothing(path: Path) -> None:
    async with editor(path, size=(160, 20)) as host:
        await replace(host, "(two)", r"\3", "alt+r")
        for key in ("alt+a", "enter"):
            await host.press(key)
            assert "is no group" in count(host), key
        await host.press("escape")
        await replace(host, "nothing", "x")
        await host.press("alt+a")
        assert "no match" in host.status
        assert host.text == TEXT


async def test_a_pattern_without_end_is_stopped(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dgedit.tui.controllers.search.SEARCH_S", 0.05)
    path.write_text("a" * 60 + "b\n")
    async with editor(path, size=(160, 20)) as host:
        await replace(host, "(a+)+$", "x", "alt+r")
        assert "was stopped after" in count(host)
        for key in ("f3", "enter", "alt+a"):
            await host.press(key)
            assert "was stopped after" in count(host), key
        await host.press("escape", "x")
        assert host.text == "x" + "a" * 60 + "b\n"


async def test_the_text_may_be_edited_while_the_bar_is_open(path: Path) -> None:
    async with editor(path) as host:
        await find(host, "two")
        await host.pilot.click(host.area, offset=(host.area.gutter_width, 0))
        await host.settle()
        await host.write("two ")
        assert marks(host.area) == 0
        await host.press("f3")
        assert (host.selection[0], count(host)) == ((0, 8), "2 of 5")
        assert marks(host.area) == 5
        await host.press("escape")
        assert not host.app.find_bar.is_open


async def test_patterns_of_before_come_back(path: Path) -> None:
    async with editor(path) as host:
        for pattern in ("one", "two"):
            await find(host, pattern)
            await host.press("enter", "escape", "right")
        await find(host, "")
        await host.press("up", "up")
        assert host.app.find_bar.settings.pattern == "one"


async def test_marks_go_from_every_text_when_the_bar_closes(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "y.txt"
    other.write_text("two\n")
    async with editor(path, other) as host:
        await find(host, "two")
        await host.press("f6")
        assert host.text == "two\n"
        await host.press("escape")
        assert [marks(tab.area) for tab in host.app.files.tabs] == [0, 0]


async def test_search_goes_on_in_the_other_file(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "y.txt"
    other.write_text("x\ntwo\n")
    async with editor(path, other) as host:
        await find(host, "two")
        await host.press("f6", "f3")
        assert (host.text, selected(host), host.selection[0]) == ("x\ntwo\n", "two", (1, 0))


async def test_nothing_is_replaced_in_an_open_infill_or_a_locked_text(path: Path) -> None:
    async with editor(path) as host:
        host.area.locked_because("read-only: for this test")
        await replace(host, "two", "x")
        for key in ("enter", "alt+a"):
            host.app.say("")
            await host.press(key)
            assert host.text == TEXT
            assert "read-only: for this test" in host.status
