"""What other programs do to open files, and unsaved work that an editor left which ended without saying so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dgedit.config import Config, Editor
from dgedit.files import journal
from dgedit.text.encoding import UTF_8
from dgedit.tui.dialogs import Compare

from ...support.editor_host import editor
from ...support.journals import ended_process, left_by


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


def changed(path: Path, text: str) -> None:
    """What another program does to a file."""
    path.write_text(text)


async def test_an_untouched_file_is_read_again(first: Path) -> None:
    async with editor(first) as host:
        await host.press("right", "right")
        changed(first, "a = 1\nmore = 2\n")
        host.app.saves.look_outside()
        await host.until(lambda: host.text == "a = 1\nmore = 2\n", "the new text")
        assert host.area.cursor_location == (0, 2)
        assert "was read again" in host.status
        await host.press("ctrl+z")
        assert host.text == "a = 1\n"


async def test_messages_stay_until_the_next_key_that_changes_the_text(first: Path) -> None:
    async with editor(first) as host:
        changed(first, "b\n")
        host.app.saves.look_outside()
        await host.until(lambda: host.text == "b\n", "the new text")
        await host.pilot.pause(0.3)
        assert "was read again" in host.status
        await host.press("x")
        await host.until(lambda: "was read again" not in host.status, "the message to go")


@pytest.mark.parametrize(("letter", "text"), [("ctrl+r", "theirs\n"), ("k", "xa = 1\n"), ("escape", "xa = 1\n")])
async def test_a_change_under_unsaved_work_is_compared(first: Path, letter: str, text: str) -> None:
    async with editor(first) as host:
        await host.press("x")
        changed(first, "theirs\n")
        host.app.saves.look_outside()
        await host.dialog(Compare)
        screen = "\n".join(host.rows)
        assert "- theirs" in screen
        assert "+ xa = 1" in screen
        host.app.saves.look_outside()
        await host.answer(letter)
        assert len(host.app.screen_stack) == 1, "one question is enough"
        assert host.text == text
        assert first.read_text() == "theirs\n"
        await host.press("ctrl+z")
        assert host.text == ("xa = 1\n" if letter == "ctrl+r" else "a = 1\n")


async def test_saving_over_a_change_is_asked_about(first: Path) -> None:
    async with editor(first) as host:
        await host.press("x")
        changed(first, "theirs\n")
        await host.press("ctrl+s")
        await host.answer("escape")
        assert first.read_text() == "theirs\n"
        await host.press("ctrl+s")
        await host.answer("ctrl+k")
        assert first.read_text() == "xa = 1\n"
        await host.press("y", "ctrl+s")
        assert first.read_text() == "xya = 1\n", "what was settled is not asked again"


async def test_a_long_line_is_broken_in_a_file_that_changed_out_of_sight(first: Path, second: Path) -> None:
    async with editor(first, second, config=Config(editor=Editor(watch=False, soft_wrap=True)), size=(60, 20)) as host:
        # More digits in the margin make all rows be broken anew.
        changed(second, "word " * 30 + "end\n" * 12)
        host.app.saves.look_outside()
        await host.press("f6")
        assert "end" not in host.rows[1]
        assert host.rows[2].strip().startswith("word")
        await host.press("ctrl+end", "x")
        assert host.text.endswith("end\nx")


REREAD = {
    "CRLF": (b"a = 1\r\nb = 2\r\n", "CRLF  UTF-8"),
    "CR": (b"a = 1\rb = 2\r", "CR  UTF-8"),
    "a mixture": (b"a = 1\r\nb = 2\n", "mixed  UTF-8"),
    "another encoding": ("\ufeffa = 1\nb = 2\n".encode("utf-16-le"), "LF  UTF-16 LE"),
    "both": ("\ufeffa = 1\r\nb = 3\r\n".encode("utf-16-be"), "CRLF  UTF-16 BE"),
}


@pytest.mark.parametrize("what", REREAD)
async def test_a_file_that_is_now_written_otherwise_is_read_again_as_one_step(first: Path, what: str) -> None:
    raw, told = REREAD[what]
    first.write_bytes(b"a = 1\nb = 2\n")
    async with editor(first) as host:
        await host.press("down", "end", "x", "ctrl+s")
        before = host.text
        first.write_bytes(raw)
        host.app.saves.look_outside()
        await host.until(lambda: "was read again" in host.status, "the new text")
        assert told in host.status
        assert host.selection[1][0] == 1, "the cursor stays in its row"
        again = host.text
        await host.press("ctrl+z")
        assert host.text == (before if again != before else "a = 1\nb = 2\n")
        await host.press("ctrl+y")
        assert host.text == again
        await host.press("ctrl+z")
        await host.app.recovery.keep_unsaved()
        kept = [entry.text for entry in journal._entries("") if entry.text is not None]
        assert kept == [host.text], "the journal goes on"
        await host.press("ctrl+y", "ctrl+home", "end", "enter", "x", "ctrl+s")
        ending = host.app.area.document.newline
        assert host.app.files.tab.buffer.encode(host.text) == first.read_bytes()
        assert host.text.startswith(f"a = 1{ending}x") or what == "a mixture"


async def test_a_deleted_file_is_unsaved_work(first: Path) -> None:
    async with editor(first) as host:
        first.unlink()
        host.app.saves.look_outside()
        await host.settle()
        assert "was deleted or moved" in host.status
        await host.press("ctrl+q")
        await host.answer("escape")
        await host.press("ctrl+s")
        assert first.read_text() == "a = 1\n"
        await host.press("ctrl+q")
        assert await host.left() == 0


async def test_a_deleted_file_that_comes_back_is_no_unsaved_work(first: Path) -> None:
    async with editor(first) as host:
        first.unlink()
        host.app.saves.look_outside()
        changed(first, "b\n")
        host.app.saves.look_outside()
        await host.until(lambda: host.text == "b\n", "the new text")
        await host.press("ctrl+q")
        assert await host.left() == 0


async def test_reading_again_is_asked_for(first: Path) -> None:
    async with editor(first, config=Config(editor=Editor(watch=False), keys={"reload": ("f4",)})) as host:
        changed(first, "b\n")
        await host.press("f4")
        assert host.text == "b\n"
        await host.press("x", "f4")
        await host.answer("ctrl+r")
        assert host.text == "b\n"


async def test_a_watched_file_is_read_again_by_itself(first: Path) -> None:
    async with editor(first, config=Config(editor=Editor(watch=True))) as host:
        changed(first, "b\n")
        await host.until(lambda: host.text == "b\n", "the watcher to notice")


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
        await app.recovery.keep_unsaved()
        os._exit(9)

asyncio.run(main())
"""


def crashed(path: Path) -> None:
    """An editor that typed into a file and ended without saying so."""
    ended = subprocess.run([sys.executable, "-c", CRASH, str(path)], env=dict(os.environ), timeout=60, check=False)
    assert ended.returncode == 9


@pytest.mark.parametrize(
    ("letter", "text", "kept"),
    [("r", "lost a = 1\n", False), ("ctrl+d", "a = 1\n", False), ("l", "a = 1\n", True), ("escape", "a = 1\n", True)],
)
async def test_what_a_crash_left_is_offered(first: Path, letter: str, text: str, kept: bool) -> None:
    crashed(first)
    async with editor(first) as host:
        await host.dialog(Compare)
        assert "unsaved work" in "\n".join(host.rows)
        await host.answer(letter)
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
        await host.answer("r")
        assert host.text == "lost"


async def test_unsaved_work_is_in_the_journal_and_goes_with_the_save(first: Path) -> None:
    def kept() -> str | None:
        return next((entry.text for entry in journal._entries("") if entry.text is not None), None)

    async with editor(first) as host:
        await host.press("x")
        await host.until(lambda: host.app.files.tab.dirty, "the mark")
        await host.app.recovery.keep_unsaved()
        assert kept() == "xa = 1\n"
        await host.press("ctrl+s")
        assert kept() is None
