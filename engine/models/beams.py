"""Beam search left to right: the search of every family, each of which reads its beams in its own way.

Shapes: B beams, V vocabulary.
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor


class Beams(Protocol):
    """Spans that are being written behind a context; log-probabilities on the CPU."""

    def begin(self) -> Tensor:
        """Log-probabilities [1, V] of the first token."""

    def step(self, rows: list[list[int]], source: Tensor, token: Tensor) -> Tensor:
        """Log-probabilities [B, V] of what comes behind the rows.

        Args:
            rows: all tokens of each beam.
            source: [B], the beam of the step before that each one goes on from.
            token: [B], what it was given.
        """


def search(beams: Beams, first: Tensor, later: Tensor, ends: Tensor, *, tokens_max: int, count: int) -> list[list[int]]:
    """Spans without the token that ends them, the likeliest first; the arguments are those of `Denoiser.write`."""
    logs = beams.begin() + first
    scores, rows = torch.zeros(1), [list[int]()]
    ended: list[tuple[float, list[int]]] = []
    for length in range(tokens_max + 1):
        if length:
            finals = scores + logs[:, ends].logsumexp(-1)
            ended = sorted([*ended, *zip(finals.tolist(), rows, strict=True)], key=lambda each: -each[0])[:count]
            logs = logs.masked_fill(ends, -math.inf)
        scores, flat = (scores[:, None] + logs).flatten().topk(min(count, logs.numel()))
        # A longer span is never likelier: what is already below the worst one kept cannot come back.
        alive = scores > (ended[-1][0] if len(ended) == count else -math.inf)
        if length == tokens_max or not bool(alive.any()):
            break
        scores, source, token = scores[alive], flat[alive] // logs.shape[1], flat[alive] % logs.shape[1]
        rows = [[*rows[row], new] for row, new in zip(source.tolist(), token.tolist(), strict=True)]
        logs = beams.step(rows, source, token) + later
    return [ids for score, ids in ended if score > -math.inf]
