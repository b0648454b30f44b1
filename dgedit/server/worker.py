"""The thread of a warm process that has the model: jobs in, lines out, one job at a time in the order they came.

A job is cancelled by setting its event; that is looked at before each pass. What goes wrong with one job is said to its
client and never ends the thread. It must know nothing of sockets.
"""

from __future__ import annotations

import queue
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..engine import open_engine
from ..engine.types import EngineError, Frame, InfillRequest, ModelInfo
from ..errors import DgeditError
from . import protocol

if TYPE_CHECKING:
    from ..engine.interface import Engine, Preparation

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerJob:
    """What one client asks for."""

    asked: protocol.Question
    emit: Callable[[bytes], None]
    """Takes each line of the answer; called in the worker's thread."""
    done: Callable[[], None]
    """Called at the end, however it went; in the worker's thread too."""
    cancelled: threading.Event = field(default_factory=threading.Event)


class Worker:
    """Loads a model and does jobs with it."""

    def __init__(self, model: str, loaded: Callable[[ModelInfo | DgeditError], None], say: Say) -> None:
        """Args: loaded: is told how the loading went, in the worker's thread."""
        self.infills = 0
        """Done so far; those that were cancelled or failed are none."""
        self._name, self._loaded, self._say = model, loaded, say
        self._jobs = queue.SimpleQueue[WorkerJob | None]()
        self._stopping = threading.Event()
        self._last: Preparation | None = None
        self._thread = threading.Thread(target=self._run, name="model", daemon=True)

    def start(self) -> None:
        """Begin with loading."""
        self._thread.start()

    def put(self, job: WorkerJob) -> None:
        """Add a job to the queue; from any thread."""
        self._jobs.put(job)

    def stop(self) -> None:
        """End before the next pass; jobs that wait are not done."""
        self._stopping.set()
        self._jobs.put(None)

    def join(self, timeout_s: float) -> bool:
        """Wait for the end; whether it came."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            model = open_engine(self._name, report=self._say)
        except EngineError as trouble:
            self._loaded(DgeditError(str(trouble), trouble.hint))
            return
        except Exception as trouble:  # the boundary: who waits must be told
            self._say(traceback.format_exc())
            self._loaded(DgeditError(f"the model cannot be loaded: {type(trouble).__name__}: {trouble}"))
            return
        self._loaded(model.info)
        while (job := self._jobs.get()) is not None and not self._stopping.is_set():
            try:
                self._do(job, model)
            finally:
                job.done()

    def _do(self, job: WorkerJob, model: Engine) -> None:
        try:
            for message in self._answers(job, model):
                job.emit(protocol.to_line(message))
        except EngineError as trouble:
            self._fail(job, str(trouble), trouble.hint)
        except Exception as trouble:  # the boundary: the process serves others
            self._say(traceback.format_exc())
            what = f"internal error of the warm process: {type(trouble).__name__}"
            self._fail(job, what, "end it with dgedit serve --stop, and try again")

    def _fail(self, job: WorkerJob, message: str, hint: str) -> None:
        job.emit(protocol.to_line(protocol.Failed(message=message, hint=hint)))

    def _answers(self, job: WorkerJob, model: Engine) -> Iterator[protocol.Message]:
        """What is answered, until the client wants no more."""
        if job.cancelled.is_set():
            return
        if isinstance(job.asked, protocol.Count):
            yield protocol.Counted(tokens=model.count_tokens(job.asked.text))
            return
        if isinstance(job.asked, protocol.Score):
            values = model.score(job.asked.prefix, job.asked.suffix, job.asked.pieces)
            yield protocol.Scored(values=tuple(values))
            return
        for frame in self._frames(job, job.asked.request, model):
            # Whoever has the answer finds it counted.
            self.infills += frame.result is not None
            yield frame

    def _frames(self, job: WorkerJob, request: InfillRequest, model: Engine) -> Iterator[Frame]:
        # The next seed of the same request needs no other preparation.
        if self._last is None or not self._last.serves(request):
            self._last = None
            self._last = model.prepare(request)
        with closing(model.infill(request, self._last)) as passes:  # type: ignore[type-var]
            while not (job.cancelled.is_set() or self._stopping.is_set()):
                frame = next(passes, None)
                if frame is None:
                    return
                yield frame
