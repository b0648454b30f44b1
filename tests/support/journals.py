"""Journals as processes that ended leave them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from dgedit.files.process import Process, this_process


def ended_process() -> Process:
    """A process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return Process(process.pid, 1, this_process().host)


def only_file(state: Path) -> Path:
    (file,) = state.iterdir()
    return file


def left_by(state: Path, owner: Process, **changes: object) -> Path:
    """Change the header of the only journal, as if another process had left it."""
    file = only_file(state)
    line, _, body = file.read_bytes().partition(b"\n")
    header: dict[str, Any] = json.loads(line)
    header |= {"pid": owner.pid, "start_ticks": owner.start_ticks, "host": owner.host, **changes}
    file.write_bytes(json.dumps(header).encode() + b"\n" + body)
    return file
