"""A time after which work stops wherever it is, and not where it next looks at the clock.

Only the main thread can be stopped so; elsewhere the work's own looks at the clock must do.
"""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from .repair import LateError

AGAIN_S = 0.25
"""Where something swallowed the exception it is raised again so much later."""
SOON_S = 0.001
"""Where it would be swallowed it waits so much."""


@contextmanager
def late_after(seconds: float) -> Iterator[None]:
    """Raise in here when so many seconds are over.

    Raises:
        LateError: when they are.
    """
    if seconds == math.inf or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGALRM, _late)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001), AGAIN_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _late(_number: int, frame: FrameType | None) -> None:
    # Python calls back into its import system from where an exception is printed and dropped.
    if frame is not None and frame.f_code.co_filename.startswith("<frozen importlib"):
        signal.setitimer(signal.ITIMER_REAL, SOON_S, AGAIN_S)
        return
    raise LateError
