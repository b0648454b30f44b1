"""How many threads a pass should use now: on a busy machine several are far slower than one.

Every parallel region ends when its last thread does, and a thread whose core another program has comes back
milliseconds later; a pass has some hundred regions of less than a tenth of a millisecond. On two busy cores an infill
took 13 s with two threads and 1 s with one. So the choice is measured, on the work of a pass, before each infill; and
what comes to the machine meanwhile is noticed by what every run over the network waits for, and left the field.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

THREADS_MAX = 8
"""More threads than this only wait for each other at the small models' size."""
ROUNDS = 10
MARGIN = 0.9
"""More threads must take less than this share of the time to be chosen."""
WAITED_SHARE = 0.2
"""Of a run over the network: a thread that does nothing for longer waits for another one's core, or for its own."""
WAITED_S = 0.002
"""So long at least: what is shorter, a timer of the system takes now and then."""

_is_steady = False
_is_watched = True


def cores() -> int:
    """Cores that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def most() -> int:
    """Threads that a pass may use at most; a person's OMP_NUM_THREADS is heeded."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    return min(THREADS_MAX, cores(), int(given) if given.isdecimal() and int(given) else THREADS_MAX)


def in_use() -> int:
    """Threads that a pass uses now."""
    return torch.get_num_threads()


def use_one_thread() -> None:
    """Answer alike however busy the machine is, for less speed: sums over more threads differ in a last bit."""
    global _is_steady
    _is_steady = True
    torch.set_num_threads(1)


def use(count: int) -> None:
    """Use so many threads until the next `settle`, whatever they wait for; for comparison."""
    global _is_watched
    _is_watched = False
    torch.set_num_threads(count)


def settle() -> None:
    """Use as many threads as pay at this moment, unless the answers are to be the same at every moment."""
    global _is_watched
    _is_watched = True
    if not _is_steady:
        use_fastest(most())


@contextmanager
def watched() -> Iterator[None]:
    """Go on with one thread after a run in here that mostly waited; the next `settle` tries more again.

    It costs two looks at the clocks, and nothing where there is one thread. The clock of this thread stands still while
    it sleeps: where a region ends late, and where another program has its core.
    """
    if _is_steady or not _is_watched or torch.get_num_threads() == 1:
        yield
        return
    began, worked = time.perf_counter(), time.thread_time()
    yield
    took = time.perf_counter() - began
    waited = took - (time.thread_time() - worked)
    if waited > max(WAITED_S, WAITED_SHARE * took):
        torch.set_num_threads(1)


def use_fastest(threads_max: int) -> int:
    """Time a little of a pass's work with one thread and with all, and keep the better; returns the number of threads.

    Costs a few milliseconds, and no more on a busy machine: the trial of all threads ends when it cannot win.
    """
    torch.set_num_threads(1)
    if threads_max < 2:
        return 1
    _rounds(2, float("inf"))
    alone_s = _rounds(ROUNDS, float("inf"))
    torch.set_num_threads(threads_max)
    # The first region wakes the threads up, which the passes after it need not pay.
    _rounds(1, alone_s)
    if _rounds(ROUNDS, alone_s * MARGIN) < alone_s * MARGIN:
        return threads_max
    torch.set_num_threads(1)
    return 1


def _rounds(count: int, limit_s: float) -> float:
    """Seconds that some rounds of work take, given up over the limit."""
    rows, weight = _work()
    began = time.perf_counter()
    with torch.inference_mode():
        for _ in range(count):
            F.gelu(F.linear(rows, weight))
            if time.perf_counter() - began > limit_s:
                break
    return time.perf_counter() - began


@cache
def _work() -> tuple[Tensor, Tensor]:
    """Activations and weights about as large as a pass's."""
    return torch.ones(48, 384), torch.full((512, 384), 0.01)
