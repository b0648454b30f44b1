"""The engine in this process: a checkpoint behind the interface that servers have too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch

from . import threads
from .infill import Prepared, infill, prepare
from .interface import Preparation
from .load import load
from .protocol import Denoiser
from .types import CancelledError, EngineError, Frame, InfillRequest, ModelInfo

SCORED_AT_ONCE = 48
"""Pieces that are read together."""


class LocalEngine:
    """A model of this process.

    Attributes:
        model: for those who measure it.
    """

    def __init__(self, model: Denoiser) -> None:
        self.model = model
        self._fresh: Preparation | None = None
        self._cancelled = 0

    @property
    def info(self) -> ModelInfo:
        """What is said of the checkpoint."""
        return self.model.info

    @property
    def notes(self) -> tuple[str, ...]:
        """Nothing: an answer of this process needs no explanation."""
        return ()

    def prepare(self, request: InfillRequest) -> Prepared:
        """Read the context, recall pieces, write spans: most of the time before the first pass.

        Raises:
            EngineError: when the model or the memory has no room for the span.
        """
        threads.settle()
        with _memory_said():
            self._fresh = made = prepare(request, self.model)
        return made

    def infill(self, request: InfillRequest, prepared: Preparation | None = None) -> Iterator[Frame]:
        """Denoise the span; one frame a pass, and a last one that carries the result.

        Raises:
            EngineError: as `prepare`.
            CancelledError: before the next pass after `cancel`.
        """
        cancelled = self._cancelled
        ready = prepared if isinstance(prepared, Prepared) and prepared.serves(request) else self.prepare(request)
        if ready is not self._fresh:
            threads.settle()
        self._fresh = None
        with _memory_said():
            for frame in infill(request, self.model, prepared=ready):
                if cancelled != self._cancelled:
                    raise CancelledError("the infill was cancelled")
                yield frame

    def score(self, prefix: str, suffix: str, pieces: Sequence[str]) -> list[float]:
        """Log-probability of each piece between the two texts, left to right, what closes the span included.

        Raises:
            EngineError: when the model or the memory has no room for them.
        """
        model, found = self.model, list[float]()
        with torch.inference_mode(), _memory_said():
            packed = model.pack(InfillRequest(prefix=prefix, suffix=suffix))
            context = model.encode(packed.context_ids)
            rows = [[*model.tokenizer.encode(packed.borrowed + piece), *packed.closing_ids] for piece in pieces]
            for place in range(0, len(rows), SCORED_AT_ONCE):
                found += [float(logs.sum()) for logs in model.score(context, rows[place : place + SCORED_AT_ONCE])]
        return found

    def count_tokens(self, text: str) -> int:
        """How many tokens a text has."""
        return len(self.model.tokenizer.encode(text))

    def cancel(self) -> None:
        """End what runs before its next frame; from any thread."""
        self._cancelled += 1


def load_local(name: str, report: Callable[[str], None] | None = None) -> LocalEngine:
    """Load a checkpoint (seconds the first time); see `load` for its names.

    Raises:
        EngineError: when there is no such model, it does not fit, or its files do not fit each other.
    """
    torch.set_num_threads(threads.most())
    with _memory_said():
        return LocalEngine(load(name, report=report))


@contextmanager
def _memory_said() -> Iterator[None]:
    """Say what torch says of a full GPU as an error of the engine."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        hint = "free memory, or use --model diffusiongemma:nf4 or nano"
        raise EngineError("the GPU has no room left for this infill", hint) from error
