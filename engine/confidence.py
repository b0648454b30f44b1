"""How likely an answer is right: a probability, from what is known of it beside the others, fitted on held-out spans.

The numbers that candidates are ranked by say which is better, not whether any is good. A logistic function of a few
things (how likely the model finds the text, how far it is ahead of the next one, how it was found) was fitted to
answers whose truth is known; see `dgedit.engine.evals.fit`. Knows no tensors.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from .types import EngineError

RANKING_FILE = "ranking.json"
VERSION = 1
SURE, LIKELY, UNSURE = 0.75, 0.4, 0.15
"""From these on an answer is called so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confidence:
    """A logistic function of named numbers."""

    bias: float
    weights: dict[str, float]

    def of(self, known: dict[str, float]) -> float:
        """The probability, 0..1; numbers that it has no weight for count nothing."""
        total = self.bias + sum(weight * known.get(name, 0.0) for name, weight in self.weights.items())
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, total))))


def signs(
    known: Sequence[dict[str, float]], values: Sequence[float], place: int, tiers: Sequence[int] = ()
) -> dict[str, float]:
    """What the probability of one of several candidates is told from.

    Args:
        known: what `RankWeights` weighs, of each candidate.
        values: the numbers that they are ranked by.
        place: which of them it is about.
        tiers: what the guard has against each, more is worse; of others than its own tier none is a rival.
    """
    tiers = tiers or (0,) * len(values)
    own, tier = values[place], tiers[place]
    alike = [number for number in range(len(values)) if tiers[number] == tier]
    others, top = [values[number] for number in alike if number != place], max(values[number] for number in alike)
    share = math.exp(own - top) / sum(math.exp(values[number] - top) for number in alike)
    margin = own - max(others) if others else 3.0
    picked = {name: known[place].get(name, 0.0) for name in _PICKED}
    return picked | {
        "share": share,
        "log_share": math.log(max(share, 1e-4)),
        "margin": max(-3.0, min(3.0, margin)),
        "best": float(own == top and tier == min(tiers)),
        "tier": float(tier),
        "likely": math.exp(max(-20.0, known[place].get("total", 0.0))),
    }


_PICKED = (
    *("mean", "total", "end", "recalled", "recall_score", "times", "adapted", "denoised", "written", "named"),
    *(
        "least",
        "length",
        "often",
        "nearest",
        "found_twice",
        "unknown_names",
        "resolved",
        "idle",
        "used",
        "in_function",
        "in_class",
        "mid_line",
        "next_to",
    ),
)
SIGNS = (*_PICKED, "share", "log_share", "margin", "best", "tier", "likely")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What was fitted for a checkpoint."""

    weights: dict[str, float]
    confidence: Confidence | None


def read_fitted(folder: Path) -> Fitted | None:
    """What is stored beside a checkpoint; none where nothing is.

    Raises:
        EngineError: when the file cannot be read as that.
    """
    path = folder / RANKING_FILE
    if not path.exists():
        return None
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        if read["version"] != VERSION:
            raise ValueError(f"version {read['version']}")
        weights = {str(name): float(value) for name, value in read["weights"].items()}
        found = read.get("confidence")
        confidence = None
        if found is not None:
            told = {str(name): float(value) for name, value in found["weights"].items()}
            confidence = Confidence(bias=float(found["bias"]), weights=told)
        if not all(map(math.isfinite, (*weights.values(), *(told.values() if found is not None else ())))):
            raise ValueError("a weight is no number")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        remedy = "delete it, or write it anew with `python -m dgedit.engine.evals.fit`"
        raise EngineError(f"{path} is not readable as ranking weights: {error}", remedy) from error
    return Fitted(weights=weights, confidence=confidence)


def said(probability: float | None) -> str:
    """A probability in words; nothing where there is none."""
    if probability is None:
        return ""
    levels = ((SURE, "sure"), (LIKELY, "likely"), (UNSURE, "unsure"), (0.0, "a guess"))
    word = next(word for least, word in levels if probability >= least)
    return f"{word} ({probability:.0%})"


def names_of(kind: type) -> tuple[str, ...]:
    """The numbers of a dataclass."""
    return tuple(field.name for field in fields(kind) if field.type in ("float", float))
