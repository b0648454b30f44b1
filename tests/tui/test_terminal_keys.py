"""What a terminal sends to the editor, at once and at bad moments: keys in bursts, bytes that are no text, its end."""

from __future__ import annotations

import base64
import os
import signal
import sys
import termios
import time
from pathlib import Path

import pytest

from dgedit.errors import ExitCode

from ..support.terminal import NEXT_TAB, QUIT, READY, SAVE, SOURCE, UNDO, leave, set_up, terminal

HELP = b"\x1bOP"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "x.py"
    file.write_bytes(SOURCE)
    return file


def test_keys_and_a_click_work_in_80_by_24_and_after_a_resize(path: Path) -> None:
    with terminal(str(path), columns=80, rows=24) as screen:
        screen.wait_for(READY)
        assert len(screen.screen.lines) == 24
        screen.type(b"\x1b[<0;8;2M\x1b[<0;8;2m")
        screen.wait_for("x.py  2:5 of")
        screen.resize(50, 10)
        screen.wait_until(lambda: screen.screen.lines[8].strip().startswith("x.py  2:5"), "the status line in row 9")
        screen.type(b"x" + SAVE)
        screen.wait_file(path, SOURCE.replace(b"    result = 0", b"    xresult = 0"))
        leave(screen)


BURSTS = {
    "tab": (b"ab\tcd\tef", b"ab  cd  ef"),
    "arrows": (b"ab\x1b[Acd\x1b[Bef", b"cdabef"),
    "delete the line": (b"one\rtwo\x1b[A\x0bthree", b"twothree"),
    "undo and redo": (b"one\x1a\x19two\x1a", b"one"),
    "find": (b"one one\x06one\r\x1b[27utwo", b"one two"),
    "go to a line": (b"one\rtwo\x0c1\rzero ", b"zero one\ntwo"),
}


def test_keys_in_one_burst_do_what_they_do_one_by_one(tmp_path: Path) -> None:
    with terminal(*BURSTS, folder=tmp_path) as screen:
        screen.wait_for(READY)
        for name, (keys, expected) in BURSTS.items():
            screen.type(keys + SAVE)
            screen.wait_file(tmp_path / name, expected)
            screen.type(NEXT_TAB)
        leave(screen)


def test_a_question_takes_no_key_that_came_before_it_was_seen(path: Path) -> None:
    with terminal(str(path)) as screen:
        screen.wait_for(READY)
        screen.type(b"# " + QUIT + b"s")
        screen.wait_for("Save the changes")
        assert screen.child.poll() is None
        screen.answer(b"s")
        assert screen.ended() == ExitCode.OK
    assert path.read_bytes() == b"# " + SOURCE


def test_bytes_that_are_no_text_are_one_wrong_character(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    with terminal(str(path)) as screen:
        screen.wait_for(READY)
        screen.type(b"a\xffb\xc3(\xe2\x82")
        screen.wait_for("a\ufffdb\ufffd(")
        screen.type(b"\xacd" + SAVE)
        screen.wait_file(path, "a\ufffdb\ufffd(\u20acd)".encode())
        leave(screen)


def test_keys_that_are_typed_while_the_editor_starts_are_not_lost(path: Path) -> None:
    with terminal(str(path)) as screen:
        screen.type(b"early")
        screen.wait_for("earlydef total")
        screen.type(UNDO)
        screen.wait_for("1  def total")
        leave(screen)


def test_the_editors_keys_are_not_the_terminals_signals(path: Path) -> None:
    with terminal(str(path)) as screen:
        screen.wait_for(READY)
        # Interrupt copies, suspend undoes, end of file selects the word; then the line is doubled.
        screen.type(b"\x03\x1a\x04\x1bc")
        screen.wait_for("2  def total")
        assert screen.child.poll() is None
        copied = base64.b64encode(b"def total(values):\n").decode()
        screen.wait_until(lambda: f"52;c;{copied}" in screen.screen.commands, "the terminal's clipboard")
        screen.type(UNDO)
        screen.wait_gone("2  def total")
        leave(screen)


@pytest.mark.parametrize("end", ["quit", signal.SIGTERM])
def test_the_terminal_is_given_back_as_it_was(path: Path, end: signal.Signals | str) -> None:
    with terminal(str(path)) as screen:
        before = termios.tcgetattr(screen.handle)
        screen.wait_for(READY)
        assert termios.tcgetattr(screen.handle) != before
        assert {"?1049", "?2004"} <= screen.screen.modes
        if isinstance(end, str):
            screen.type(QUIT)
        else:
            os.kill(screen.child.pid, end)
        assert screen.ended() == (0 if isinstance(end, str) else 128 + end)
        assert termios.tcgetattr(screen.handle) == before
        # Visible cursor and line wrap: what every terminal begins with.
        assert screen.screen.modes == {"?25", "?7"}


@pytest.mark.parametrize("end", ["SIGTERM", "SIGHUP", "the window is closed"])
def test_unsaved_work_outlives_the_end_from_outside(path: Path, end: str) -> None:
    with terminal(str(path)) as screen:
        screen.wait_for(READY)
        screen.type(b"# kept ")
        screen.wait_for("# kept ")
        if end == "the window is closed":
            screen.hang_up()
        else:
            os.kill(screen.child.pid, signal.Signals[end])
        assert screen.child.wait(timeout=60) == 128 + (signal.SIGTERM if end == "SIGTERM" else signal.SIGHUP)
    assert path.read_bytes() == SOURCE
    with terminal(str(path)) as screen:
        screen.wait_for("unsaved work of")
        screen.answer(b"r")
        screen.wait_for("# kept def total")
        screen.type(SAVE)
        screen.wait_file(path, b"# kept " + SOURCE)
        leave(screen)
    with terminal(str(path)) as screen:
        screen.wait_for(READY)
        assert "unsaved" not in screen.screen.text
        leave(screen)


def test_a_terminal_that_hangs_and_then_goes_away_does_not_keep_the_editor(path: Path) -> None:
    with terminal(str(path)) as screen:
        screen.wait_for(READY)
        # Nothing is read any more: what the editor draws fills every queue, and the editor waits.
        for _ in range(200):
            screen.type(b"x")
            time.sleep(0.01)
        screen.hang_up()
        assert screen.child.wait(timeout=60) == 128 + signal.SIGHUP
    with terminal(str(path)) as screen:
        screen.wait_for("unsaved work of")


def test_unsaved_work_outlives_an_error_of_the_editor(path: Path) -> None:
    broken = "import dgedit.tui.actions as a, dgedit.cli, sys; a.HelpScreen = None; sys.exit(dgedit.cli.main())"
    with terminal(str(path), command=[sys.executable, "-c", broken], rows=60) as screen:
        screen.wait_for(READY)
        screen.type(b"# kept " + HELP)
        assert screen.ended() == ExitCode.ERROR
        assert "unsaved work was kept" in screen.screen.text
    with terminal(str(path)) as screen:
        screen.wait_for("unsaved work of")
        screen.answer(b"r")
        screen.wait_for("# kept def total")


def test_an_end_while_the_model_loads_loses_nothing(path: Path) -> None:
    set_up("")
    with terminal(str(path)) as screen:
        screen.wait_for(READY)
        screen.type(b"# kept ")
        screen.wait_for("# kept ")
        os.kill(screen.child.pid, signal.SIGTERM)
        assert screen.ended() == 128 + signal.SIGTERM
    with terminal(str(path)) as screen:
        screen.wait_for("unsaved work of")
