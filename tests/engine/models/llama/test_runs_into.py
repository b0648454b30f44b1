"""Candidates of a hole inside a line are also read as they run into what follows it."""

from __future__ import annotations

import pytest
import torch

from dgedit.engine.encoded import EncodedInfill
from dgedit.engine.models.llama.layout import next_piece
from dgedit.engine.rank import Proposal, closing_logs
from dgedit.engine.types import InfillRequest, Origin

from ....support.llama import infiller, network


@pytest.mark.parametrize(
    ("suffix", "piece"),
    [
        ("))\n    return x", "))"),
        (")", ")"),
        (", timeout=3)", ","),
        (" if item]", " if"),
        ("\t# why", "\t#"),
        ("\nnext line", ""),
        ("   \nnext line", ""),
        ("", ""),
        ("name.other", "name"),
        ("é = 1", "é"),
    ],
)
def test_the_next_piece_of_a_line(suffix: str, piece: str) -> None:
    assert next_piece(suffix) == piece


@pytest.mark.parametrize("suffix", [")", "\n"])
def test_the_likelier_reading_counts(suffix: str) -> None:
    model = infiller(network(5))
    request = InfillRequest(prefix="f(", suffix=suffix)
    encoded = EncodedInfill.of(model.pack(request), request, model)
    context = encoded.context
    texts = ["a", "b1", "x[0]", "long_name"]
    proposals = [Proposal(text, model.tokenizer.encode(text), {Origin.WRITTEN}) for text in texts]
    got = closing_logs(encoded, proposals)
    alone = model.score(context, [[*proposal.ids, model.format.eom_id] for proposal in proposals])
    on = model.score(context, [model.tokenizer.encode(text + suffix) for text in texts])
    for found, first, second in zip(got, alone, on, strict=True):
        best = max(first, second, key=lambda logs: float(logs.sum())) if suffix == ")" else first
        torch.testing.assert_close(found, best)
    runs_on = [float(b.sum()) > float(a.sum()) for a, b in zip(alone, on, strict=True)]
    assert any(runs_on), "the test is about a case in which the second reading is the likelier one"
