"""Held-out spans: whole lines of code from packages that were never trained on.

`collect` draws them once from a corpus's heldout.jsonl; the file it writes ships with dgedit, so that anyone can run
the same evaluation. It must know nothing of models.
"""

from __future__ import annotations

import gzip
import io
import json
import random
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SPANS_FILE = Path(__file__).parent / "heldout-lines.jsonl.gz"
MAX_FILE_CHARS = 30_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LineSpan:
    """One line to guess: characters [start, end) of the text, its indentation left out."""

    package: str
    text: str
    start: int
    end: int

    @property
    def answer(self) -> str:
        """What stands there."""
        return self.text[self.start : self.end]


def code_lines(text: str) -> list[int]:
    """Line numbers, from 0, that hold code: not blank, not only a comment or a string, not inside a string.

    Text that is not Python gives none.
    """
    kinds = {tokenize.NAME, tokenize.OP, tokenize.NUMBER}
    skipped = {tokenize.STRING, tokenize.COMMENT}
    code, inside_strings = set[int](), set[int]()
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type in kinds:
                code.add(token.start[0] - 1)
            if token.type in skipped and token.end[0] > token.start[0]:
                inside_strings |= set(range(token.start[0] - 1, token.end[0]))
    except (tokenize.TokenError, SyntaxError):
        return []
    lines = text.split("\n")
    return sorted(n for n in code - inside_strings if sum(map(str.isalnum, lines[n])) >= 3)


def collect(heldout: Path, out: Path, *, files_per_package: int = 16, lines_per_file: int = 3, seed: int = 5) -> int:
    """Write a gzipped file of spans drawn evenly from the held-out packages; returns how many."""
    by_package: dict[str, list[str]] = {}
    with heldout.open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            if len(row["text"]) <= MAX_FILE_CHARS:
                by_package.setdefault(row["package"], []).append(row["text"])
    draw, count = random.Random(seed), 0
    with out.open("wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as file:
        for package, texts in sorted(by_package.items()):
            for text in draw.sample(texts, min(files_per_package, len(texts))):
                numbers = code_lines(text)
                chosen = sorted(draw.sample(numbers, min(lines_per_file, len(numbers))))
                file.write((json.dumps({"package": package, "lines": chosen, "text": text}) + "\n").encode())
                count += len(chosen)
    return count


def load(path: Path = SPANS_FILE, limit: int | None = None) -> list[LineSpan]:
    """The spans in a fixed shuffled order, so that the first so many are a fair sample."""
    spans = list(_read(path))
    random.Random(0).shuffle(spans)
    return spans[:limit]


def _read(path: Path) -> Iterator[LineSpan]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            lines = row["text"].split("\n")
            for number in row["lines"]:
                begin = sum(len(other) + 1 for other in lines[:number])
                indent = len(lines[number]) - len(lines[number].lstrip())
                yield LineSpan(
                    package=row["package"],
                    text=row["text"],
                    start=begin + indent,
                    end=begin + len(lines[number].rstrip()),
                )
