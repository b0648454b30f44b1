"""The only seam between the engine and kernels: one function an op, the fastest form that the tensors allow.

Every op has a twin in `reference`, which runs wherever there is no Triton kernel for the device.
"""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor

from . import reference
from .formats import BLOCK, Choice, Chosen, Weight

TINY = 1e-9
"""No draw is smaller, nor larger than -log of it."""
TAIL_NUMBERS = 1 << 24
"""Logits that are held at once where there is no kernel: 64 MB in float32, of which there are a few copies."""


def log_softmax_entropy(logits: Tensor) -> tuple[Tensor, Tensor]:
    """See `reference.log_softmax_entropy`."""
    return reference.log_softmax_entropy(logits)


def choose(logits: Tensor, choice: Choice, generator: torch.Generator) -> tuple[Chosen, Tensor]:
    """See `reference.choose`; the draws are the generator's."""
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
        return _tail_by_parts(hidden, table, choice, softcap, generator)
    from . import tail

    seed = int(torch.randint(2**62, (), generator=generator, device=generator.device)) if choice.sampling else 0
    return tail.vocabulary_tail(hidden, table, choice, softcap, seed)


def _tail_by_parts(hidden: Tensor, table: Tensor, choice: Choice, softcap: float, generator: torch.Generator) -> Chosen:
    """The reference over so many rows at a time that their logits are never a large part of the memory."""
    rows = max(1, TAIL_NUMBERS // len(table))
    parts = []
    for begin in range(0, max(1, len(hidden)), rows):
        part, rule = hidden[begin : begin + rows], choice.rule[begin : begin + rows]
        noise = draws(torch.Size((len(part), len(table))), choice, generator, hidden.device)
        parts.append(reference.vocabulary_tail(part, table, replace(choice, rule=rule), softcap, noise))
    if len(parts) == 1:
        return parts[0]
    return Chosen(**{field.name: torch.cat([getattr(part, field.name) for part in parts]) for field in fields(Chosen)})


def linear(x: Tensor, weight: Weight, *, kernel: bool | None = None) -> Tensor:
    """See `reference.linear`; the kernel is for NF4 and FP8, rows in multiples of 64, on a GPU or as `kernel` says."""
    if not isinstance(weight, Tensor) and _in_triton(x, kernel) and weight.shape[-1] % BLOCK == 0:
        from . import nf4

        return nf4.linear(x, weight)
    return reference.linear(x, weight)


def experts(
    x: Tensor, index: Tensor, share: Tensor, gate_up: Weight, down: Weight, *, kernel: bool | None = None
) -> Tensor:
    """See `reference.experts`; the kernel is for sizes in multiples of 64, taken on a GPU or as `kernel` says."""
    if _in_triton(x, kernel) and not (gate_up.shape[-1] % BLOCK or down.shape[-1] % BLOCK):
        from . import experts as experts_triton

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
        from . import rows as rows_triton

        return rows_triton.rms_norm(x, weight, eps, residual, scale)
    return reference.rms_norm(x, weight, eps, residual, scale)


def norm_rotate(
    x: Tensor, weight: Tensor | None, cos: Tensor, sin: Tensor, eps: float, *, kernel: bool | None = None
) -> Tensor:
    """See `reference.norm_rotate`; one launch on a GPU."""
    if _in_triton(x, kernel):
        from . import rows as rows_triton

        return rows_triton.norm_rotate(x, weight, cos, sin, eps)
    return reference.norm_rotate(x, weight, cos, sin, eps)


def geglu(gate: Tensor, up: Tensor, *, kernel: bool | None = None) -> Tensor:
    """See `reference.geglu`; one launch on a GPU."""
    if _in_triton(gate, kernel):
        from . import rows as rows_triton

        return rows_triton.geglu(gate, up)
    return reference.geglu(gate, up)


def route(scores: Tensor, expert_scale: Tensor, taken: int, *, kernel: bool | None = None) -> tuple[Tensor, Tensor]:
    """See `reference.route`; one launch on a GPU. Of equal scores a kernel takes the lowest expert, torch any."""
    if _in_triton(scores, kernel):
        from . import rows as rows_triton

        return rows_triton.route(scores, expert_scale, taken)
    return reference.route(scores, expert_scale, taken)


def _in_triton(x: Tensor, kernel: bool | None) -> bool:
    """Whether a kernel is to be used: where there is a GPU and Triton works, if nothing else is said."""
    return x.is_cuda and triton_works() if kernel is None else kernel


@cache
def triton_works() -> bool:
    """Whether a kernel can be built and launched here: that needs Triton, a driver and a C compiler."""
    if find_spec("triton") is None or not torch.cuda.is_available():
        return False
    try:
        from . import rows as rows_triton

        one = torch.ones(1, device="cuda")
        return bool(rows_triton.geglu(one, one).isfinite().all())
    except Exception:  # the boundary of another compiler: whatever it is, plain torch runs instead
        return False


def draws(shape: torch.Size, choice: Choice, generator: torch.Generator, device: torch.device) -> Tensor | None:
    """Exponential draws for `reference.choose`; none where nothing is sampled."""
    if not choice.sampling:
        return None
    if choice.as_multinomial:
        return torch.empty(shape).exponential_(generator=generator).to(device)
    return torch.rand(shape, generator=generator).clamp_(min=TINY).log_().neg_().clamp_(min=TINY).to(device)
