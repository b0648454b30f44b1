"""What every engine is to those above it: a model in this process, in a warm process, or on a server.

Requests go in and frames come out, plain values both; no caller need ask which kind it has. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from .types import Frame, InfillRequest, ModelInfo


class Preparation(Protocol):
    """What an engine can do for a request before the key is pressed; handed back to the same engine."""

    def serves(self, request: InfillRequest) -> bool:
        """Whether it was made for this request, seed and rejected answers aside."""


class Engine(Protocol):
    """Fills spans. One infill at a time, from one thread; `cancel` from any."""

    @property
    def info(self) -> ModelInfo:
        """What is said of the model."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of how answers came about, oldest first."""

    def prepare(self, request: InfillRequest) -> Preparation | None:
        """Do what does not depend on the seed; none where all is done elsewhere.

        Raises:
            EngineError: when the model has no room for the span.
        """

    def infill(self, request: InfillRequest, prepared: Preparation | None = None) -> Iterator[Frame]:
        """Frames as they come, the last one with the result; closing the iterator cancels.

        Args:
            prepared: of this engine; one for another request is not used.

        Raises:
            EngineError: at once or while it is read, when the model, a server or the way there fails.
        """

    def score(self, prefix: str, suffix: str, pieces: Sequence[str]) -> list[float]:
        """Log-probability of each piece between the two texts, left to right, what closes the span included.

        Raises:
            EngineError: when the model tells no probabilities.
        """

    def count_tokens(self, text: str) -> int:
        """How many tokens a text has; about, where the tokenizer is not at hand.

        Raises:
            EngineError: when it cannot be asked.
        """

    def cancel(self) -> None:
        """Break off what runs, which then raises `CancelledError` or ends; from any thread."""
