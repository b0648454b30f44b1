"""Infills on one worker thread: the newest task only, frames in a mailbox that the screen empties.

Frames carry a generation. A cancelled run stops before its next pass, and whatever it still delivers has an old
generation and is dropped, so it can never write into the next run. While nothing runs the thread may prepare the infill
that is likely to come (`warm`): its context read, its pieces recalled.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...errors import DgeditError
from ...fill.loop import FillOptions, Gap, fill_gaps, gap_request, prepare
from ...fill.open import open_model

if TYPE_CHECKING:
    from ...engine import Engine, Frame, Preparation


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Gaps among texts that stay, and the text around them."""

    before: str
    parts: tuple[str | Gap, ...]
    after: str
    options: FillOptions


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a run has to say: a frame of a part, its end, or why there is none."""

    part: int = 0
    frame: Frame | None = None
    error: str | None = None
    done: bool = False


class InfillJobs:
    """Owns the model and the worker thread."""

    def __init__(self, model_name: str, notify: Callable[[], None] | None = None, engine: str = "") -> None:
        """Args:
        notify: called on the worker thread when the mailbox fills, or loading goes on or ends.
        engine: the address of a server that is asked instead of a model in this process.
        """
        self.model_name, self.engine = model_name, engine
        self.model: Engine | None = None
        self.load_error: str | None = None
        self.load_note = ""
        """What is loaded and how far it is; nothing where that takes no time to speak of."""
        self._notify = notify or (lambda: None)
        self._generation = 0
        self._mailbox = list[Delivery]()
        self._next: Callable[[], None] | None = None
        self._busy = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._break_off: Callable[[], None] | None = None
        """Ends the wait for a server that an infill asks for its models."""
        self._prepared: Preparation | None = None

    def load(self) -> None:
        """Load the model in the background; an error waits for the first infill to be said."""
        self._put(self._load_quietly)

    def warm(self, task: Task) -> None:
        """Prepare a task that is likely to come, unless something else is to be done."""
        with self._changed:
            if self._next is not None:
                return
        self._put(lambda: self._warm(task))

    def start(self, task: Task) -> int:
        """Begin an infill; returns its generation. A run before it is cancelled."""
        generation = self.cancel()
        self._put(lambda: self._run(task, generation))
        return generation

    def cancel(self) -> int:
        """Make the present run stop before its next pass, and drop whatever it delivers."""
        with self._changed:
            self._generation += 1
            self._mailbox.clear()
            generation = self._generation
            break_off = self._break_off
        if break_off is not None:
            break_off()
        if self._busy and self.model is not None:
            self.model.cancel()
        return generation

    def notes(self) -> tuple[str, ...]:
        """What a server's answers need said, so far."""
        return () if self.model is None else self.model.notes

    @property
    def is_idle(self) -> bool:
        """Whether nothing runs and nothing waits."""
        with self._changed:
            return self._next is None and not self._busy

    def forget(self) -> None:
        """Drop what was prepared."""
        self._prepared = None

    def poll(self) -> list[Delivery]:
        """What the present run has delivered since the last time, oldest first."""
        with self._changed:
            deliveries, self._mailbox = self._mailbox, []
            return deliveries

    def _put(self, work: Callable[[], None]) -> None:
        with self._changed:
            self._next = work
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="dgedit-infill", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _work(self) -> None:
        while True:
            with self._changed:
                while self._next is None:
                    self._changed.wait()
                work, self._next = self._next, None
                self._busy = True
            work()
            with self._changed:
                self._busy = False

    def _run(self, task: Task, generation: int) -> None:
        try:
            if generation != self._generation:
                return
            model = self._load(generation)
            for part, frame in fill_gaps(task.before, task.parts, task.after, model, task.options, self._prepared):
                if not self._deliver(generation, Delivery(part, frame)):
                    return
            self._deliver(generation, Delivery(done=True))
        except DgeditError as error:
            self._deliver(generation, Delivery(error=error.line()))
        except Exception as error:  # the boundary of the worker thread: said on the screen instead of lost
            self._deliver(generation, Delivery(error=f"internal error: {type(error).__name__}: {error}"))

    def _warm(self, task: Task) -> None:
        try:
            model = self._load()
            if model.info.is_remote:
                return
            first = next(number for number, part in enumerate(task.parts) if isinstance(part, Gap))
            request = gap_request(task.before, task.parts, first, task.after, task.options, model.info)
            if self._prepared is None or not self._prepared.serves(request):
                self._prepared = prepare(request, model)
        except Exception:  # the boundary: an infill that meets the same trouble says it
            return

    def _deliver(self, generation: int, delivery: Delivery) -> bool:
        """Put a delivery into the mailbox; false when its run is over."""
        with self._changed:
            if generation != self._generation:
                return False
            self._mailbox.append(delivery)
        self._notify()
        return True

    def _load(self, generation: int | None = None) -> Engine:
        """The model; a run that is cancelled no longer waits for a server."""

        def hold(break_off: Callable[[], None]) -> None:
            with self._changed:
                self._break_off = None if generation is None else break_off
                is_over = generation not in (None, self._generation)
            if is_over:
                break_off()

        if self.model is None:
            try:
                self.model = open_model(self.model_name, self.engine, self._tell_load, holding=hold)
            finally:
                self._break_off = None
            self.load_note = ""
            # The engine brings hundreds of thousands of lasting objects, which a collection would go through again and
            # again, in the midst of a key, for a tenth of a second.
            gc.freeze()
            self._notify()
        return self.model

    def _tell_load(self, line: str) -> None:
        self.load_note = line
        self._notify()

    def _load_quietly(self) -> None:
        try:
            self._load()
        except Exception as error:  # the boundary: said by the first infill, and in the status line
            self.load_error = error.line() if isinstance(error, DgeditError) else f"{type(error).__name__}: {error}"
            self._notify()
