"""References against values worked out by hand; kernels are held to the references."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from dgedit.kernels import ops, reference
from dgedit.kernels.formats import Choice

Op = Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]


@pytest.mark.parametrize("op", [ops.log_softmax_entropy, reference.log_softmax_entropy])
@pytest.mark.parametrize(
    ("logits", "entropy"),
    [
        ([0.0, 0.0], math.log(2)),
        ([5.0] * 8, math.log(8)),
        ([0.0, -math.inf, 0.0, -math.inf], math.log(2)),
        ([math.log(3), 0.0], -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))),
        ([1000.0, 0.0, -1000.0], 0.0),
        ([7.0], 0.0),
    ],
)
def test_entropy_in_nats(op: Op, logits: list[float], entropy: float) -> None:
    log_probs, got = op(torch.tensor([logits, logits]))
    assert got.tolist() == pytest.approx([entropy, entropy], abs=1e-5)
    assert log_probs.exp().sum(-1).tolist() == pytest.approx([1.0, 1.0])


def test_no_rows_give_no_entropies() -> None:
    log_probs, entropy = ops.log_softmax_entropy(torch.zeros(0, 5))
    assert log_probs.shape == (0, 5)
    assert entropy.shape == (0,)


@pytest.mark.parametrize("sampling", [0.0, 1.0])
def test_a_tail_by_parts_is_the_whole_one(monkeypatch: pytest.MonkeyPatch, sampling: float) -> None:
    draw = torch.Generator().manual_seed(0)
    hidden, table = torch.randn(37, 16, generator=draw), torch.randn(64, 16, generator=draw)
    choice = Choice(bias=torch.zeros(2, 64), rule=torch.arange(37) % 2, sampling=sampling)
    whole = ops.vocabulary_tail(hidden, table, choice, 30.0, torch.Generator().manual_seed(1))
    monkeypatch.setattr(ops, "TAIL_NUMBERS", 64 * 5)
    parts = ops.vocabulary_tail(hidden, table, choice, 30.0, torch.Generator().manual_seed(1))
    assert torch.equal(parts.likeliest, whole.likeliest)
    torch.testing.assert_close(parts.entropy, whole.entropy)
    torch.testing.assert_close(parts.soft, whole.soft)
    # The same seed draws the same tokens, whatever the memory.
    assert torch.equal(parts.tokens, whole.tokens) or sampling
    again = ops.vocabulary_tail(hidden, table, choice, 30.0, torch.Generator().manual_seed(1))
    assert torch.equal(again.tokens, parts.tokens)


def test_without_a_gpu_no_kernel_is_taken() -> None:
    assert ops.triton_works() == torch.cuda.is_available()


def test_draws_can_be_those_of_multinomial() -> None:
    logits = torch.randn(40, 300, generator=torch.Generator().manual_seed(2))
    choice = Choice(bias=torch.zeros(1, 300), rule=torch.zeros(40, dtype=torch.long), sampling=1.0, as_multinomial=True)
    chosen, _ = ops.choose(logits, choice, torch.Generator().manual_seed(5))
    theirs = torch.multinomial(logits.softmax(-1), 1, generator=torch.Generator().manual_seed(5))[:, 0]
    assert torch.equal(chosen.tokens, theirs)


@pytest.mark.parametrize("as_multinomial", [True, False])
def test_draws_follow_the_probabilities(as_multinomial: bool) -> None:
    probabilities = torch.tensor([0.5, 0.3, 0.15, 0.05])
    count = 40_000
    choice = Choice(
        bias=torch.zeros(1, 4),
        rule=torch.zeros(count, dtype=torch.long),
        sampling=1.0,
        as_multinomial=as_multinomial,
    )
    chosen, _ = ops.choose(probabilities.log().expand(count, 4), choice, torch.Generator().manual_seed(1))
    shares = torch.bincount(chosen.tokens, minlength=4) / count
    # Five standard deviations of a share.
    assert (shares - probabilities).abs().max() < 5 * (0.25 / count) ** 0.5
