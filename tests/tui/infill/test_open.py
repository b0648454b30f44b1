"""While an infill is open: what is locked, refused and said, what goes on, and what is said when it fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from dgedit.config import Config
from dgedit.engine import Engine
from dgedit.text.holes import MARKER
from dgedit.tui.dialogs import Ask, Choose
from dgedit.tui.widgets.code_area import INFILL_LOCK

from ...support.editor_host import QUIET, editor

SOURCE = "def total(values):\n    result = 0\n    for value in values:\n        <FILL_ME>\n    return result\n"
SAID = ["q", "enter", "backspace", "delete", "ctrl+z", "ctrl+y", "ctrl+x", "ctrl+d", "ctrl+k", "alt+up", "alt+down"]
SAID += ["ctrl+underscore", "shift+tab", "super+z"]
NOT_SAID = ["ctrl+v", "ctrl+u", "ctrl+shift+k", "super+x", "ctrl+delete", "ctrl+backspace"]
"""Keys of the text area itself; they do nothing."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "x.py"
    file.write_bytes(SOURCE.encode())
    return file


async def test_the_text_is_locked_and_that_is_said(path: Path, nano: Engine) -> None:
    async with editor(path, model=nano) as host:
        await host.press("x", "f8", "ctrl+g")
        await host.answered()
        shown = host.text
        for key in SAID:
            host.app.say("")
            await host.press(key)
            assert host.text == shown, key
            assert INFILL_LOCK in host.status, key
        await host.press(*NOT_SAID)
        assert host.text == shown
        await host.press("escape")
        assert host.text == "x" + SOURCE


async def test_undo_under_a_key_of_the_text_area_is_locked_too(path: Path, nano: Engine) -> None:
    config = Config(editor=QUIET.editor, keys={"undo": ("f4",), "redo": ("f5",)})
    async with editor(path, model=nano, config=config) as host:
        await host.press("x", "f8", "ctrl+g")
        await host.answered()
        shown = host.text
        for key in ("ctrl+z", "ctrl+y", "super+z"):
            await host.press(key)
            assert host.text == shown, key
        await host.press("escape")
        assert host.text == "x" + SOURCE


async def test_half_an_infill_is_not_saved(path: Path, nano: Engine) -> None:
    async with editor(path, model=nano) as host:
        await host.press("f8", "ctrl+g")
        await host.answered()
        for key in ("ctrl+s", "alt+s"):
            host.app.say("")
            await host.press(key)
            assert "accept or cancel the infill first" in host.status
            assert len(host.app.screen_stack) == 1
        assert path.read_bytes() == SOURCE.encode()


async def test_quitting_cancels_it_and_keeps_the_file(path: Path, nano: Engine) -> None:
    async with editor(path, model=nano) as host:
        await host.press("f8", "ctrl+g", "ctrl+q")
        assert await host.left() == 0
    assert path.read_bytes() == SOURCE.encode()


async def test_quitting_with_other_unsaved_work_asks_after_cancelling(path: Path, nano: Engine) -> None:
    async with editor(path, model=nano) as host:
        await host.press("x", "f8", "ctrl+g")
        await host.answered()
        await host.press("ctrl+q")
        await host.dialog(Choose)
        assert host.text == "x" + SOURCE
        await host.press("s")
        assert await host.left() == 0
    assert path.read_bytes() == ("x" + SOURCE).encode()


async def test_another_file_is_edited_while_it_runs(path: Path, tmp_path: Path, nano: Engine) -> None:
    other = tmp_path / "other.py"
    other.write_text("b = 2\n")
    async with editor(path, other, model=nano) as host:
        await host.press("f8", "ctrl+g", "f6")
        assert host.text == "b = 2\n"
        await host.write("a")
        await host.press("tab", "enter")
        assert host.text == "a   \nb = 2\n"
        await host.press("ctrl+s")
        assert other.read_text() == "a   \nb = 2\n"
        await host.answered()
        await host.press("f6")
        assert host.text == SOURCE.replace(MARKER, host.review.text)
        await host.press("tab")
        assert MARKER not in host.text


async def test_an_instruction_that_the_model_cannot_follow_is_said(path: Path, nano: Engine) -> None:
    async with editor(path, model=nano) as host:
        await host.press("f8", "alt+g")
        await host.dialog(Ask)
        await host.write("add it")
        await host.press("enter")
        await host.no_dialog()
        assert "nano cannot follow an instruction" in host.status
        await host.answered()
        assert host.text == SOURCE.replace(MARKER, host.review.text)
        await host.press("escape", "alt+g")
        await host.dialog(Ask)
        await host.press("escape")
        await host.no_dialog()
        assert host.app.infills.review is None


async def test_a_model_that_is_not_there_is_said(path: Path) -> None:
    async with editor(path) as host:
        host.app.jobs.model_name = "no-such-model"
        await host.press("f8", "ctrl+g")
        await host.until(lambda: host.area.preview is None, "the infill to be given up")
        assert "no-such-model" in host.status
        assert host.text == SOURCE


async def test_a_defect_of_the_engine_is_said(path: Path, nano: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("dgedit.tui.infill.thread.fill_gaps", broken)
    async with editor(path, model=nano) as host:
        await host.press("f8", "ctrl+g")
        await host.until(lambda: host.area.preview is None, "the infill to be given up")
        assert "internal error: RuntimeError: boom" in host.status
        assert host.text == SOURCE


async def test_a_span_that_is_too_long_is_said(tmp_path: Path, nano: Engine) -> None:
    path = tmp_path / "x.py"
    path.write_text("value = compute(argument)\n" * 60)
    async with editor(path, model=nano) as host:
        await host.press("ctrl+a", "ctrl+g")
        await host.until(lambda: host.area.preview is None, "the infill to be given up")
        assert "choose fewer lines" in host.status


async def test_a_read_only_file_is_not_infilled(path: Path, nano: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dgedit.files.disk.read_only_reason", lambda *_: "this file is read-only: no right to write")
    async with editor(path, model=nano) as host:
        for key in ("ctrl+g", "f9"):
            host.app.say("")
            await host.press(key)
            assert "read-only" in host.status
        assert host.area.preview is None
