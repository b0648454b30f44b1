"""`dgedit bench --idle`: how often an editor that nobody touches wakes up, as the system counts it.

A thread that waits is switched away from and, when it wakes, to; each wait that ends is one voluntary switch. Settings
of the person who measures are left alone: the editor is a new one, on a file of its own. Linux alone counts so.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ..errors import DgeditError

AIM = 2.0
"""Wake-ups a second at most."""
SETTLED_S = 5.0
"""So long it must have used hardly any processor time before the count begins."""
SETTLE_WITHIN_S = 300.0
BUSY_SHARE = 0.02
WIDTH = 46


def run(seconds: float = 60.0) -> int:
    """Measure and print; returns the exit code.

    Raises:
        DgeditError: where the system does not count, or the editor ends.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "idle.py"
        file.write_text("def first():\n    return 1\n", encoding="utf-8")
        own = dict.fromkeys(("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"), folder)
        ours, theirs = _terminal()
        command = [sys.executable, "-m", "dgedit", str(file)]
        editor = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=os.environ | own | {"TERM": "xterm-256color"},
            start_new_session=True,
        )
        os.close(theirs)
        try:
            _settle(editor, ours)
            before = switches(editor.pid)
            _wait(ours, seconds)
            after = switches(editor.pid)
        finally:
            editor.kill()
            editor.wait()
            os.close(ours)
    total = sum(after.values()) - sum(before.get(task, 0) for task in after)
    print(f"{'wake-ups of an idle editor':{WIDTH}} {total / seconds:.2f} a second (aim: {AIM})")
    for (task, name), count in sorted(after.items()):
        print(f"{f'  thread {name}':{WIDTH}} {(count - before.get((task, name), 0)) / seconds:.2f} a second")
    return 0


def switches(pid: int) -> dict[tuple[int, str], int]:
    """Voluntary context switches so far of each thread of a process, by its number and name.

    Raises:
        DgeditError: where the system does not count them, or the process has ended.
    """
    found = dict[tuple[int, str], int]()
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(FileNotFoundError):
                said = dict(line.split(":", 1) for line in (task / "status").read_text("utf-8").splitlines())
                found[int(task.name), said["Name"].strip()] = int(said["voluntary_ctxt_switches"])
    except (OSError, KeyError, ValueError) as error:
        raise DgeditError("this system does not count the wake-ups of a process", "measure on Linux") from error
    return found


def _terminal() -> tuple[int, int]:
    """Both ends of a new terminal of 80 columns.

    Raises:
        DgeditError: where there are none.
    """
    try:
        import fcntl
        import pty
        import struct
        import termios
    except ImportError as error:
        raise DgeditError("there are no pseudo-terminals here", "measure on Linux") from error
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    return ours, theirs


def _settle(editor: subprocess.Popen[bytes], ours: int) -> None:
    """Wait until the editor has painted, loaded its model, and does nothing."""
    until = time.monotonic() + SETTLE_WITHIN_S
    _wait(ours, 1.0)
    while time.monotonic() < until:
        before = _processor_s(editor.pid)
        _wait(ours, SETTLED_S)
        if editor.poll() is not None:
            raise DgeditError("the editor ended before it was measured", "try dgedit FILE")
        if before > 0 and _processor_s(editor.pid) - before < BUSY_SHARE * SETTLED_S:
            return
    raise DgeditError(f"the editor was not idle within {SETTLE_WITHIN_S:g} s", "end other programs, and try again")


def _processor_s(pid: int) -> float:
    with contextlib.suppress(OSError, IndexError, ValueError):
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def _wait(ours: int, seconds: float) -> None:
    """Let time pass; what the editor draws is taken, or it would wait for room."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if select.select([ours], [], [], left)[0]:
            with contextlib.suppress(OSError):
                os.read(ours, 1 << 16)
