"""Beam search on a table of probabilities, beside every span there is."""

from __future__ import annotations

import math
from itertools import product

import pytest
import torch
from torch import Tensor

from dgedit.engine.models.beams import search

VOCAB, END = 4, 3
NONE = torch.zeros(VOCAB)
ENDS = torch.arange(VOCAB) == END


class TableBeams:
    """What comes next depends on the token before alone."""

    def __init__(self, seed: int) -> None:
        draws = torch.Generator().manual_seed(seed)
        self.table = torch.randn(VOCAB + 1, VOCAB, generator=draws).mul(2).log_softmax(-1)

    def begin(self) -> Tensor:
        return self.table[VOCAB:]

    def step(self, rows: list[list[int]], source: Tensor, token: Tensor) -> Tensor:
        assert [row[-1] for row in rows] == token.tolist()
        return self.table[token]

    def score(self, row: tuple[int, ...]) -> float:
        """Of a span and its end."""
        return sum(float(self.table[a, b]) for a, b in zip((VOCAB, *row), (*row, END), strict=True))


@pytest.mark.parametrize("seed", range(5))
def test_wide_beams_find_the_likeliest_spans_of_all(seed: int) -> None:
    beams = TableBeams(seed)
    # The end may stand first nowhere: that is what the bias of the first token is for.
    first = NONE.masked_fill(ENDS, -math.inf)
    spans = [row for length in (1, 2, 3) for row in product(range(END), repeat=length)]
    best = sorted(spans, key=lambda row: -beams.score(row))
    found = search(beams, first, NONE, ENDS, tokens_max=3, count=40)
    assert [tuple(row) for row in found] == best[: len(found)]
    assert len(found) == len(spans)


def test_few_beams_give_so_many_spans_in_order() -> None:
    beams = TableBeams(1)
    found = search(beams, NONE.masked_fill(ENDS, -math.inf), NONE, ENDS, tokens_max=3, count=2)
    scores = [beams.score(tuple(row)) for row in found]
    assert 1 <= len(found) <= 2
    assert scores == sorted(scores, reverse=True)


def test_what_is_forbidden_stands_nowhere() -> None:
    never = NONE.clone()
    never[1] = -math.inf
    found = search(TableBeams(2), never.masked_fill(ENDS, -math.inf), never, ENDS, tokens_max=3, count=40)
    assert found
    assert all(1 not in row for row in found)


def test_a_span_that_does_not_end_is_left_out() -> None:
    assert search(TableBeams(3), NONE.masked_fill(ENDS, -math.inf), NONE, ENDS, tokens_max=0, count=4) == []
