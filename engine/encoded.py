"""A request as a model has read it: the value that denoising, ranking and drawing share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch

from .guard import Guard
from .guidance import guided
from .protocol import Denoiser, PackedInfill
from .types import InfillRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedInfill:
    """A request, its model, its canvas, the context that the model read, and the judge of its answers."""

    request: InfillRequest
    """As the model is asked: of a notebook's cell its code."""
    model: Denoiser
    packed: PackedInfill
    context: Any
    """What `model.encode` made of `packed.context_ids`; for that model alone."""
    guard: Guard

    @classmethod
    def of(
        cls, packed: PackedInfill, request: InfillRequest, model: Denoiser, guard: Guard | None = None
    ) -> EncodedInfill:
        """Read the context of a packed request.

        Args:
            guard: instead of the one of the request.
        """
        guard = guard or Guard(request.prefix, request.suffix, request.language)
        with torch.inference_mode():
            context = model.encode(packed.context_ids)
        return cls(request=request, model=model, packed=packed, context=context, guard=guard)

    def next_canvas(self, committed: tuple[int, ...]) -> EncodedInfill:
        """The canvas behind what earlier ones wrote, its context read."""
        packed = self.model.pack(self.request, committed)
        with torch.inference_mode():
            return replace(self, packed=packed, context=self.model.encode(packed.context_ids))


def encode_infill(request: InfillRequest, model: Denoiser, guard: Guard | None = None) -> EncodedInfill:
    """Pack a request, with what the place of its span forbids, and read its context.

    Args:
        guard: instead of the one of the request; for comparison.

    Raises:
        EngineError: when the model has no room for the span.
    """
    guard = guard or Guard(request.prefix, request.suffix, request.language)
    packed = model.pack(request)
    if guard.guides:
        packed = replace(packed, guidance=guided(guard.place, model.tokenizer))
    return EncodedInfill.of(packed, request, model, guard)
