"""`python -m dgedit.engine.evals`: one table that says how good the bundled model's infills are, and JSON beside it."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from ..infill import fill
from ..load import checkpoint_folder, load
from ..protocol import Denoiser
from ..types import InfillRequest
from . import humaneval, methods, spans
from .exact_match import Method, Row, evaluate, interval, percentile
from .spans import SpanKind

HUMANEVAL_FOLDER = Path("../shared/data/humaneval-infilling")


def main() -> int:
    """Run the evaluation and print the table row by row."""
    parser = argparse.ArgumentParser(prog="python -m dgedit.engine.evals", description="How good infills are.")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--spans", type=int, default=None, help="only so many of each kind (default: all)")
    parser.add_argument("--tasks", type=int, default=None, help="only so many HumanEval-Infilling tasks (default: all)")
    parser.add_argument("--humaneval", type=Path, default=HUMANEVAL_FOLDER, help=f"folder with {humaneval.FILE_NAME}")
    parser.add_argument("--corpus", type=Path, default=None, help="train.txt of a corpus, for the lookup baseline")
    parser.add_argument("--json", type=Path, default=None, help="also write the rows to this file")
    options = parser.parse_args()
    rows = list[Row]()
    model = load(options.model)
    print(HEADER)
    for row in table_rows(model, options):
        rows.append(row)
        print(line(row), flush=True)
        if options.json:
            options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")
    return 0


def table_rows(model: Denoiser, options: argparse.Namespace) -> Iterator[Row]:
    """Every row, as it is measured."""
    limit = options.spans
    lines = spans.load(limit=limit)
    named: list[tuple[str, list[spans.Span], Method]] = [
        (kind.value, spans.load(limit=limit, kind=kind), methods.engine(model)) for kind in SpanKind
    ]
    named += [
        ("line: no other files", lines, methods.engine(model, related=False)),
        ("line: no recall", lines, methods.engine(model, use_recall=False)),
        ("line: true length", lines, methods.engine(model, true_length=True)),
        ("line: left to right", lines, methods.left_to_right(model)),
        ("line: copy, this file", lines, methods.copy(related=False)),
        ("line: copy, all files", lines, methods.copy(related=True)),
    ]
    stock = methods.generate_pinned(checkpoint_folder(options.model), model)
    if stock is None:
        print("transformers is not installed: its `generate` is left out", file=sys.stderr)
    else:
        named.append(("line: stock generate, pins", lines, stock))
    if options.corpus is None:
        print("no --corpus: the corpus lookup is left out", file=sys.stderr)
    else:
        named.append(("line: corpus lookup", lines, methods.neighbours_in_corpus(options.corpus, lines)))
    for name, chosen, method in named:
        yield evaluate(name, chosen, method, progress=_counter(name, len(chosen)))
    if (options.humaneval / humaneval.FILE_NAME).exists():
        yield humaneval_row(model, options.humaneval, options.tasks)
    else:
        print(f"no {options.humaneval / humaneval.FILE_NAME}: HumanEval-Infilling is left out", file=sys.stderr)


def humaneval_row(model: Denoiser, folder: Path, limit: int | None) -> Row:
    """pass@1 of the greedy answer; with a limit, tasks evenly spread over the file."""
    tasks = humaneval.load(folder)
    tasks = tasks[:: max(1, len(tasks) // limit)][:limit] if limit else tasks
    passed, exact, times, passes = list[bool](), 0, list[float](), list[int]()
    show = _counter("HumanEval-Infilling", len(tasks))
    for number, task in enumerate(tasks):
        began = time.perf_counter()
        result = fill(InfillRequest(prefix=task.prompt, suffix="\n" + task.suffix), model)
        times.append((time.perf_counter() - began) * 1e3)
        passes.append(result.passes)
        exact += result.text.strip() == task.solution.strip()
        passed.append(humaneval.passes(task.program(result.text)))
        show(number + 1)
    low, high = interval(passed)
    return Row(
        name="HumanEval-Infilling SL",
        spans=len(tasks),
        exact=statistics.mean(passed),
        low=low,
        high=high,
        any_candidate=exact / len(tasks),
        p50_ms=statistics.median(times),
        p95_ms=percentile(times, 0.95),
        passes=statistics.mean(passes),
    )


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


def _counter(name: str, total: int) -> Callable[[int], None]:
    def show(done: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{name}: {done}/{total}", end="\n" if done == total else "", file=sys.stderr, flush=True)

    return show


if __name__ == "__main__":
    sys.exit(main())
