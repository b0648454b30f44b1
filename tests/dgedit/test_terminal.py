"""The editor in a real terminal, as a person and other programs meet it."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from dgedit.bench import first_paint_ms
from dgedit.errors import ExitCode

from .terminal import EDITOR, Terminal, terminal

SOURCE = b"def total(values):\n    result = 0\n    for value in values:\n        <FILL_ME>\n    return result\n"
READY = "Ctrl+O Open"
SAVE, QUIT, UNDO, REDO, FIND, INFILL = b"\x13", b"\x11", b"\x1a", b"\x19", b"\x06", b"\x07"
NEXT_HOLE, NEXT_TAB, PREVIOUS_TAB = b"\x1b[19~", b"\x1b[6;5~", b"\x1b[5;5~"
TAB, ESCAPE = b"\t", b"\x1b"
COLOUR = re.compile(rb"\x1b\[(?:[0-9;]*;)?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;[0-9;]*)?m")


@pytest.fixture(autouse=True)
def no_warm_up(own_home: Path) -> Path:
    """Without the model an editor starts three times as fast; an infill still loads it."""
    folder = own_home / "xdg_config_home" / "dgedit"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text("[infill]\nwarm_up = false\n")
    return folder / "config.toml"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "x.py"
    file.write_bytes(SOURCE)
    return file


def leave(screen: Terminal) -> None:
    """Quit and see that nothing went wrong on the way."""
    screen.type(QUIT)
    assert screen.ended() == ExitCode.OK
    assert screen.screen.unknown == []
    # The shape of the mouse pointer is all that Textual asks for.
    assert {command.partition(";")[0] for command in screen.screen.commands} <= {"22"}


def dgedit(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*EDITOR, *arguments], input="", capture_output=True, text=True, timeout=60)


# -- an infill ---------------------------------------------------------------------------------------------------------


def test_a_hole_is_filled_accepted_undone_redone_and_saved(path: Path) -> None:
    before, after = SOURCE.split(b"<FILL_ME>")
    with terminal(str(path), columns=100) as screen:
        screen.wait_for(READY)
        screen.type(NEXT_HOLE)
        screen.wait_for("x.py  4:18 of 6")
        screen.type(INFILL)
        screen.wait_for("denoising")
        screen.wait_for("Tab accept")
        assert re.search(r"answer 1/\d+ score .* pass \d/8 .* nano 14\.9M cpu", screen.screen.text)
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
        screen.wait_for("denoising")
        screen.type(ESCAPE)
        screen.wait_for("cancelled")
        screen.wait_for("<FILL_ME>")
        screen.type(b"a\x7f" + SAVE)
        screen.wait_for("saved")
        leave(screen)
    assert path.read_bytes() == raw.replace(b"<FILL_ME>", b"")


# -- files, places, tabs -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["x.py"], "x.py  1:1 of"),
        (["+12", "x.py"], "x.py  12:1 of"),
        (["+12:4", "x.py"], "x.py  12:4 of"),
        (["x.py:3:5"], "x.py  3:5 of"),
        (["x.py:900"], "x.py  41:1 of"),
        (["x.py", "+2"], "x.py  2:1 of"),
    ],
)
def test_the_cursor_goes_where_the_command_line_says(tmp_path: Path, arguments: list[str], expected: str) -> None:
    (tmp_path / "x.py").write_text("".join(f"line_{number} = {number}\n" for number in range(1, 41)))
    with terminal(*arguments, folder=tmp_path) as screen:
        screen.wait_for(expected)
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
        screen.type(ESCAPE)
        screen.wait_gone("Save the changes")
        assert screen.child.poll() is None
        screen.type(QUIT)
        screen.wait_for("Save the changes to x.py?")
        screen.type(b"s")
        assert screen.ended() == ExitCode.OK
    assert path.read_bytes() == b"# " + SOURCE


@pytest.mark.parametrize(
    "name",
    [
        "a b.py",
        "'q\"uo te'.py",
        "über 数.py",
        "x:3",
        "$HOME `id`.py",
        "\x1b]0;owned\x07.py",
        "\x9b2Ja\n\x1bc.py",
        "\udcff.py",
    ],
    ids=ascii,
)
def test_a_file_of_any_name_is_opened_and_saved(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"x = 1\n")
    with terminal("--", name, folder=tmp_path) as screen:
        screen.wait_for(READY)
        screen.type(b"# " + SAVE)
        screen.wait_file(path, b"# x = 1\n")
        leave(screen)


@pytest.mark.parametrize("name", ["-dash.py", "+12", "--help", "fill"])
def test_a_name_that_looks_like_an_option_is_a_file_after_two_dashes(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x = 1\n")
    with terminal("--", name, folder=tmp_path) as screen:
        screen.wait_for(f"{name}  1:1 of 2")
        leave(screen)


# -- what reaches the terminal -----------------------------------------------------------------------------------------


def test_control_characters_of_a_file_never_reach_the_terminal(path: Path) -> None:
    hostile = "".join(map(chr, [*range(1, 9), 11, 12, *range(14, 32), *range(127, 160)])).encode()
    path.write_bytes(b"a = '\x1b[31m\x1b]0;owned\x07\x1b[2J\x1bc\x9b31m'\nb = '" + hostile + b"'\n\x1b[5;5Hend\n")
    raw = path.read_bytes()
    with terminal(str(path), columns=120) as screen:
        screen.wait_for("end")
        assert "a = '␛[31m␛]0;owned␇␛[2J␛c" in screen.screen.lines[0]
        screen.type(FIND + b"owned\r" + ESCAPE + b"\x01")
        screen.wait_for("1:")
        screen.type(b"\x1b[F" + b"x\x7f" + SAVE)
        screen.wait_for("saved")
        leave(screen)
    assert path.read_bytes() == raw


@pytest.mark.parametrize(
    ("pasted", "expected"),
    [
        (b"\tone\r\ttwo\r\nthree", b"\tone\n\ttwo\nthree"),
        (b"if x:\r    y\r", b"if x:\n    y\n"),
        ("é 数 🙂 e\u0301".encode(), "é 数 🙂 e\u0301".encode()),
        (b"x" * 100_000, b"x" * 100_000),
    ],
    ids=["tabs and line breaks", "no auto indent", "unicode", "100 kB"],
)
def test_a_paste_goes_in_as_it_is(tmp_path: Path, pasted: bytes, expected: bytes) -> None:
    path = tmp_path / "x.txt"
    with terminal(str(path)) as screen:
        screen.wait_for(READY)
        screen.type(b"\x1b[200~" + pasted + b"\x1b[201~")
        screen.wait_for("x.txt *")
        screen.type(SAVE)
        screen.wait_file(path, expected)
        screen.type(UNDO + SAVE)
        screen.wait_file(path, b"")
        leave(screen)


@pytest.mark.parametrize(
    ("variables", "codes"),
    [
        ({"TERM": "xterm-256color"}, rb"\x1b\[38;5;[0-9]+;48;5;[0-9]+m"),
        ({"TERM": "xterm"}, rb"\x1b\[(?:3|9)[0-7];(?:4|10)[0-7]m"),
        ({"TERM": "linux"}, rb"\x1b\[(?:3|9)[0-7];(?:4|10)[0-7]m"),
        ({"COLORTERM": "truecolor"}, rb"\x1b\[38;2;[0-9;]+m"),
    ],
    ids=str,
)
def test_colours_are_those_of_the_terminal(path: Path, variables: dict[str, str], codes: bytes) -> None:
    with terminal(str(path), env=variables) as screen:
        screen.wait_for(READY)
        leave(screen)
    found = COLOUR.findall(screen.raw)
    assert re.search(codes, screen.raw)
    assert len({code.count(b";") for code in found if b"38" in code or b"48" in code}) <= 3


def test_no_colour_is_sent_where_none_is_wanted(path: Path) -> None:
    with terminal(str(path), env={"NO_COLOR": "1", "COLORTERM": "truecolor"}) as screen:
        screen.wait_for(READY)
        screen.type(NEXT_HOLE)
        screen.wait_for("x.py  4:18")
        screen.type(FIND + b"result")
        screen.wait_for("1 of 2")
        screen.type(ESCAPE)
        screen.wait_gone("1 of 2")
        screen.type(INFILL)
        screen.wait_for("Tab accept")
        screen.type(ESCAPE)
        leave(screen)
    assert COLOUR.findall(screen.raw) == []
    assert {b"\x1b[2m", b"\x1b[7m", b"\x1b[1m", b"\x1b[3m"} <= set(re.findall(rb"\x1b\[[0-9;]*m", screen.raw))


def test_a_terminal_without_cursor_movement_is_refused(path: Path) -> None:
    with terminal(str(path), env={"TERM": "dumb"}) as screen:
        assert screen.ended() == ExitCode.ERROR
        assert b"\x1b" not in screen.raw
        assert "TERM=dumb" in screen.screen.text


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


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (b"ab\tcd\tef", b"ab  cd  ef"),
        (b"ab\x1b[Acd\x1b[Bef", b"abcdef"),
        (b"one\rtwo\x1b[A\x0bthree", b"threetwo"),
        (b"one\x1a\x19two\x1a", b"one"),
        (b"one one\x06one\r\x1b[27utwo", b"two one"),
        (b"one\rtwo\x0c1\rzero ", b"zero one\ntwo"),
        (b"a\x10Duplicate the lines\r", b"a\na"),
    ],
    ids=["tab", "arrows", "delete the line", "undo and redo", "find", "go to a line", "a command by its name"],
)
def test_keys_in_one_burst_do_what_they_do_one_by_one(tmp_path: Path, keys: bytes, expected: bytes) -> None:
    path = tmp_path / "x.txt"
    with terminal(str(path)) as screen:
        screen.wait_for(READY)
        screen.type(keys + SAVE)
        screen.wait_file(path, expected)
        leave(screen)


def test_an_answer_typed_with_its_question_is_heard(path: Path) -> None:
    with terminal(str(path)) as screen:
        screen.wait_for(READY)
        screen.type(b"# " + QUIT + b"s")
        assert screen.ended() == ExitCode.OK
    assert path.read_bytes() == b"# " + SOURCE


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
        # Interrupt, quit, suspend, stop output, start output, end of file.
        screen.type(b"\x03\x1a\x04")
        screen.wait_for("2  def total")
        assert screen.child.poll() is None
        screen.type(UNDO)
        screen.wait_gone("2  def total")
        leave(screen)


# -- the terminal is given back ----------------------------------------------------------------------------------------


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
        screen.type(b"# typed")
        screen.wait_for("# typed")
        if end == "the window is closed":
            screen.hang_up()
        else:
            os.kill(screen.child.pid, signal.Signals[end])
        assert screen.child.wait(timeout=60) == 128 + (signal.SIGTERM if end == "SIGTERM" else signal.SIGHUP)
    assert path.read_bytes() == SOURCE
    with terminal(str(path)) as screen:
        screen.wait_for("unsaved work of")
        screen.type(b"r")
        screen.wait_for("# typeddef total")
        screen.type(SAVE)
        screen.wait_for("saved")
        leave(screen)
    assert path.read_bytes() == b"# typed" + SOURCE
    with terminal(str(path)) as screen:
        screen.wait_for(READY)
        assert "unsaved" not in screen.screen.text
        leave(screen)


def test_an_end_while_the_model_loads_loses_nothing(path: Path, no_warm_up: Path) -> None:
    no_warm_up.unlink()
    with terminal(str(path)) as screen:
        screen.wait_for(READY)
        screen.type(b"# typed")
        screen.wait_for("# typed")
        os.kill(screen.child.pid, signal.SIGTERM)
        assert screen.ended() == 128 + signal.SIGTERM
    with terminal(str(path)) as screen:
        screen.wait_for("unsaved work of")


# -- as the editor of other programs -----------------------------------------------------------------------------------


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


COMMIT = ("git", "commit")


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
            screen.type(b"d")
        assert screen.ended() == 1
        assert b"Aborting commit" in screen.raw
    assert messages(repository) == ""


# -- without a terminal ------------------------------------------------------------------------------------------------


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


def test_the_printed_settings_are_read_back(path: Path, no_warm_up: Path) -> None:
    no_warm_up.write_text(dgedit("config").stdout)
    with terminal(str(path)) as screen:
        screen.wait_for(READY)
        leave(screen)


def test_a_broken_settings_file_is_said_with_file_line_and_nearest_name(path: Path, no_warm_up: Path) -> None:
    no_warm_up.write_text("[editor]\nsoft_wrp = true\n")
    with terminal(str(path), columns=200) as screen:
        assert screen.ended() == ExitCode.ERROR
        assert f"{no_warm_up}:2" in screen.screen.text
        assert "soft_wrap" in screen.screen.text
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


assert sys.platform != "win32", "pseudo-terminals are needed"
