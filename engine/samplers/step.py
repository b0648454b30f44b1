"""The state of a denoising run, and the protocol of what moves it from one pass to the next.

    initialize() -> Step        the starting noise
    update(step, chosen)        after every pass but the last
    finalize(step, chosen)      after the last pass that the settings allow: nothing may stay open

The three are those of hackable_diffusion's sampler steps, for a canvas of tokens. All state of a run is in `Step`; a
sampler holds settings alone. Shapes: R rows, W canvas positions, F free positions, D hidden.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ...kernels.formats import Chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The complete state after a pass; tensors [R, W] where nothing else is said."""

    pass_index: int
    """1 after the first pass, 0 for the starting noise; a start counts the passes behind it."""
    canvas: Tensor
    """Ids that the next pass reads."""
    guess: Tensor
    """Likeliest (or drawn) token everywhere; pinned positions hold their pin."""
    confidence: Tensor
    """Probability of the guess; 1 where pinned."""
    entropy: Tensor
    """Nats; 0 where pinned."""
    accepted: Tensor
    changed: Tensor
    """Accepted in this pass, or revised by it."""
    free: Tensor
    valid: Tensor
    span: Tensor
    """Free positions up to the accepted end of the span: what statistics are about."""
    finished: Tensor
    """Rows [R] that need no further pass."""
    passes: Tensor
    """Passes [R] that each row took."""
    soft: Tensor | None
    """[F, D] of this pass, the next one's self-conditioning."""

    def mean_entropy(self) -> Tensor:
        """Mean entropy [R] over the span slots, in nats."""
        return (self.entropy * self.span).sum(-1) / self.span.sum(-1).clamp(min=1)


class SamplerStep(Protocol):
    """What moves a run on; draws come from the generator that is handed in, so a seed gives the same run."""

    def initialize(self, generator: torch.Generator) -> Step:
        """The starting noise."""

    def update(self, step: Step, chosen: Chosen, generator: torch.Generator) -> Step:
        """The state after a pass, from the one before it and what the model chose [F]."""

    def finalize(self, step: Step, chosen: Chosen, generator: torch.Generator) -> Step:
        """The state after the last pass."""


class AcceptanceRule(Protocol):
    """Which predictions of a pass are accepted."""

    def accept(self, entropy: Tensor, active: Tensor, at_least: Tensor) -> Tensor:
        """Accepted slots, boolean [R, W].

        Args:
            entropy: nats [R, W]; read at active slots alone.
            active: boolean [R, W], the slots that may be accepted.
            at_least: integers [R]; so many of the most certain are accepted whatever the rule says.
        """
