"""The only seam between the engine and kernels: one function an op, the fastest form that the tensors allow.

Every op has a twin in `reference`, which runs wherever there is no Triton kernel for the device.
"""

from __future__ import annotations

import torch
from torch import Tensor

from . import reference
from .formats import Choice, Chosen, Weight


def log_softmax_entropy(logits: Tensor) -> tuple[Tensor, Tensor]:
    """See `reference.log_softmax_entropy`."""
    return reference.log_softmax_entropy(logits)


def choose(logits: Tensor, choice: Choice, generator: torch.Generator) -> tuple[Chosen, Tensor]:
    """See `reference.choose`; the draws are the generator's, as `torch.multinomial` would take them."""
    return reference.choose(logits, choice, draws(logits.shape, choice, generator, logits.device))


def vocabulary_tail(
    hidden: Tensor, table: Tensor, choice: Choice, softcap: float, generator: torch.Generator
) -> Chosen:
    """See `reference.vocabulary_tail`; the draws are the generator's."""
    noise = draws(torch.Size((len(hidden), len(table))), choice, generator, hidden.device)
    return reference.vocabulary_tail(hidden, table, choice, softcap, noise)


def linear(x: Tensor, weight: Weight) -> Tensor:
    """See `reference.linear`."""
    return reference.linear(x, weight)


def experts(x: Tensor, index: Tensor, share: Tensor, gate_up: Weight, down: Weight) -> Tensor:
    """See `reference.experts`."""
    return reference.experts(x, index, share, gate_up, down)


def draws(shape: torch.Size, choice: Choice, generator: torch.Generator, device: torch.device) -> Tensor | None:
    """Exponential draws for `reference.choose`; none where nothing is sampled."""
    if not choice.sampling:
        return None
    return torch.empty(shape).exponential_(generator=generator).to(device)
