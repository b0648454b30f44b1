"""`python -m dgedit.engine.evals.guarded`: what the guard brings, before and after in one run of one model.

Three ways of answering the same holes: as rows come out of the ranking without a guard, where only the first four are
parsed; with the guard; and with a sampler that is told what the place forbids. Two sets of holes: everyday ones of many
kinds, and lines of packages that were never trained on.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..guard import Guard, GuardVerdict
from ..guard.overlap import repeats
from ..guard.parse import faults, source_of
from ..guard.scope import look
from ..infill import infill, prepare
from ..load import load
from ..parsing import parses, reads
from ..protocol import Denoiser
from ..rank import is_refused
from ..settings import RankWeights
from ..types import Candidate, InfillRequest, InfillResult
from . import everyday, fresh

ALL = 64
"""Candidates are told of without a limit."""
UNGUARDED = RankWeights(
    mean=0.21,
    total=0.04,
    end=-0.11,
    recalled=-0.15,
    recall_score=1.2,
    first_recalled=0.42,
    times=0.12,
    adapted=0.26,
    denoised=0.09,
    written=0.7,
    unknown_names=-0.9,
    unparsable=-3.07,
    stutter=-1.0,
    repeats=-1.0,
)
"""The weights that candidates were ranked by before there was a guard."""
_PARSED = 4
_WORD, _WORD_END = re.compile(r"\w+"), re.compile(r"\w+\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A hole and what was written there."""

    request: InfillRequest
    truth: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is known of one answer."""

    left: bool
    """Nothing is written there: no answer, or only ones that would break the file."""
    parses: bool
    unknown: bool
    repeats: bool
    exact: bool
    among: bool
    took_s: float
    guard_s: float
    text: str = ""
    passes: int = 0


class Unguarded(Guard):
    """No guard: cuts only a last line that says the next one again, and has nothing against any text."""

    guides = False

    def trimmed(self, text: str) -> str:
        """The text as it was trimmed before there was a guard."""
        following = next((line.strip() for line in self.suffix.split("\n") if line.strip()), "")
        lines = text.split("\n")
        repeated = len(following) > 3 and len(lines) > 1 and lines[-1].strip() == following
        return "\n".join(lines[:-1]).rstrip() if repeated else text

    def least_faults(self, texts: list[str]) -> int:
        """None."""
        return 0

    def verdict(self, text: str, least: int) -> GuardVerdict:
        """Nothing is said."""
        return GuardVerdict(parses=None, breaks=False)

    def fits_whole(self, text: str) -> bool:
        """Whatever it is."""
        return True


class Timed(Guard):
    """The guard, with the seconds that it takes."""

    def __init__(self, prefix: str, suffix: str, language: str) -> None:
        self.seconds, self._depth = 0.0, 0
        self._timed(lambda: super(Timed, self).__init__(prefix, suffix, language))

    def _timed(self, work: Callable[[], Any]) -> Any:
        began, self._depth = time.perf_counter(), self._depth + 1
        try:
            return work()
        finally:
            self._depth -= 1
            self.seconds += (time.perf_counter() - began) * (self._depth == 0)

    def trimmed(self, text: str) -> str:
        """Timed."""
        return str(self._timed(lambda: super(Timed, self).trimmed(text)))

    def least_faults(self, texts: list[str]) -> int:
        """Timed."""
        return int(self._timed(lambda: super(Timed, self).least_faults(texts)))

    def has_good(self, texts: list[str]) -> bool:
        """Timed."""
        return bool(self._timed(lambda: super(Timed, self).has_good(texts)))

    def verdict(self, text: str, least: int) -> GuardVerdict:
        """Timed."""
        found: GuardVerdict = self._timed(lambda: super(Timed, self).verdict(text, least))
        return found

    def fits_whole(self, text: str) -> bool:
        """Timed."""
        return bool(self._timed(lambda: super(Timed, self).fits_whole(text)))


class Unguided(Timed):
    """The guard alone: the sampler is told nothing."""

    guides = False


WAYS: dict[str, type[Guard]] = {"before": Unguarded, "guard": Unguided, "guided": Timed}


def everyday_holes() -> list[Asked]:
    """The everyday holes."""
    return [
        Asked(
            request=InfillRequest(prefix=each.prefix, suffix=each.suffix, language=each.language, offered=ALL),
            truth=each.answer,
            kind=each.kind,
        )
        for each in everyday.load()
    ]


def heldout_lines(count: int) -> list[Asked]:
    """Lines of fresh packages; ranking was fitted on others."""
    return [
        Asked(
            request=InfillRequest(prefix=each.prefix, suffix=each.suffix, related=each.related, offered=ALL),
            truth=each.answer,
            kind="line",
        )
        for each in fresh.load(count)
    ]


def ask(model: Denoiser, asked: Asked, way: type[Guard]) -> Told:
    """One answer, and what is to be said of it by a look at the whole file."""
    request, weights = asked.request, model.weights
    if way is Unguarded:
        # A notebook was filled as any text is.
        request = replace(request, language="text" if request.language == "json" else request.language)
        model.weights = UNGUARDED
    began = time.perf_counter()
    try:
        ready = prepare(request, model)
        read = ready.encoded.request
        guard = way(read.prefix, read.suffix, read.language)
        began = time.perf_counter()
        ready = prepare(request, model, guard)
        *_, last = infill(request, model, prepared=ready)
    finally:
        model.weights = weights
    took = time.perf_counter() - began
    assert last.result is not None, "the last frame carries the result"
    candidates = _as_before(request, last.result) if way is Unguarded else list(last.result.candidates)
    guard_s = guard.seconds if isinstance(guard, Timed) else 0.0
    return replace(told(asked, candidates, took, guard_s), passes=last.result.passes)


def _as_before(request: InfillRequest, result: InfillResult) -> list[Candidate]:
    """Candidates in the order in which they came when the first four were parsed, down to one that does."""
    found, out = False, list[Candidate]()
    for place, each in enumerate(result.candidates):
        fits = None
        if not found and place < _PARSED and each.text.strip():
            fits = parses(request, each.text)
            found = fits is not False
        out.append(replace(each, parses=fits, score=each.score + UNGUARDED.unparsable * (fits is False)))
    return sorted(out, key=lambda c: (not c.text.strip(), is_refused(c.text, request), -c.score))


def told(asked: Asked, candidates: Sequence[Candidate], took_s: float, guard_s: float) -> Told:
    """What the first of some candidates does to the file."""
    request, text = asked.request, candidates[0].text
    truth = asked.truth.strip()
    head, rest = request.prefix.rsplit("\n", 1)[-1], request.suffix.split("\n", 1)[0]
    again = repeats(text, head, rest) or _says_neighbour(text, request)
    by_nature = repeats(truth, head, rest) or _says_neighbour(truth, request)
    left = candidates[0].breaks or not text.strip()
    return Told(
        left=left,
        parses=left or no_worse(request, text, asked.truth),
        unknown=not left and bool(unknown_names(request, text, asked.truth)),
        repeats=again and not by_nature,
        exact=text.strip() == truth,
        among=truth in {each.text.strip() for each in candidates},
        took_s=took_s,
        guard_s=guard_s,
        text=text,
    )


def no_worse(request: InfillRequest, text: str, truth: str) -> bool:
    """Whether the file parses with an answer; of one that does not with the truth, whether it is no more broken."""
    whole = [request.prefix + each + request.suffix for each in (text, truth)]
    read, right = (reads(each, request.language) for each in whole)
    if right:
        return bool(read)
    source = source_of(request.prefix, request.suffix, request.language)
    if source is None:
        return True
    return faults(source.with_answer(text)) <= faults(source.with_answer(truth))


def unknown_names(request: InfillRequest, text: str, truth: str) -> frozenset[str]:
    """Names of an answer that pyflakes finds undefined in the whole file, and does not with the truth."""
    if request.language != "python":
        return frozenset()
    found, right = (look(request.prefix + each + request.suffix, frozenset()) for each in (text, truth))
    if found is None or right is None:
        return frozenset()
    stem = _WORD_END.search(request.prefix)
    said = {*_WORD.findall((stem.group() if stem else "") + text), *_WORD.findall(text)}
    return (found.undefined - right.undefined) & said


def _says_neighbour(text: str, request: InfillRequest) -> bool:
    """Whether an answer of whole lines begins with the line before the hole or ends with the line after it."""
    head, rest = request.prefix.rsplit("\n", 1)[-1], request.suffix.split("\n", 1)[0]
    if head.strip() or rest.strip() or not text.strip():
        return False
    lines = [line.strip() for line in text.strip().split("\n")]
    above = next((x.strip() for x in reversed(request.prefix.split("\n")[:-1]) if x.strip()), "")
    below = next((x.strip() for x in request.suffix.split("\n") if x.strip()), "")
    return (lines[0] == above and sum(map(str.isalnum, above)) > 3) or (
        lines[-1] == below and sum(map(str.isalnum, below)) > 3
    )


HEADER = (
    f"{'':30}{'holes':>6}{'left':>7}{'parses':>9}{'unknown':>9}{'repeats':>9}{'exact':>8}{'among':>8}{'first of':>10}"
    f"{'passes':>8}{'p50 ms':>9}{'guard':>8}"
)


def line(name: str, rows: Sequence[Told]) -> str:
    """Shares of one way and set of holes, as text."""
    count, among = len(rows), sum(row.among for row in rows)
    first = sum(row.exact for row in rows) / among if among else 0.0
    guard = sum(row.guard_s for row in rows) / max(1e-9, sum(row.took_s for row in rows))

    def share(name: str) -> str:
        return f"{sum(bool(getattr(row, name)) for row in rows) / count:.1%}"

    passes, took_ms = (statistics.mean(row.passes for row in rows), 1e3 * statistics.median(row.took_s for row in rows))
    return (
        f"{name:30}{count:6}{share('left'):>7}{share('parses'):>9}{share('unknown'):>9}{share('repeats'):>9}{share('exact'):>8}"
        f"{share('among'):>8}{first:>10.1%}{passes:8.1f}{took_ms:9.0f}{guard:8.1%}"
    )


def main() -> int:
    """Ask every hole in every way and print the table."""
    parser = argparse.ArgumentParser(prog="python -m dgedit.engine.evals.guarded", description=__doc__)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--lines", type=int, default=120, help="so many held-out lines")
    parser.add_argument("--every", type=int, default=1, help="only every so many-th everyday hole")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS), help="only these")
    parser.add_argument("--verbose", action="store_true", help="also say what went wrong where")
    options = parser.parse_args()
    model = load(options.model)
    print(HEADER)
    sets = {"everyday": everyday_holes()[:: options.every], "held-out lines": heldout_lines(options.lines)}
    for name, holes in sets.items():
        for way, rows in answers(model, holes, options.ways):
            print(line(f"{name}: {way}", rows), flush=True)
            if options.verbose:
                _say_wrong(holes, rows, everything=way == "guided")
    return 0


def answers(model: Denoiser, holes: Sequence[Asked], ways: Sequence[str]) -> Iterator[tuple[str, list[Told]]]:
    """All answers of each way."""
    for name in ways if holes else ():
        yield name, [ask(model, each, WAYS[name]) for each in holes]


def _say_wrong(holes: Sequence[Asked], rows: Sequence[Told], *, everything: bool) -> None:
    for hole, row in zip(holes, rows, strict=True):
        if everything or not row.parses or row.unknown or row.repeats:
            flags = {"breaks": not row.parses, "unknown": row.unknown, "repeats": row.repeats, "left": row.left}
            flags |= {"right": row.exact, "among": row.among and not row.exact}
            said = [name for name, is_so in flags.items() if is_so]
            head = hole.request.prefix[-40:].rsplit("\n", 1)[-1]
            print(f"   {hole.kind}: {head}⟦{row.text!r}⟧{hole.request.suffix[:20]!r} {' '.join(said)}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
