"""Ctrl+C and SIGTERM as one KeyboardInterrupt, raised at most once and never while bytes are on their way out.

A signal that arrives while an import or a destructor runs may be swallowed there; it is remembered, and raised again
by whoever asks. It must know nothing of what is interrupted.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from .. import first_signals

Handler = Callable[[int, FrameType | None], object] | int | None


class Interrupts:
    """What arrived since it was made, and whether it may be raised now."""

    def __init__(self, *, seen: bool = False) -> None:
        """Args: seen: whether a signal came before."""
        self._seen, self._raised, self._held = seen, False, False

    @property
    def have_come(self) -> bool:
        """Whether any signal has arrived."""
        return self._seen

    def check(self) -> None:
        """Raise what was swallowed.

        Raises:
            KeyboardInterrupt: when a signal has arrived.
        """
        if self._seen:
            raise KeyboardInterrupt

    @contextmanager
    def held(self, *, mortal: bool = False) -> Iterator[None]:
        """Nothing is raised in here; what arrives waits for the next `check`.

        Args:
            mortal: SIGTERM ends the process at once, for work that may wait for another process for ever.
        """
        was_held, self._held = self._held, True
        before = _set(signal.SIGTERM, signal.SIG_DFL) if mortal else None
        try:
            yield
        finally:
            _set(signal.SIGTERM, before)
            self._held = was_held

    def arrived(self, _number: int, _frame: FrameType | None) -> None:
        """The handler.

        Raises:
            KeyboardInterrupt: for the first signal, outside of `held`.
        """
        self._seen = True
        if not self._raised and not self._held:
            self._raised = True
            raise KeyboardInterrupt


@contextmanager
def caught() -> Iterator[Interrupts]:
    """Handles both signals until the end of the block; outside of the main thread it does nothing."""
    interrupts = Interrupts(seen=first_signals.have_come())
    numbers = first_signals.NUMBERS
    before = [_set(number, interrupts.arrived) for number in numbers]
    try:
        yield interrupts
    finally:
        for number, handler in zip(numbers, before, strict=True):
            _set(number, handler)


def _set(number: int, handler: Handler) -> Handler:
    """Set a handler where that is permitted; returns the one before."""
    if handler is None or threading.current_thread() is not threading.main_thread():
        return None
    return signal.signal(number, handler)
