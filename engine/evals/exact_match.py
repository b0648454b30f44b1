"""How often an infill is right: exact match of held-out lines, with time and passes.

Right means equal to what the programmer wrote, but for white space at both ends.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from ..infill import fill
from ..models.base import Denoiser
from ..types import InfillRequest
from .spans import LineSpan


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the table."""

    name: str
    spans: int
    exact: float
    """Share of spans that came back exactly."""
    any_candidate: float
    """Share of spans for which one of the candidates was exact: what better ranking could reach."""
    similarity: float
    """Mean difflib ratio to the truth, 0..1."""
    parses: float
    p50_ms: float
    p95_ms: float
    passes: float
    pass_ms: float


def evaluate(
    name: str,
    spans: Sequence[LineSpan],
    model: Denoiser,
    *,
    true_length: bool = False,
    progress: Callable[[int], None] = lambda done: None,
) -> Row:
    """Fill every span and compare; `true_length` gives the engine the right number of tokens."""
    exact, reachable, similar, parsed = 0, 0, 0.0, 0
    times, passes = list[float](), list[int]()
    for number, span in enumerate(spans):
        count = len(model.tokenizer.encode(span.answer)) if true_length else None
        request = InfillRequest(prefix=span.text[: span.start], suffix=span.text[span.end :], exact_tokens=count)
        began = time.perf_counter()
        result = fill(request, model)
        times.append((time.perf_counter() - began) * 1e3)
        passes.append(result.passes)
        truth = span.answer.strip()
        exact += result.text.strip() == truth
        reachable += any(candidate.text.strip() == truth for candidate in result.candidates)
        similar += SequenceMatcher(None, result.text.strip(), truth, autojunk=False).ratio()
        parsed += result.candidates[0].parses is not False
        progress(number + 1)
    count_all = max(1, len(spans))
    times.sort()
    return Row(
        name=name,
        spans=len(spans),
        exact=exact / count_all,
        any_candidate=reachable / count_all,
        similarity=similar / count_all,
        parses=parsed / count_all,
        p50_ms=statistics.median(times),
        p95_ms=times[int(0.95 * (len(times) - 1))],
        passes=statistics.mean(passes),
        pass_ms=sum(times) / sum(passes),
    )
