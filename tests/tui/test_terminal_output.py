"""What the editor sends to a terminal: no bytes of a file as they are, colours that it has, and all that fits."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dgedit.errors import ExitCode

from ..support.terminal import ESCAPE, FIND, INFILL, NEXT_HOLE, READY, SAVE, SOURCE, UNDO, leave, terminal

COLOUR = re.compile(rb"\x1b\[(?:[0-9;]*;)?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;[0-9;]*)?m")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "x.py"
    file.write_bytes(SOURCE)
    return file


def test_control_characters_of_a_file_never_reach_the_terminal(path: Path) -> None:
    hostile = "".join(map(chr, [*range(1, 9), 11, 12, *range(14, 32), *range(127, 160)])).encode()
    path.write_bytes(
        b"a = '\x1b[31m\x1b]0;owned\x07\x1b[2J\x1bc\x9b31m'\nb = '"
        + hostile
        + b"'\n"
        + b"plain = 1\n" * 100
        + b"\x1b[5;5Hend\n"
    )
    raw = path.read_bytes()
    with terminal(str(path), columns=120) as screen:
        screen.wait_for("␛[31m")
        assert "a = '␛[31m␛]0;owned␇␛[2J␛c" in screen.screen.lines[0]
        screen.type(FIND + b"owned\r" + ESCAPE + b"\x01")
        screen.wait_for("1:")
        screen.type(b"\x1b[F" + b"x\x7f" + SAVE)
        screen.wait_for("saved")
        leave(screen)
    assert path.read_bytes() == raw


PASTES = [
    (b"\tone\r\ttwo\r\nthree", b"\tone\n\ttwo\nthree"),
    (b"if x:\r    y\r", b"if x:\n    y\n"),
    ("é 数 🙂 e\u0301".encode(), "é 数 🙂 e\u0301".encode()),
    (b"x" * 100_000, b"x" * 100_000),
]


def test_a_paste_goes_in_as_it_is_and_is_one_step(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    with terminal(str(path)) as screen:
        screen.wait_for(READY)
        for pasted, expected in PASTES:
            screen.type(b"\x1b[200~" + pasted + b"\x1b[201~" + SAVE)
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
        screen.wait_for("2 of 2")
        screen.type(ESCAPE)
        screen.wait_gone("2 of 2")
        screen.type(INFILL)
        screen.wait_for("Tab accept")
        screen.type(ESCAPE)
        # A key that comes at once behind an Escape is that key with Alt.
        screen.wait_gone("Tab accept")
        leave(screen)
    assert COLOUR.findall(screen.raw) == []
    looks = {number for codes in re.findall(rb"\x1b\[([0-9;]*)m", screen.raw) for number in codes.split(b";")}
    assert {b"1", b"2", b"3", b"4", b"7"} <= looks


def test_a_terminal_without_cursor_movement_is_refused(path: Path) -> None:
    with terminal(str(path), env={"TERM": "dumb"}) as screen:
        assert screen.ended() == ExitCode.ERROR
        assert b"\x1b" not in screen.raw
        assert "TERM=dumb" in screen.screen.text
