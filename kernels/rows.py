"""What stands between the products of a pass, a launch each: norms, rotary positions, the gate of a block, the router.

In plain torch a norm alone is six launches, and a pass of thirty layers would wait for some four thousand of them;
each of these reads its rows once and writes them once. A program takes one row (a head is a row of its own). Sums are
in float32 and results are rounded where the twins in `reference` round them.
"""
# mypy: allow-untyped-decorators

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

GATE_BLOCK = 1024
"""Numbers of a gated block that a program takes."""


@triton.jit
def _norm(
    x: tl.tensor,
    residual: tl.tensor,
    weight: tl.tensor,
    scale: tl.tensor,
    out: tl.tensor,
    columns: tl.tensor,
    eps: tl.tensor,
    has_residual: tl.constexpr,
    has_weight: tl.constexpr,
    has_scale: tl.constexpr,
    block: tl.constexpr,
) -> None:
    row = tl.program_id(0).to(tl.int64)
    column = tl.arange(0, block)
    inside = column < columns
    wide = tl.load(x + row * columns + column, mask=inside, other=0.0).to(tl.float32)
    normed = wide / tl.sqrt(tl.sum(wide * wide) / columns + eps)
    if has_weight:
        normed = normed * tl.load(weight + column, mask=inside, other=0.0).to(tl.float32)
    normed = normed.to(out.dtype.element_ty)
    if has_residual:
        kept = tl.load(residual + row * columns + column, mask=inside, other=0.0)
        normed = (kept.to(tl.float32) + normed.to(tl.float32)).to(out.dtype.element_ty)
    if has_scale:
        normed = (normed.to(tl.float32) * tl.load(scale).to(tl.float32)).to(out.dtype.element_ty)
    tl.store(out + row * columns + column, normed, mask=inside)


@triton.jit
def _rotate(
    x: tl.tensor,
    weight: tl.tensor,
    cos: tl.tensor,
    sin: tl.tensor,
    out: tl.tensor,
    heads: tl.tensor,
    size: tl.tensor,
    eps: tl.tensor,
    has_weight: tl.constexpr,
    half_block: tl.constexpr,
) -> None:
    row = tl.program_id(0).to(tl.int64)
    half = size // 2
    left = tl.arange(0, half_block)
    inside = left < half
    right = left + half
    a = tl.load(x + row * size + left, mask=inside, other=0.0).to(tl.float32)
    b = tl.load(x + row * size + right, mask=inside, other=0.0).to(tl.float32)
    root = tl.sqrt((tl.sum(a * a) + tl.sum(b * b)) / size + eps)
    a, b = a / root, b / root
    if has_weight:
        a = a * tl.load(weight + left, mask=inside, other=0.0).to(tl.float32)
        b = b * tl.load(weight + right, mask=inside, other=0.0).to(tl.float32)
    a = a.to(out.dtype.element_ty).to(tl.float32)
    b = b.to(out.dtype.element_ty).to(tl.float32)
    # Both halves of a head turn by the same angles.
    place = (row // heads) * size + left
    c = tl.load(cos + place, mask=inside, other=0.0).to(tl.float32)
    s = tl.load(sin + place, mask=inside, other=0.0).to(tl.float32)
    tl.store(out + row * size + left, (a * c - b * s).to(out.dtype.element_ty), mask=inside)
    tl.store(out + row * size + right, (b * c + a * s).to(out.dtype.element_ty), mask=inside)


@triton.jit
def _geglu(gate: tl.tensor, up: tl.tensor, out: tl.tensor, count: tl.tensor, block: tl.constexpr) -> None:
    place = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    inside = place < count
    g = tl.load(gate + place, mask=inside, other=0.0).to(tl.float32)
    u = tl.load(up + place, mask=inside, other=0.0).to(tl.float32)
    # tanh(z) = 2 sigmoid(2 z) - 1, which never overflows.
    inner = 0.7978845608028654 * (g + 0.044715 * g * g * g)
    activated = (g * tl.sigmoid(2 * inner)).to(out.dtype.element_ty).to(tl.float32)
    tl.store(out + place, (activated * u).to(out.dtype.element_ty), mask=inside)


@triton.jit
def _route(
    scores: tl.tensor,
    expert_scale: tl.tensor,
    share: tl.tensor,
    index: tl.tensor,
    experts: tl.tensor,
    taken: tl.constexpr,
    taken_block: tl.constexpr,
    block: tl.constexpr,
) -> None:
    row = tl.program_id(0).to(tl.int64)
    expert = tl.arange(0, block)
    left = tl.load(scores + row * experts + expert, mask=expert < experts, other=-float("inf")).to(tl.float32)
    available = expert < experts
    place = tl.arange(0, taken_block)
    values = tl.full((taken_block,), -float("inf"), tl.float32)
    chosen = tl.zeros((taken_block,), tl.int64)
    for number in tl.static_range(taken):
        best = tl.max(left)
        # The lowest of equals; an expert whose score is minus infinity is one all the same, but only once.
        at = tl.min(tl.where((left == best) & available, expert, block))
        available = available & (expert != at)
        values = tl.where(place == number, best, values)
        chosen = tl.where(place == number, at.to(tl.int64), chosen)
        left = tl.where(expert == at, -float("inf"), left)
    # The sum over all experts cancels when the shares of the chosen ones are made to add up to 1.
    weights = tl.exp(values - tl.max(values))
    weights = weights / tl.sum(weights)
    weights = weights * tl.load(expert_scale + chosen, mask=place < taken, other=0.0).to(tl.float32)
    tl.store(share + row * taken + place, weights, mask=place < taken)
    tl.store(index + row * taken + place, chosen, mask=place < taken)


def rms_norm(x: Tensor, weight: Tensor | None, eps: float, residual: Tensor | None, scale: Tensor | None) -> Tensor:
    """See `reference.rms_norm`."""
    x = x.contiguous()
    residual = None if residual is None else residual.contiguous()
    out, columns = torch.empty_like(x), x.shape[-1]
    if x.numel():
        _norm[(x.numel() // columns,)](
            x,
            x if residual is None else residual,
            x if weight is None else weight,
            x if scale is None else scale,
            out,
            columns,
            eps,
            residual is not None,
            weight is not None,
            scale is not None,
            triton.next_power_of_2(columns),
            num_warps=8 if columns > 1024 else 2,
        )
    return out


def norm_rotate(x: Tensor, weight: Tensor | None, cos: Tensor, sin: Tensor, eps: float) -> Tensor:
    """See `reference.norm_rotate`."""
    x, cos, sin = (tensor.contiguous() for tensor in (x, cos, sin))
    count, heads, size = x.shape
    out = torch.empty_like(x)
    if count:
        block = triton.next_power_of_2(size // 2)
        held = x if weight is None else weight
        _rotate[(count * heads,)](x, held, cos, sin, out, heads, size, eps, weight is not None, block, num_warps=1)
    return out


def geglu(gate: Tensor, up: Tensor) -> Tensor:
    """See `reference.geglu`."""
    gate, up = gate.contiguous(), up.contiguous()
    out = torch.empty_like(gate)
    if gate.numel():
        _geglu[(triton.cdiv(gate.numel(), GATE_BLOCK),)](gate, up, out, gate.numel(), GATE_BLOCK)
    return out


def route(scores: Tensor, expert_scale: Tensor, taken: int) -> tuple[Tensor, Tensor]:
    """See `reference.route`."""
    scores = scores.contiguous()
    count, experts = scores.shape
    share = torch.empty(count, taken, dtype=torch.float32, device=scores.device)
    index = torch.empty(count, taken, dtype=torch.int64, device=scores.device)
    if count:
        blocks = triton.next_power_of_2(taken), triton.next_power_of_2(experts)
        _route[(count,)](scores, expert_scale, share, index, experts, taken, *blocks, num_warps=1)
    return share, index
