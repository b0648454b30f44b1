"""Several cursors in the editor: keys at all of them, one undo, and what leaves one."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.events import Paste

from ...support.editor_host import Host, editor

SOURCE = "one = 1\n    two = one\nthree = one\n"
EVERY = ["ctrl+d"] * 3
"""With the cursor in the first word: it is selected, then the next two places."""
KEYS: dict[str, tuple[list[str], str]] = {
    "typed over": ([*EVERY, *"ab"], "ab = 1\n    two = ab\nthree = ab\n"),
    "backspace": ([*EVERY, "right", "backspace"], "on = 1\n    two = on\nthree = on\n"),
    "delete": ([*EVERY, "left", "delete"], "ne = 1\n    two = ne\nthree = ne\n"),
    "enter keeps the depth": ([*EVERY, "enter", "x"], "\nx = 1\n    two = \n    x\nthree = \nx\n"),
    "moved and typed": ([*EVERY, "home", "!"], "!one = 1\n!    two = one\n!three = one\n"),
    "selected and typed": ([*EVERY, "right", "shift+left", "E"], "onE = 1\n    two = onE\nthree = onE\n"),
    "undone": ([*EVERY, *"ab", "backspace", "ctrl+z"], SOURCE),
    "undone and done again": ([*EVERY, *"ab", "ctrl+z", "ctrl+y"], "ab = 1\n    two = ab\nthree = ab\n"),
    "escape leaves one": ([*EVERY, "escape", "right", "x"], "one = 1\n    two = one\nthree = onex\n"),
    "another command leaves one": ([*EVERY, "shift+tab", "right", "x"], "one = 1\n    two = one\nthree = onex\n"),
    "all taken": ([*EVERY, "ctrl+d", "x"], "x = 1\n    two = x\nthree = x\n"),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "x.py"
    file.write_text(SOURCE)
    return file


@pytest.mark.parametrize("name", KEYS)
async def test_keys_at_all_of_them(path: Path, name: str) -> None:
    keys, text = KEYS[name]
    async with editor(path) as host:
        await host.press(*keys)
        assert host.text == text


async def test_one_undo_takes_all_back_with_the_cursor(path: Path) -> None:
    async with editor(path) as host:
        await host.press(*EVERY, *"abc", "ctrl+z")
        assert host.text == SOURCE
        assert not host.area.history.undo_stack
        await host.press("ctrl+y")
        assert host.text.count("abc") == 3


async def test_line_ends_are_kept(path: Path) -> None:
    path.write_bytes(SOURCE.replace("\n", "\r\n").encode())
    async with editor(path) as host:
        await host.press(*EVERY, "enter", "x", "ctrl+s")
        assert path.read_bytes() == b"\r\nx = 1\r\n    two = \r\n    x\r\nthree = \r\nx\r\n"


async def test_a_paste_of_as_many_lines_gives_each_its_own(path: Path) -> None:
    async with editor(path) as host:
        await host.press(*EVERY)
        host.app.post_message(Paste("a\nb\nc"))
        await host.settle()
        assert host.text == "a = 1\n    two = b\nthree = c\n"


async def alt_click(host: Host, x: int, y: int) -> None:
    await host.pilot.click(host.area, offset=(x, y), meta=True)
    await host.settle()


async def test_alt_and_a_click_put_one_more(path: Path) -> None:
    async with editor(path) as host:
        left = host.area.gutter_width
        await alt_click(host, left, 2)
        assert len(host.area.cursors.others) == 1
        await host.write("x")
        assert host.text == "xone = 1\n    two = one\nxthree = one\n"
        await host.pilot.click(host.area, offset=(left, 1))
        await host.write("y")
        assert host.text == "xone = 1\ny    two = one\nxthree = one\n"


async def test_they_are_drawn_and_also_behind_the_end_of_a_line(path: Path) -> None:
    async with editor(path) as host:
        plain = [host.area.render_line(row) for row in range(3)]
        await host.press(*EVERY, "end")
        drawn = [host.area.render_line(row) for row in range(3)]
        assert all(before != now for before, now in zip(plain, drawn, strict=True))
        assert [strip.text.rstrip() for strip in plain] == [strip.text.rstrip() for strip in drawn]
        await host.press("escape")
        assert not host.area.cursors.others


async def test_a_locked_text_takes_none(path: Path) -> None:
    async with editor(path) as host:
        host.area.locked_because("read-only here")
        await host.press(*EVERY, "x")
        assert host.text == SOURCE
        assert "read-only here" in host.status
