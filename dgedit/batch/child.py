"""Work in a process of its own, so that whatever befalls it leaves the input in hands that are safe.

The libraries that a model needs may be broken off by a signal in the midst of their start, run out of memory, abort, or
not look at the clock. Here a child does the work; the parent, which imports none of them, holds the input, looks at the
clock, and ends the child when a person or the time says so. What they tell each other is pickled: both are this
program. It must know nothing of what the work is.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import signal
import struct
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ..errors import DgeditError, ExitCode

Work = TypeVar("Work")
Done = TypeVar("Done")
Tell = Callable[[Any], None]
"""Takes what is told of the work while it is done."""
Do = Callable[[Work, Tell], Done]

GRACE_S = 0.5
"""For the child to see by itself that its time is over."""
READ_BYTES = 1 << 16
_LENGTH = struct.Struct("<Q")


class OverdueError(Exception):
    """The time is over and the work is not done."""


@dataclass(frozen=True, slots=True)
class _Told:
    what: Any


@dataclass(frozen=True, slots=True)
class _Finished:
    done: Any


@dataclass(frozen=True, slots=True)
class _Failed:
    message: str
    hint: str
    code: ExitCode


def can_fork() -> bool:
    """Whether a child may be made: threads, which the libraries of a model start, do not survive that."""
    return hasattr(os, "fork") and "torch" not in sys.modules and threading.active_count() == 1


class Child(Generic[Work, Done]):
    """Does one piece of work after another in a process that is made for the first of them, and anew after an end."""

    def __init__(self, do: Do[Work, Done]) -> None:
        """Args: do: runs in the child, which keeps what it loads."""
        self._do = do
        self._pid = 0
        self._to = self._from = -1

    def do(self, work: Work, until: float, tell: Tell) -> Done:
        """Have a piece of work done.

        Args:
            until: time of the monotonic clock.

        Raises:
            DgeditError: when it fails, or the child ends in the midst of it.
            OverdueError: when it was not done in time.
            KeyboardInterrupt: when a signal came; the child has ended then.
        """
        try:
            if not self._pid:
                self._begin()
            _send(self._to, work)
            return self._answer(until, tell)
        except BaseException as trouble:
            # After a failure of the work itself the child waits for more.
            if not isinstance(trouble, DgeditError) or not self._pid:
                self.end()
            raise

    def end(self) -> None:
        """End the child, whatever it is doing."""
        if not self._pid:
            return
        pid, self._pid = self._pid, 0
        for handle in (self._to, self._from):
            with contextlib.suppress(OSError):
                os.close(handle)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)

    def _begin(self) -> None:
        there, to = os.pipe()
        from_, back = os.pipe()
        sys.stdout.flush() if sys.stdout is not None else None
        pid = os.fork()
        if pid == 0:
            os.close(to)
            os.close(from_)
            _serve(self._do, there, back)
        os.close(there)
        os.close(back)
        self._pid, self._to, self._from = pid, to, from_

    def _answer(self, until: float, tell: Tell) -> Done:
        incoming = bytearray()
        while True:
            for message in _messages(incoming):
                if isinstance(message, _Told):
                    tell(message.what)
                elif isinstance(message, _Failed):
                    raise DgeditError(message.message, message.hint, code=message.code)
                else:
                    done: Done = message.done
                    return done
            left_s = until + GRACE_S - time.monotonic()
            if left_s <= 0:
                raise OverdueError
            # In slices: a wait that is longer than the system's limit is none.
            if select.select([self._from], [], [], min(left_s, 60.0))[0]:
                piece = os.read(self._from, READ_BYTES)
                if not piece:
                    raise self._ended()
                incoming += piece

    def _ended(self) -> DgeditError:
        """What the end of the child means."""
        pid, self._pid = self._pid, 0
        os.close(self._to)
        os.close(self._from)
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with {code}"
        return DgeditError(f"the model's process ended {how}", "is there memory for it? a smaller model needs less")


def _serve(do: Do[Work, Done], there: int, back: int) -> None:
    """The child's whole life; never returns."""
    try:
        # Ctrl+C reaches all processes of a terminal; the parent decides.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if sys.stdin is not None:
            _close_input()
        parent = os.getppid()

        def tell(what: Any) -> None:
            if os.getppid() != parent:
                os._exit(ExitCode.CANCELLED)
            _send(back, _Told(what))

        incoming = bytearray()
        while piece := os.read(there, READ_BYTES):
            incoming += piece
            for work in _messages(incoming):
                _send(back, _outcome(do, work, tell))
    except BrokenPipeError:
        pass  # the parent is gone, or wants no more
    finally:
        os._exit(ExitCode.OK if sys.exc_info()[0] is None else ExitCode.ERROR)


def _outcome(do: Do[Work, Done], work: Work, tell: Tell) -> _Finished | _Failed:
    try:
        return _Finished(do(work, tell))
    except DgeditError as trouble:
        return _Failed(str(trouble), trouble.hint, trouble.code)
    except BrokenPipeError:
        raise
    except BaseException as trouble:  # panics of libraries are no Exceptions
        return _Failed(internal(trouble), "please report it", ExitCode.ERROR)


def internal(trouble: BaseException) -> str:
    """What is said of an error that nobody thought of."""
    what = "not enough memory" if isinstance(trouble, MemoryError) else f"{type(trouble).__name__}: {trouble}"
    return f"internal error, the text is unchanged: {what}"


def _close_input() -> None:
    """The parent's input is not the child's to read."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())


def _send(handle: int, message: Any) -> None:
    raw = pickle.dumps(message)
    rest = memoryview(_LENGTH.pack(len(raw)) + raw)
    while rest:
        rest = rest[os.write(handle, rest) :]


def _messages(incoming: bytearray) -> Any:
    """Whole messages at the beginning of what came, which are taken away."""
    while len(incoming) >= _LENGTH.size:
        (length,) = _LENGTH.unpack_from(incoming)
        end = _LENGTH.size + length
        if len(incoming) < end:
            return
        message = pickle.loads(bytes(incoming[_LENGTH.size : end]))
        del incoming[:end]
        yield message
