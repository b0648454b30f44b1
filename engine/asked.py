"""What an engine outside of this process looks like: a server of the network, or a warm process of this machine.

It has no passes to prepare and no candidates to score here: requests go in, frames come out. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from .types import Frame, InfillRequest, ModelInfo


@runtime_checkable
class Asked(Protocol):
    """An engine that is asked for a whole infill."""

    @property
    def info(self) -> ModelInfo:
        """What the other side runs."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of the answers so far."""

    def infill(self, request: InfillRequest) -> Iterator[Frame]:
        """Frames as they come, the last one with the result; closing the iterator cancels.

        Raises:
            EngineError: at once or while it is read, when the other side or the way there fails.
        """

    def cancel(self) -> None:
        """Break off what runs; from any thread."""
