"""The only seam between the engine and kernels: one function an op, the fastest form that the tensors allow.

Every op has a twin in `reference`, which runs wherever there is no Triton kernel for the device.
"""

from __future__ import annotations

from importlib.util import find_spec

import torch
from torch import Tensor

from . import reference
from .formats import BLOCK, Choice, Chosen, Weight


def log_softmax_entropy(logits: Tensor) -> tuple[Tensor, Tensor]:
    """See `reference.log_softmax_entropy`."""
    return reference.log_softmax_entropy(logits)


def choose(logits: Tensor, choice: Choice, generator: torch.Generator) -> tuple[Chosen, Tensor]:
    """See `reference.choose`; the draws are the generator's, as `torch.multinomial` would take them."""
    return reference.choose(logits, choice, draws(logits.shape, choice, generator, logits.device))


def vocabulary_tail(
    hidden: Tensor,
    table: Tensor,
    choice: Choice,
    softcap: float,
    generator: torch.Generator,
    *,
    kernel: bool | None = None,
) -> Chosen:
    """See `reference.vocabulary_tail`; the draws are the generator's, or of a seed that the generator gives a kernel.

    Args:
        kernel: whether the Triton kernel is taken; by default on a GPU where triton is installed.
    """
    if not _in_triton(hidden, kernel):
        noise = draws(torch.Size((len(hidden), len(table))), choice, generator, hidden.device)
        return reference.vocabulary_tail(hidden, table, choice, softcap, noise)
    from . import tail_triton

    seed = int(torch.randint(2**62, (), generator=generator, device=generator.device)) if choice.sampling else 0
    return tail_triton.vocabulary_tail(hidden, table, choice, softcap, seed)


def linear(x: Tensor, weight: Weight, *, kernel: bool | None = None) -> Tensor:
    """See `reference.linear`; the kernel is for NF4 and FP8, rows in multiples of 64, on a GPU or as `kernel` says."""
    if not isinstance(weight, Tensor) and _in_triton(x, kernel) and weight.shape[-1] % BLOCK == 0:
        from . import nf4_triton

        return nf4_triton.linear(x, weight)
    return reference.linear(x, weight)


def experts(
    x: Tensor, index: Tensor, share: Tensor, gate_up: Weight, down: Weight, *, kernel: bool | None = None
) -> Tensor:
    """See `reference.experts`; the kernel is for sizes in multiples of 64, taken on a GPU or as `kernel` says."""
    if _in_triton(x, kernel) and not (gate_up.shape[-1] % BLOCK or down.shape[-1] % BLOCK):
        from . import experts_triton

        return experts_triton.experts(x, index, share, gate_up, down)
    return reference.experts(x, index, share, gate_up, down)


def rms_norm(
    x: Tensor,
    weight: Tensor | None,
    eps: float,
    residual: Tensor | None = None,
    scale: Tensor | None = None,
    *,
    kernel: bool | None = None,
) -> Tensor:
    """See `reference.rms_norm`; one launch on a GPU."""
    if _in_triton(x, kernel):
        from . import rows_triton

        return rows_triton.rms_norm(x, weight, eps, residual, scale)
    return reference.rms_norm(x, weight, eps, residual, scale)


def norm_rotate(
    x: Tensor, weight: Tensor | None, cos: Tensor, sin: Tensor, eps: float, *, kernel: bool | None = None
) -> Tensor:
    """See `reference.norm_rotate`; one launch on a GPU."""
    if _in_triton(x, kernel):
        from . import rows_triton

        return rows_triton.norm_rotate(x, weight, cos, sin, eps)
    return reference.norm_rotate(x, weight, cos, sin, eps)


def geglu(gate: Tensor, up: Tensor, *, kernel: bool | None = None) -> Tensor:
    """See `reference.geglu`; one launch on a GPU."""
    if _in_triton(gate, kernel):
        from . import rows_triton

        return rows_triton.geglu(gate, up)
    return reference.geglu(gate, up)


def route(scores: Tensor, expert_scale: Tensor, taken: int, *, kernel: bool | None = None) -> tuple[Tensor, Tensor]:
    """See `reference.route`; one launch on a GPU. Of equal scores a kernel takes the lowest expert, torch any."""
    if _in_triton(scores, kernel):
        from . import rows_triton

        return rows_triton.route(scores, expert_scale, taken)
    return reference.route(scores, expert_scale, taken)


def _in_triton(x: Tensor, kernel: bool | None) -> bool:
    """Whether a kernel is to be used: where there is a GPU and Triton, if nothing else is said."""
    return x.is_cuda and find_spec("triton") is not None if kernel is None else kernel


def draws(shape: torch.Size, choice: Choice, generator: torch.Generator, device: torch.device) -> Tensor | None:
    """Exponential draws for `reference.choose`; none where nothing is sampled."""
    if not choice.sampling:
        return None
    return torch.empty(shape).exponential_(generator=generator).to(device)
