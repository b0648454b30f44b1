"""Products with NF4 and FP8 weights in Triton: numbers are made in registers, inside the tile that multiplies them.

A tile of 64 weight rows stands on the left of the product, where Hopper's tensor cores take an operand from registers,
and the tokens stand on the right; so few tokens waste no work, and no weight in another type is ever written to memory.
A step is one NF4 block of 64: its scale multiplies the float32 sums of that step and not each weight, which is exact.
In bfloat16 the levels themselves are rounded, by 2^-9 at most, as the twin rounds weights; nothing else is.

Two ways to the levels, the same values: on an NVIDIA GPU in bfloat16 the byte permutations of `LEVELS_PTX`; elsewhere
a look-up in memory. FP8 differs in how its bytes are read, see `fp8_triton`. What experts are is not known here.

Cost of NF4, see `cost`: N K (1/2 + 1/16) bytes, and each weight decoded anew for every block of tokens. The machine
code for Hopper has 7 instructions a weight, all counted; with 128 issued a cycle and multiprocessor that is 4 T weights
a second on an H200, half of what its memory can deliver (8.5 T). So blocks of tokens are large, unless too few programs
were left. Counted from the code, not measured.
"""
# mypy: allow-untyped-decorators

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
import triton
import triton.language as tl
from torch import Tensor

from .formats import BLOCK, NF4_LEVELS, Fp8, Nf4, Weight
from .fp8 import fp8_numbers, with_scales

STEP = tl.constexpr(BLOCK)
"""How far a tile goes along K at a time: weights that share a scale."""

TILE_ROWS = 64
"""Weight rows of a program: what the tensor cores of a Hopper multiprocessor take at once."""

TILE = tl.constexpr(TILE_ROWS)
WIDENED = tl.constexpr(triton.knobs.runtime.interpret)
"""Triton's interpreter has no product of bfloat16."""

MAX_BLOCK_TOKENS = 128
PROCESSORS = 132
"""Programs that a product should have, so that every multiprocessor of an H200 has one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductCost:
    """What a call takes at the least."""

    operations: int
    hbm_bytes: int
    decoded_weights: int
    """Weights made from codes, each once for every block of tokens that meets it."""
    launches: int


def levels_ptx() -> str:
    """The program that makes of four bytes, `$4`, four words: bfloat16 of the first code below, of the second above.

    A permutation looks up four 3-bit codes in 8 bytes. High and low bytes of the numbers are tables of their own, each
    in two halves; the fourth bit of a code then picks from the two results.
    """
    bits = torch.tensor(NF4_LEVELS).bfloat16().view(torch.int16).tolist()
    lines = [
        *(".reg .b32 code, pick, x, y, high, low;", "and.b32 code, $4, 0x77777777;", "shr.u32 pick, $4, 1;"),
        *("and.b32 pick, pick, 0x44444444;", "or.b32 pick, pick, 0x32103210;"),
    ]
    for pair in (0, 2):
        for plane, shift in (("high", 8), ("low", 0)):
            table = bytes(value >> shift & 255 for value in bits)
            words = [f"0x{int.from_bytes(table[i : i + 4], 'little'):08x}" for i in range(0, 16, 4)]
            lines += [
                f"prmt.b32 x, {words[0]}, {words[1]}, code;",
                f"prmt.b32 y, {words[2]}, {words[3]}, code;",
                f"prmt.b32 {plane}, x, y, pick;",
            ]
        lines += [f"prmt.b32 ${pair}, low, high, 0x4051;", f"prmt.b32 ${pair + 1}, low, high, 0x6273;"]
        lines += ["shr.u32 code, code, 16;", "shr.u32 pick, pick, 16;"] if pair == 0 else []
    return "{\n" + "\n".join(lines) + "\n}"


LEVELS_PTX = tl.constexpr(levels_ptx())


@triton.jit
def _levels(packed: tl.tensor, table: tl.tensor, dtype: tl.constexpr, form: tl.constexpr) -> tl.tensor:
    """Levels [rows, 2 n] of bytes [rows, n]."""
    if form == "permuted":
        pairs = tl.inline_asm_elementwise(LEVELS_PTX, "=r,=r,=r,=r,r", [packed], dtype=tl.uint32, is_pure=True, pack=4)
        first = pairs.to(tl.uint16).to(tl.bfloat16, bitcast=True)
        second = (pairs >> 16).to(tl.uint16).to(tl.bfloat16, bitcast=True)
    else:
        first = tl.load(table + (packed >> 4)).to(dtype)
        second = tl.load(table + (packed & 15)).to(dtype)
    return tl.interleave(first, second)


@triton.jit
def _dot(left: tl.tensor, right: tl.tensor, total: tl.tensor) -> tl.tensor:
    """`total` and a product."""
    if WIDENED:
        left = left.to(tl.float32)
        right = right.to(tl.float32)
    return tl.dot(left, right, total, input_precision="ieee")


@triton.jit
def add_step(
    total: tl.tensor,
    tokens: tl.tensor,
    weight: tl.tensor,
    absmax: tl.tensor,
    table: tl.tensor,
    row: tl.tensor,
    present: tl.tensor,
    step: tl.tensor,
    width: tl.constexpr,
    form: tl.constexpr,
) -> tl.tensor:
    """`total` [rows, tokens] and the product of one step of weight rows with tokens [STEP, tokens].

    `row` are int64 numbers of rows of `width` weights; those that are not `present` count as zeros. For `form` see
    `form_of`; sums of FP8 still lack the scales of their rows.
    """
    if form == "whole":
        column = step * STEP + tl.arange(0, STEP)
        whole = tl.load(weight + row[:, None] * width + column[None, :], mask=present[:, None], other=0.0)
        total = _dot(whole.to(tokens.dtype), tokens, total)
    elif form == "shifted" or form == "shifted in pairs":
        column = step * STEP + tl.arange(0, STEP)
        byte = tl.load(weight + row[:, None] * width + column[None, :], mask=present[:, None], other=0)
        total = _dot(fp8_numbers(byte, tokens.dtype, form), tokens, total)
    else:
        byte = step * (STEP // 2) + tl.arange(0, STEP // 2)
        packed = tl.load(weight + row[:, None] * (width // 2) + byte[None, :], mask=present[:, None], other=0)
        scale = tl.load(absmax + row * (width // STEP) + step, mask=present, other=0.0)
        levels = _levels(packed, table, tokens.dtype, form)
        total += _dot(levels, tokens, tl.zeros_like(total)) * scale[:, None]
    return total


@triton.jit
def load_step(x: tl.tensor, row: tl.tensor, present: tl.tensor, step: tl.tensor, width: tl.constexpr) -> tl.tensor:
    """One step of rows of `width` numbers, turned: [STEP, rows]."""
    column = step * STEP + tl.arange(0, STEP)
    return tl.trans(tl.load(x + row[:, None] * width + column[None, :], mask=present[:, None], other=0.0))


@triton.jit
def _linear(
    out: tl.tensor,
    x: tl.tensor,
    packed: tl.tensor,
    absmax: tl.tensor,
    table: tl.tensor,
    n_tokens: tl.tensor,
    n_outputs: tl.tensor,
    width: tl.constexpr,
    block_tokens: tl.constexpr,
    form: tl.constexpr,
) -> None:
    """One tile of outputs for one block of tokens; the weights' operands are `packed`, `absmax` and `table`."""
    output = tl.program_id(0) * TILE + tl.arange(0, TILE)
    token = tl.program_id(1) * block_tokens + tl.arange(0, block_tokens)
    there, alive = output < n_outputs, token < n_tokens
    total = tl.zeros((TILE, block_tokens), tl.float32)
    for step in range(width // STEP):
        part = load_step(x, token, alive, step, width)
        total = add_step(total, part, packed, absmax, table, output.to(tl.int64), there, step, width, form)
    total = with_scales(total, absmax, output, there, form)
    place = token[None, :].to(tl.int64) * n_outputs + output[:, None]
    tl.store(out + place, total.to(out.dtype.element_ty), mask=there[:, None] & alive[None, :])


@functools.cache
def level_table(device: torch.device) -> Tensor:
    """The sixteen levels on a device, float32."""
    return torch.tensor(NF4_LEVELS, device=device)


def form_of(weight: Weight, x: Tensor) -> str:
    """How weights become numbers for products with x, the second way where there are programs of the GPU for it.

    `whole` they are; NF4 is `looked up` or `permuted`, FP8 is `shifted` or `shifted in pairs`.
    """
    if isinstance(weight, Tensor):
        return "whole"
    nvidia = x.is_cuda and torch.version.hip is None and not WIDENED.value
    programs = nvidia and x.dtype == torch.bfloat16
    if isinstance(weight, Fp8):
        return "shifted in pairs" if programs else "shifted"
    return "permuted" if programs else "looked up"


def operands(weight: Weight) -> tuple[Tensor, Tensor, Tensor]:
    """What kernels read of a weight: bytes or numbers, scales, levels; the latter two only where the form has them."""
    if isinstance(weight, Nf4):
        return weight.packed.contiguous(), weight.absmax.contiguous(), level_table(weight.packed.device)
    if isinstance(weight, Fp8):
        scale = weight.scale.contiguous()
        return weight.values.contiguous().view(torch.uint8), scale, scale
    return weight.contiguous(), weight, weight


def linear(x: Tensor, weight: Nf4 | Fp8, block_tokens: int | None = None) -> Tensor:
    """See `reference.linear`; `block_tokens`, a power of two of at least 16, is chosen where it is not given.

    Raises:
        ValueError: when x and the weight do not fit each other, or a row is no multiple of 64.
    """
    n_outputs, width = weight.shape
    if width % BLOCK:
        raise ValueError(f"rows must be multiples of {BLOCK}, got {width}")
    if x.shape[-1] != width:
        raise ValueError(f"{width} inputs are wanted, got {x.shape[-1]}")
    tokens = x.reshape(-1, width).contiguous()
    out = torch.empty(len(tokens), n_outputs, dtype=x.dtype, device=x.device)
    block = block_tokens or block_tokens_for(len(tokens), n_outputs)
    grid = (triton.cdiv(n_outputs, TILE_ROWS), triton.cdiv(len(tokens), block))
    if out.numel():
        _linear[grid](
            out,
            tokens,
            *operands(weight),
            len(tokens),
            n_outputs,
            width,
            block_tokens=block,
            form=form_of(weight, x),
            num_warps=4,
            num_stages=4,
        )
    return out.view(*x.shape[:-1], n_outputs)


def block_tokens_for(n_tokens: int, n_outputs: int) -> int:
    """The largest block that leaves a program for every multiprocessor, for weights are decoded anew in each."""
    block = min(MAX_BLOCK_TOKENS, max(16, int(triton.next_power_of_2(n_tokens))))
    while block > 32 and triton.cdiv(n_outputs, TILE_ROWS) * triton.cdiv(n_tokens, block) < PROCESSORS:
        block //= 2
    return block


def cost(n_tokens: int, n_outputs: int, width: int, item_bytes: int = 2) -> ProductCost:
    """What a call of `linear` takes at the least, for a bench to divide by."""
    blocks = triton.cdiv(n_tokens, block_tokens_for(n_tokens, n_outputs))
    weights = n_outputs * width
    return ProductCost(
        operations=2 * n_tokens * weights,
        hbm_bytes=weights // 2 + 4 * weights // BLOCK + item_bytes * n_tokens * (width + n_outputs),
        decoded_weights=weights * blocks,
        launches=1,
    )
