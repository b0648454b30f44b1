"""`python -m dgedit.bench.fix`: how well `dgedit fix` mends a made set of broken files, beside trivial baselines.

Restored means equal to the file before it was broken, byte for byte; repaired, that Python reads the same program;
untouched, that the broken file came out as it was. With --fit it finds the weights of `scoring` instead, on held-out
files that the measure does not use.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from operator import mul
from pathlib import Path
from typing import TYPE_CHECKING

from ..engine.evals import fresh, spans
from ..engine.parsing import meaning
from ..errors import DgeditError
from ..fill.open import load_model
from ..fix.candidates import mends
from ..fix.document import Document, mended
from ..fix.faults import fault_in, parses
from ..fix.repair import Mender, RepairOptions
from ..fix.scoring import Weights, asked_for, known_of
from . import broken_files as made
from .broken_files import Broken

if TYPE_CHECKING:
    from ..engine import Engine

Method = Callable[[Broken], str]
FIT_FILES_PER_PACKAGE = 30
FIT_PULL = 0.05
"""By how much large weights are held back."""
SAVED_EVERY = 10
_TRIED_LINES = 5


@dataclass(slots=True, kw_only=True)
class FixRow:
    """How one method fared; counts of files."""

    name: str
    files: int = 0
    restored: int = 0
    repaired: int = 0
    parses: int = 0
    untouched: int = 0
    restored_by_kind: dict[str, int] = field(default_factory=dict)
    files_by_kind: dict[str, int] = field(default_factory=dict)
    times_ms: list[float] = field(default_factory=list)

    def add(self, broken: Broken, answer: str, took_ms: float) -> None:
        """Count an answer."""
        kind, restored = broken.kind.value, answer == broken.original
        self.files += 1
        self.restored += restored
        self.repaired += restored or same_program(answer, broken.original)
        self.parses += parses(answer, "python")
        self.untouched += answer == broken.text
        self.files_by_kind[kind] = self.files_by_kind.get(kind, 0) + 1
        self.restored_by_kind[kind] = self.restored_by_kind.get(kind, 0) + restored
        self.times_ms.append(round(took_ms, 1))

    def line(self) -> str:
        """The row as text."""
        shares = (self.restored, self.repaired, self.parses, self.untouched)
        kinds = (
            self.restored_by_kind.get(k.value, 0) / max(1, self.files_by_kind.get(k.value, 0)) for k in made.Breakage
        )
        times = sorted(self.times_ms)
        return (
            f"{self.name:26}{self.files:6}"
            + "".join(f"{share / max(1, self.files):11.1%}" for share in shares)
            + f"{statistics.median(times):9.0f}{times[int(0.95 * (len(times) - 1))]:8.0f}  "
            + "".join(f"{share:9.0%}" for share in kinds)
        )


HEADER = (
    f"{'':26}{'files':>6}{'restored':>11}{'repaired':>11}{'parses':>11}{'untouched':>11}{'p50 ms':>9}{'p95 ms':>8}  "
    "restored: " + " | ".join(kind.value for kind in made.Breakage)
)


def main() -> int:
    """Measure and print, or fit."""
    parser = argparse.ArgumentParser(prog="python -m dgedit.bench.fix", description="How well broken files are mended.")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--files", type=int, default=300, help="so many broken files (default: 300)")
    parser.add_argument("--fresh", action="store_true", help="files of packages that no model here can have seen")
    parser.add_argument("--methods", help="only these rows, by the numbers of the table from 1, like 1,2,6")
    parser.add_argument("--json", type=Path, default=None, help="also write the rows to this file, while they grow")
    parser.add_argument(
        "--fit", type=Path, default=None, metavar="FILE", help="heldout.jsonl of a corpus: fit the weights"
    )
    options = parser.parse_args()
    model = load_model(options.model)
    if options.fit:
        return fit(model, options.fit, options.files)
    broken = made.load(options.files, fresh.SPANS_FILE if options.fresh else spans.SPANS_FILE)
    print(f"{len(broken)} broken copies of {len({each.original for each in broken})} files")
    print(HEADER)
    named = methods(model)
    chosen = [int(number) - 1 for number in options.methods.split(",")] if options.methods else range(len(named))
    rows = list[FixRow]()
    for number in chosen:
        rows.append(FixRow(name=named[number][0]))
        for _ in measure(rows[-1], broken, named[number][1]):
            if options.json:
                options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")
        print(rows[-1].line(), flush=True)
    return 0


def measure(row: FixRow, broken: Sequence[Broken], method: Method) -> Iterator[int]:
    """Let a method mend every file; says now and then, and at the end, how many are done."""
    for number, each in enumerate(broken, start=1):
        began = time.perf_counter()
        answer = method(each)
        row.add(each, answer, (time.perf_counter() - began) * 1e3)
        if number % SAVED_EVERY == 0 or number == len(broken):
            yield number


def methods(model: Engine) -> list[tuple[str, Method]]:
    """The rows of the table."""
    unranked = replace(Weights(), gain=0.0)
    return [
        ("do nothing", lambda broken: broken.text),
        ("delete the broken line", delete_line),
        ("insert what is asked for", insert_asked),
        ("fix, no model in ranking", _fixing(model, RepairOptions(denoise=False, weights=unranked))),
        ("fix, small changes alone", _fixing(model, RepairOptions(denoise=False))),
        ("fix, the model alone", _fixing(model, RepairOptions(small=False))),
        ("dgedit fix", _fixing(model, RepairOptions())),
    ]


def delete_line(broken: Broken) -> str:
    """The text without the line at which the parser stumbles, where it then parses."""
    fault = fault_in(broken.text, "python")
    assert fault is not None, "the set holds broken files alone"
    lines = broken.text.split("\n")
    changed = "\n".join(lines[: fault.line] + lines[fault.line + 1 :])
    return changed if parses(changed, "python") else broken.text


def insert_asked(broken: Broken) -> str:
    """The text with what the parser says is missing: at the first place, from ends of lines back, where that helps."""
    fault = fault_in(broken.text, "python")
    assert fault is not None, "the set holds broken files alone"
    near = replace(fault, suspects=fault.suspects[:_TRIED_LINES], far=())
    asked = [mend for mend in mends(broken.text, near, "python") if asked_for(fault, mend)]
    rows = {number: place for place, number in enumerate(near.suspects)}
    asked.sort(key=lambda mend: (rows.get(broken.text.count("\n", 0, mend.start), 0), -mend.start))
    changed = (mend.applied(broken.text) for mend in asked)
    return next((text for text in changed if parses(text, "python")), broken.text)


def same_program(text: str, other: str) -> bool:
    """Whether Python reads the same program in two texts."""
    return meaning(text) is not None and meaning(text) == meaning(other)


def fit(model: Engine, heldout: Path, count: int) -> int:
    """Print the weights under which the right change is likeliest, over broken files that the measure does not use."""
    from ..engine.evals.fit import softmax_weights

    names, choices, rights = [each.name for each in fields(Weights)], list[list[list[float]]](), list[int]()
    for known, right in examples_of(model, unused(heldout, count)):
        choices.append([[each.get(name, 0.0) for name in names] for each in known])
        rights.append(right)
        print(f"\r{len(rights)}", end="", file=sys.stderr, flush=True)
    weights = softmax_weights(choices, rights, FIT_PULL)
    firsts = 0
    for choice, right in zip(choices, rights, strict=True):
        values = [sum(map(mul, row, weights)) for row in choice]
        firsts += values.index(max(values)) == right
    print(f"\nfirst in {firsts} of {len(rights)} that have the right change", file=sys.stderr)
    for name, weight in zip(names, weights, strict=True):
        print(f"{name} = {weight:.2f}")
    return 0


def examples_of(model: Engine, broken: Sequence[Broken]) -> Iterator[tuple[list[dict[str, float]], int]]:
    """What is known of the changes for each file, and which is right, where one is."""
    for each in broken:
        fault = fault_in(each.text, "python")
        assert fault is not None, "the set holds broken files alone"
        changes = Mender(model, RepairOptions(related=each.related)).candidates(each.text, fault)
        right = [change.mend.applied(each.text) == each.original for change in changes]
        if any(right):
            yield known_of(each.text, fault, changes, model), right.index(True)


def unused(heldout: Path, count: int) -> list[Broken]:
    """Broken copies of held-out files that the measure does not use."""
    taken = {each.original for each in made.load()}
    by_package = dict[str, list[str]]()
    with heldout.open(encoding="utf-8") as file:
        for row in map(json.loads, file):
            if row["text"] not in taken and len(row["text"]) <= made.FILE_CHARS_MAX:
                by_package.setdefault(row["package"], []).append(row["text"])
    draw = random.Random(3)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "files.jsonl.gz"
        with gzip.open(path, "wt", encoding="utf-8") as out:
            for package, texts in sorted(by_package.items()):
                for text in draw.sample(texts, min(FIT_FILES_PER_PACKAGE, len(texts))):
                    out.write(json.dumps({"package": package, "text": text}) + "\n")
        return made.load(count, path)


def _fixing(model: Engine, options: RepairOptions) -> Method:
    """As the command does it, judges included."""

    def fixed(broken: Broken) -> str:
        chosen = replace(options, related=broken.related)
        document = Document(name="a.py", text=broken.text, language="python")
        try:
            return mended(document, lambda: model, chosen, conflicts=False).text
        except DgeditError:
            return broken.text

    return fixed


if __name__ == "__main__":
    sys.exit(main())
