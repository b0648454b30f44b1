"""The acceptance rule against values worked out by hand."""

from __future__ import annotations

import pytest
import torch

from dgedit.engine.samplers.entropy_bound import EntropyBound, in_order


def bools(text: str) -> torch.Tensor:
    return torch.tensor([[char == "1" for char in row] for row in text.split()])


NONE = torch.zeros(1, dtype=torch.long)


@pytest.mark.parametrize(
    ("entropies", "active", "bound", "at_least", "expected"),
    [
        # Sorted 0.05 0.10 0.20 0.40: sums before each 0, 0.05, 0.15, 0.35; within 0.1 are the first two.
        ([0.20, 0.05, 0.40, 0.10], "1111", 0.1, 0, "0101"),
        ([0.20, 0.05, 0.40, 0.10], "1111", 0.16, 0, "1101"),
        # The most certain slot alone is always within any bound: nothing comes before it.
        ([3.0, 4.0], "11", 0.01, 0, "10"),
        # A quota takes the most certain ones whatever the bound says.
        ([3.0, 4.0, 2.0], "111", 0.01, 2, "101"),
        # Inactive slots are neither accepted nor counted, however certain they are.
        ([0.00, 0.05, 0.00, 0.10], "0101", 0.05, 0, "0101"),
        ([0.00, 0.05, 0.00, 0.10], "0101", 0.04, 0, "0100"),
        # A quota larger than the active slots takes them all and no more.
        ([0.5, 0.5, 0.5], "011", 0.01, 3, "011"),
        # Equal entropies go from left to right.
        ([0.3, 0.3, 0.3], "111", 0.3, 0, "110"),
    ],
)
def test_accepts_the_most_certain_within_the_bound(
    entropies: list[float], active: str, bound: float, at_least: int, expected: str
) -> None:
    rule = EntropyBound(bound=bound, left_bias=0.0)
    accepted = rule.accept(torch.tensor([entropies]), bools(active), torch.tensor([at_least]))
    assert accepted.tolist() == bools(expected).tolist()


def test_rows_do_not_share_a_budget() -> None:
    entropy = torch.tensor([[0.09, 0.09], [0.01, 0.01]])
    accepted = EntropyBound(bound=0.05, left_bias=0.0).accept(entropy, bools("11 11"), torch.zeros(2, dtype=torch.long))
    assert accepted.tolist() == bools("10 11").tolist()


def test_no_active_slot_gives_no_accepted_slot() -> None:
    accepted = EntropyBound().accept(torch.zeros(1, 3), bools("000"), torch.tensor([2]))
    assert not accepted.any()


def test_certain_slots_are_accepted_whatever_their_place() -> None:
    entropy = torch.full((1, 20), 1e-4)
    assert EntropyBound(bound=0.1, left_bias=0.3).accept(entropy, bools("1" * 20), NONE).all()


def test_a_bias_prefers_what_stands_left() -> None:
    entropy = torch.tensor([[0.5, 0.4, 0.1]])
    # With 0.3 a slot they are 0.5, 0.7 and 0.7: the first is the most certain, and the tie goes to the left.
    rule = EntropyBound(bound=0.01, left_bias=0.3)
    assert rule.accept(entropy, bools("111"), torch.tensor([2])).tolist() == bools("110").tolist()
    plain = EntropyBound(bound=0.01, left_bias=0.0)
    assert plain.accept(entropy, bools("111"), torch.tensor([2])).tolist() == bools("011").tolist()


@pytest.mark.parametrize("wrong", [{"bound": 0.0}, {"bound": -1.0}, {"left_bias": -0.1}])
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        EntropyBound(**wrong)


@pytest.mark.parametrize(
    ("accepted", "ends", "expected"),
    [
        ("1101", "0001", "1100"),  # an end behind a gap waits
        ("1111", "0011", "1111"),
        ("0100", "0000", "0100"),  # text may be accepted in any order
        ("0011", "0011", "0000"),
    ],
)
def test_the_end_of_a_span_waits_for_what_is_left_of_it(accepted: str, ends: str, expected: str) -> None:
    assert in_order(bools(accepted), bools(ends)).tolist() == bools(expected).tolist()
