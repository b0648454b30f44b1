"""The pipe under signals, aborts and limits at any moment: the whole input, or the whole filled text, never less.

`kill -9` of the process that holds the input is not in it: nothing could come out then. Its child may die in any way.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dgedit.errors import ExitCode

from .budget import Budget

TEXT = b"".join(b"def f%d(values):\n    return <FILL_ME>\n\n\n" % number for number in range(30))
BEFORE, AFTER = b"def f0(values):\n    return ", b"\n\n\ndef f29(values):\n    return "
NUMBERS = [signal.SIGINT, signal.SIGTERM]
OF_THE_CHILD = [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGSTOP]
FEW, ALL = 6, 1_000
AT_ONCE = 3
LATEST_S = 4.0
"""Most moments are much earlier: while libraries are imported, and between the processes."""


def begun(arguments: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "dgedit", "fill", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Several at once, each on one core.
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def child_of(pid: int) -> int | None:
    """The process that does the work; none where there is none yet, or no more."""
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return None
    return int(listed[0]) if listed else None


def handles_signals(pid: int) -> bool:
    """Whether a process catches SIGTERM by now."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    caught = next(int(line.split()[1], 16) for line in lines if line.startswith("SigCgt"))
    return bool(caught >> (signal.SIGTERM - 1) & 1)


def is_whole(out: bytes) -> bool:
    """Whether it is the input, or a text in which holes are filled and nothing else is touched."""
    return out == TEXT or (out.startswith(BEFORE) and out.count(b"def f") >= 30 and AFTER.strip() in out)


def killed(draw: random.Random, folder: Path) -> str | None:
    """What is wrong after a kill at some moment; none where nothing is."""
    of_child, pause_s = draw.random() < 0.5, LATEST_S * draw.random() ** 2
    number = draw.choice(OF_THE_CHILD if of_child else NUMBERS)
    in_place = draw.random() < 0.3
    path = folder / "a.py"
    path.write_bytes(TEXT)
    limit = ["--timeout", "6"]
    running = begun([*limit, "--in-place", str(path)] if in_place else [*limit, "-"])
    assert running.stdin is not None
    running.stdin.write(b"" if in_place else TEXT)
    running.stdin.close()
    running.stdin = None
    # Before that nothing has been read, and the system itself ends the process.
    while running.poll() is None and not handles_signals(running.pid):
        time.sleep(0.01)
    time.sleep(pause_s)
    victim = child_of(running.pid) if of_child else running.pid
    if victim is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, number)
    out, err = running.communicate(timeout=120)
    case = f"{number.name} {'of the child' if of_child else ''} after {pause_s:.2f} s"
    left = [each.name for each in folder.iterdir() if each != path]
    if left:
        return f"{case}: left over: {left}"
    if not is_whole(path.read_bytes() if in_place else out):
        return f"{case}: {len(out)} of {len(TEXT)} bytes, exit {running.returncode}, {err[-300:]!r}"
    if running.returncode not in (ExitCode.OK, ExitCode.HOLES_LEFT, ExitCode.ERROR, ExitCode.CANCELLED):
        return f"{case}: exit {running.returncode}, {err[-300:]!r}"
    return f"{case}: {err[-300:]!r}" if b"Traceback" in err else None


def killed_in_turn(budget: Budget, thread: int, folder: Path) -> list[str]:
    """What is wrong in the share of a thread."""
    folder.mkdir()
    wrong = list[str]()
    first = thread * 1_000_000
    for seed in budget.cases(lambda _: range(first, first + ALL), few=FEW // AT_ONCE, all_=-(-ALL // AT_ONCE)):
        found = killed(random.Random(seed), folder)
        budget.count("kills of the pipe", failed=found is not None)
        wrong += [f"seed {seed}: {found}"] if found else []
    return wrong


@pytest.mark.skipif(sys.platform != "linux", reason="the child is found in /proc")
def test_kills_of_the_pipe(budget: Budget, tmp_path: Path) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = pool.map(lambda thread: killed_in_turn(budget, thread, tmp_path / str(thread)), range(AT_ONCE))
        wrong = [each for part in found for each in part]
    assert not wrong, "\n".join(wrong[:20])
