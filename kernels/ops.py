"""The only seam between the engine and kernels: one function an op, the fastest form that the tensors allow.

There is no Triton kernel yet, so every op is its torch reference; callers will not notice when that changes.
"""

from __future__ import annotations

from torch import Tensor

from . import reference


def log_softmax_entropy(logits: Tensor) -> tuple[Tensor, Tensor]:
    """See `reference.log_softmax_entropy`."""
    return reference.log_softmax_entropy(logits)
