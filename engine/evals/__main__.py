"""`python -m dgedit.engine.evals`: how good the infills of models are, on spans that none was trained on.

Every span is measured in all ways one after the other, and what was measured is kept: a run that was ended goes on
where it was, and ending it shows the table so far. Models come one after the other, on the same spans.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..catalog import DEFAULT_MODEL, checkpoint_folder
from ..load import load
from ..protocol import Denoiser
from ..types import EngineError
from . import fresh, humaneval, methods, spans, table
from .exact_match import Method
from .results import ResultsFile, SpanResult, key_of
from .spans import Span, SpanKind

SETS: dict[str, Callable[[int | None, SpanKind], list[Span]]] = {
    "fresh": fresh.load,
    "old": lambda limit, kind: spans.load(limit=limit, kind=kind),
}
RECORD = Path("build/evals.jsonl")
NAMES = {
    SpanKind.LINE: table.RECALL,
    SpanKind.LINES: "2-5 lines",
    SpanKind.REST: "rest of a line",
    SpanKind.EXPRESSION: "expression",
}
"""Of the ways in which the engine runs as in the editor."""


@dataclass(frozen=True, slots=True)
class Way:
    """One thing that is done with every span of a kind."""

    name: str
    kind: SpanKind
    run: Callable[[int, Span], SpanResult]


def main() -> int:
    """Measure and print."""
    options = _parser().parse_args()
    found = list[tuple[str, table.Results]]()
    try:
        for name in options.model:
            found.append((name, evaluate(name, options)))
    except EngineError as error:
        print(f"{error}\n{error.hint}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    for name, results in found[1:]:
        print("\n".join(table.compared(found[0][0], found[0][1], name, results)))
    if options.json:
        written = {name: table.as_data(results) for name, results in found}
        options.json.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m dgedit.engine.evals", description="How good infills are.")
    parser.add_argument("--model", nargs="+", default=[DEFAULT_MODEL], help="bundled models or folders")
    parser.add_argument("--set", choices=SETS, default="fresh", help="fresh: packages of 2026; old: click, black, …")
    parser.add_argument("--spans", type=int, default=None, help="only so many of each kind (default: all)")
    parser.add_argument("--only", nargs="+", metavar="WAY", help="only ways whose name holds one of these words")
    parser.add_argument("--tasks", type=int, default=0, help="also so many HumanEval-Infilling tasks (default: none)")
    parser.add_argument("--humaneval", type=Path, default=humaneval.FOLDER, help=f"folder with {humaneval.FILE_NAME}")
    parser.add_argument("--corpus", type=Path, default=None, help="train.txt of a corpus, for the lookup baseline")
    parser.add_argument("--stock", action="store_true", help="also transformers' own generate on nano's weights")
    parser.add_argument("--record", type=Path, default=RECORD, help=f"where results are kept (default: {RECORD})")
    parser.add_argument("--json", type=Path, default=None, help="also write the table to this file")
    return parser


def evaluate(name: str, options: argparse.Namespace) -> table.Results:
    """Measure what is not known yet of one model; prints its table, also when it is interrupted."""
    model = load(name)
    kept = ResultsFile(options.record, key_of(checkpoint_folder(name), model.info.digest, options.set))
    chosen = {kind: SETS[options.set](options.spans, kind) for kind in SpanKind}
    every = [way for way in ways(model, name, options, chosen) if _wanted(way.name, options.only)]
    print(f"{model.info.name} {model.info.digest}, {options.set} set", flush=True)
    try:
        measure(every, chosen, kept)
    finally:
        results = {
            way.name: [found for n in range(len(chosen[way.kind])) if (found := kept.known.get((way.name, n)))]
            for way in every
        }
        print("\n".join(table.lines(results)), flush=True)
    if options.tasks:
        print(humaneval.row(model, options.humaneval, options.tasks), flush=True)
    del model, every
    gc.collect()
    return results


def _wanted(name: str, words: Sequence[str] | None) -> bool:
    return words is None or any(word in name for word in words)


def measure(every: Sequence[Way], chosen: dict[SpanKind, list[Span]], kept: ResultsFile) -> None:
    """Span by span, so that a run that is ended has measured as many of every kind."""
    began, done = time.perf_counter(), 0
    for number in range(max(map(len, chosen.values()), default=0)):
        for way in every:
            if number < len(chosen[way.kind]) and (way.name, number) not in kept.known:
                kept.add(way.run(number, chosen[way.kind][number]))
                done += 1
        if done and (sys.stderr.isatty() or number % 20 == 19):
            took = time.perf_counter() - began
            print(f"span {number + 1}: {took:.0f} s", end="\r" if sys.stderr.isatty() else "\n", file=sys.stderr)


def ways(model: Denoiser, name: str, options: argparse.Namespace, chosen: dict[SpanKind, list[Span]]) -> Iterator[Way]:
    """All that is measured: those that share a preparation stand together."""

    def of(way: str, method: Method, kind: SpanKind = SpanKind.LINE) -> Way:
        return Way(way, kind, partial(asked, way, method, way in NAMES.values()))

    prepared = methods.preparation(model)
    yield of(table.RECALL, methods.as_the_editor(model, prepared))
    yield of(table.DRAFTS, methods.drafts(model, prepared))
    yield of(table.ALONE, methods.engine(model, use_recall=False, related=False))
    yield of("one line, left to right", methods.left_to_right(model))
    yield of("one line, from noise alone", methods.from_noise(model))
    yield of("one line, copied, no model", methods.copy(related=True))
    yield Way(table.TRUTH, SpanKind.LINE, partial(weighed, model))
    for kind in (SpanKind.REST, SpanKind.EXPRESSION, SpanKind.LINES):
        yield of(NAMES[kind], methods.as_the_editor(model, prepared), kind)
    if options.corpus is not None:
        yield of("one line, found in corpus", methods.neighbours_in_corpus(options.corpus, chosen[SpanKind.LINE]))
    if options.stock and (stock := methods.generate_pinned(checkpoint_folder(name), model)):
        yield of("one line, stock generate", stock)


def asked(way: str, method: Method, timed: bool, number: int, span: Span) -> SpanResult:
    """What a method says of a span, compared with the truth but for white space at both ends."""
    began = time.perf_counter()
    answer = method(span)
    ms = (time.perf_counter() - began) * 1e3
    truth = span.answer.strip()
    said = list(dict.fromkeys(text.strip() for text in (answer.text, *answer.candidates)))
    return SpanResult(
        way=way,
        number=number,
        package=span.package,
        place=said.index(truth) + 1 if truth in said else None,
        ms=ms if timed else 0.0,
        passes=answer.passes,
        chars=len(span.answer),
    )


def weighed(model: Denoiser, number: int, span: Span) -> SpanResult:
    """What the truth costs the model."""
    nats, with_end = methods.truth_nats(model, span)
    return SpanResult(
        way=table.TRUTH,
        number=number,
        package=span.package,
        nats=nats,
        nats_with_end=with_end,
        chars=len(span.answer),
    )


if __name__ == "__main__":
    sys.exit(main())
