"""References against values worked out by hand; kernels are held to the references."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from dgedit.kernels import ops, reference

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
