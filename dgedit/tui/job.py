"""Infills on a worker thread: one at a time, the newest frame in a mailbox that the screen polls.

Frames carry a generation. A cancelled run stops before its next pass, and whatever it still delivers has an old
generation and is dropped, so it can never write into the next run.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import DgeditError
from ..fill import frames, load_model

if TYPE_CHECKING:
    from ..engine.models.base import Denoiser
    from ..engine.types import Frame, InfillRequest


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a run has to say: a frame, or why there is none."""

    generation: int
    frame: Frame | None = None
    error: str | None = None


class InfillJobs:
    """Owns the model and the worker thread."""

    def __init__(self, model_name: str) -> None:
        self.model_name = model_name
        self.model: Denoiser | None = None
        self._generation = 0
        self._mailbox: Delivery | None = None
        self._lock = threading.Lock()
        self._loading = threading.Lock()

    def warm_up(self) -> None:
        """Load the model in the background; an error waits for the first infill to be said."""
        threading.Thread(target=self._load_quietly, name="dgedit-load", daemon=True).start()

    def start(self, make_request: Callable[[], InfillRequest]) -> int:
        """Begin an infill; returns its generation. A run before it is cancelled."""
        with self._lock:
            self._generation += 1
            generation = self._generation
            self._mailbox = None
        threading.Thread(target=self._run, args=(make_request, generation), name="dgedit-infill", daemon=True).start()
        return generation

    def cancel(self) -> None:
        """Make the present run stop before its next pass, and drop whatever it delivers."""
        with self._lock:
            self._generation += 1
            self._mailbox = None

    def poll(self) -> Delivery | None:
        """The newest delivery of the present run, once."""
        with self._lock:
            delivery, self._mailbox = self._mailbox, None
            return delivery

    def _run(self, make_request: Callable[[], InfillRequest], generation: int) -> None:
        try:
            self._load()
            assert self.model is not None, "_load sets it or raises"
            stream = frames(make_request(), self.model)
            for frame in stream:
                if not self._deliver(Delivery(generation, frame=frame)):
                    return
        except DgeditError as error:
            self._deliver(Delivery(generation, error=error.line()))
        except Exception as error:  # the boundary of the worker thread: said on the screen instead of lost
            self._deliver(Delivery(generation, error=f"internal error: {type(error).__name__}: {error}"))

    def _deliver(self, delivery: Delivery) -> bool:
        """Put a delivery into the mailbox; false when its run is over."""
        with self._lock:
            if delivery.generation != self._generation:
                return False
            self._mailbox = delivery
            return True

    def _load(self) -> None:
        with self._loading:
            if self.model is None:
                self.model = load_model(self.model_name)

    def _load_quietly(self) -> None:
        try:
            self._load()
        except Exception:
            return
