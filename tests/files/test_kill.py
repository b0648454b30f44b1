"""Processes killed while they write: a file holds one whole version, unsaved work is found, and nothing stays behind.

A small process forks the writers, because a fork costs a millisecond and a new interpreter thirty. A writer tells
which version stands before it begins the next, so that a kill may cost at most the version being written.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dgedit.files import disk, journal, temporary
from dgedit.files.process import Process

from ..support.journals import ended_process

WRITERS = """
import os, sys
from pathlib import Path
from dgedit.text import encoding; from dgedit.files import disk as files, journal

def version(number):
    return f"{number} x\\n" * (2_000 + 40_000 * (number % 3))

def save(path):
    return lambda number: files.write_atomically(path, version(number).encode())

def keep(path):
    kept = journal.Journal(path)
    return lambda number: kept.write(version(number), encoding.UTF_8, None)

job = {"save": save, "keep": keep}[sys.argv[1]]
for line in sys.stdin:
    child = os.fork()
    if child:
        os.write(1, b"pid %d\\n" % child)
        os.waitpid(child, 0)
        os.write(1, b"end\\n")
        continue
    write, number = job(Path(sys.argv[2])), int(line)
    while True:
        write(number)
        os.write(1, b"%d\\n" % number)
        number += 1
"""


def version(number: int) -> str:
    """As the writers make it; three sizes by turns, so that a torn file would show."""
    return f"{number} x\n" * (2_000 + 40_000 * (number % 3))


class Writers:
    """Writers by turns, each killed at a random moment."""

    def __init__(self, process: subprocess.Popen[bytes], seed: int) -> None:
        self.process, self.draw = process, random.Random(seed)

    def line(self) -> bytes:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the writers ended by themselves"
        return line

    def run_and_kill(self, first: int) -> tuple[int, int]:
        """Start a writer at version `first`, kill it; returns its process id and the last version it told of."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"%d\n" % first)
        self.process.stdin.flush()
        pid, told = int(self.line().removeprefix(b"pid ")), first - 1
        # One version must stand before the first kill; else the moment may be any, also before a write begins.
        while told < 0:
            told = int(self.line())
        time.sleep(self.draw.uniform(0, 0.008))
        os.kill(pid, signal.SIGKILL)
        while (line := self.line()) != b"end\n":
            told = int(line)
        return pid, told


@contextlib.contextmanager
def writers(job: str, path: Path) -> Iterator[Writers]:
    command = [sys.executable, "-c", WRITERS, job, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield Writers(process, seed=5)
        finally:
            process.kill()


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--kills", default=200))


def test_a_kill_during_a_save_leaves_one_whole_version(tmp_path: Path, kills: int) -> None:
    path, number, mid_write = tmp_path / "x.py", 0, 0
    with writers("save", path) as killed:
        for _ in range(kills):
            _, told = killed.run_and_kill(number)
            stands = path.read_bytes()
            number = int(stands.split(b" ", 1)[0])
            assert number in (told, told + 1)
            assert stands == version(number).encode()
            left = [name for name in os.listdir(tmp_path) if name != "x.py"]
            assert len(left) <= 1, "the next save took away what the last kill left"
            mid_write += bool(left)
            number += 1
    assert mid_write >= kills // 20, "the kills came while a file was being written"
    disk.write_atomically(path, b"done\n")
    assert os.listdir(tmp_path) == ["x.py"]


def test_a_kill_while_unsaved_work_is_kept_costs_at_most_the_last_write(
    tmp_path: Path, kills: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    path, mid_write = tmp_path / "x.py", 0
    with writers("keep", path) as killed:
        for _ in range(max(kills // 2, 1)):
            _, told = killed.run_and_kill(0)
            found = journal.pending(path)
            assert found is not None
            number = int(found.text.split(" ", 1)[0])
            assert number in (told, told + 1)
            assert found.text == version(number)
            journal.forget(found)
            assert journal.pending(path) is None
            mid_write += bool(os.listdir(journal.folder()))
            journal.clean_up()
            assert os.listdir(journal.folder()) == []
    assert mid_write >= kills // 40, "the kills came while a journal was being written"


@pytest.fixture(scope="module")
def dead() -> Process:
    return ended_process()


def leave(folder: Path, pid: int, name: str = "x.py", *, host: str = "", age_s: int = 0) -> str:
    """A temporary file as a process that was killed leaves it."""
    left = temporary.name_beside(name).replace(f"-{os.getpid()}-", f"-{pid}-")
    if host:
        left = left[: -len("01234567-01234567.tmp")] + host + left[-len("-01234567.tmp") :]
    path = folder / left
    path.write_bytes(b"half")
    modified_s = path.stat().st_mtime - age_s
    os.utime(path, (modified_s, modified_s))
    return left


def test_the_next_save_takes_away_what_ended_processes_left_and_nothing_else(tmp_path: Path, dead: Process) -> None:
    leave(tmp_path, dead.pid)
    leave(tmp_path, dead.pid, host="00000000", age_s=100_000)
    kept = {
        leave(tmp_path, os.getpid()),
        leave(tmp_path, dead.pid, host="00000000"),
        leave(tmp_path, dead.pid, "other.py"),
        ".x.py.notes.tmp",
        "x.py.tmp",
    }
    for name in kept:
        (tmp_path / name).touch()
    disk.write_atomically(tmp_path / "x.py", b"new")
    assert set(os.listdir(tmp_path)) == {*kept, "x.py"}


def test_leftovers_of_all_files_of_a_folder_can_be_taken_away(tmp_path: Path, dead: Process) -> None:
    for name in ("x.py", "y.py", "é" * 127):
        leave(tmp_path, dead.pid, name)
    temporary.remove_leftovers(tmp_path)
    assert os.listdir(tmp_path) == []
    temporary.remove_leftovers(tmp_path / "gone")
