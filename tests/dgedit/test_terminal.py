"""The editor in a real pseudo-terminal, as a person meets it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dgedit.bench import first_paint_ms
from dgedit.errors import ExitCode

SOURCE = b"def total(values):\n    result = 0\n    for value in values:\n        <FILL_ME>\n    return result\n"
TIMEOUT_S = 60.0


class Terminal:
    """A child on a pseudo-terminal: keys in, everything it ever printed out."""

    def __init__(self, child: subprocess.Popen[bytes], handle: int) -> None:
        self.child, self.handle, self.seen = child, handle, b""

    def type(self, keys: bytes) -> None:
        os.write(self.handle, keys)

    def wait_for(self, wanted: str) -> None:
        """Read until `wanted` was printed since the last wait."""
        began = time.monotonic()
        while time.monotonic() - began < TIMEOUT_S:
            if select.select([self.handle], [], [], 0.2)[0]:
                try:
                    self.seen += os.read(self.handle, 65536)
                except OSError:
                    break
            text = re.sub(rb"\x1b\[[0-9;:?<>=]*[ -/]*[@-~]", b"", self.seen).decode("utf-8", "replace")
            if wanted in text:
                self.seen = b""
                return
        raise AssertionError(f"{wanted!r} never came; last output: {self.seen[-800:]!r}")


@contextmanager
def terminal(*arguments: str, columns: int = 80, rows: int = 24) -> Iterator[Terminal]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    env = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    child = subprocess.Popen(
        [sys.executable, "-m", "dgedit", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=env | {"TERM": "xterm-256color"},
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield Terminal(child, ours)
    finally:
        child.kill()
        child.wait()
        os.close(ours)


def test_open_infill_accept_save_undo_save(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_bytes(SOURCE)
    before, after = SOURCE.split(b"<FILL_ME>")
    with terminal(str(path), columns=100) as screen:
        screen.wait_for("Ctrl+G")
        screen.type(b"\x1b[19~\x07")  # F8, Ctrl+G
        screen.wait_for("Tab accept")
        screen.type(b"\t\x13")  # accept, save
        screen.wait_for("saved")
        filled = path.read_bytes()
        assert filled.startswith(before)
        assert filled.endswith(after)
        assert b"<FILL_ME>" not in filled
        screen.type(b"\x1a")  # undo
        screen.wait_for("*")
        screen.type(b"\x13")
        screen.wait_for("saved")
        assert path.read_bytes() == SOURCE
        screen.type(b"\x11")  # quit
        assert screen.child.wait(timeout=30) == 0


def test_the_first_paint_is_measured() -> None:
    took = first_paint_ms()
    assert took is not None
    assert took > 0


@pytest.mark.parametrize(("columns", "rows"), [(30, 24), (80, 5)])
def test_a_small_terminal_is_refused_in_one_line(tmp_path: Path, columns: int, rows: int) -> None:
    with terminal(str(tmp_path / "x.py"), columns=columns, rows=rows) as screen:
        screen.wait_for("make it at least")
        assert screen.child.wait(timeout=30) == ExitCode.ERROR


def test_no_terminal_is_said() -> None:
    done = subprocess.run([sys.executable, "-m", "dgedit", "x.py"], input=b"", capture_output=True, timeout=60)
    assert done.returncode == ExitCode.ERROR
    assert done.stderr.decode().strip() == "dgedit: the editor needs a terminal; in a pipe, use: dgedit fill -"
