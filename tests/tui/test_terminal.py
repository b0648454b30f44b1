"""The editor in a real terminal, as a person and other programs meet it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from dgedit.bench.model import first_paint_ms
from dgedit.errors import ExitCode

from ..support.terminal import (
    EDITOR,
    ESCAPE,
    INFILL,
    NEXT_HOLE,
    NEXT_TAB,
    PREVIOUS_TAB,
    QUIT,
    READY,
    REDO,
    SAVE,
    SOURCE,
    TAB,
    UNDO,
    leave,
    set_up,
    terminal,
)

COMMIT = ("git", "commit")
NAMES = (
    *("a b.py", "'q\"uo te'.py", "über 数.py", "x:3", "$HOME `id`.py", "-dash.py", "+12", "--help", "fill"),
    # A name may hold what a terminal would act on, a line break, and bytes that are no text.
    *("\x1b]0;owned\x07.py", "\x9b2Ja\n\x1bc.py", "\udcff.py"),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "x.py"
    file.write_bytes(SOURCE)
    return file


def dgedit(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*EDITOR, *arguments], input="", capture_output=True, text=True, timeout=60)


def test_a_hole_is_filled_accepted_undone_redone_and_saved(path: Path) -> None:
    before, after = SOURCE.split(b"<FILL_ME>")
    with terminal(str(path), columns=100) as screen:
        screen.wait_for(READY)
        screen.type(NEXT_HOLE)
        screen.wait_for("x.py  4:18 of 6")
        screen.type(INFILL)
        screen.wait_for("Tab accept")
        told = r"answer 1/\d+ · (?:sure|likely|unsure|a guess) \(\d+%\)  \d+\.\d s"
        assert re.search(told, screen.screen.text)
        screen.type(TAB)
        screen.wait_for(READY)
        filled = screen.screen.lines[3]
        screen.type(UNDO)
        screen.wait_for("<FILL_ME>")
        screen.type(REDO)
        screen.wait_gone("<FILL_ME>")
        assert screen.screen.lines[3] == filled
        screen.type(SAVE)
        screen.wait_for("saved")
        leave(screen)
    written = path.read_bytes()
    assert written.startswith(before)
    assert written.endswith(after)
    assert filled.removeprefix("4  ").encode() + b"\n" in written
    with terminal(str(path), columns=100) as screen:
        screen.wait_for(READY)
        assert screen.screen.lines[3] == filled
        leave(screen)


def test_escape_at_an_infill_gives_every_byte_back(path: Path) -> None:
    raw = SOURCE.replace(b"\n", b"\r\n").replace(b"0", "'\u2028\x0c é'".encode())
    path.write_bytes(raw)
    with terminal(str(path)) as screen:
        screen.wait_for(READY)
        screen.type(NEXT_HOLE)
        screen.wait_for("x.py  4:18")
        screen.type(INFILL)
        screen.wait_gone("<FILL_ME>")
        screen.type(ESCAPE)
        screen.wait_for("cancelled")
        screen.wait_for("<FILL_ME>")
        screen.type(b"a\x7f" + SAVE)
        screen.wait_for("saved")
        leave(screen)
    assert path.read_bytes() == raw.replace(b"<FILL_ME>", b"")


def test_the_cursor_goes_where_the_command_line_says(tmp_path: Path) -> None:
    for name in "abcdef":
        (tmp_path / name).write_text("".join(f"line {number}\n" for number in range(1, 41)))
    arguments = ["a", "+12", "b", "+12:4", "c", "d:3:5", "e:900", "f", "+2"]
    shown = ["a  1:1 of", "b  12:1 of", "c  12:4 of", "d  3:5 of", "e  41:1 of", "f  2:1 of"]
    with terminal(*arguments, folder=tmp_path) as screen:
        for place in shown:
            screen.wait_for(place)
            screen.type(NEXT_TAB)
        leave(screen)


def test_two_files_are_edited_in_tabs_and_each_is_saved(tmp_path: Path) -> None:
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    first.write_text("one\n")
    second.write_text("two\n")
    with terminal(str(first), str(second)) as screen:
        screen.wait_for("one")
        screen.type(NEXT_TAB)
        screen.wait_for("two")
        screen.type(b"2" + SAVE)
        screen.wait_file(second, b"2two\n")
        screen.type(PREVIOUS_TAB)
        screen.wait_for("one")
        screen.type(b"1" + SAVE)
        screen.wait_file(first, b"1one\n")
        leave(screen)


def test_a_new_text_gets_a_name_when_it_is_saved(tmp_path: Path) -> None:
    with terminal(folder=tmp_path) as screen:
        screen.wait_for("untitled")
        screen.type(b"hello" + SAVE)
        screen.wait_for("Save as")
        screen.type(b"hello.txt\r")
        screen.wait_for("hello.txt  1:6")
        leave(screen)
    assert (tmp_path / "hello.txt").read_bytes() == b"hello"


def test_quitting_with_unsaved_work_asks_and_escape_stays(path: Path) -> None:
    with terminal(str(path)) as screen:
        screen.wait_for(READY)
        screen.type(b"# ")
        screen.wait_for("# def")
        screen.type(QUIT)
        screen.wait_for("Save the changes to x.py?")
        screen.answer(ESCAPE)
        screen.wait_gone("Save the changes")
        assert screen.child.poll() is None
        screen.type(QUIT)
        screen.wait_for("Save the changes to x.py?")
        screen.answer(b"s")
        assert screen.ended() == ExitCode.OK
    assert path.read_bytes() == b"# " + SOURCE


def test_files_of_any_name_are_opened_and_saved(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).write_bytes(b"x = 1\n")
    with terminal("--", *NAMES, folder=tmp_path) as screen:
        screen.wait_for(READY)
        for name in NAMES:
            screen.type(b"# " + SAVE)
            screen.wait_file(tmp_path / name, b"# x = 1\n")
            screen.type(NEXT_TAB)
        leave(screen)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, os.devnull)
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "A Person")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "person@example.org")
    monkeypatch.setenv("GIT_EDITOR", shlex.join(EDITOR))
    folder = tmp_path / "repository"
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    (folder / "x.py").write_bytes(SOURCE)
    subprocess.run(["git", "add", "x.py"], cwd=folder, check=True)
    return folder


def messages(repository: Path) -> str:
    done = subprocess.run(["git", "log", "--format=%B"], cwd=repository, capture_output=True, text=True)
    return done.stdout.strip()


def test_a_commit_gets_the_message_that_was_saved(repository: Path) -> None:
    with terminal(command=COMMIT, folder=repository) as screen:
        screen.wait_for("COMMIT_EDITMSG  1:1")
        screen.type(b"A subject\r\rA body: \xc3\xa9" + SAVE)
        screen.wait_for("saved")
        screen.type(QUIT)
        assert screen.ended() == 0
    assert messages(repository) == "A subject\n\nA body: é"


@pytest.mark.parametrize("typed", [b"", b"Not wanted"])
def test_a_commit_without_a_saved_message_is_aborted(repository: Path, typed: bytes) -> None:
    with terminal(command=COMMIT, folder=repository) as screen:
        screen.wait_for("COMMIT_EDITMSG  1:1")
        screen.type(typed)
        screen.wait_for(typed.decode() or READY)
        screen.type(QUIT)
        if typed:
            screen.wait_for("Save the changes")
            screen.answer(b"\x04")
        assert screen.ended() == 1
        assert b"Aborting commit" in screen.raw
    assert messages(repository) == ""


def test_without_a_terminal_it_is_said_what_to_do(path: Path) -> None:
    done = dgedit(str(path))
    assert done.returncode == ExitCode.ERROR
    assert done.stdout == ""
    assert done.stderr == "dgedit: the editor needs a terminal; in a pipe, use: dgedit fill -\n"


@pytest.mark.parametrize(("columns", "rows"), [(30, 24), (80, 5)])
def test_a_small_terminal_is_refused_in_one_line(path: Path, columns: int, rows: int) -> None:
    with terminal(str(path), columns=columns, rows=rows) as screen:
        assert screen.ended() == ExitCode.ERROR
        assert b"make it at least 40x8" in screen.raw


@pytest.mark.parametrize(("command", "shown"), [("config", "[editor]"), ("stats", "no infill was shown")])
def test_settings_and_counts_are_printed(command: str, shown: str) -> None:
    done = dgedit(command)
    assert (done.returncode, done.stderr) == (ExitCode.OK, "")
    assert shown in done.stdout


def test_the_printed_settings_are_read_back(path: Path) -> None:
    set_up(dgedit("config").stdout)
    with terminal(str(path)) as screen:
        screen.wait_for(READY)
        leave(screen)


@pytest.mark.parametrize("settings", ["[editor]\nsoft_wrp = true\n", '[editor]\ntheme = "soft_wrap"\n'])
def test_a_broken_settings_file_locks_nobody_out_and_is_said(path: Path, settings: str) -> None:
    file = set_up(settings)
    with terminal(str(path), columns=250) as screen:
        screen.wait_for("soft_wrap")
        if "theme" not in settings:
            assert f"defaults are used: {file}:2" in screen.screen.text
        leave(screen)
    done = dgedit("--help")
    assert done.returncode == ExitCode.OK, "help comes before the settings"


def test_a_bad_file_among_good_ones_is_refused_before_the_screen_is_taken(path: Path, tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\x00\x01\xff" * 100)
    with terminal(str(path), str(binary), columns=200) as screen:
        assert screen.ended() == ExitCode.ERROR
        assert screen.screen.modes == set()
        assert "binary" in screen.screen.text


def test_the_first_paint_is_measured() -> None:
    took_ms = first_paint_ms()
    assert took_ms is not None
    assert 0 < took_ms < 60_000


HOSTILE = "\x1b]0;owned\x07\x9b31m"
SETTINGS_SAYING = {
    "a theme": '[editor]\ntheme = "\\u001b]0;owned\\u0007\\u009b31m"\n',
    "a table": '["\\u001b]0;owned\\u0007\\u009b31m"]\na = 1\n',
    "a key": '[keys]\nsave = "\\u001b]0;owned\\u0007\\u009b31m"\n',
}


@pytest.mark.parametrize("what", [*SETTINGS_SAYING, "a name"])
def test_no_word_from_elsewhere_reaches_the_terminal_raw(path: Path, tmp_path: Path, what: str) -> None:
    if what in SETTINGS_SAYING:
        set_up(SETTINGS_SAYING[what])
    with terminal(str(path if what in SETTINGS_SAYING else tmp_path / "gone" / HOSTILE), columns=250) as screen:
        if what in SETTINGS_SAYING:
            screen.wait_for("owned")
            assert "\x1b]0;owned" not in screen.raw.decode("utf-8", "replace")
            leave(screen)
            return
        assert screen.ended() == ExitCode.ERROR
        assert b"owned" in screen.raw, "it is told"
        assert not {b"\x1b", b"\x07", "\x9b".encode()} & {bytes([each]) for each in screen.raw}
        assert "\x9b" not in screen.raw.decode()
