"""Which files were opened last, newest first: a list that stays on this machine, in a file of the person alone."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from ..errors import DgeditError
from ..paths import state_folder
from . import disk

KEPT = 100
HIDDEN = ".git"
"""What git has written for a moment, such as the message of a commit, is nothing to come back to."""


def recent() -> list[Path]:
    """Files that were opened, newest first; those that are gone are left out."""
    return [path for path in map(Path, _read()) if path.is_file()]


def remember(path: Path) -> None:
    """Put a file first; where the list cannot be written, nothing is remembered."""
    own = os.path.abspath(path)
    if HIDDEN in Path(own).parts:
        return
    kept = [own, *(name for name in _read() if name != own)][:KEPT]
    with contextlib.suppress(OSError, DgeditError, UnicodeEncodeError):
        state_folder().mkdir(parents=True, exist_ok=True, mode=0o700)
        disk.write_atomically(_place(), json.dumps(kept).encode("utf-8"), new_mode=0o600)


def _place() -> Path:
    return state_folder() / "recent.json"


def _read() -> list[str]:
    """What the list says; nothing where there is none, or it is damaged."""
    try:
        found = json.loads(_place().read_bytes())
    except (OSError, ValueError, RecursionError):
        return []
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []
