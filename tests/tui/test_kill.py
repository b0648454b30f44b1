"""The editor killed while it types, denoises and saves: the file is one whole version, what was typed is offered."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import pytest

from dgedit.files import journal

from ..support.kill_host import ANSWER
from ..support.terminal import Terminal, terminal

REPOSITORY = Path(__file__).parents[2]
BODY = "\n" + "here = 'is a row of the text'\n" * 2_000
REAL_KILLS = 20
"""One kill of the real editor for so many of the small ones: it takes seconds to start."""
PHASES_S = {"typing": 0.06, "denoising": 0.06, "saving": 0.008}
"""What an editor is killed in, and about how long that takes."""
MID_WRITE = "mid-write"
SOURCE = "def total(values):\n    result = 0\n    for value in values:\n        <FILL_ME>\n    return result\n"
REAL_EDITOR = (
    "import dgedit.tui.controllers.recovery as a, dgedit.cli, sys; a.KEEP_EVERY_S = 0.02; sys.exit(dgedit.cli.main())"
)


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--kills", default=200))


def count_of(text: str) -> int:
    """How many x a whole version begins with; fails for any text that is none."""
    count = len(text) - len(text.lstrip("x"))
    rest = text[count:]
    assert rest.startswith(BODY), f"torn: {rest[:80]!r}"
    assert rest[len(BODY) :].replace(ANSWER, "") == "", f"torn: {rest[-80:]!r}"
    return count


@dataclass(slots=True)
class Told:
    """What an editor said before it was killed."""

    phase: str = ""
    recovered: int | None = None
    kept: int = 0
    saved: int = 0


class Editors:
    """Editors by turns, each killed at a random moment."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process, self.draw = process, random.Random(7)

    def run_and_kill(self, phase: str, *, recovers: bool) -> Told:
        """Start an editor, kill it in a phase or a little later."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"recover\n" if recovers else b"fresh\n")
        self.process.stdin.flush()
        told, pid = Told(), self.line()[1]
        while told.phase != phase:
            self.hear(told)
        time.sleep(self.draw.uniform(0, PHASES_S[phase]))
        os.kill(pid, signal.SIGKILL)
        while told.phase != "end":
            ended = told.phase
            self.hear(told)
        told.phase = ended
        return told

    def hear(self, told: Told) -> None:
        what, count = self.line()
        told.phase = what
        if what in ("recovered", "kept", "saved"):
            setattr(told, what, count)

    def line(self) -> tuple[str, int]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline().decode()
        assert line, "the editors ended by themselves"
        what, count = line.split()
        return what, int(count)


@contextlib.contextmanager
def editors(path: Path) -> Iterator[Editors]:
    command = [sys.executable, "-m", "tests.support.kill_host", str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=REPOSITORY) as process:
        try:
            yield Editors(process)
        finally:
            process.kill()


def kill_by_turns(path: Path, kills: int) -> Counter[str]:
    """Kill editors of one file one after the other; what they were killed in."""
    path.parent.mkdir()
    path.write_text(BODY)
    found, offered = Counter[str](), None
    with editors(path) as killed:
        for _, phase in zip(range(kills), cycle(PHASES_S), strict=False):
            told = killed.run_and_kill(phase, recovers=offered is not None)
            assert told.recovered == offered, "the next editor gave back what was left"
            on_disk, left = count_of(path.read_text()), journal.pending(path)
            offered = None if left is None else count_of(left.text)
            assert on_disk >= told.saved
            assert max(on_disk, offered or 0) >= max(told.kept, told.saved, told.recovered or 0)
            beside = len(os.listdir(path.parent)) - 1
            assert beside <= 1, "the next save took away what the last kill left"
            found += Counter({told.phase: 1, MID_WRITE: beside})
    return found


def test_a_killed_editor_leaves_a_whole_file_and_offers_what_was_typed(tmp_path: Path, kills: int) -> None:
    paths = [tmp_path / str(number) / "x.txt" for number in range(2)]
    with ThreadPoolExecutor() as pool:
        one, other = pool.map(kill_by_turns, paths, [(kills + 1) // 2] * 2)
    found = one + other
    assert min(found[name] for name in PHASES_S) >= kills // 20, found
    assert found[MID_WRITE] >= kills // 100, "some kills came while the file was being written"


class RealEditor:
    """The editor in a terminal, opened on what the last kill left."""

    def __init__(self, path: Path) -> None:
        self.path, self.draw = path, random.Random(3)
        self.typed = self.saved = SOURCE

    def run_and_kill(self, *, while_saving: bool) -> None:
        with terminal(str(self.path), command=[sys.executable, "-c", REAL_EDITOR]) as screen:
            if self.typed != self.saved:
                screen.wait_for("unsaved work of")
                screen.answer(b"r")
            screen.wait_for(f"1  {self.typed.partition(chr(10))[0]}")
            self.typed = f"#{self.typed}"
            screen.type(b"#")
            screen.wait_until(lambda: is_kept(self.typed), "the journal")
            self.save(screen) if while_saving else self.denoise(screen)
            os.kill(screen.child.pid, signal.SIGKILL)
            screen.child.wait()
        stands, left = self.path.read_text(), journal.pending(self.path)
        assert stands in ((self.saved, self.typed) if while_saving else (self.saved,))
        assert (left.text if left else stands) == self.typed
        self.saved = stands

    def save(self, screen: Terminal) -> None:
        screen.type(b"\x13")
        time.sleep(self.draw.uniform(0, 0.02))

    def denoise(self, screen: Terminal) -> None:
        screen.type(b"\x1b[19~\x07")
        screen.wait_for("finding the length")
        time.sleep(self.draw.uniform(0, 0.1))


def is_kept(text: str) -> bool:
    """Whether a journal holds a text; one that is being replaced does not count."""
    with contextlib.suppress(FileNotFoundError):
        return any(
            file.read_bytes().partition(b"\n")[2] == text.encode() for file in journal.folder().glob("*.journal")
        )
    return False


def test_the_real_editor_is_killed_while_the_real_model_denoises_and_while_it_saves(tmp_path: Path, kills: int) -> None:
    path = tmp_path / "x.py"
    path.write_text(SOURCE)
    editor = RealEditor(path)
    for number in range(max(kills // REAL_KILLS, 2)):
        editor.run_and_kill(while_saving=number % 2 == 1)
