"""What every kernel must compute, in plain torch: the ground truth, and what runs where there is no GPU."""

from __future__ import annotations

from torch import Tensor

LOG_FLOOR = -1e4
"""Stands for the logarithm of zero, so that an impossible token adds nothing to an entropy instead of a NaN."""


def log_softmax_entropy(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Log-probabilities [F, V] of logits [F, V], and their entropies [F] in nats; minus infinity is allowed."""
    log_probs = logits.log_softmax(dim=-1)
    entropy = -(log_probs.exp() * log_probs.clamp(min=LOG_FLOOR)).sum(dim=-1)
    return log_probs, entropy
