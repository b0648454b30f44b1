"""An engine in another process of this machine: finds it, starts it, asks it.

`find` costs no more than a look into a folder where there is none. Imports no torch, and no model is loaded here. It
must know nothing of files and holes.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeVar

from ..engine.catalog import CHECKPOINTS
from ..engine.interface import Preparation
from ..engine.types import EngineError, Frame, InfillRequest, ModelInfo
from ..errors import DgeditError
from ..paths import state_folder
from . import address, protocol
from .address import Place
from .connection import Connection, GoneError

if TYPE_CHECKING:
    import subprocess

IDLE_MINUTES = 30.0
START_S = 30.0
"""For a process that was started to have its socket; it loads the model after that."""
POLL_S = 0.01
STOP_S = 4.0
"""For a process that was asked to end; then it is killed."""
KILL_S = 2.0
LOG_BYTES_MAX = 256 << 10
LAUNCH = (
    "import sys; sys.path.insert(0, sys.argv[1]); import dgedit; del sys.path[0]; from dgedit.commands import serve; "
    "sys.exit(serve.run(serve.parser().parse_args(sys.argv[3:])))"
)
"""The same dgedit as this one, wherever it was imported from; what follows reads like its command line."""

_M = TypeVar("_M", bound=protocol.Message)
_started = list["subprocess.Popen[bytes]"]()
"""Kept because a handle that is dropped complains that its process runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What is known of a warm process."""

    place: Place
    pid: int | None
    """None where it has none that is known here."""
    hello: protocol.Hello | None
    """None where it does not answer, or speaks another version."""
    info: ModelInfo | None
    """None while the model is loaded."""


class ServedInfill(Iterator[Frame]):
    """The frames of one infill; `close` cancels it, from any thread."""

    def __init__(self, connection: Connection, ended: Callable[[Connection], None]) -> None:
        """Args: ended: is told when nothing more comes."""
        self._connection, self._ended, self._is_done = connection, ended, False

    def __next__(self) -> Frame:
        """The next frame.

        Raises:
            CancelledError: after it was closed.
            EngineError: when the infill fails, or the process is gone.
        """
        if self._is_done:
            raise StopIteration
        try:
            frame = self._connection.receive(Frame)
        except EngineError:
            self.close()
            raise
        if frame.result is not None:
            self._is_done = True
            self.close()
        return frame

    def close(self) -> None:
        """Hang up; the other end stops before its next pass."""
        self._connection.close()
        self._ended(self._connection)

    def __del__(self) -> None:
        self.close()


class ServedEngine:
    """The model of a warm process, as an `engine.Engine`."""

    def __init__(self, info: ModelInfo, call: Callable[[], tuple[Connection, ModelInfo]]) -> None:
        """Args: call: makes a connection that a request may be sent to."""
        self._info, self._call = info, call
        self._live = set[Connection]()
        # Frames may be collected as garbage, and closed by that, at any moment.
        self._lock = threading.RLock()

    @property
    def info(self) -> ModelInfo:
        """What is said of the model."""
        return self._info

    @property
    def notes(self) -> tuple[str, ...]:
        """Nothing: it answers as the model in this process would."""
        return ()

    def prepare(self, request: InfillRequest) -> None:
        """Nothing: the other process keeps what it prepared."""

    def infill(self, request: InfillRequest, prepared: Preparation | None = None) -> ServedInfill:
        """Frames as they come, the last one with the result; requests of all clients take turns.

        Raises:
            EngineError: when it cannot be asked.
        """
        connection = self._ask(protocol.InfillQuestion(request=request))
        with self._lock:
            self._live.add(connection)
        return ServedInfill(connection, self._forget)

    def count_tokens(self, text: str) -> int:
        """How many tokens the model's tokenizer makes of a text.

        Raises:
            EngineError: when it cannot be asked.
        """
        return self._answer(protocol.Count(text=text), protocol.Counted).tokens

    def score(self, prefix: str, suffix: str, pieces: Sequence[str]) -> list[float]:
        """Log-probability of each piece between the two texts, left to right, what closes the span included.

        Raises:
            EngineError: when it cannot be asked, or has no room for them.
        """
        asked = protocol.Score(prefix=prefix, suffix=suffix, pieces=tuple(pieces))
        return list(self._answer(asked, protocol.Scored).values)

    def cancel(self) -> None:
        """Break off every infill that runs or waits; from any thread."""
        with self._lock:
            live = list(self._live)
        for connection in live:
            connection.close()

    def _answer(self, asked: protocol.Question, kind: type[_M]) -> _M:
        connection = self._ask(asked)
        try:
            return connection.receive(kind)
        finally:
            connection.close()

    def _ask(self, asked: protocol.Question) -> Connection:
        connection, self._info = self._call()
        try:
            connection.send(asked)
        except EngineError:
            connection.close()
            raise
        return connection

    def _forget(self, connection: Connection) -> None:
        with self._lock:
            self._live.discard(connection)


def find(model: str) -> ServedEngine | None:
    """The engine of a warm process; none where there is none. One that loads its model is waited for."""
    place = address.place_of(model)
    try:
        connection, info = _call(place)
    except EngineError:
        return None
    connection.close()
    return ServedEngine(info, lambda: _call(place))


def start_in_background(model: str, idle_minutes: float = IDLE_MINUTES) -> ServedEngine:
    """The engine of a warm process, which is started where there is none, and again should it end.

    Raises:
        DgeditError: when it cannot be started, or cannot load the model.
    """

    def call() -> tuple[Connection, ModelInfo]:
        try:
            return _call(address.place_of(model))
        except GoneError:
            return _start(model, idle_minutes)

    try:
        connection, info = call()
    except EngineError as error:
        raise DgeditError(str(error), error.hint) from error
    connection.close()
    return ServedEngine(info, call)


def statuses(model: str | None = None) -> list[Status]:
    """Every warm process of this person, or the one of a model."""
    if model is not None:
        places = [address.place_of(model)]
    else:
        folder = address.folder()
        places = [Place(folder, path.stem) for path in sorted(folder.glob("*" + address.SOCKET))]
    return [status for status in map(_status, places) if status is not None]


def stop(status: Status) -> bool:
    """End a warm process, by force where it does not end by itself; whether it went."""
    if status.pid is None:
        return False
    _signal(status.pid, signal.SIGTERM)
    # One that is stopped would not even hear of it.
    _signal(status.pid, signal.SIGCONT)
    if _is_gone(status, STOP_S):
        return True
    _signal(status.pid, signal.SIGKILL)
    if not _is_gone(status, KILL_S):
        return False
    address.sweep(status.place.folder)
    return True


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _is_gone(status: Status, within_s: float) -> bool:
    """Whether the process, and nobody after it, has its place no more."""
    until = time.monotonic() + within_s
    while (connection := address.dial(status.place)) is not None:
        found = address.peer(connection)
        connection.close()
        if found is not None and found[0] != status.pid:
            return True
        if time.monotonic() > until:
            return False
        time.sleep(POLL_S)
    return True


def log_path() -> Path:
    """Where a process in the background says what it does; never what anyone writes."""
    return state_folder() / "serve.log"


def _call(place: Place) -> tuple[Connection, ModelInfo]:
    """A connection to a process that has the model loaded.

    Raises:
        GoneError: when there is none, or it does not answer.
        EngineError: when it cannot load the model.
    """
    dialled = address.dial(place)
    if dialled is None:
        raise GoneError("there is no warm process", "start one with dgedit serve")
    connection = Connection(dialled)
    try:
        connection.receive(protocol.Hello)
        connection.wait_for_ever()
        return connection, connection.receive(protocol.Ready).info
    except BaseException:
        connection.close()
        raise


def _status(place: Place) -> Status | None:
    dialled = address.dial(place)
    if dialled is None:
        return None
    found = address.peer(dialled)
    connection = Connection(dialled)
    hello = info = None
    try:
        hello = connection.receive(protocol.Hello)
        info = connection.receive(protocol.Ready).info if hello.is_ready else None
    except EngineError:
        pass
    finally:
        connection.close()
    pid = found[0] if found is not None else (hello.pid if hello is not None else 0)
    # A process of another container has no number here.
    return Status(place=place, pid=pid or None, hello=hello, info=info)


def _start(model: str, idle_minutes: float) -> tuple[Connection, ModelInfo]:
    """A connection to a new process, or to one that another call starts at the same moment.

    Raises:
        EngineError: when there will be none.
    """
    try:
        address.make_folder(address.folder())
    except DgeditError as error:
        raise EngineError(str(error), error.hint) from error
    process = _spawn(model, idle_minutes)
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        code = process.poll()
        try:
            return _call(address.place_of(model))
        except GoneError:
            if code is not None:
                break
        time.sleep(POLL_S)
    if process.poll() is None:
        process.terminate()
    raise EngineError("the warm process cannot be started", f"{log_path()} says why; or leave --warm out")


def _spawn(model: str, idle_minutes: float) -> subprocess.Popen[bytes]:
    import subprocess

    folder = address.folder_of(model)
    # It runs in another folder, which the name of one must not depend on.
    is_path = folder is not None and folder.parent != CHECKPOINTS
    named = os.path.abspath(os.path.expanduser(model)) if is_path else model
    command = [sys.executable, "-P", "-c", LAUNCH, str(address.PACKAGE.parent), "serve"]
    command += ["--model", named, "--idle-minutes", str(idle_minutes)]
    log = _open_log()
    try:
        process = subprocess.Popen(
            command,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log or subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        raise EngineError(f"the warm process cannot be started: {error}") from error
    finally:
        if log is not None:
            log.close()
    _started.append(process)
    return process


def _open_log() -> IO[bytes] | None:
    """The log, begun anew when it is long; none where it cannot be written, which stops nothing."""
    path = log_path()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        if os.fstat(handle).st_size > LOG_BYTES_MAX:
            os.ftruncate(handle, 0)
        return os.fdopen(handle, "ab")
    except OSError:
        return None
