"""What runs on the GPU for the vocabulary tail: `weigh`, `mix`, `finish` and, for tests, `noise`.

`tail` says how they play together, cuts the work and launches them. Logits are in bits here (times log2 e), so
that exponentials are powers of two. Rows and words past the end are read as the last ones and never written.
"""
# mypy: allow-untyped-decorators

from __future__ import annotations

import math

import triton
import triton.language as tl
from triton.language.extra import libdevice

BITS_A_NAT = tl.constexpr(1 / math.log(2))

INTERPRETED = tl.constexpr(triton.knobs.runtime.interpret)
"""Triton's interpreter has neither a product of bfloat16 nor the fast functions of a GPU."""


@triton.jit
def _quotient(above: tl.tensor, below: tl.tensor) -> tl.tensor:
    """A quotient, on a GPU within two units of the last place."""
    return above / below if INTERPRETED else libdevice.fast_dividef(above, below)


@triton.jit
def _log(x: tl.tensor) -> tl.tensor:
    """A logarithm, on a GPU the processor's own: the polynomial is a fifth of all that `weigh` does to a logit."""
    return tl.log(x) if INTERPRETED else libdevice.fast_logf(x)


@triton.jit
def _exponential(bits: tl.tensor) -> tl.tensor:
    """-log(1 - u) of 32 random bits; small draws win races, so they must not lie on a coarse grid."""
    u = tl.minimum(bits.to(tl.uint32, bitcast=True).to(tl.float32) * 2.0**-32 + 2.0**-33, 1 - 2.0**-24)
    series = u * (1 + u * (1 / 2 + u * (1 / 3 + u / 4)))
    return tl.where(u < 1 / 64, series, -_log(1 - u))


@triton.jit
def _draws(
    seed: tl.tensor, rows: tl.tensor, first_word: tl.tensor, n_words: tl.tensor, block_words: tl.constexpr
) -> tl.tensor:
    """Exponential draws [rows, block_words]; words are counted by four, for Philox gives four numbers at once."""
    fours = first_word // 4 + tl.arange(0, block_words // 4)
    a, b, c, d = tl.randint4x(seed, rows[:, None] * tl.cdiv(n_words, 4) + fours[None, :])
    bits = tl.join(tl.join(a, c), tl.join(b, d))
    return _exponential(tl.reshape(bits, (rows.shape[0], block_words)))


@triton.jit(do_not_specialize=["seed"])
def noise(out: tl.tensor, seed: tl.tensor, n_words: tl.tensor, block_words: tl.constexpr) -> None:
    """One block of one row of the draws that `weigh` takes, written down."""
    rows = tl.program_id(0) + tl.arange(0, 1)
    first = tl.program_id(1) * block_words
    words = first + tl.arange(0, block_words)
    draws = _draws(seed, rows, first, n_words, block_words)
    tl.store(out + rows[:, None] * n_words + words[None, :], draws, mask=words[None, :] < n_words)


@triton.jit
def _dot(left: tl.tensor, right: tl.tensor, total: tl.tensor) -> tl.tensor:
    """`total` and a product."""
    if INTERPRETED:
        left = left.to(tl.float32)
        right = right.to(tl.float32)
    return tl.dot(left, right, total, input_precision="ieee")


@triton.jit
def _raw_logits(
    hidden: tl.tensor,
    table: tl.tensor,
    rows: tl.tensor,
    words: tl.tensor,
    width: tl.tensor,
    block_inner: tl.constexpr,
) -> tl.tensor:
    """States times words, in float32: [rows, words]."""
    total = tl.zeros((rows.shape[0], words.shape[0]), tl.float32)
    inner = tl.arange(0, block_inner)
    for start in range(0, width, block_inner):
        inside = start + inner < width
        left = tl.load(hidden + rows[:, None] * width + (start + inner)[None, :], mask=inside[None, :], other=0.0)
        right = tl.load(table + words[None, :] * width + (start + inner)[:, None], mask=inside[:, None], other=0.0)
        total = _dot(left, right, total)
    return total


@triton.jit
def _bits(
    raw: tl.tensor,
    bias: tl.tensor,
    rule: tl.tensor,
    words: tl.tensor,
    n_words: tl.tensor,
    n_rules: tl.tensor,
    softcap: tl.tensor,
    temperature: tl.tensor,
) -> tl.tensor:
    """Logits after softcap, temperature and bias, times log2(e); words past the end are forbidden."""
    fall = tl.exp2(tl.abs(raw) * (-2 * BITS_A_NAT / softcap))
    capped = _quotient(1 - fall, 1 + fall) * softcap
    bits = tl.where(raw < 0, -capped, capped) * (BITS_A_NAT / temperature)
    for index in range(n_rules):
        added = tl.load(bias + index * n_words + words, mask=words < n_words, other=float("-inf"))
        bits = tl.where((rule == index)[:, None], bits + added[None, :] * BITS_A_NAT, bits)
    return bits


@triton.jit(do_not_specialize=["seed", "n_rows", "n_rules", "first_tile"])
def weigh(
    hidden: tl.tensor,
    table: tl.tensor,
    bias: tl.tensor,
    rule: tl.tensor,
    weights: tl.tensor,
    floats: tl.tensor,
    places: tl.tensor,
    seed: tl.tensor,
    n_rows: tl.tensor,
    n_words: tl.tensor,
    n_rules: tl.tensor,
    width: tl.tensor,
    first_tile: tl.tensor,
    n_tiles: tl.tensor,
    chunk_words: tl.tensor,
    softcap: tl.tensor,
    temperature: tl.tensor,
    flatten: tl.tensor,
    sampled: tl.constexpr,
    block_rows: tl.constexpr,
    block_words: tl.constexpr,
    block_inner: tl.constexpr,
) -> None:
    """One block of rows against one tile of words; blocks of the same tile are neighbours and share its table."""
    rows = tl.program_id(0) * block_rows + tl.arange(0, block_rows)
    tile = first_tile + tl.program_id(1)
    words = tile * block_words + tl.arange(0, block_words)
    real_rows = tl.minimum(rows, n_rows - 1)
    start = (tile * block_words).to(tl.int64) * width
    near = tl.minimum(words, n_words - 1) - tile * block_words
    raw = _raw_logits(hidden, table + start, real_rows, near, width, block_inner)
    bits = _bits(raw, bias, tl.load(rule + real_rows), words, n_words, n_rules, softcap, temperature)
    peak, likeliest = tl.max(bits, 1, return_indices=True)
    depth = bits - tl.where(peak == float("-inf"), 0.0, peak)[:, None]
    weight = tl.exp2(depth)
    inside = rows < n_rows
    into = weights + rows[:, None] * chunk_words + (tl.program_id(1) * block_words + tl.arange(0, block_words))[None, :]
    tl.store(into, weight.to(weights.dtype.element_ty), mask=inside[:, None])
    plane = n_rows * n_tiles
    at = rows * n_tiles + tile
    tl.store(floats + at, peak, mask=inside)
    tl.store(floats + plane + at, tl.sum(weight, 1), mask=inside)
    tl.store(floats + 2 * plane + at, tl.sum(weight * tl.where(weight > 0, depth, 0.0), 1), mask=inside)
    tl.store(places + at, tile * block_words + likeliest, mask=inside)
    if sampled:
        draws = _draws(seed, rows, tile * block_words, n_words, block_words)
        score, drawn, drawn_bits = _race(bits, depth, peak, draws, flatten)
        tl.store(floats + 3 * plane + at, score, mask=inside)
        tl.store(floats + 4 * plane + at, drawn_bits, mask=inside)
        tl.store(places + plane + at, tile * block_words + drawn, mask=inside)


@triton.jit
def _race(
    bits: tl.tensor, depth: tl.tensor, peak: tl.tensor, draws: tl.tensor, flatten: tl.tensor
) -> tuple[tl.tensor, tl.tensor, tl.tensor]:
    """Of each row the winner of a tile: its score, comparable between tiles, its place and its logit.

    The twin's quotient of flattened probability and draw, times a number of the row; so no draw needs a logarithm.
    """
    lead, drawn = tl.max(_quotient(tl.exp2(depth * flatten), draws), 1, return_indices=True)
    winner = tl.arange(0, bits.shape[1])[None, :] == drawn[:, None]
    return tl.log2(lead) + peak * flatten, drawn, tl.max(tl.where(winner, bits, float("-inf")), 1)


@triton.jit(do_not_specialize=["n_rows", "chunk", "first_tile", "tiles_here", "splits"])
def mix(
    weights: tl.tensor,
    table: tl.tensor,
    peaks: tl.tensor,
    heights: tl.tensor,
    sums: tl.tensor,
    n_rows: tl.tensor,
    n_words: tl.tensor,
    width: tl.tensor,
    chunk: tl.tensor,
    first_tile: tl.tensor,
    tiles_here: tl.tensor,
    n_tiles: tl.tensor,
    chunk_words: tl.tensor,
    splits: tl.tensor,
    block_rows: tl.constexpr,
    block_words: tl.constexpr,
    block_columns: tl.constexpr,
    block_step: tl.constexpr,
    block_tiles: tl.constexpr,
) -> None:
    """Add a chunk's part to one split of one block of sums, which stand at the highest peak so far, `heights`.

    Tiles are taken from the last back, because what `weigh` read last is surest to be in the cache.
    """
    rows = tl.program_id(0) * block_rows + tl.arange(0, block_rows)
    columns = tl.program_id(1) * block_columns + tl.arange(0, block_columns)
    split = tl.program_id(2)
    inside = rows < n_rows
    real_rows = tl.minimum(rows, n_rows - 1)
    here = _highest(peaks + first_tile, real_rows, tiles_here, n_tiles, block_tiles)
    at = sums + (split * n_rows + rows)[:, None].to(tl.int64) * width + columns[None, :]
    held = inside[:, None] & (columns < width)[None, :]
    if chunk == 0:
        new = here
        level = tl.where(new == float("-inf"), 0.0, new)
        total = tl.zeros((block_rows, block_columns), tl.float32)
    else:
        old = tl.load(heights + (chunk % 2) * n_rows + real_rows)
        new = tl.maximum(old, here)
        level = tl.where(new == float("-inf"), 0.0, new)
        total = tl.load(at, mask=held, other=0.0) * tl.exp2(old - level)[:, None]
    within = tl.arange(0, block_step)
    steps: tl.constexpr = block_words // block_step
    for turn in range(0, tl.cdiv(tiles_here - split, splits) * steps):
        tile = tiles_here - 1 - split - turn // steps * splits
        word = tile * block_words + turn % steps * block_step + within
        share = tl.exp2(tl.load(peaks + real_rows * n_tiles + first_tile + tile) - level)
        weight = tl.load(weights + real_rows[:, None] * chunk_words + word[None, :])
        source = tl.minimum(first_tile * block_words + word, n_words - 1).to(tl.int64)
        part = tl.load(table + source[:, None] * width + columns[None, :], mask=(columns < width)[None, :], other=0.0)
        total = _dot((weight * share[:, None]).to(part.dtype), part, total)
    tl.store(at, total, mask=held)
    if (tl.program_id(1) == 0) & (split == 0):
        tl.store(heights + (1 - chunk % 2) * n_rows + rows, new, mask=inside)


@triton.jit
def _highest(
    peaks: tl.tensor, rows: tl.tensor, tiles_here: tl.tensor, n_tiles: tl.tensor, block_tiles: tl.constexpr
) -> tl.tensor:
    """The highest peak of a chunk's tiles, for each row."""
    tiles = tl.arange(0, block_tiles)
    known = tl.load(
        peaks + rows[:, None] * n_tiles + tiles[None, :], mask=(tiles < tiles_here)[None, :], other=float("-inf")
    )
    return tl.max(known, 1)


@triton.jit(do_not_specialize=["n_rows", "splits"])
def finish(
    floats: tl.tensor,
    places: tl.tensor,
    sums: tl.tensor,
    tokens: tl.tensor,
    known: tl.tensor,
    soft: tl.tensor,
    n_rows: tl.tensor,
    width: tl.tensor,
    n_tiles: tl.tensor,
    splits: tl.tensor,
    sampled: tl.constexpr,
    block_tiles: tl.constexpr,
    block_columns: tl.constexpr,
) -> None:
    """One row: the statistics of its tiles folded, its sums divided by its mass."""
    row = tl.program_id(0)
    tiles = tl.arange(0, block_tiles)
    here = tiles < n_tiles
    plane = n_rows * n_tiles
    at = floats + row * n_tiles
    peaks = tl.load(at + tiles, mask=here, other=float("-inf"))
    peak, tile = tl.max(peaks, 0, return_indices=True)
    scale = tl.exp2(peaks - peak)
    masses = tl.load(at + plane + tiles, mask=here, other=0.0)
    mass = tl.sum(masses * scale, 0)
    tilts = tl.load(at + 2 * plane + tiles, mask=here, other=0.0)
    tilt = tl.sum(scale * (tilts + masses * tl.where(scale > 0, peaks - peak, 0.0)), 0)
    likeliest = tl.load(places + row * n_tiles + tile)
    drawn = likeliest
    bits = peak
    if sampled:
        scores = tl.load(at + 3 * plane + tiles, mask=here, other=float("-inf"))
        best = tl.argmax(scores, 0)
        bits = tl.load(at + 4 * plane + best)
        drawn = tl.load(places + plane + row * n_tiles + best)
    tl.store(tokens + row, drawn.to(tl.int64))
    tl.store(tokens + n_rows + row, likeliest.to(tl.int64))
    tl.store(known + row, (bits - peak - tl.log2(mass)) / BITS_A_NAT)
    tl.store(known + n_rows + row, (tl.log2(mass) - tilt / mass) / BITS_A_NAT)
    for start in range(0, width, block_columns):
        columns = start + tl.arange(0, block_columns)
        total = tl.zeros((block_columns,), tl.float32)
        for split in range(splits):
            total += tl.load(
                sums + (split * n_rows + row).to(tl.int64) * width + columns, mask=columns < width, other=0.0
            )
        tl.store(soft + row * width + columns, (total / mass).to(soft.dtype.element_ty), mask=columns < width)
