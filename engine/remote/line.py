"""The hold on an infill's connections: connecting, and cutting from any thread whatever another is blocked in.

Knows sockets and the clock, nothing of HTTP.
"""

from __future__ import annotations

import errno
import os
import queue
import selectors
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from enum import Enum
from typing import Any

from ..types import CancelledError, EngineError
from .address import Address, is_loopback

CONNECT_TIMEOUT_S = 10.0
_CONNECT_SLICE_S = 0.05


class Cut(Enum):
    """Why a line was cut."""

    CANCELLED = "cancelled"
    LATE = "late"


class Line:
    """The hold on one infill's connections: any thread may cut it, whatever it is blocked in."""

    def __init__(self, whole_s: float) -> None:
        """Args: whole_s: it cuts itself after so long."""
        self._whole_s = whole_s
        self._ends = time.monotonic() + whole_s
        self._lock = threading.Lock()
        self._cut = threading.Event()
        self._why: Cut | None = None
        self._socket: socket.socket | None = None
        self._branches = list[Line]()
        self._timer = threading.Timer(whole_s, self.cut, (Cut.LATE,))
        self._timer.daemon = True
        self._timer.start()

    @property
    def remaining_s(self) -> float:
        """Time until it cuts itself."""
        return self._ends - time.monotonic()

    def branch(self) -> Line:
        """Another connection of the same infill: cut with this one, at the latest when this one's time is over."""
        other = Line(max(0.0, self.remaining_s))
        with self._lock:
            self._branches.append(other)
            why = self._why
        if why is not None:
            other.cut(why)
        return other

    def hold(self, connection: socket.socket) -> None:
        """Take a connection, which may still be connecting, into the hold."""
        # A copy of the descriptor stays valid when TLS takes the first one over.
        copy = connection.dup()
        with self._lock:
            old, self._socket = self._socket, copy
        if old is not None:
            old.close()
        self.check()

    def cut(self, why: Cut = Cut.CANCELLED) -> None:
        """Break the connection at once; a read in another thread ends."""
        with self._lock:
            self._why = self._why or why
            self._cut.set()
            branches = list(self._branches)
            if self._socket is not None:
                # Closing alone would not wake a thread that reads. It may be not connected yet, or no more.
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)
        for branch in branches:
            branch.cut(why)

    def pause(self, seconds: float) -> None:
        """Wait, unless it is cut meanwhile.

        Raises:
            EngineError: when it was cut.
        """
        self._cut.wait(seconds)
        self.check()

    def check(self) -> None:
        """Raise when it was cut.

        Raises:
            CancelledError: by a person.
            EngineError: by the clock.
        """
        if self._why is Cut.CANCELLED:
            raise CancelledError("the infill was cancelled")
        if self._why is Cut.LATE:
            raise EngineError(
                f"the server did not finish within {self._whole_s:.4g} s", "try again, or allow more time for an answer"
            )

    def release(self) -> None:
        """Close what is held; cutting is still allowed."""
        self._timer.cancel()
        with self._lock:
            held, self._socket = self._socket, None
            branches, self._branches = self._branches, []
        for branch in branches:
            branch.cut()
        if held is not None:
            held.close()


def connected(address: Address, line: Line) -> socket.socket:
    """A connected socket in the hold of `line`; each address of the name is tried."""
    trouble: OSError | None = None
    for family, kind, protocol, _, place in _found(address, line):
        line.check()
        if address.is_local and not is_loopback(str(place[0])):
            # What counts as this machine, and may be sent a key in the clear, must be it.
            trouble = OSError(f"{address.host} leads to {place[0]}, which is not this machine")
            continue
        found = socket.socket(family, kind, protocol)
        try:
            line.hold(found)
            _connect(found, place, line)
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            found.settimeout(CONNECT_TIMEOUT_S)
            return found
        except OSError as error:
            found.close()
            trouble = error
        except BaseException:
            found.close()
            raise
    line.check()
    raise trouble or OSError("the name has no address")


def _found(address: Address, line: Line) -> Sequence[Any]:
    """The numbers of a host, as `socket.getaddrinfo` gives them; asked in a thread: no resolver can be broken off.

    Raises:
        EngineError: when `line` is cut before they are known.
    """
    answers = queue.SimpleQueue[Sequence[Any] | OSError]()

    def ask() -> None:
        try:
            answers.put(socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answers.put(error if isinstance(error, OSError) else socket.gaierror(socket.EAI_NONAME, str(error)))

    threading.Thread(target=ask, name="resolver", daemon=True).start()
    while True:
        try:
            answer = answers.get(timeout=_CONNECT_SLICE_S)
        except queue.Empty:
            line.check()
            continue
        if isinstance(answer, OSError):
            raise answer
        return answer


def _connect(found: socket.socket, place: Any, line: Line) -> None:
    """Connect in small waits: what is not connected yet cannot be shut down from another thread."""
    found.setblocking(False)
    problem = found.connect_ex(place)
    ends = time.monotonic() + CONNECT_TIMEOUT_S
    if problem in (errno.EINPROGRESS, errno.EWOULDBLOCK):
        with selectors.DefaultSelector() as waiting:
            waiting.register(found, selectors.EVENT_WRITE)
            while not waiting.select(_CONNECT_SLICE_S):
                line.check()
                if time.monotonic() > ends:
                    raise TimeoutError
        problem = found.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if problem:
        raise OSError(problem, os.strerror(problem))
