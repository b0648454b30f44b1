"""`dgedit bench --busy`: the tail of infills on an idle machine, and on one with a core that is kept busy.

A person feels the slowest of twenty, not the middle one. Every infill is timed with one thread, with all, and with as
many as dgedit chooses, in turns, each time behind another prefix. Nothing here is a remembered figure.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ..engine.factory import open_local
from ..engine.types import InfillRequest
from ..fill.open import trouble_said

if TYPE_CHECKING:
    from ..engine.local import LocalEngine

WIDTH = 46
SPIN = "while True: pass"
TARGET = 1.5
"""The slowest of twenty takes at most so many times what the middle one does."""
Threads = Callable[[], object]


def run(model: str, runs: int) -> int:
    """Measure and print; returns the exit code."""
    from ..engine import threads
    from ..engine.evals import spans

    with trouble_said():
        engine = open_local(model)
    requests = [
        InfillRequest(prefix=span.prefix, suffix=span.suffix, related=span.related, max_passes=engine.info.passes)
        for span in spans.load(limit=min(runs, 20))
    ]
    most = threads.most()
    ways: dict[str, Threads] = {"1 thread": partial(threads.use, 1)}
    if most > 1:
        ways[f"{most} threads"] = partial(threads.use, most)
    ways["as many as dgedit chooses"] = threads.settle
    _once(engine, requests[0], threads.settle)
    for state, holding in (("as the machine is", 0), ("one core kept busy", 1)):
        with _kept_busy(holding):
            found = _in_turns(engine, requests, ways, runs)
        for name, taken in found.items():
            _row(f"{state}, {name}", taken)
        chosen, others = found.popitem()[1], [statistics.median(each) for each in found.values()]
        print(f"{'  p50 beside the better of the others':{WIDTH}} {statistics.median(chosen) / min(others):.2f}x")
    return 0


def _in_turns(
    engine: LocalEngine, requests: list[InfillRequest], ways: dict[str, Threads], runs: int
) -> dict[str, list[float]]:
    """Milliseconds of each infill in each way."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(runs):
        # A new line before the prefix: nothing of the context was read before.
        request = requests[number % len(requests)]
        for turn, (name, choose) in enumerate(ways.items()):
            other = replace(request, prefix=f"# {number} {turn}\n{request.prefix}")
            found[name].append(_once(engine, other, choose))
    return found


def _once(engine: LocalEngine, request: InfillRequest, choose: Threads) -> float:
    """Milliseconds of an infill, the choice of threads included."""
    from ..engine.infill import infill

    began = time.perf_counter()
    choose()
    for _ in infill(request, engine.model):
        pass
    return (time.perf_counter() - began) * 1e3


@contextmanager
def _kept_busy(count: int) -> Iterator[None]:
    """So many other processes that always compute."""
    others = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def _row(name: str, taken: list[float]) -> None:
    middle, slow = statistics.median(taken), quantile(taken, 0.95)
    print(
        f"{name:{WIDTH}} p50 {middle:.0f} ms, p95 {slow:.0f} ms, p95 / p50 {slow / middle:.2f}x (aim: {TARGET}x)",
        flush=True,
    )


def quantile(values: list[float], share: float) -> float:
    """The smallest value that so large a share of them does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-int(share * 1000 * len(ordered)) // 1000) - 1))]
