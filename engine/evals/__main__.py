"""`python -m dgedit.engine.evals`: exact match of held-out lines, as a table and optionally as JSON."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from ..load import load
from . import spans
from .exact_match import Row, evaluate


def main() -> int:
    """Run the evaluation and print the table."""
    parser = argparse.ArgumentParser(prog="python -m dgedit.engine.evals", description="Exact match of held-out lines.")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--spans", type=int, default=None, help="only so many (default: all)")
    parser.add_argument("--json", type=Path, default=None, help="also write the rows to this file")
    options = parser.parse_args()
    model, chosen = load(options.model), spans.load(limit=options.spans)
    rows = [
        evaluate("one line", chosen, model, progress=_counter("one line", len(chosen))),
        evaluate(
            "one line, true length", chosen, model, true_length=True, progress=_counter("true length", len(chosen))
        ),
    ]
    print(table(rows))
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")
    return 0


def table(rows: list[Row]) -> str:
    """The rows as text, exact match with its binomial 95 % half-width."""
    lines = [
        f"{'':24}{'spans':>6}{'exact':>14}{'any row':>9}{'similar':>9}"
        f"{'parses':>8}{'p50 ms':>8}{'p95 ms':>8}{'passes':>8}"
    ]
    for row in rows:
        half = 1.96 * math.sqrt(max(row.exact * (1 - row.exact), 1e-9) / max(1, row.spans))
        lines.append(
            f"{row.name:24}{row.spans:6}{row.exact:8.1%} ±{half:4.1%}{row.any_candidate:9.1%}{row.similarity:9.2f}"
            f"{row.parses:8.0%}{row.p50_ms:8.0f}{row.p95_ms:8.0f}{row.passes:8.1f}"
        )
    return "\n".join(lines)


def _counter(name: str, total: int) -> Callable[[int], None]:
    def show(done: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{name}: {done}/{total}", end="\n" if done == total else "", file=sys.stderr, flush=True)

    return show


if __name__ == "__main__":
    sys.exit(main())
