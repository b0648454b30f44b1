"""Open files in tabs: what is asked before anything is lost, what other programs do to files, what a crash left."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dgedit import files, journal
from dgedit.config import Config, Editor
from dgedit.encoding import UTF_8
from dgedit.tui.dialogs import Ask, Choose, Compare

from .editor_host import Host, editor
from .journals import ended_process, left_by

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


async def answer(host: Host, letter: str) -> None:
    """Answer the dialog that is coming up."""
    await host.until(lambda: len(host.app.screen_stack) == 2 and host.app.screen.focused is not None, "a dialog")
    asked = host.app.screen
    await host.press(letter)
    await host.until(lambda: asked not in host.app.screen_stack, "the dialog to close")


async def asked_for(host: Host, name: str) -> None:
    """Type a name into the dialog that is coming up."""
    asked = await host.dialog(Ask)
    await host.press("ctrl+u", "end", "ctrl+u")
    await host.type(name)
    await host.press("enter")
    await host.until(lambda: asked not in host.app.screen_stack, "the dialog to close")


def changed(path: Path, text: str) -> None:
    """What another program does to a file."""
    path.write_text(text)


# -- tabs --------------------------------------------------------------------------------------------------------------


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
        assert [tab.name for tab in host.app.filing.tabs] == ["second.py"]
        assert host.text == "xb = 2\n"
        assert host.app.focused is host.area
        await host.press("ctrl+w")
        await answer(host, "d")
        assert await host.left() == 0
    assert second.read_text() == "b = 2\n"


async def test_a_file_that_is_open_is_shown_and_not_opened_twice(first: Path, second: Path) -> None:
    link = first.with_name("link.py")
    link.symlink_to(first)
    async with editor(first, second) as host:
        await host.press("f6", "ctrl+o")
        await asked_for(host, str(link))
        assert host.app.filing.at == 0
        assert len(host.app.filing.tabs) == 2


async def test_a_file_that_cannot_be_opened_is_said(first: Path, tmp_path: Path) -> None:
    binary = tmp_path / "x.bin"
    binary.write_bytes(b"\0\1")
    async with editor(first) as host:
        for name, said in ((str(binary), "binary"), (str(tmp_path), "directory"), ("/no/such/file", "does not exist")):
            await host.press("ctrl+o")
            await asked_for(host, name)
            assert said in host.status
            assert len(host.app.filing.tabs) == 1


async def test_an_untouched_new_text_makes_room(first: Path) -> None:
    async with editor() as host:
        assert host.text == ""
        await host.press("ctrl+o")
        await asked_for(host, str(first))
        assert [tab.name for tab in host.app.filing.tabs] == ["first.py"]
        await host.press("ctrl+n")
        await host.until(lambda: len(host.app.filing.tabs) == 2, "a new text")
        await host.type("new")
        await host.press("ctrl+n")
        await host.until(lambda: len(host.app.filing.tabs) == 3, "another new text")
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
        assert [tab.name for tab in host.app.filing.tabs] == ["second.py"]


async def test_undo_and_cursor_belong_to_each_file(first: Path, second: Path) -> None:
    async with editor(first, second) as host:
        await host.press("x", "f6", "end", "y", "f6", "ctrl+z")
        assert host.text == "a = 1\n"
        await host.press("f6")
        assert host.text == "b = 2y\n"
        assert host.area.cursor_location == (0, 6)


# -- saving ------------------------------------------------------------------------------------------------------------


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
        await answer(host, "escape")
        assert path.read_bytes() == b"caf\xe9\xe9\n"
        await host.press("ctrl+s")
        await answer(host, "u")
        assert path.read_bytes() == "caféé😀\n".encode()
        assert "UTF-8" in host.status


async def test_a_new_text_is_asked_for_its_name(tmp_path: Path) -> None:
    path = tmp_path / "new.py"
    async with editor() as host:
        await host.type("def f():")
        await host.press("ctrl+s")
        await answer(host, "escape")
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
        await answer(host, "escape")
        assert second.read_text() == "b = 2\n"
        await host.press("alt+s")
        await asked_for(host, str(second))
        await answer(host, "r")
        assert second.read_text() == "xa = 1\n"
        await host.press("y", "ctrl+s")
        assert (first.read_text(), second.read_text()) == ("a = 1\n", "xya = 1\n")
        assert "second.py" in host.status


async def test_saving_as_under_the_own_name_does_not_overwrite_what_another_program_wrote(first: Path) -> None:
    async with editor(first) as host:
        await host.press("x")
        changed(first, "theirs\n")
        await host.press("alt+s")
        await host.dialog(Ask)
        await host.press("enter")
        await host.dialog(Compare)
        await answer(host, "escape")
        assert first.read_text() == "theirs\n"


async def test_a_read_only_file_is_not_edited_but_saved_elsewhere(
    first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Permissions do not bind whoever runs the tests as root.
    real = files.read_only_reason
    reason = "read-only: no permission to write"
    monkeypatch.setattr(files, "read_only_reason", lambda path, size: reason if path == first else real(path, size))
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
        monkeypatch.setattr(files, "_write_all", full)
        await host.press("ctrl+s")
        assert "No space left on device" in host.status
        assert host.text == "xa = 1\n"
        await host.until(lambda: " *" in host.status, "the mark of unsaved work")
        await host.press("ctrl+q")
        await answer(host, "s")
        assert host.app.is_running, "what could not be saved keeps the editor open"
        assert not host.app._exit
    assert first.read_text() == "a = 1\n"


# -- quitting ----------------------------------------------------------------------------------------------------------


async def test_every_unsaved_text_is_asked_about_before_the_end(first: Path, second: Path) -> None:
    async with editor(first, second) as host:
        await host.press("x", "f6", "y", "ctrl+q")
        await host.dialog(Choose)
        assert "first.py" in "\n".join(host.rows)
        await answer(host, "s")
        assert first.read_text() == "xa = 1\n"
        await host.dialog(Choose)
        assert "second.py" in "\n".join(host.rows)
        await answer(host, "escape")
        assert host.text == "yb = 2\n"
        await host.press("ctrl+q")
        await answer(host, "d")
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


# -- what other programs do --------------------------------------------------------------------------------------------


async def test_an_untouched_file_is_read_again(first: Path) -> None:
    async with editor(first) as host:
        await host.press("right", "right")
        changed(first, "a = 1\nmore = 2\n")
        host.app.filing.look_outside()
        await host.until(lambda: host.text == "a = 1\nmore = 2\n", "the new text")
        assert host.area.cursor_location == (0, 2)
        assert "was read again" in host.status
        await host.press("ctrl+z")
        assert host.text == "a = 1\n"


async def test_messages_stay_until_the_next_key_that_changes_the_text(first: Path) -> None:
    async with editor(first) as host:
        changed(first, "b\n")
        host.app.filing.look_outside()
        await host.until(lambda: host.text == "b\n", "the new text")
        await host.pilot.pause(0.3)
        assert "was read again" in host.status
        await host.press("x")
        await host.until(lambda: "was read again" not in host.status, "the message to go")


@pytest.mark.parametrize(("letter", "text"), [("r", "theirs\n"), ("k", "xa = 1\n"), ("escape", "xa = 1\n")])
async def test_a_change_under_unsaved_work_is_compared(first: Path, letter: str, text: str) -> None:
    async with editor(first) as host:
        await host.press("x")
        changed(first, "theirs\n")
        host.app.filing.look_outside()
        await host.dialog(Compare)
        screen = "\n".join(host.rows)
        assert "- theirs" in screen
        assert "+ xa = 1" in screen
        host.app.filing.look_outside()
        await answer(host, letter)
        assert len(host.app.screen_stack) == 1, "one question is enough"
        assert host.text == text
        assert first.read_text() == "theirs\n"
        await host.press("ctrl+z")
        assert host.text == ("xa = 1\n" if letter == "r" else "a = 1\n")


async def test_saving_over_a_change_is_asked_about(first: Path) -> None:
    async with editor(first) as host:
        await host.press("x")
        changed(first, "theirs\n")
        await host.press("ctrl+s")
        await answer(host, "escape")
        assert first.read_text() == "theirs\n"
        await host.press("ctrl+s")
        await answer(host, "k")
        assert first.read_text() == "xa = 1\n"
        await host.press("y", "ctrl+s")
        assert first.read_text() == "xya = 1\n", "what was settled is not asked again"


async def test_a_file_that_now_ends_its_lines_otherwise_is_read_again(first: Path) -> None:
    async with editor(first) as host:
        first.write_bytes(b"a = 1\r\nb = 2\r\n")
        host.app.filing.look_outside()
        await host.until(lambda: "\r\n" in host.text, "the new text")
        assert "CRLF" in host.status
        await host.press("end", "enter", "x", "ctrl+s")
        assert first.read_bytes() == b"a = 1\r\nx\r\nb = 2\r\n"


async def test_a_deleted_file_is_unsaved_work(first: Path) -> None:
    async with editor(first) as host:
        first.unlink()
        host.app.filing.look_outside()
        await host.settle()
        assert "was deleted or moved" in host.status
        await host.press("ctrl+q")
        await answer(host, "escape")
        await host.press("ctrl+s")
        assert first.read_text() == "a = 1\n"
        await host.press("ctrl+q")
        assert await host.left() == 0


async def test_a_deleted_file_that_comes_back_is_no_unsaved_work(first: Path) -> None:
    async with editor(first) as host:
        first.unlink()
        host.app.filing.look_outside()
        changed(first, "b\n")
        host.app.filing.look_outside()
        await host.until(lambda: host.text == "b\n", "the new text")
        await host.press("ctrl+q")
        assert await host.left() == 0


async def test_reading_again_is_asked_for(first: Path) -> None:
    async with editor(first, config=Config(editor=Editor(watch=False), keys={"reload": ("f4",)})) as host:
        changed(first, "b\n")
        await host.press("f4")
        assert host.text == "b\n"
        await host.press("x", "f4")
        await answer(host, "r")
        assert host.text == "b\n"


async def test_a_watched_file_is_read_again_by_itself(first: Path) -> None:
    async with editor(first, config=Config(editor=Editor(watch=True))) as host:
        changed(first, "b\n")
        await host.until(lambda: host.text == "b\n", "the watcher to notice")


# -- recovery ----------------------------------------------------------------------------------------------------------

CRASH = """
import asyncio, os, sys
from pathlib import Path
from dgedit.config import Config, Editor
from dgedit.tui.app import DgeditApp

async def main():
    app = DgeditApp(Path(sys.argv[1]), config=Config(editor=Editor(watch=False)), warm_up=False)
    async with app.run_test() as pilot:
        await pilot.press(*"lost ")
        await pilot.pause(0.3)
        await app.filing.keep_unsaved()
        os._exit(9)

asyncio.run(main())
"""


def crashed(path: Path) -> None:
    """An editor that typed into a file and ended without saying so."""
    ended = subprocess.run([sys.executable, "-c", CRASH, str(path)], env=dict(os.environ), timeout=60, check=False)
    assert ended.returncode == 9


@pytest.mark.parametrize(
    ("letter", "text", "kept"),
    [("r", "lost a = 1\n", False), ("d", "a = 1\n", False), ("l", "a = 1\n", True), ("escape", "a = 1\n", True)],
)
async def test_what_a_crash_left_is_offered(first: Path, letter: str, text: str, kept: bool) -> None:
    crashed(first)
    async with editor(first) as host:
        await host.dialog(Compare)
        assert "unsaved work" in "\n".join(host.rows)
        await answer(host, letter)
        await host.until(lambda: (journal.pending(first) is not None) is kept, "the journal")
        assert host.text == text
        assert first.read_text() == "a = 1\n"
        if letter == "r":
            await host.press("ctrl+z")
            assert host.text == "a = 1\n"
            await host.press("ctrl+y", "ctrl+s")
            assert first.read_text() == text


async def test_what_a_crash_left_of_a_text_without_a_name_is_offered() -> None:
    journal.Journal(None).write("lost", UTF_8, None)
    left_by(journal.folder(), ended_process())
    async with editor() as host:
        await answer(host, "r")
        assert host.text == "lost"


async def test_unsaved_work_is_in_the_journal_and_goes_with_the_save(first: Path) -> None:
    def kept() -> str | None:
        return next((entry.text for entry in journal._entries("") if entry.text is not None), None)

    async with editor(first) as host:
        await host.press("x")
        await host.until(lambda: host.app.filing.tab.dirty, "the mark")
        await host.app.filing.keep_unsaved()
        assert kept() == "xa = 1\n"
        await host.press("ctrl+s")
        assert kept() is None


# -- the screen --------------------------------------------------------------------------------------------------------

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
        await answer(host, "d")
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

