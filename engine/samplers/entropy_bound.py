"""Entropy-bound acceptance: which predictions of a pass are taken into the canvas.

The k most certain slots are accepted such that the sum of their entropies, the largest left out, stays within a
bound: it limits how much the accepted tokens can depend on each other (arXiv 2505.24857; the published
DiffusionGemma sampler does the same). Acceptance is decided anew in every pass, so an accepted token may be
revised or given up. Pinned positions are in no sum. Shapes: R rows, W canvas positions.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812


@dataclass(frozen=True, slots=True, kw_only=True)
class EntropyBound:
    """Settings of the rule.

    Raises:
        ValueError: when the bound is not positive or the bias negative.
    """

    bound: float = 0.1
    """Nats that the accepted slots may share."""
    left_bias: float = 0.3
    """Nats added to a slot's entropy for every slot to its left: a small model is surest of brackets and line ends, and
    writes better when what stands before them comes first. 0 is the published rule."""

    def __post_init__(self) -> None:
        if self.bound <= 0:
            raise ValueError(f"bound must be positive, got {self.bound}")
        if self.left_bias < 0:
            raise ValueError(f"left_bias must not be negative, got {self.left_bias}")

    def accept(self, entropy: Tensor, active: Tensor, at_least: Tensor) -> Tensor:
        """Accepted slots, boolean [R, W].

        Args:
            entropy: nats [R, W]; read at active slots alone.
            active: boolean [R, W], the slots that may be accepted.
            at_least: integers [R]; so many of the most certain are accepted whatever the bound says.
        """
        place = torch.arange(entropy.shape[1], device=entropy.device)
        order = (entropy + self.left_bias * place).masked_fill(~active, torch.inf).argsort(dim=-1, stable=True)
        eligible = active.gather(1, order)
        # The bias decides who comes first; what is shared is counted in real nats.
        spent = entropy.gather(1, order).masked_fill(~eligible, 0.0).cumsum(dim=-1)
        before = F.pad(spent[:, :-1], (1, 0))
        taken = ((before <= self.bound) | (place < at_least[:, None])) & eligible
        return torch.zeros_like(active).scatter(1, order, taken)


def in_order(accepted: Tensor, ends: Tensor) -> Tensor:
    """Drops accepted end-of-span and padding slots that have an unaccepted slot to their left.

    Length is decided last: an early end would cut off what is not written yet. Both arguments boolean [R, W] over
    the span slots from the left; slots that are not part of a row's span stand right of all others.
    """
    gaps_before = (~accepted).cumsum(dim=-1) - (~accepted).long()
    return accepted & ~(ends & (gaps_before > 0))
