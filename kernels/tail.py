"""The vocabulary tail in Triton: `reference.vocabulary_tail` without a tensor of rows times vocabulary.

The vocabulary is taken in chunks whose part of the table fits the L2 cache, two launches a chunk and one at the end:

    weigh    logits of a tile of words, its statistics, and exp(logit - tile's peak) into a scratch [F, chunk]
    mix      scratch times the same part of the table, added to float32 sums [splits, F, D]; the table comes from L2
    finish   the statistics of all tiles and the sums of all splits become what is known of a row

A logit needs all of D before its exponential and a sum needs all of D after it, so one program cannot do both: a block
of 128 rows times D = 2816 in float32 is 1.4 MB, six times what a multiprocessor holds. The peak of a tile travels with
its weights, so that nothing is ever computed again and no bound on logits is needed. Sums are taken in a fixed order:
the same call gives the same bits. Logits stay float32 where the twin rounds them to the type of the states.

Cost, see `cost`: 4 F V D operations and the table once. For F = 256, V = 262144, D = 2816 in bfloat16 on an H200 that
is 0.95 ms at 800 TFLOP/s beside 0.31 ms at 4.8 TB/s; the two are equal near F = 83. The workspace is then 26 MiB.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import triton
from torch import Tensor

from . import tail_programs as programs
from .formats import Choice, Chosen

L2_BYTES = 48 << 20
"""Of the table that a chunk may have, so that its second reading comes from the cache of an H200."""

PROCESSORS = 132
"""Multiprocessors taken where there is no device to ask."""

STATISTICS = 5
"""Floats a tile and row: peak, mass, tilt, best score, logit of the drawn word; logits are in bits throughout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How the work is cut; sizes of blocks are powers of two of at least 16.

    Raises:
        ValueError: when a tile of words is not whole steps.
    """

    rows: int
    """Rows of a block, in both products."""
    words: int
    """Words of a tile: what has one peak."""
    inner: int
    """How far `weigh` goes along D at a time."""
    columns: int
    """Of the table that a program of `mix` sums."""
    step: int
    """How far `mix` goes along a tile at a time."""
    chunk_tiles: int
    splits: int
    """Programs of `mix` that share a block of sums, each with tiles of its own."""
    warps: int = 8
    stages: int = 3

    def __post_init__(self) -> None:
        if self.words % self.step:
            raise ValueError(f"a tile of {self.words} words is not whole steps of {self.step}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TailCost:
    """What a call takes at the least."""

    operations: int
    hbm_bytes: int
    cache_bytes: int
    """Of the table's second reading, of weights and of sums: to and from L2 when the chunk fits it."""
    workspace_bytes: int
    launches: int


def plan_for(n_rows: int, n_words: int, width: int, item_bytes: int, processors: int = PROCESSORS) -> Plan:
    """The cut that fills the multiprocessors, in chunks that stay in the cache.

    A block of few rows has narrow tiles, because a chunk must give every processor a tile.
    """
    rows, words, columns = (64 if n_rows <= 64 else 128), (64 if n_rows <= 128 else 128), 128
    row_blocks = triton.cdiv(n_rows, rows)
    wave = max(1, processors // row_blocks)
    waves = max(1, L2_BYTES // (wave * words * width * item_bytes))
    tiles = triton.cdiv(n_words, words)
    chunks = triton.cdiv(tiles, wave * waves)
    splits = processors // (row_blocks * triton.cdiv(width, columns))
    chunk_tiles = triton.cdiv(tiles, chunks)
    return Plan(
        rows=rows,
        words=words,
        inner=64 if item_bytes == 2 else 32,
        columns=columns,
        step=64 if item_bytes == 2 else 32,
        chunk_tiles=chunk_tiles,
        splits=min(max(1, splits), chunk_tiles),
        warps=8 if rows == 128 else 4,
        stages=3 if rows == 128 else 4,
    )


def cost(n_rows: int, n_words: int, width: int, item_bytes: int = 2, plan: Plan | None = None) -> TailCost:
    """What a call takes at the least, for a bench to divide by."""
    plan = plan or plan_for(n_rows, n_words, width, item_bytes)
    tiles = triton.cdiv(n_words, plan.words)
    chunks = triton.cdiv(tiles, plan.chunk_tiles)
    statistics = 4 * (STATISTICS + 2) * n_rows * tiles
    sums = 4 * plan.splits * n_rows * width
    weights = item_bytes * n_rows * plan.chunk_tiles * plan.words
    table = n_words * width * item_bytes
    return TailCost(
        operations=4 * n_rows * n_words * width,
        hbm_bytes=table + 2 * statistics + 2 * n_rows * width * item_bytes,
        cache_bytes=table + 2 * weights * chunks + 2 * sums * chunks,
        workspace_bytes=statistics + sums + weights + 2 * 4 * n_rows,
        launches=2 * chunks + 1,
    )


@dataclass(frozen=True, slots=True)
class _Call:
    """What a call was given and what it works in."""

    hidden: Tensor
    table: Tensor
    choice: Choice
    softcap: float
    seed: int
    plan: Plan
    floats: Tensor
    places: Tensor
    heights: Tensor
    weights: Tensor
    sums: Tensor

    @staticmethod
    def prepare(hidden: Tensor, table: Tensor, choice: Choice, softcap: float, seed: int, plan: Plan) -> _Call:
        """The call with its workspace."""
        n_rows, width = hidden.shape
        n_tiles = triton.cdiv(len(table), plan.words)
        device = hidden.device
        return _Call(
            hidden=hidden.contiguous(),
            table=table.contiguous(),
            choice=replace(choice, bias=choice.bias.contiguous(), rule=choice.rule.contiguous()),
            softcap=softcap,
            seed=seed,
            plan=plan,
            floats=torch.empty(STATISTICS, n_rows, n_tiles, dtype=torch.float32, device=device),
            places=torch.empty(2, n_rows, n_tiles, dtype=torch.int32, device=device),
            heights=torch.empty(2, n_rows, dtype=torch.float32, device=device),
            weights=torch.empty(n_rows, plan.chunk_tiles * plan.words, dtype=table.dtype, device=device),
            sums=torch.empty(plan.splits, n_rows, width, dtype=torch.float32, device=device),
        )

    def run(self, tokens: Tensor, known: Tensor, soft: Tensor) -> None:
        """Every launch of the call, in order."""
        n_tiles = self.floats.shape[2]
        for chunk, first in enumerate(range(0, n_tiles, self.plan.chunk_tiles)):
            here = min(self.plan.chunk_tiles, n_tiles - first)
            self.weigh(first, here)
            self.mix(chunk, first, here)
        self.finish(tokens, known, soft)

    def weigh(self, first_tile: int, tiles_here: int) -> None:
        """Launch `weigh` for a chunk."""
        plan, choice = self.plan, self.choice
        n_rows, width = self.hidden.shape
        programs.weigh[(triton.cdiv(n_rows, plan.rows), tiles_here)](
            *(self.hidden, self.table, choice.bias, choice.rule),
            *(self.weights, self.floats, self.places, self.seed),
            *(n_rows, len(self.table), len(choice.bias), width),
            *(first_tile, self.floats.shape[2], self.weights.shape[1]),
            *(float(self.softcap), float(choice.temperature), 1 / (choice.sampling or 1)),
            sampled=choice.sampling > 0,
            block_rows=plan.rows,
            block_words=plan.words,
            block_inner=plan.inner,
            num_warps=plan.warps,
            num_stages=plan.stages,
        )

    def mix(self, chunk: int, first_tile: int, tiles_here: int) -> None:
        """Launch `mix` for a chunk."""
        plan = self.plan
        n_rows, width = self.hidden.shape
        programs.mix[(triton.cdiv(n_rows, plan.rows), triton.cdiv(width, plan.columns), plan.splits)](
            *(self.weights, self.table, self.floats, self.heights, self.sums),
            *(n_rows, len(self.table), width, chunk, first_tile, tiles_here),
            *(self.floats.shape[2], self.weights.shape[1], plan.splits),
            block_rows=plan.rows,
            block_words=plan.words,
            block_columns=plan.columns,
            block_step=plan.step,
            block_tiles=triton.next_power_of_2(plan.chunk_tiles),
            num_warps=plan.warps,
            num_stages=plan.stages,
        )

    def finish(self, tokens: Tensor, known: Tensor, soft: Tensor) -> None:
        """Launch `finish`."""
        n_rows, width = soft.shape
        n_tiles = self.floats.shape[2]
        programs.finish[(n_rows,)](
            *(self.floats, self.places, self.sums, tokens, known, soft),
            *(n_rows, width, n_tiles, self.plan.splits),
            sampled=self.choice.sampling > 0,
            block_tiles=triton.next_power_of_2(n_tiles),
            block_columns=1024,
        )


def vocabulary_tail(
    hidden: Tensor, table: Tensor, choice: Choice, softcap: float, seed: int, plan: Plan | None = None
) -> Chosen:
    """See `reference.vocabulary_tail`; its noise is `exponential_noise(F, V, seed, device)`, never stored here.

    At least one word must be allowed to every row.
    """
    n_rows, width = hidden.shape
    tokens = torch.empty(2, n_rows, dtype=torch.int64, device=hidden.device)
    known = torch.empty(2, n_rows, dtype=torch.float32, device=hidden.device)
    soft = torch.empty(n_rows, width, dtype=table.dtype, device=hidden.device)
    if n_rows:
        plan = plan or plan_for(n_rows, len(table), width, table.element_size(), _processors(hidden.device))
        with torch.cuda.device_of(hidden):  # type: ignore[no-untyped-call]
            _Call.prepare(hidden, table, choice, softcap, seed, plan).run(tokens, known, soft)
    return Chosen(tokens=tokens[0], likeliest=tokens[1], log_probs=known[0], entropy=known[1], soft=soft)


def exponential_noise(n_rows: int, n_words: int, seed: int, device: torch.device | str) -> Tensor:
    """The draws [F, V] that `vocabulary_tail` takes of a seed, for its twin."""
    out = torch.empty(n_rows, n_words, dtype=torch.float32, device=device)
    block = 1024
    if n_rows:
        programs.noise[(n_rows, triton.cdiv(n_words, block))](out, seed, n_words, block_words=block)
    return out


def _processors(device: torch.device) -> int:
    """Multiprocessors of a device."""
    if device.type != "cuda":
        return PROCESSORS
    return int(torch.cuda.get_device_properties(device).multi_processor_count)
