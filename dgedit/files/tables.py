"""TOML files of a person, read with suspicion: no pipe is waited for, no size or depth is too absurd to be said.

It must know nothing of what the tables mean.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from ..errors import DgeditError
from . import disk

TABLE_BYTES_MAX = 200_000
LINE_BYTES_MAX = 2_000
"""A longer line is a key of thousands of parts, on which the parser takes time in their square, or no setting."""
SHOWN_CHARS = 40


def read_table(file: Path, hint: str) -> tuple[str, dict[str, Any]] | None:
    """The text of a file and what it says; none where there is no such file.

    Raises:
        DgeditError: when it is no regular file, not readable, too large, or not TOML that can be held.
    """
    try:
        if not file.exists():
            return None
        raw, _ = disk.read_regular(file)
        if len(raw) > TABLE_BYTES_MAX:
            raise DgeditError(f"{file} has {len(raw):,} bytes, more than {TABLE_BYTES_MAX:,}", hint)
        longest = max(map(len, raw.split(b"\n")))
        if longest > LINE_BYTES_MAX:
            raise DgeditError(f"{file} has a line of {longest:,} bytes, more than {LINE_BYTES_MAX:,}", hint)
        text = raw.decode("utf-8-sig")
        return text, tomllib.loads(text)
    except DgeditError as error:
        raise DgeditError(f"{file} is not readable: {str(error).removeprefix(f'{file}: ')}", hint) from error
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        raise DgeditError(f"{file} is not readable: {_reason(error)}", hint) from error


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return "it takes too much memory" if isinstance(error, MemoryError) else str(error)


def brief(value: object) -> str:
    """A value as Python writes it, cut where it is long; what cannot be written at all by its type."""
    try:
        text = repr(value) if isinstance(value, str | int | float | list | dict) else str(value)
    except (ValueError, RecursionError):
        text = type(value).__name__
    return text if len(text) <= SHOWN_CHARS else f"{text[: SHOWN_CHARS - 1]}\u2026"
