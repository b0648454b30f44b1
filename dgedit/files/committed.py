"""A file's text as git last committed it: what a change can be compared with. Nothing is written, no filter is run."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from ..errors import DgeditError
from ..text.encoding import decode_any
from ..text.line_breaks import plain

SECONDS = 5
BYTES_MAX = 4_000_000


def committed_text(path: Path | None) -> str | None:
    """The text of a file in the last commit, with plain line feeds; none where there is no such thing."""
    if path is None:
        return None
    settings = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_LITERAL_PATHSPECS": "1"}
    try:
        done = subprocess.run(
            ["git", "cat-file", "blob", f"HEAD:./{path.name}"],
            cwd=path.parent,
            env=settings,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
        )
        if done.returncode != 0 or len(done.stdout) > BYTES_MAX:
            return None
        return plain(decode_any(done.stdout, str(path)).text)
    except (OSError, ValueError, subprocess.TimeoutExpired, DgeditError):
        return None
