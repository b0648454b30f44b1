"""The pipe under signals, aborts and limits at any moment: the whole input, or the whole filled text, never less.

`kill -9` of the process that holds the input is in it for files alone: nothing else could come out then. Its child may
die in any way.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dgedit.errors import ExitCode
from dgedit.files import temporary

from ..support.pipe_host import ANSWER
from .budget import Budget

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the child is found in /proc")

REPOSITORY = Path(__file__).parents[2]
MARKER = b"<FILL_ME>"
TEXT = b"".join(b"def f%d(values):\n    return <FILL_ME>\n\n\n" % number for number in range(30))
WHOLE = re.compile(re.escape(TEXT).replace(re.escape(MARKER), f"(?:<FILL_ME>|{re.escape(ANSWER)})".encode()))
BEFORE, AFTER = b"def f0(values):\n    return ", b"\n\n\ndef f29(values):\n    return "
"""What stands around the answers of the real model."""
OF_THE_PARENT = [signal.SIGINT, signal.SIGTERM]
OF_THE_CHILD = [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGSTOP]
ENDINGS = (ExitCode.OK, ExitCode.HOLES_LEFT, ExitCode.ERROR, ExitCode.CANCELLED)
FEW, ALL = 60, 1_000
LATEST_S = 0.15
"""About so long a fill of the host takes."""
FEW_REAL, ALL_REAL = 3, 30
LATEST_REAL_S = 4.0
"""Most moments are much earlier: while libraries are imported, and between the processes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is killed, how and when."""

    seed: int
    of_child: bool
    number: signal.Signals
    in_place: bool
    pause_s: float

    @classmethod
    def of(cls, seed: int, latest_s: float) -> Case:
        """Drawn from a seed; early moments are likelier."""
        draw = random.Random(seed)
        of_child, in_place = draw.random() < 0.5, draw.random() < 0.4
        numbers = OF_THE_CHILD if of_child else [*OF_THE_PARENT, *([signal.SIGKILL] if in_place else [])]
        pause_s = latest_s * draw.random() ** 2
        return cls(seed=seed, of_child=of_child, number=draw.choice(numbers), in_place=in_place, pause_s=pause_s)

    def arguments(self, path: Path, limit_s: float) -> list[str]:
        """The command line."""
        what = ["--in-place", str(path)] if self.in_place else ["-"]
        return ["fill", "--timeout", str(limit_s if self.number is signal.SIGSTOP else 60), *what]


def child_of(pid: int) -> int | None:
    """The process that does the work; none where there is none yet, or no more."""
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return None
    return int(listed[0]) if listed else None


def handles_signals(pid: int) -> bool:
    """Whether a process catches SIGTERM by now."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return True
    caught = next((int(line.split()[1], 16) for line in lines if line.startswith("SigCgt")), 0)
    return bool(caught >> (signal.SIGTERM - 1) & 1)


def kill(case: Case, pid: int) -> None:
    """At its moment, counted from when the process answers for its input: before that the system ends it."""
    until = time.monotonic() + 60
    while not handles_signals(pid) and time.monotonic() < until:
        time.sleep(0.001)
    time.sleep(case.pause_s)
    victim = child_of(pid) if case.of_child else pid
    if victim is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, case.number)


def wrong(case: Case, path: Path, code: int, out: bytes, said: bytes, *, real: bool = False) -> str:
    """What is wrong after a kill; empty where nothing is."""
    text = path.read_bytes() if case.in_place else out
    was_killed = case.number is signal.SIGKILL and not case.of_child
    if was_killed:
        # What it left beside the file goes with the next save.
        temporary.remove_leftovers(path.parent, path.name)
    left = [each.name for each in path.parent.iterdir() if each != path]
    whole = text == TEXT or (text.startswith(BEFORE) and AFTER in text and text.count(b"def f") >= 30)
    found = [
        "" if not left else f"left over: {left}",
        "" if (whole if real else WHOLE.fullmatch(text)) else f"{len(text)} of {len(TEXT)} bytes",
        "" if code in ENDINGS or (was_killed and code == -signal.SIGKILL) else "that is no exit code",
        "" if b"Traceback" not in said else "a traceback",
        "" if code is not ExitCode.ERROR or said.strip() else "an error without a word",
    ]
    troubles = ", ".join(filter(None, found))
    return troubles and f"{case}: {troubles}; exit {code}, {said[-300:]!r}"


@dataclass(frozen=True, slots=True)
class Host:
    """Forks fills, see `support.pipe_host`."""

    there: socket.socket
    folder: Path

    def killed(self, case: Case) -> str:
        """What is wrong with a fill that is killed; empty where nothing is."""
        path = self.folder / "a.py"
        path.write_bytes(TEXT)
        source, feed = os.pipe()
        out, err = os.memfd_create("out"), os.memfd_create("err")
        try:
            socket.send_fds(self.there, [json.dumps(case.arguments(path, 0.1)).encode()], [source, out, err])
            os.close(source)
            pid = int(self.there.recv(100))
            half = len(TEXT) // 2
            with contextlib.suppress(BrokenPipeError):
                os.write(feed, TEXT[:half])
                os.write(feed, TEXT[half:])
            os.close(feed)
            kill(case, pid)
            code = int(self.there.recv(100))
            written, said = (os.pread(handle, 1 << 20, 0) for handle in (out, err))
        finally:
            os.close(out)
            os.close(err)
        return wrong(case, path, code, written, said)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """A host, ended with the test."""
    (folder := tmp_path / "files").mkdir()
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-m", "tests.support.pipe_host", str(there.fileno())]
    with subprocess.Popen(command, pass_fds=[there.fileno()], cwd=REPOSITORY) as process, here:
        there.close()
        yield Host(here, folder)
        here.close()
        process.wait(timeout=60)


def test_kills_of_the_pipe(budget: Budget, host: Host) -> None:
    failures = list[str]()
    for seed in budget.cases(lambda part: range(part * 10_000, (part + 1) * 10_000), few=FEW, all_=ALL):
        said = host.killed(Case.of(seed, LATEST_S))
        budget.count("kills of the pipe", failed=bool(said))
        failures += [said] if said else []
    assert not failures, "\n".join(failures[:20])


def really_killed(case: Case, path: Path) -> str:
    """What is wrong with a command with the real model that is killed; empty where nothing is."""
    path.write_bytes(TEXT)
    running = subprocess.Popen(
        [sys.executable, "-m", "dgedit", *case.arguments(path, 6)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert running.stdin is not None
    running.stdin.write(TEXT)
    with contextlib.suppress(BrokenPipeError):
        running.stdin.close()
    running.stdin = None
    kill(case, running.pid)
    out, err = running.communicate(timeout=240)
    return wrong(case, path, running.returncode, out, err, real=True)


def test_kills_of_the_pipe_with_the_real_model(budget: Budget, tmp_path: Path) -> None:
    failures = list[str]()
    for seed in budget.cases(lambda part: range(part * 10_000, (part + 1) * 10_000), few=FEW_REAL, all_=ALL_REAL):
        said = really_killed(Case.of(seed, LATEST_REAL_S), tmp_path / "a.py")
        budget.count("kills of the pipe, model", failed=bool(said))
        failures += [said] if said else []
    assert not failures, "\n".join(failures[:20])
