"""Keys that are typed in flow: none answers a question that nobody has seen, none overtakes a paste, all are kept."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.events import Paste

from dgedit.files import journal
from dgedit.text.encoding import UTF_8
from dgedit.tui.clipboard import Clipboard
from dgedit.tui.dialogs import Compare
from dgedit.tui.dialogs.question import Question

from ..support.editor_host import Host, editor, key_event
from ..support.journals import ended_process
from ..support.terminal import terminal

HOLD_S = 1.5
"""Long, so that a busy machine does not make a pause of what is typed in flow."""
SOON_S = 0.02


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "x.py"
    file.write_bytes(b"a = 1\n")
    return file


def leave_work(path: Path) -> None:
    """As an editor that was killed leaves it."""
    kept, owner = journal.Journal(path), ended_process()
    kept.write("lost\n", UTF_8, None)
    line, _, body = kept._file.read_bytes().partition(b"\n")
    header = json.loads(line) | {"pid": owner.pid, "start_ticks": owner.start_ticks}
    kept._file.write_bytes(json.dumps(header).encode() + b"\n" + body)


async def in_flow(host: Host, text: str) -> None:
    """Type letters that follow each other soon."""
    for letter in text:
        host.app.post_message(key_event(letter))
        await asyncio.sleep(SOON_S)
    await host.settle()


async def test_work_is_offered_when_the_typing_pauses(path: Path) -> None:
    async with editor(path, hold_s=HOLD_S) as host:
        leave_work(path)
        await in_flow(host, "de")
        host.app.ask(host.app.recovery.offer(host.app.files.tab))
        await in_flow(host, "f dldr ")
        assert host.text == "def dldr a = 1\n"
        assert not isinstance(host.app.screen, Compare)
        await host.dialog(Compare)
    found = journal.pending(path)
    assert found is not None
    assert found.text == "lost\n"


async def test_a_change_from_outside_is_asked_about_when_the_typing_pauses(path: Path) -> None:
    async with editor(path, hold_s=HOLD_S) as host:
        await in_flow(host, "fo")
        path.write_bytes(b"theirs\n")
        host.app.saves.look_outside()
        await in_flow(host, "r row krr")
        assert host.text == "for row krra = 1\n"
        assert not isinstance(host.app.screen, Question)
        await host.dialog(Compare)
        await in_flow(host, "rkd")
        assert isinstance(host.app.screen, Compare)


KEYS_IN_FLOW = [
    *("d", "r", "s", "k", "l", "enter", "escape", "ctrl+d"),
    *("ctrl+r", "ctrl+k", "space", "tab", "right", "enter"),
]


async def test_a_question_takes_no_key_before_it_was_seen_for_a_while(path: Path) -> None:
    async with editor(path, hold_s=HOLD_S) as host:
        await host.press("x", "ctrl+w")
        for key in KEYS_IN_FLOW:
            host.send(key)
            await asyncio.sleep(SOON_S)
        await host.settle()
        assert isinstance(host.app.screen, Question), "in flow, a key answers nothing"
        await asyncio.sleep(HOLD_S + 0.1)
        await host.press("escape")
        await host.no_dialog()
        assert host.text == "xa = 1\n"
    assert path.read_bytes() == b"a = 1\n"


async def test_letters_throw_nothing_away(path: Path) -> None:
    async with editor(path) as host:
        await host.press("x", "ctrl+w")
        await host.until(lambda: isinstance(host.app.screen, Question), "the question")
        await host.write("d D l q 1")
        assert isinstance(host.app.screen, Question)
        await host.press("ctrl+d")
        assert await host.left() == 0
    assert [work.text for work in journal.discarded()] == ["xa = 1\n"]


async def test_words_are_deleted_with_alt_and_no_file_is_closed(path: Path) -> None:
    async with editor(path) as host:
        await host.press("end", "alt+backspace", "alt+enter", "alt+slash", "alt+tab", "alt+1")
        assert host.text == "a = \n"
        await host.press("alt+b", "alt+b", "alt+f")
        assert host.selection == ((0, 1), (0, 1))
        await host.press("ctrl+l")
        await host.write("1 2")
        await host.press("alt+backspace")
        assert host.app.screen.focused is not None
        assert getattr(host.app.screen.focused, "value", "") == "1 "


class SlowClipboard(Clipboard):
    """A clipboard whose tool takes its time."""

    def __init__(self, text: str) -> None:
        super().__init__({})
        self.text, self.goes = text, threading.Event()

    def paste(self) -> str | None:
        assert self.goes.wait(30)
        return self.text


def send(host: Host, *keys: str) -> None:
    """Press keys and do not wait."""
    for key in keys:
        host.send(key)


async def slowly_pasted(host: Host, text: str, meanwhile: Callable[[], object]) -> None:
    """Press the key, then others; the tool answers when they have all come."""
    clipboard = host.app.edits.clipboard = SlowClipboard(text)
    host.send("ctrl+v")
    await host.until(lambda: not host.app.typed._free.is_set(), "the tool to be asked")
    meanwhile()
    for _ in range(20):
        await host.pilot.pause(0.002)
    clipboard.goes.set()
    await host.until(lambda: not host.app.typed.busy, "the keys to be handled")


async def test_keys_stand_behind_a_paste_that_takes_its_time(path: Path) -> None:
    async with editor(path) as host:
        await host.write("ab")
        await slowly_pasted(host, "PASTED", lambda: send(host, "c", "d"))
        assert host.text == "abPASTEDcda = 1\n"
        await host.press("ctrl+z", "ctrl+z")
        assert host.text == "aba = 1\n", "a paste is one step"


async def test_a_paste_lands_in_its_own_file(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "y.py"
    other.write_bytes(b"b\n")
    async with editor(path, other) as host:
        await slowly_pasted(host, "PASTED ", lambda: send(host, "f6", "x"))
        assert host.text == "xb\n"
        await host.press("f6")
        assert host.text == "PASTED a = 1\n"


async def test_a_click_does_not_move_a_paste(path: Path) -> None:
    async with editor(path) as host:
        await slowly_pasted(
            host, "PASTED ", lambda: setattr(host.area, "selection", host.area.selection.cursor((0, 5)))
        )
        assert host.text == "PASTED a = 1\n"


HIDDEN = {
    "NUL": ("a\0b", "NUL"),
    "escapes": ("\x1b[31mred\x1b[0m", "ESC"),
    "C1": ("a\x9bb", "U+009B"),
    "an override": ("a\u202eb\u2066c", "right-to-left override"),
    "tags": ("a\U000e0041b", "tag latin"),
}


@pytest.mark.parametrize("how", ["terminal", "tool"])
@pytest.mark.parametrize("what", HIDDEN)
async def test_what_nobody_sees_is_not_pasted_and_that_is_said(path: Path, what: str, how: str) -> None:
    text, named = HIDDEN[what]
    shown = "".join(c for c in text if c.isprintable())
    async with editor(path) as host:
        if how == "tool":
            await slowly_pasted(host, text, lambda: None)
        else:
            host.app.post_message(Paste(text))
        await host.until(lambda: "pasted without" in host.status, "the notice")
        assert named in host.status
        assert host.text == f"{shown}a = 1\n"
        await host.press("ctrl+s")
    assert path.read_text() == f"{shown}a = 1\n"


async def test_all_of_it_is_pasted_where_that_is_asked_for(path: Path) -> None:
    async with editor(path) as host:
        host.app.edits.clipboard = SlowClipboard("a\x1bb")
        host.app.edits.clipboard.goes.set()
        host.app.edits.paste_whole()
        await host.until(lambda: "\x1b" in host.text, "the paste")
        assert "␛" in "\n".join(host.rows), "it is seen"


def kept() -> str:
    texts = [entry.text for entry in journal._entries("") if entry.text is not None]
    return texts[0] if texts else ""


def test_what_is_typed_without_a_pause_outlives_a_kill(path: Path) -> None:
    with terminal(str(path)) as screen:
        screen.wait_for("a = 1")
        until, typed = time.monotonic() + 30, 0
        # Never a pause in which the editor could find out at leisure what changed.
        while kept().count("x") < 5:
            assert time.monotonic() < until, "the journal never came"
            screen.type(b"x")
            typed += 1
            screen.read(0.04)
        os.kill(screen.child.pid, signal.SIGKILL)
        screen.child.wait()
    found = journal.pending(path)
    assert found is not None
    assert 5 <= found.text.count("x") <= typed


def break_folder(state: Path) -> None:
    state.mkdir(parents=True, exist_ok=True)
    (state / "dgedit").write_text("no folder")


async def test_a_journal_that_cannot_be_written_is_said_at_once(path: Path) -> None:
    break_folder(journal.folder().parents[1])
    async with editor(path) as host:
        assert "would not survive a crash" in host.status
        await host.press("x")
        assert "would not survive a crash" in host.status, "for as long as that is so"
        (journal.folder().parents[1] / "dgedit").unlink()
        await host.app.recovery.keep_unsaved()
        assert "would not survive" not in host.status
    assert kept() == "xa = 1\n"
