"""Which process wrote a file, and whether it still runs.

A process id alone is handed out again, so it goes with the moment of its start where the system tells it (Linux), and
with the name of the machine, because a home folder may be shared. It must know nothing of what the files hold.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Process:
    """One process on one machine."""

    pid: int
    start_ticks: int
    """Clock ticks from boot to its start; 0 where the system does not tell."""
    host: str

    @property
    def is_here(self) -> bool:
        """Whether it belongs to this machine, where its id can be looked up."""
        return self.host == socket.gethostname()

    @property
    def is_running(self) -> bool:
        """Whether it still runs on this machine; a process of another machine counts as ended."""
        if not self.is_here or self.pid <= 0 or not _exists(self.pid):
            return False
        found = _state_and_start(self.pid)
        if found is None:
            return True
        state, start_ticks = found
        # A killed process whose parent has not asked for its exit status yet is still listed, as a zombie.
        return state not in "ZX" and self.start_ticks in (0, start_ticks)


def this_process() -> Process:
    """The running process; asked anew each time, because a fork changes the answer."""
    pid = os.getpid()
    found = _state_and_start(pid)
    return Process(pid, found[1] if found else 0, socket.gethostname())


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True


def _state_and_start(pid: int) -> tuple[str, int] | None:
    """State letter and start of a process; none where /proc does not tell."""
    try:
        # The second field is the command's name in brackets and may itself hold brackets and spaces.
        fields = (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
        return fields[0], int(fields[19])
    except (OSError, IndexError, ValueError):
        return None
