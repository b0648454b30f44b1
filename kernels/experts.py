"""The experts in Triton: `reference.experts` in four launches, in shapes that do not depend on where tokens go.

    schedule   places (a token and one of its experts) in the order of experts, cut into blocks of one expert each
    widen      a block of places times gate and up, GeGLU: [places, I], in the order of the schedule
    narrow     a block of those times down, times the share: [places, D], in the order of tokens
    sum        over the places of a token, in their order, in float32

Nothing is read back and no grid depends on the routing, so a CUDA graph may hold all of it: there are as many blocks as
the worst routing needs, and those without places end at once. No sum is atomic: the same call gives the same bits.
Whole weights, FP8 and NF4 differ in one step of a tile, see `nf4`.

Cost, see `cost`: bound by weights. DiffusionGemma 26B-A4B has 30 layers of 128 experts of 3 x 704 x 2816, 22.8 G.
At 256 tokens of 8 experts an expert has about 16 places, one block of 32, so a pass reads every weight once:

    bfloat16   45.7 GB, 9.5 ms at the 4.8 TB/s of an H200
    FP8        22.9 GB, 4.8 ms, decoding beside it
    NF4        12.9 GB, 2.7 ms; but 5.7 ms to decode 22.8 G weights at 4 T/s, which is the bound
    products   1.5 TFLOP, places padded to blocks: 1.8 ms at 800 TFLOP/s, beside either
"""
# mypy: allow-untyped-decorators

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton
import triton.language as tl
from torch import Tensor

from .formats import BLOCK, Weight
from .fp8 import with_scales
from .nf4 import STEP, TILE, TILE_ROWS, ProductCost, add_step, form_of, load_step, operands

MAX_BLOCK_PLACES = 64
SCAN = 1024
"""Places that `_schedule` looks at in a step."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Which places each block has; int32 throughout."""

    order: Tensor
    """[T A], places in the order of experts; those of one expert in their own."""
    blocks: Tensor
    """[3, blocks]: the expert, the first index in `order`, and how many; none in the blocks left over."""


@triton.jit
def _schedule(
    order: tl.tensor,
    blocks: tl.tensor,
    index: tl.tensor,
    n_places: tl.tensor,
    n_experts: tl.tensor,
    n_blocks: tl.tensor,
    bins: tl.constexpr,
    slots: tl.constexpr,
    scan: tl.constexpr,
    block_places: tl.constexpr,
) -> None:
    """The places and the blocks of one expert; the last also writes the blocks left over."""
    expert = tl.program_id(0)
    each = tl.arange(0, bins)
    counts = tl.zeros((bins,), tl.int32)
    for start in range(0, n_places, scan):
        place = start + tl.arange(0, scan)
        chosen = tl.load(index + place, mask=place < n_places, other=n_experts).to(tl.int32)
        counts += tl.histogram(chosen, bins)
    needed = tl.where(each < n_experts, tl.cdiv(counts, block_places), 0)
    first = tl.sum(tl.where(each < expert, counts, 0), 0)
    own = tl.sum(tl.where(each == expert, counts, 0), 0)
    first_block = tl.sum(tl.where(each < expert, needed, 0), 0)
    before = first
    for start in range(0, n_places, scan):
        place = start + tl.arange(0, scan)
        chosen = tl.load(index + place, mask=place < n_places, other=n_experts).to(tl.int32)
        mine = (chosen == expert).to(tl.int32)
        tl.store(order + before + tl.cumsum(mine, 0) - 1, place, mask=mine == 1)
        before += tl.sum(mine, 0)
    slot = tl.arange(0, slots)
    block = first_block + slot
    left = own - slot * block_places
    last_block = tl.where(expert == n_experts - 1, n_blocks, first_block + tl.cdiv(own, block_places))
    written = block < last_block
    tl.store(blocks + block, expert + tl.zeros_like(slot), mask=written)
    tl.store(blocks + n_blocks + block, first + slot * block_places, mask=written)
    tl.store(blocks + 2 * n_blocks + block, tl.minimum(tl.maximum(left, 0), block_places), mask=written)


def schedule(index: Tensor, n_experts: int, block_places: int) -> Schedule:
    """The schedule of experts [T, A]."""
    n_places = index.numel()
    n_blocks = n_places // block_places + min(n_experts, n_places)
    order = torch.empty(n_places, dtype=torch.int32, device=index.device)
    blocks = torch.empty(3, n_blocks, dtype=torch.int32, device=index.device)
    _schedule[(n_experts,)](
        order,
        blocks,
        index.contiguous(),
        n_places,
        n_experts,
        n_blocks,
        bins=triton.next_power_of_2(n_experts + 1),
        slots=triton.next_power_of_2(n_blocks),
        scan=min(SCAN, triton.next_power_of_2(n_places)),
        block_places=block_places,
    )
    return Schedule(order, blocks)


@triton.jit
def _gelu(x: tl.tensor) -> tl.tensor:
    """GELU in its tanh form: (1 + tanh z) / 2 is the sigmoid of 2 z."""
    return x * tl.sigmoid(1.5957691216057308 * (x + 0.044715 * x * x * x))


@triton.jit
def _widen(
    inner: tl.tensor,
    x: tl.tensor,
    weight: tl.tensor,
    absmax: tl.tensor,
    table: tl.tensor,
    order: tl.tensor,
    blocks: tl.tensor,
    n_blocks: tl.tensor,
    n_inner: tl.tensor,
    experts_a_token: tl.tensor,
    width: tl.constexpr,
    block_places: tl.constexpr,
    form: tl.constexpr,
) -> None:
    """GeGLU of one tile of inner columns for one block of places."""
    block = tl.program_id(1)
    count = tl.load(blocks + 2 * n_blocks + block)
    if count == 0:
        return
    expert, first = tl.load(blocks + block), tl.load(blocks + n_blocks + block)
    lane = tl.arange(0, block_places)
    alive = lane < count
    token = tl.load(order + first + lane, mask=alive, other=0) // experts_a_token
    column = tl.program_id(0) * TILE + tl.arange(0, TILE)
    there = column < n_inner
    gate_row = expert.to(tl.int64) * (2 * n_inner) + column
    gate = tl.zeros((TILE, block_places), tl.float32)
    up = tl.zeros((TILE, block_places), tl.float32)
    for step in range(width // STEP):
        part = load_step(x, token, alive, step, width)
        gate = add_step(gate, part, weight, absmax, table, gate_row, there, step, width, form)
        up = add_step(up, part, weight, absmax, table, gate_row + n_inner, there, step, width, form)
    gate = with_scales(gate, absmax, gate_row, there, form)
    up = with_scales(up, absmax, gate_row + n_inner, there, form)
    place = (first + lane)[None, :] * n_inner + column[:, None]
    value = (_gelu(gate) * up).to(inner.dtype.element_ty)
    tl.store(inner + place, value, mask=there[:, None] & alive[None, :])


@triton.jit
def _narrow(
    parts: tl.tensor,
    inner: tl.tensor,
    share: tl.tensor,
    weight: tl.tensor,
    absmax: tl.tensor,
    table: tl.tensor,
    order: tl.tensor,
    blocks: tl.tensor,
    n_blocks: tl.tensor,
    n_outputs: tl.tensor,
    width: tl.constexpr,
    block_places: tl.constexpr,
    form: tl.constexpr,
) -> None:
    """One tile of output columns for one block of places, times their shares."""
    block = tl.program_id(1)
    count = tl.load(blocks + 2 * n_blocks + block)
    if count == 0:
        return
    expert, first = tl.load(blocks + block), tl.load(blocks + n_blocks + block)
    lane = tl.arange(0, block_places)
    alive = lane < count
    place = tl.load(order + first + lane, mask=alive, other=0)
    column = tl.program_id(0) * TILE + tl.arange(0, TILE)
    there = column < n_outputs
    row = expert.to(tl.int64) * n_outputs + column
    total = tl.zeros((TILE, block_places), tl.float32)
    for step in range(width // STEP):
        part = load_step(inner, first + lane, alive, step, width)
        total = add_step(total, part, weight, absmax, table, row, there, step, width, form)
    total = with_scales(total, absmax, row, there, form)
    total *= tl.load(share + place, mask=alive, other=0.0)[None, :]
    target = place[None, :].to(tl.int64) * n_outputs + column[:, None]
    tl.store(parts + target, total.to(parts.dtype.element_ty), mask=there[:, None] & alive[None, :])


def experts(
    x: Tensor, index: Tensor, share: Tensor, gate_up: Weight, down: Weight, block_places: int | None = None
) -> Tensor:
    """See `reference.experts`; `block_places`, a power of two of at least 16, is chosen where it is not given.

    Raises:
        ValueError: when a size is no multiple of 64, or the parts do not fit each other.
    """
    _check(x, gate_up, down)
    if not index.numel():
        return torch.zeros_like(x)
    n_experts, n_outputs, n_inner = down.shape
    block = block_places or block_places_for(index.numel(), n_experts)
    plan = schedule(index, n_experts, block)
    n_blocks = plan.blocks.shape[1]
    inner = torch.empty(index.numel(), n_inner, dtype=x.dtype, device=x.device)
    parts = torch.empty(*index.shape, n_outputs, dtype=x.dtype, device=x.device)
    routing = (plan.order, plan.blocks, n_blocks)
    cut = {"block_places": block, "num_warps": 4, "num_stages": 4}
    _widen[(triton.cdiv(n_inner, TILE_ROWS), n_blocks)](
        *(inner, x.contiguous(), *operands(gate_up), *routing, n_inner, index.shape[1]),
        **cut,
        width=x.shape[1],
        form=form_of(gate_up, x),
    )
    _narrow[(triton.cdiv(n_outputs, TILE_ROWS), n_blocks)](
        *(parts, inner, share.contiguous(), *operands(down), *routing, n_outputs),
        **cut,
        width=n_inner,
        form=form_of(down, x),
    )
    return parts.sum(1)


def _check(x: Tensor, gate_up: Weight, down: Weight) -> None:
    """What `experts` raises."""
    n_experts, n_outputs, n_inner = down.shape
    if x.shape[1] % BLOCK or n_inner % BLOCK:
        raise ValueError(f"sizes must be multiples of {BLOCK}, got {x.shape[1]} and {n_inner}")
    if tuple(gate_up.shape) != (n_experts, 2 * n_inner, x.shape[1]) or n_outputs != x.shape[1]:
        raise ValueError(f"{tuple(gate_up.shape)} and {tuple(down.shape)} do not go with {x.shape[1]} inputs")


def block_places_for(n_places: int, n_experts: int) -> int:
    """Twice the mean, so that most experts need one block and their weights are read and made once."""
    return min(MAX_BLOCK_PLACES, max(16, int(triton.next_power_of_2(triton.cdiv(2 * n_places, n_experts)))))


def cost(
    n_tokens: int, experts_a_token: int, n_experts: int, n_inner: int, width: int, quantised: bool, item_bytes: int = 2
) -> ProductCost:
    """What a call takes at the least, for a bench to divide by, where all experts are chosen and equally often."""
    n_places = n_tokens * experts_a_token
    block = block_places_for(n_places, n_experts)
    blocks = n_experts * triton.cdiv(triton.cdiv(n_places, n_experts), block)
    matrix = 3 * n_inner * width
    weight_bytes = n_experts * (matrix // 2 + 4 * matrix // BLOCK if quantised else matrix * item_bytes)
    return ProductCost(
        operations=2 * blocks * block * matrix,
        hbm_bytes=weight_bytes + item_bytes * (2 * n_tokens * width + 2 * n_places * (n_inner + width)),
        decoded_weights=blocks * matrix if quantised else 0,
        launches=4,
    )
