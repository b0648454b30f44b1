"""What reaches the terminal: no control character of a file, and something useful at every size and without colours."""

from __future__ import annotations

from pathlib import Path

import pytest

from dgedit.config import Config, Editor
from dgedit.tui.dialogs import Ask, Choose

from ..support.editor_host import editor


@pytest.fixture
def first(tmp_path: Path) -> Path:
    path = tmp_path / "first.py"
    path.write_text("a = 1\n")
    return path


@pytest.fixture
def second(tmp_path: Path) -> Path:
    path = tmp_path / "second.py"
    path.write_text("b = 2\n")
    return path


NASTY = "a\x1b[2J\x1b]0;owned\x07b\x00c\x7fd\x9b31me\rf\x0cg\x08h\u2028i\n"


@pytest.mark.parametrize("wraps", [False, True])
async def test_control_characters_reach_no_terminal(tmp_path: Path, wraps: bool) -> None:
    path = tmp_path / "x\x1b[2Jy.txt"
    path.write_text(NASTY.replace("\x00", ""))
    other = tmp_path / "z.py"
    other.write_text("")
    async with editor(path, other, config=Config(editor=Editor(watch=False, soft_wrap=wraps))) as host:
        host.area.select_all()
        await host.settle()
        for look in (lambda: None, lambda: host.app.say(NASTY), lambda: host.app.push_screen(Ask(NASTY, NASTY))):
            look()
            await host.settle()
            drawn = "".join(host.rows)
            assert "[2J" in drawn
            assert not [sign for sign in drawn if sign < " " or "\x7f" <= sign < "\xa0"]
            assert "\x1b" not in host.app.export_screenshot()


@pytest.mark.parametrize("size", [(40, 8), (80, 24), (200, 60)])
async def test_every_size_has_a_text_a_status_and_dialogs(first: Path, second: Path, size: tuple[int, int]) -> None:
    async with editor(first, second, size=size) as host:
        assert len(host.rows) == size[1]
        assert "a = 1" in "\n".join(host.rows)
        assert "first.py" in host.rows[-2]
        for key in ("ctrl+f", "ctrl+r", "f1", "ctrl+o", "ctrl+l", "ctrl+p"):
            await host.press(key)
            await host.until(lambda: len(host.app.screen_stack) > 1 or host.app.find_bar.is_open, key)
            assert all(len(row) <= size[0] for row in host.rows)
            while len(host.app.screen_stack) > 1 or host.app.find_bar.is_open:
                await host.press("escape")
        await host.press("x", "ctrl+q")
        await host.dialog(Choose)
        assert "Save" in "\n".join(host.rows)
        await host.answer("ctrl+d")
        assert await host.left() == 0


async def test_the_window_may_change_its_size_with_a_dialog_open(first: Path) -> None:
    async with editor(first) as host:
        await host.press("ctrl+l")
        for size in ((40, 8), (10, 3), (120, 40)):
            await host.pilot.resize_terminal(*size)
            await host.settle()
        await host.press("escape", "x")
        assert host.text == "xa = 1\n"


async def test_without_colour_the_text_is_still_there(first: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with editor(first) as host:
        assert host.app.no_color
        assert "a = 1" in "\n".join(host.rows)
        await host.press("x", "f1", "escape")
        assert host.text == "xa = 1\n"
