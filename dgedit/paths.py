"""Where dgedit keeps what is a person's own, by the XDG conventions: settings and state. Nothing is made here."""

from __future__ import annotations

import os
from pathlib import Path


def config_folder() -> Path:
    """Of the settings and a person's own themes."""
    return _base("XDG_CONFIG_HOME", ".config") / "dgedit"


def state_folder() -> Path:
    """Of journals, counts and logs."""
    return _base("XDG_STATE_HOME", os.path.join(".local", "state")) / "dgedit"


def _base(variable: str, below_home: str) -> Path:
    given = os.environ.get(variable, "")
    # A relative path in the variable is to be ignored, says the convention.
    return Path(given) if os.path.isabs(given) else Path(os.path.expanduser("~")) / below_home
