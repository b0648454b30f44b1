"""How much an attack may take: a slice in the suite, or its full count by a flag; and the counts, printed at the end.

python -m pytest tests/attack --attack-minutes 60
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count, islice
from typing import TypeVar

Case = TypeVar("Case")


@dataclass(slots=True)
class Tally:
    """Cases of one kind."""

    cases: int = 0
    failures: int = 0


@dataclass(slots=True)
class Tallies:
    """The counts of a whole session, by what was attacked."""

    kinds: dict[str, Tally] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, kind: str, *, failed: bool) -> None:
        """Note a case; from any thread."""
        with self._lock:
            tally = self.kinds.setdefault(kind, Tally())
            tally.cases += 1
            tally.failures += failed

    def lines(self) -> Iterator[str]:
        """The table."""
        for kind, tally in sorted(self.kinds.items()):
            yield f"{kind:28} {tally.cases:8,} cases {tally.failures:6,} failures"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The time of the attacks, all of them together."""

    ends_s: float | None
    """Time of the monotonic clock; None: a slice of each, for the suite."""
    tallies: Tallies

    def cases(self, made: Callable[[int], Iterable[Case]], *, few: int, all_: int) -> Iterator[Case]:
        """Cases of seed 0, 1, 2, ...: a few in the suite; else all that were asked for, as far as there is time."""
        endless = (case for seed in count() for case in made(seed))
        for case in islice(endless, few if self.ends_s is None else all_):
            yield case
            if self.ends_s is not None and time.monotonic() > self.ends_s:
                return

    def count(self, kind: str, *, failed: bool) -> None:
        """Note a case."""
        self.tallies.count(kind, failed=failed)
