"""Standard output is whole or an error: full, slow, unwilling to wait, closed, with and without Python's buffer."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from dgedit.errors import ExitCode

BIG = b"x = 1\n" * 60_000
"""More than any pipe holds, and nothing to fill."""
COMMANDS = {"fill": ["fill", "-q", "-"], "fix": ["fix", "-q", "-"]}


def environment(unbuffered: bool) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return kept | ({"PYTHONUNBUFFERED": "1"} if unbuffered else {})


def begun(arguments: list[str], stdout: int, *, unbuffered: bool) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "dgedit", *arguments],
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=environment(unbuffered),
    )


def fed(child: subprocess.Popen[bytes], raw: bytes) -> threading.Thread:
    """Writes the input while the output is read."""
    assert child.stdin is not None
    stdin = child.stdin

    def feed() -> None:
        stdin.write(raw)
        stdin.close()

    child.stdin = None
    thread = threading.Thread(target=feed)
    thread.start()
    return thread


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("unbuffered", [True, False])
def test_an_output_that_does_not_wait_gets_everything(name: str, unbuffered: bool) -> None:
    ours, theirs = os.pipe()
    fcntl.fcntl(theirs, fcntl.F_SETFL, fcntl.fcntl(theirs, fcntl.F_GETFL) | os.O_NONBLOCK)
    child = begun(COMMANDS[name], theirs, unbuffered=unbuffered)
    os.close(theirs)
    thread = fed(child, BIG)
    # Long enough for the pipe to be full before anybody reads.
    time.sleep(0.5)
    got = b""
    while piece := os.read(ours, 50_000):
        got += piece
    thread.join()
    os.close(ours)
    assert (child.wait(timeout=60), got == BIG) == (ExitCode.OK, True)


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("unbuffered", [True, False])
def test_a_full_disk_is_an_error(name: str, unbuffered: bool) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    child = begun(COMMANDS[name], full, unbuffered=unbuffered)
    os.close(full)
    _, err = child.communicate(BIG, timeout=60)
    assert child.returncode == ExitCode.ERROR
    assert err == b"dgedit: cannot write standard output: No space left on device\n"


def test_a_file_that_may_grow_no_more_says_how_much_was_written(tmp_path: Path) -> None:
    with open(tmp_path / "out", "wb") as out:
        done = subprocess.run(
            ["sh", "-c", 'ulimit -f 100; exec "$0" -m dgedit fill -q -', sys.executable],
            input=BIG,
            stdout=out,
            stderr=subprocess.PIPE,
            env=environment(True),
            timeout=60,
        )
    size = (tmp_path / "out").stat().st_size
    assert done.returncode == ExitCode.ERROR
    assert 0 < size < len(BIG)
    assert f"after {size:,} of {len(BIG):,} bytes".encode() in done.stderr


def test_records_are_whole_where_nobody_waits() -> None:
    ours, theirs = os.pipe()
    fcntl.fcntl(theirs, fcntl.F_SETFL, fcntl.fcntl(theirs, fcntl.F_GETFL) | os.O_NONBLOCK)
    child = begun(["fill", "--check", "--json", "-q", "-"], theirs, unbuffered=True)
    os.close(theirs)
    thread = fed(child, b"<FILL_ME>\n" * 2_000)
    time.sleep(0.5)
    got = b""
    while piece := os.read(ours, 50_000):
        got += piece
    thread.join()
    os.close(ours)
    assert child.wait(timeout=60) == ExitCode.HOLES_LEFT
    assert got.count(b'"type":"hole"') == got.count(b"\n") - 1 == 2_000
    assert got.endswith(b'"exit":1}\n')


@pytest.mark.parametrize("name", ["fill", "fix"])
def test_a_diff_of_a_name_in_any_script_goes_through(name: str, tmp_path: Path) -> None:
    text = b"# caf\xe9\nx = (1\n" if name == "fix" else b"# caf\xe9\nx = 1\n"
    (tmp_path / "\u4e2d\u6587.py").write_bytes(text)
    command = [sys.executable, "-m", "dgedit", name, "--diff", "-q", "\u4e2d\u6587.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120)
    assert (done.returncode, done.stderr) == (ExitCode.OK, b"")
    if name == "fix":
        assert done.stdout.startswith("--- \u4e2d\u6587.py\n+++ \u4e2d\u6587.py\n".encode())
        assert b" # caf\xe9\n" in done.stdout


@pytest.mark.parametrize("name", ["fill", "fix"])
def test_a_diff_into_a_closed_output_is_said(name: str, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"x = (1\ny = <FILL_ME>\n" if name == "fill" else b"x = (1\n")
    shell = f'exec "$0" -m dgedit {name} --diff -q a.py >&-'
    done = subprocess.run(["sh", "-c", shell, sys.executable], cwd=tmp_path, capture_output=True, timeout=120)
    assert done.returncode == ExitCode.ERROR
    assert done.stderr == b"dgedit: standard output is closed\n"
