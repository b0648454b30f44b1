"""How much an attack may take: a slice in the suite, or minutes by a flag; and the counts, printed at the end.

python -m pytest tests/attack --attack-minutes 60
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
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

    def lines(self) -> Iterator[str]:
        """The table."""
        for kind, tally in sorted(self.kinds.items()):
            yield f"{kind:28} {tally.cases:8,} cases {tally.failures:6,} failures"


@dataclass(slots=True)
class Budget:
    """The time of one attack."""

    minutes: float
    """0: a slice, for the suite."""
    tallies: Tallies

    @property
    def is_slice(self) -> bool:
        """Whether a few cases must do."""
        return self.minutes == 0

    def cases(self, made: Callable[[int], Iterable[Case]], slice_cases: int) -> Iterator[Case]:
        """Cases of seed 0 up to a number of them; with minutes all of seed 0, 1, 2, ... until those are over."""
        if self.is_slice:
            for _, case in zip(range(slice_cases), made(0), strict=False):
                yield case
            return
        ends_s, seed = time.monotonic() + self.minutes * 60, 0
        while True:
            for case in made(seed):
                yield case
                if time.monotonic() > ends_s:
                    return
            seed += 1

    def count(self, kind: str, *, failed: bool) -> None:
        """Note a case."""
        tally = self.tallies.kinds.setdefault(kind, Tally())
        tally.cases += 1
        tally.failures += failed
