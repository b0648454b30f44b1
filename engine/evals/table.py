"""The table of an evaluation: shares and nats with their 95 % bootstrap intervals, from results of spans.

Intervals are over spans; spans of one package are alike, so the true ones are somewhat wider. It must know nothing of
models.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from .results import SpanResult

DRAWS = 2_000
DRAFTS, RECALL, ALONE = "one line, drafts alone", "one line", "one line, alone"
"""Names of ways that are compared with each other."""
TRUTH = "truth"
IN_THREE = 3

Results = Mapping[str, Sequence[SpanResult]]
"""By way, in the order of the spans."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """A mean over spans with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float], seed: int = 0) -> Mean:
        """Of at least one value."""
        draw, count = random.Random(seed), len(values)
        means = sorted(sum(draw.choices(values, k=count)) / count for _ in range(DRAWS))
        low, high = means[int(0.025 * DRAWS)], means[int(0.975 * DRAWS)]
        return cls(value=statistics.fmean(values), low=low, high=high)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareRow:
    """How often a way is right; shares are 0..1."""

    name: str
    spans: int
    first: Mean
    in_three: float
    among: float
    """Anywhere among the answers: what better ranking could reach."""
    p50_ms: float
    """0 where it was not timed: what came before had already read the context."""
    passes: float


def share_row(name: str, results: Sequence[SpanResult]) -> ShareRow:
    """The row of one way."""
    count = len(results)
    places = [each.place for each in results if each.place is not None]
    return ShareRow(
        name=name,
        spans=count,
        first=Mean.of([float(each.right) for each in results]),
        in_three=sum(place <= IN_THREE for place in places) / count,
        among=len(places) / count,
        p50_ms=statistics.median(each.ms for each in results),
        passes=statistics.fmean(each.passes for each in results),
    )


def nats_a_char(results: Sequence[SpanResult], *, end: bool) -> Mean:
    """What the truth costs in nats a character, with the span's end or without."""
    nats: Callable[[SpanResult], float | None] = lambda each: each.nats_with_end if end else each.nats  # noqa: E731
    return Mean.of([(nats(each) or 0.0) / each.chars for each in results if each.chars])


def difference(ours: Sequence[SpanResult], theirs: Sequence[SpanResult]) -> Mean:
    """By how much more of the same spans one way is right than another: a paired comparison."""
    others = {each.number: each for each in theirs}
    pairs = [(each, others[each.number]) for each in ours if each.number in others]
    return Mean.of([float(a.right) - float(b.right) for a, b in pairs] or [0.0])


HEADER = f"{'':28}{'spans':>6}{'first':>8}{'95 %':>16}{'in three':>10}{'among':>8}{'p50 ms':>8}{'passes':>8}"


def lines(results: Results) -> Iterator[str]:
    """The table of one model."""
    yield HEADER
    for name, found in results.items():
        if found and name != TRUTH:
            row = share_row(name, found)
            spread = f"{row.first.low:.1%} - {row.first.high:.1%}"
            yield (
                f"{name:28}{row.spans:6}{row.first.value:8.1%}{spread:>16}{row.in_three:10.1%}{row.among:8.1%}"
                f"{f'{row.p50_ms:.0f}' if row.p50_ms else '-':>8}{row.passes:8.1f}"
            )
    if results.get(DRAFTS) and results.get(RECALL):
        yield points("denoising over its drafts", difference(results[RECALL], results[DRAFTS]))
    if truth := results.get(TRUTH):
        for name, end in (("truth, nats a character", False), ("truth and its end", True)):
            mean = nats_a_char(truth, end=end)
            yield f"{name:28}{len(truth):6}{mean.value:8.3f}{f'{mean.low:.3f} - {mean.high:.3f}':>16}"


def compared(name: str, ours: Results, other: str, theirs: Results) -> Iterator[str]:
    """One model beside another on the same spans."""
    for way in (RECALL, ALONE):
        if ours.get(way) and theirs.get(way):
            mean = difference(ours[way], theirs[way])
            shares = [share_row(way, found).first.value for found in (ours[way], theirs[way])]
            ratio = f"{shares[0] / shares[1]:.1f} times" if shares[1] else "against none"
            yield points(f"{way}: {name} - {other}", mean) + f"   {ratio}"


def points(name: str, mean: Mean) -> str:
    """A difference of shares in points."""
    spread = f"{100 * mean.low:+.1f} - {100 * mean.high:+.1f}"
    return f"{name:34}{100 * mean.value:+8.1f}{spread:>16} points"


def as_data(results: Results) -> list[dict[str, object]]:
    """The same for a program."""
    rows = [asdict(share_row(name, found)) for name, found in results.items() if found and name != TRUTH]
    if truth := results.get(TRUTH):
        for name, end in ((TRUTH, False), (f"{TRUTH} and its end", True)):
            rows.append({"name": name, "spans": len(truth), "nats_a_char": asdict(nats_a_char(truth, end=end))})
    return rows
