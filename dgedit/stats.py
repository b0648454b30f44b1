"""Counts of what was shown and what became of it, kept by day in one file on this machine and nowhere else.

Counts go to memory and from there to the file, added to what other editors wrote meanwhile: read, added, replaced in
one step, all under a lock. A lock that is held, or a folder that cannot be written to, never stops an editor: what
could not be added waits for the next time. It knows neither screens nor the engine.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, timedelta
from enum import Enum
from pathlib import Path
from typing import Any

from .errors import DgeditError
from .paths import state_folder

EDITED_WITHIN_S = 10.0
"""An answer that is changed so soon after it was accepted counts as edited."""
LOCK_TRIES = 40
"""At the end of an editor the lock is tried so often before the counts are given up."""
LOCK_PAUSE_S = 0.025
RECENT_DAYS = 7
INFILL_MS = "infill_ms"


class Event(Enum):
    """What is counted; an infill is shown once, and accepted or cancelled at most once, when it ends."""

    SHOWN = "shown"
    """An answer stood finished before the person."""
    ACCEPTED = "accepted"
    """It was taken whole."""
    ACCEPTED_LINE = "accepted_line"
    """It was taken line by line."""
    ACCEPTED_WORD = "accepted_word"
    """It was taken word by word."""
    CANCELLED = "cancelled"
    EDITED = "edited"
    """It was accepted, and changed within `EDITED_WITHIN_S` of that."""


ACCEPTED = (Event.ACCEPTED, Event.ACCEPTED_LINE, Event.ACCEPTED_WORD)
Day = Counter[str]
"""Counts of one day by `Event.value`, and the milliseconds of its infills."""


def stats_path() -> Path:
    """The file of the counts, by the XDG convention."""
    return state_folder() / "stats.json"


class Stats:
    """The counts of one editor on their way to the file; any thread may call it."""

    def __init__(self, path: Path | None = None, *, today: Callable[[], date] = date.today) -> None:
        self.path = path or stats_path()
        self._today, self._guard = today, threading.Lock()
        self._waiting: dict[str, Day] = {}

    def record(self, event: Event, infill_ms: float = 0.0) -> None:
        """Count an event of today, with the time of its infill where it is `SHOWN`; never waits, never fails."""
        with self._guard:
            day = self._waiting.setdefault(self._today().isoformat(), Counter())
            day[event.value] += 1
            day[INFILL_MS] += round(infill_ms)
            self._add(tries=1)

    def flush(self) -> bool:
        """Add what still waits to the file, at the end of an editor; false where that was not possible."""
        with self._guard:
            return self._add(tries=LOCK_TRIES)

    def days(self) -> dict[str, Day]:
        """The counts of every day by its ISO date, those that still wait included.

        Raises:
            DgeditError: when the file cannot be read, or does not hold counts.
        """
        with self._guard:
            try:
                kept = _read(self.path)
            except OSError as error:
                raise DgeditError(f"{self.path}: {error.strerror}", "check its permissions") from error
            if kept is None:
                raise DgeditError(f"{self.path} does not hold counts", "the next infill sets it aside and begins anew")
            return _sum(kept, self._waiting)

    def summary(self) -> str:
        """All counts as a table for a terminal.

        Raises:
            DgeditError: when the file cannot be read, or does not hold counts.
        """
        days = self.days()
        if not days:
            return "nothing counted yet: no infill was shown on this machine"
        today = self._today()
        since = (today - timedelta(days=RECENT_DAYS - 1)).isoformat()
        spans = {
            "today": _total(day for name, day in days.items() if name == today.isoformat()),
            f"{RECENT_DAYS} days": _total(day for name, day in days.items() if since <= name <= today.isoformat()),
            "all": _total(days.values()),
        }
        lines = [_line("", spans)]
        lines += [_line(label, map(cell, spans.values())) for label, cell in ROWS.items()]
        return "\n".join([*lines, f"counted since {min(days)}, in {self.path}"])

    def _add(self, tries: int) -> bool:
        if not self._waiting:
            return True
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with _lock(self.path, tries) as held:
                if held:
                    _write(self.path, _sum(_read_or_set_aside(self.path), self._waiting))
                    self._waiting = {}
                return held
        except OSError:
            return False


def _number(name: str) -> Callable[[Day], str]:
    return lambda total: f"{total[name]:,}"


ROWS: dict[str, Callable[[Day], str]] = {
    "infills shown": _number(Event.SHOWN.value),
    "accepted": lambda total: f"{_accepted(total):,}{_share(_accepted(total), total[Event.SHOWN.value])}",
    "  whole": _number(Event.ACCEPTED.value),
    "  by lines": _number(Event.ACCEPTED_LINE.value),
    "  by words": _number(Event.ACCEPTED_WORD.value),
    f"edited in {EDITED_WITHIN_S:.0f} s": _number(Event.EDITED.value),
    "cancelled": _number(Event.CANCELLED.value),
    "ms an infill": lambda total: f"{total[INFILL_MS] / max(1, total[Event.SHOWN.value]):,.0f}",
}
"""The table of `summary`: labels, and what stands beside them for the sum of some days."""


def _line(label: str, cells: Iterable[str]) -> str:
    return f"{label:<15}" + "".join(f"{cell:>15}" for cell in cells)


def _accepted(total: Day) -> int:
    return sum(total[event.value] for event in ACCEPTED)


def _share(part: int, whole: int) -> str:
    return f" ({part / whole:.0%})" if whole else ""


def _total(days: Iterable[Day]) -> Day:
    return sum(days, Counter[str]())


def _sum(first: Mapping[str, Day], second: Mapping[str, Day]) -> dict[str, Day]:
    """Both day by day; names that are not known here, of a newer dgedit perhaps, are kept."""
    return {name: first.get(name, Counter()) + second.get(name, Counter()) for name in sorted({*first, *second})}


@contextlib.contextmanager
def _lock(path: Path, tries: int) -> Iterator[bool]:
    """The lock of the file, or false where another process holds it; the lock is a file that stays."""
    handle = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield _locked(handle, tries)
    finally:
        os.close(handle)


def _locked(handle: int, tries: int) -> bool:
    for attempt in range(tries):
        if attempt:
            time.sleep(LOCK_PAUSE_S)
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    return False


def _read(path: Path) -> dict[str, Day] | None:
    """The counts of a file, none of them where there is no file; None where it does not hold counts."""
    try:
        return {name: Counter(_counts(day)) for name, day in json.loads(path.read_bytes())["days"].items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _counts(day: Any) -> dict[str, int]:
    for count in day.values():
        if type(count) is not int or count < 0:
            raise ValueError(f"a count is {count!r}")
    return dict(day)


def _read_or_set_aside(path: Path) -> dict[str, Day]:
    """The counts of the file; one that is no such file is renamed, and nothing was counted."""
    found = _read(path)
    if found is None:
        os.replace(path, path.with_suffix(".corrupt.json"))
    return found or {}


def _write(path: Path, days: Mapping[str, Day]) -> None:
    """Replace the file in one step; not synced to the disk, for counts are not worth a pause."""
    handle, temporary = tempfile.mkstemp(prefix=".stats-", suffix=".tmp", dir=path.parent)
    try:
        with open(handle, "w", encoding="utf-8") as file:
            json.dump({"days": days}, file, indent=1)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
