"""How sure an answer is: the function, what is stored beside a checkpoint, that a fit finds what is there."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from dgedit.engine.confidence import RANKING_FILE, Confidence, read_fitted, said, signs
from dgedit.engine.evals.fit import Example, accuracy, expected_error, fit_confidence, fitted_on, order, reliability
from dgedit.engine.settings import RankWeights, fitted_weights
from dgedit.engine.types import EngineError


def test_the_probability_is_a_logistic_function_and_stays_in_its_range() -> None:
    told = Confidence(bias=0.0, weights={"mean": 1.0})
    assert told.of({}) == 0.5
    assert told.of({"mean": 2.0, "other": 9.0}) == pytest.approx(0.880797, abs=1e-6)
    assert 0.0 <= told.of({"mean": -1e9}) < 1e-9
    assert told.of({"mean": 1e9}) <= 1.0


def test_a_candidate_is_told_from_its_lead_over_the_others() -> None:
    known = [{"mean": -1.0}, {"mean": -2.0}]
    first, second = (signs(known, [3.0, 1.0], place) for place in (0, 1))
    assert (first["margin"], second["margin"]) == (2.0, -2.0)
    assert first["share"] + second["share"] == pytest.approx(1.0)
    assert (first["best"], second["best"]) == (1.0, 0.0)
    assert signs(known[:1], [0.0], 0)["margin"] == 3.0


def test_what_the_guard_turns_down_is_no_rival() -> None:
    known, values, tiers = [dict[str, float]() for _ in range(3)], [1.0, 9.0, 0.0], [0, 2, 0]
    first, turned_down, other = (signs(known, values, place, tiers) for place in range(3))
    alone = [signs(known[:2], [1.0, 0.0], place) for place in (0, 1)]
    assert (first, other) == tuple(each | {"tier": 0.0} for each in alone)
    assert (turned_down["best"], turned_down["tier"]) == (0.0, 2.0)


@pytest.mark.parametrize(
    ("probability", "words"),
    [
        (None, ""),
        (0.9, "sure (90%)"),
        (0.75, "sure (75%)"),
        (0.5, "likely (50%)"),
        (0.2, "unsure (20%)"),
        (0.0, "a guess (0%)"),
    ],
)
def test_a_probability_is_said_in_words(probability: float | None, words: str) -> None:
    assert said(probability) == words


def examples(count: int = 300) -> list[Example]:
    """Spans whose right candidate, where there is one, is the likeliest, and the likelier the surer."""
    draw, found = random.Random(1), list[Example]()
    for number in range(count):
        means = sorted((draw.uniform(-4, 0) for _ in range(4)), reverse=True)
        right = 0 if draw.random() < 1 / (1 + 2.718 ** -(means[0] + 1) * 3) else None
        found.append(Example([{"mean": mean, "total": 3 * mean} for mean in means], right, (0, 0, 0, 0), number))
    return found


def test_a_fit_ranks_and_is_as_sure_as_it_is_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fitted = fitted_on(examples())
    assert fitted["first_of_those_among"] > 0.95
    assert fitted["expected_calibration_error"] < 0.15, "chance alone is off by some points in 300 answers"
    assert sum(each["count"] for each in fitted["reliability"]) == 300
    assert "expected calibration error" in capsys.readouterr().out
    (tmp_path / RANKING_FILE).write_text(json.dumps(fitted))
    weights = fitted_weights(tmp_path)
    assert weights.mean == fitted["weights"]["mean"]
    assert weights.confidence is not None
    known = [{"mean": -0.1, "total": -0.3}, {"mean": -3.0, "total": -9.0}]
    values = [weights.value(each) for each in known]
    sure, unsure = (weights.confidence.of(signs(known, values, place)) for place in (0, 1))
    assert sure > unsure


def test_the_guard_comes_before_the_numbers() -> None:
    example = Example([{"mean": 0.0}, {"mean": -9.0}], 1, (3, 0))
    assert order(example, RankWeights()) == [1, 0]
    assert accuracy([example, Example([{}], None, (0,))], RankWeights()) == 1.0


def test_reliability_is_told_in_bins_of_as_many_answers() -> None:
    bins = reliability([0.1] * 60 + [0.9] * 60, [False] * 60 + [True] * 60)
    assert [each.count for each in bins] == [60, 60]
    assert expected_error(bins) == pytest.approx(0.1)
    assert expected_error([]) == 0.0
    told = fit_confidence([{"mean": 1.0}, {"mean": -1.0}] * 20, [True, False] * 20)
    assert told.of({"mean": 1.0}) > 0.5 > told.of({"mean": -1.0})


def test_without_a_file_the_usual_weights_are_taken(tmp_path: Path) -> None:
    assert fitted_weights(tmp_path) == RankWeights()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"version": 2, "weights": {}}',
        '{"version": 1}',
        '{"version": 1, "weights": {"mean": "much"}}',
        '{"version": 1, "weights": {"mean": NaN}}',
        '{"version": 1, "weights": {}, "confidence": {"bias": 1}}',
        '{"version": 1, "weights": {}, "confidence": {"bias": 1, "weights": {"mean": Infinity}}}',
        "\x00",
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / RANKING_FILE).write_text(text)
    with pytest.raises(EngineError, match=RANKING_FILE) as caught:
        read_fitted(tmp_path)
    assert "engine.evals.fit" in caught.value.hint
