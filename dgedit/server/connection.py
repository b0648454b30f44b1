"""A connection to a warm process: messages one after the other, and what it means when it breaks off."""

from __future__ import annotations

import contextlib
import socket
from typing import TypeVar

from ..engine.types import CancelledError, EngineError
from . import protocol

_M = TypeVar("_M", bound=protocol.Message)


class GoneError(EngineError):
    """There is no warm process at the other end, or none any more."""


class Connection:
    """Messages over one socket; `close` may be called from any thread."""

    def __init__(self, connection: socket.socket) -> None:
        """Greets nobody yet."""
        self._socket, self._lines = connection, connection.makefile("rb")
        self.is_closed = False

    def send(self, message: protocol.Message) -> None:
        """Say something.

        Raises:
            EngineError: when it is too long, or the other end is gone.
        """
        try:
            self._socket.sendall(protocol.to_line(message))
        except protocol.WireError as error:
            raise EngineError(str(error), "close other large files, or do without a warm process") from error
        except (OSError, ValueError) as error:
            raise self._gone() from error

    def receive(self, kind: type[_M]) -> _M:
        """The next message, which must be of a kind.

        Raises:
            EngineError: when the other end says that something failed, or is gone.
        """
        try:
            line = self._lines.readline(protocol.LINE_BYTES_MAX + 1)
            message = protocol.from_line(line) if line else None
        except (OSError, ValueError, protocol.WireError) as error:
            raise self._gone() from error
        if isinstance(message, protocol.Failed):
            raise EngineError(message.message, message.hint)
        if message is None or not isinstance(message, kind):
            raise self._gone()
        return message

    def wait_for_ever(self) -> None:
        """Whoever has said hello is waited for."""
        self._socket.settimeout(None)

    def close(self) -> None:
        """Hang up; a thread that waits for a message gets a `CancelledError`."""
        self.is_closed = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _gone(self) -> EngineError:
        if self.is_closed:
            return CancelledError("cancelled")
        return GoneError("the warm process has ended, or speaks another language", "run it again")
