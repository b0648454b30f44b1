"""Signals that come before anybody handles them, while the command line is still imported: remembered, not obeyed.

Where a text is on its way through `dgedit fill -`, a signal that ended the process here would lose it. Imported before
everything that takes time; `batch.interrupts` asks what came. It imports nothing but signals.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence

FILTERS = ("fill", "fix")
"""Commands through which a text may be on its way."""
NUMBERS = (signal.SIGINT, signal.SIGTERM)

_seen = list[int]()


def remember(arguments: Sequence[str]) -> None:
    """Keep signals for later, where the command is one of the filters."""
    if arguments[:1] and arguments[0] in FILTERS:
        for number in NUMBERS:
            signal.signal(number, lambda number, _frame: _seen.append(number))


def have_come() -> bool:
    """Whether any was remembered."""
    return bool(_seen)
