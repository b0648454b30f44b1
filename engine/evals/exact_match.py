"""How often a method's answer is what the programmer wrote, with time and passes.

Right means equal to the truth but for white space at both ends. A method is any function of a span: the engine, or a
baseline of `methods.py`.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from ..parsing import parses
from ..types import InfillRequest
from .spans import Span

BOOTSTRAP_DRAWS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a method says for a span."""

    text: str
    candidates: tuple[str, ...] = ()
    """All that it considered."""
    passes: int = 0


Method = Callable[[Span], Answer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the table; shares are 0..1."""

    name: str
    spans: int
    exact: float
    """Share of spans that came back exactly, or, for a benchmark with tests, that passed them."""
    low: float
    high: float
    """95 % bootstrap interval of `exact`."""
    any_candidate: float | None = None
    """Share of spans for which one of the candidates was exact: what better ranking could reach."""
    similarity: float | None = None
    """Mean difflib ratio to the truth."""
    lines_right: float | None = None
    """Share of answers with as many lines as the truth, and within a fifth of its characters."""
    parses: float | None = None
    """Share of answers with which the file parses."""
    p50_ms: float
    p95_ms: float
    passes: float


def evaluate(
    name: str, spans: Sequence[Span], method: Method, *, progress: Callable[[int], None] = lambda done: None
) -> Row:
    """Ask the method for every span and compare."""
    exact, reachable = list[bool](), 0
    similar, parsed, lengths = 0.0, 0, 0
    times, passes = list[float](), list[int]()
    for number, span in enumerate(spans):
        began = time.perf_counter()
        answer = method(span)
        times.append((time.perf_counter() - began) * 1e3)
        passes.append(answer.passes)
        said, truth = answer.text.strip(), span.answer.strip()
        exact.append(said == truth)
        reachable += truth in {said, *(text.strip() for text in answer.candidates)}
        similar += SequenceMatcher(None, said, truth, autojunk=False).ratio()
        lengths += said.count("\n") == truth.count("\n") and abs(len(said) - len(truth)) <= len(truth) / 5
        parsed += parses(InfillRequest(prefix=span.prefix, suffix=span.suffix), answer.text) is not False
        progress(number + 1)
    count = max(1, len(spans))
    low, high = interval(exact)
    return Row(
        name=name,
        spans=len(spans),
        exact=sum(exact) / count,
        low=low,
        high=high,
        any_candidate=reachable / count,
        similarity=similar / count,
        lines_right=lengths / count,
        parses=parsed / count,
        p50_ms=statistics.median(times),
        p95_ms=percentile(times, 0.95),
        passes=statistics.mean(passes),
    )


def interval(outcomes: Sequence[bool], seed: int = 0) -> tuple[float, float]:
    """95 % bootstrap interval of the share of true outcomes."""
    draw, count = random.Random(seed), len(outcomes)
    if not count:
        return 0.0, 1.0
    means = sorted(sum(draw.choices(outcomes, k=count)) / count for _ in range(BOOTSTRAP_DRAWS))
    return means[int(0.025 * BOOTSTRAP_DRAWS)], means[int(0.975 * BOOTSTRAP_DRAWS)]


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which so large a share of them lies."""
    return sorted(values)[int(share * (len(values) - 1))]


HEADER = (
    f"{'':26}{'spans':>6}{'exact':>8}{'95 %':>15}{'among':>8}{'similar':>9}{'length':>8}{'parses':>8}"
    f"{'p50 ms':>8}{'p95 ms':>8}{'passes':>8}"
)


def line(row: Row) -> str:
    """A row as text; what does not apply is a dash."""

    def share(value: float | None) -> str:
        return "-" if value is None else f"{value:.1%}"

    return (
        f"{row.name:26}{row.spans:6}{row.exact:8.1%}{f'{row.low:.1%} - {row.high:.1%}':>15}"
        f"{share(row.any_candidate):>8}{share(row.similarity):>9}{share(row.lines_right):>8}{share(row.parses):>8}"
        f"{row.p50_ms:8.1f}{row.p95_ms:8.1f}{row.passes:8.1f}"
    )
