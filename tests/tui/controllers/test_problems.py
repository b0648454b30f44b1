"""Doubtful places in the gutter and the status line; a name that nothing defines is a hole to be filled."""

from __future__ import annotations

from pathlib import Path

import pytest

from dgedit.config import Config, Editor
from dgedit.tui.controllers import problems
from dgedit.tui.widgets.preview import DOUBT

from ...support.editor_host import Host, editor
from ...support.offers import MODEL, offers

LOOKING = Config(editor=Editor(watch=False, close_brackets=False))


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(problems, "PAUSE_S", 0.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "x.py"
    file.write_text("x = 1\ny = total\n")
    return file


def marked(host: Host) -> list[int]:
    return [number for number, row in enumerate(host.rows) if DOUBT in row[: host.area.gutter_width]]


async def test_a_name_that_nothing_defines_is_marked_and_filled(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offers(monkeypatch, ["x + 1"])
    async with editor(path, model=MODEL, config=LOOKING) as host:
        await host.until(lambda: marked(host) == [1], "the mark")
        assert "undefined name" not in host.status
        await host.press("down")
        assert "undefined name 'total'" in host.status
        await host.press("ctrl+home", "f7")
        assert host.area.selected_text == "total"
        assert "undefined name 'total': Ctrl+G fills this" in host.status
        await host.press("ctrl+g")
        await host.answered()
        await host.press("tab")
        assert host.text == "x = 1\ny = x + 1\n"
        await host.until(lambda: not marked(host), "the mark to go")


async def test_marks_follow_the_text(path: Path) -> None:
    async with editor(path, config=LOOKING) as host:
        await host.until(lambda: marked(host) == [1], "the mark")
        await host.press("enter")
        assert marked(host) == [], "an old mark beside another line would be wrong"
        await host.until(lambda: marked(host) == [2], "the mark where the line is now")
        await host.press("(")
        await host.until(lambda: marked(host) == [1], "what does not parse")


async def test_other_languages_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("y = total\n")
    async with editor(path, config=LOOKING) as host:
        await host.press("f7")
        assert "only Python is looked at" in host.status
