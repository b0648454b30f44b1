"""Open files in tabs: shown, saved, closed, and what is asked before anything is lost."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dgedit.files import disk
from dgedit.tui.dialogs import Ask, Choose, Compare, PickFile

from ...support.editor_host import Host, editor

DIRTY = "•"


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


async def asked_for(host: Host, name: str) -> None:
    """Type a name into the dialog that is coming up."""
    await host.until(lambda: isinstance(host.app.screen, (Ask, PickFile)) and host.app.screen.focused, "a dialog")
    asked = host.app.screen
    await host.press("ctrl+u", "end", "ctrl+u")
    await host.write(name)
    await host.press("enter")
    await host.until(lambda: asked not in host.app.screen_stack, "the dialog to close")


async def test_files_are_opened_shown_and_closed(first: Path, second: Path) -> None:
    async with editor(first) as host:
        await host.press("ctrl+o")
        await asked_for(host, str(second))
        assert host.text == "b = 2\n"
        assert "second.py" in host.rows[0]
        await host.press("ctrl+pagedown")
        assert host.text == "a = 1\n"
        await host.press("shift+f6", "x")
        assert host.text == "xb = 2\n"
        await host.press("f6", "ctrl+w")
        assert [tab.name for tab in host.app.files.tabs] == ["second.py"]
        assert host.text == "xb = 2\n"
        assert host.app.focused is host.area
        await host.press("ctrl+w")
        await host.answer("ctrl+d")
        assert await host.left() == 0
    assert second.read_text() == "b = 2\n"


async def test_a_file_that_is_open_is_shown_and_not_opened_twice(first: Path, second: Path) -> None:
    link = first.with_name("link.py")
    link.symlink_to(first)
    async with editor(first, second) as host:
        await host.press("f6", "ctrl+o")
        await asked_for(host, str(link))
        assert host.app.files.at == 0
        assert len(host.app.files.tabs) == 2


async def test_a_file_that_cannot_be_opened_is_said(first: Path, tmp_path: Path) -> None:
    binary = tmp_path / "x.bin"
    binary.write_bytes(b"\0\1")
    async with editor(first) as host:
        for name, said in ((str(binary), "binary"), (str(tmp_path), "directory"), ("/no/such/file", "does not exist")):
            await host.press("ctrl+o")
            await asked_for(host, name)
            assert said in host.status
            assert len(host.app.files.tabs) == 1


async def test_an_untouched_new_text_makes_room(first: Path) -> None:
    async with editor() as host:
        assert host.text == ""
        await host.press("ctrl+o")
        await asked_for(host, str(first))
        assert [tab.name for tab in host.app.files.tabs] == ["first.py"]
        await host.press("ctrl+n")
        await host.until(lambda: len(host.app.files.tabs) == 2, "a new text")
        await host.write("new")
        await host.press("ctrl+n")
        await host.until(lambda: len(host.app.files.tabs) == 3, "another new text")
        assert host.text == ""


async def test_a_click_chooses_a_tab_and_a_middle_click_closes_it(first: Path, second: Path) -> None:
    async with editor(first, second) as host:
        at = host.rows[0].index("second")
        await host.pilot.click(host.app.tab_bar, offset=(at, 0))
        await host.settle()
        assert host.text == "b = 2\n"
        at = host.rows[0].index("first")
        await host.pilot.click(host.app.tab_bar, offset=(at, 0), button=2)
        await host.settle()
        assert [tab.name for tab in host.app.files.tabs] == ["second.py"]


async def test_undo_and_cursor_belong_to_each_file(first: Path, second: Path) -> None:
    async with editor(first, second) as host:
        await host.press("x", "f6", "end", "y", "f6", "ctrl+z")
        assert host.text == "a = 1\n"
        await host.press("f6")
        assert host.text == "b = 2y\n"
        assert host.area.cursor_location == (0, 6)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"a\r\nb\r\n",
        b"a\r\nb\nc\r",
        b"a\r\r\nb\r\r\n",
        "\ufeffx = 1\n".encode(),
        "s = '\u2028\f\x85'\n".encode(),
        b"no end",
        "caf\xe9 = 1\n".encode("latin-1"),
        "\ufeffx = 'é'\r\n".encode("utf-16-le"),
        "\ufeffx = 'é'\n".encode("utf-16-be"),
    ],
)
async def test_opening_and_saving_keeps_every_byte(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "x.py"
    path.write_bytes(raw)
    async with editor(path) as host:
        await host.press("a", "backspace", "ctrl+s")
        assert "saved" in host.status
        assert path.read_bytes() == raw


async def test_what_a_latin_1_file_cannot_hold_is_asked_about(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_bytes(b"caf\xe9\n")
    async with editor(path) as host:
        assert "Latin-1" in host.status
        await host.press("end", "é", "ctrl+s")
        assert path.read_bytes() == b"caf\xe9\xe9\n"
        await host.press("😀", "ctrl+s")
        await host.dialog(Choose)
        assert "Latin-1 has no" in "\n".join(host.rows)
        await host.answer("escape")
        assert path.read_bytes() == b"caf\xe9\xe9\n"
        await host.press("ctrl+s")
        await host.answer("u")
        assert path.read_bytes() == "caféé😀\n".encode()
        assert "UTF-8" in host.status


async def test_a_new_text_is_asked_for_its_name(tmp_path: Path) -> None:
    path = tmp_path / "new.py"
    async with editor() as host:
        await host.write("def f():")
        await host.press("ctrl+s")
        await host.answer("escape")
        assert not path.exists()
        await host.press("ctrl+s")
        await asked_for(host, str(path))
        assert path.read_text() == "def f():"
        assert "new.py" in host.status
        assert "python" in host.status
        await host.press("ctrl+q")
        assert await host.left() == 0


async def test_saving_under_the_name_of_another_file_is_asked_about(first: Path, second: Path) -> None:
    async with editor(first) as host:
        await host.press("x", "alt+s")
        await asked_for(host, str(second))
        await host.answer("escape")
        assert second.read_text() == "b = 2\n"
        await host.press("alt+s")
        await asked_for(host, str(second))
        await host.answer("ctrl+r")
        assert second.read_text() == "xa = 1\n"
        await host.press("y", "ctrl+s")
        assert (first.read_text(), second.read_text()) == ("a = 1\n", "xya = 1\n")
        assert "second.py" in host.status


async def test_saving_as_under_the_own_name_does_not_overwrite_what_another_program_wrote(first: Path) -> None:
    async with editor(first) as host:
        await host.press("x")
        first.write_text("theirs\n")
        await host.press("alt+s")
        await host.dialog(Ask)
        await host.press("enter")
        await host.dialog(Compare)
        await host.answer("escape")
        assert first.read_text() == "theirs\n"


async def test_a_read_only_file_is_not_edited_but_saved_elsewhere(
    first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Permissions do not bind whoever runs the tests as root.
    real = disk.read_only_reason
    reason = "read-only: no permission to write"
    monkeypatch.setattr(disk, "read_only_reason", lambda path, size: reason if path == first else real(path, size))
    async with editor(first) as host:
        assert "(read-only)" in host.status
        await host.press("x", "enter", "backspace", "ctrl+d", "ctrl+z", "tab")
        assert host.text == "a = 1\n"
        assert "read-only: no permission" in host.status
        copy = tmp_path / "copy.py"
        await host.press("alt+s")
        await asked_for(host, str(copy))
        await host.press("x", "ctrl+s")
        assert copy.read_text() == "xa = 1\n"
        assert first.read_text() == "a = 1\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
async def test_a_file_without_permission_is_not_replaced(first: Path) -> None:
    first.chmod(0o444)
    async with editor(first) as host:
        await host.press("x", "ctrl+s")
        assert first.read_text() == "a = 1\n"
        assert "read-only" in host.status


async def test_a_failed_save_is_said_and_nothing_is_lost(first: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    async with editor(first) as host:
        await host.press("x")
        monkeypatch.setattr(disk, "write_all", full)
        await host.press("ctrl+s")
        assert "No space left on device" in host.status
        assert host.text == "xa = 1\n"
        await host.until(lambda: " *" in host.status, "the mark of unsaved work")
        await host.press("ctrl+q")
        await host.answer("s")
        assert host.app.is_running, "what could not be saved keeps the editor open"
        assert not host.app._exit
    assert first.read_text() == "a = 1\n"


async def test_every_unsaved_text_is_asked_about_before_the_end(first: Path, second: Path) -> None:
    async with editor(first, second) as host:
        await host.press("x", "f6", "y", "ctrl+q")
        await host.dialog(Choose)
        assert "first.py" in "\n".join(host.rows)
        await host.answer("s")
        assert first.read_text() == "xa = 1\n"
        await host.dialog(Choose)
        assert "second.py" in "\n".join(host.rows)
        await host.answer("escape")
        assert host.text == "yb = 2\n"
        await host.press("ctrl+q")
        await host.answer("ctrl+d")
        assert await host.left() == 0
    assert second.read_text() == "b = 2\n"


async def test_text_that_is_as_on_disk_is_not_asked_about(first: Path) -> None:
    async with editor(first) as host:
        await host.press("x", "ctrl+z", "y", "backspace", "ctrl+q")
        assert await host.left() == 0


async def test_the_mark_of_unsaved_work_comes_and_goes(first: Path, second: Path) -> None:
    async with editor(first, second) as host:
        await host.press("x")
        await host.until(lambda: DIRTY in host.rows[0] and " *" in host.status, "the mark")
        await host.press("ctrl+z")
        await host.until(lambda: DIRTY not in host.rows[0] and " *" not in host.status, "the mark to go")
