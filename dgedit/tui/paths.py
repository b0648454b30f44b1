"""Paths that are typed into a dialog."""

from __future__ import annotations

import os
from pathlib import Path

COMPLETIONS_MAX = 200


def completions(typed: str) -> list[str]:
    """Paths that a typed path could become, folders with a slash."""
    folder, _, start = typed.rpartition("/")
    where = Path(os.path.expanduser(folder or ("/" if typed.startswith("/") else ".")))
    try:
        found = sorted(entry.name + "/" * entry.is_dir() for entry in os.scandir(where) if entry.name.startswith(start))
    except OSError:
        return []
    lead = typed[: len(typed) - len(start)]
    shown = [name for name in found if start or not name.startswith(".")]
    return [lead + name for name in shown[:COMPLETIONS_MAX]]
