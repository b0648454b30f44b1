"""Held-out spans of code from packages that were never trained on: a line, several, the rest of one, an expression.

`collect` draws files and lines once from a corpus's heldout.jsonl; the file it writes ships with dgedit, so that anyone
can run the same evaluation. The other kinds of span are drawn from the same files with a fixed seed.
It must know nothing of models.
"""

from __future__ import annotations

import gzip
import io
import json
import random
import tokenize
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import tree_sitter_python
from tree_sitter import Language, Node, Parser

SPANS_FILE = Path(__file__).parent / "heldout-lines.jsonl.gz"
MAX_FILE_CHARS = 30_000


SPANS_PER_FILE = 2
"""For the kinds that are drawn when the file is read."""
EXPRESSIONS = frozenset(
    [
        "argument_list",
        "attribute",
        "binary_operator",
        "boolean_operator",
        "call",
        "comparison_operator",
        "conditional_expression",
        "dictionary",
        "keyword_argument",
        "list",
        "list_comprehension",
        "string",
        "subscript",
        "tuple",
    ]
)
"""Node types of tree-sitter-python that a person selects as one thing."""


class SpanKind(Enum):
    """What is cut out."""

    LINE = "one line"
    LINES = "2-5 lines"
    REST = "cursor to end of line"
    EXPRESSION = "expression"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A span to guess: characters [start, end) of the text; the indentation before a line is left out."""

    package: str
    text: str
    start: int
    end: int
    related: tuple[str, ...] = field(default=(), repr=False)
    """Other files of the package, as an editor might have them open."""

    @property
    def prefix(self) -> str:
        """What stands before it."""
        return self.text[: self.start]

    @property
    def suffix(self) -> str:
        """What stands after it."""
        return self.text[self.end :]

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


def load(path: Path = SPANS_FILE, limit: int | None = None, kind: SpanKind = SpanKind.LINE) -> list[Span]:
    """The spans in a fixed shuffled order, so that the first so many are a fair sample.

    Raises:
        OSError: when the file cannot be read.
    """
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    spans = []
    for number, row in enumerate(rows):
        related = tuple(
            other["text"] for other in rows if other["package"] == row["package"] and other["text"] != row["text"]
        )
        for start, end in places(row["text"], row["lines"], kind, random.Random(number)):
            spans.append(Span(package=row["package"], text=row["text"], start=start, end=end, related=related))
    random.Random(0).shuffle(spans)
    return spans[:limit]


def places(text: str, lines: list[int], kind: SpanKind, draw: random.Random) -> list[tuple[int, int]]:
    """Character ranges of the spans of one kind in a file; `lines` are the numbers that were drawn for it.

    All of them become a line; of the other kinds there are at most `SPANS_PER_FILE`.
    """
    if kind is SpanKind.EXPRESSION:
        return _expressions(text, draw)
    starts, all_lines = [0], text.split("\n")
    for line in all_lines:
        starts.append(starts[-1] + len(line) + 1)
    places = []
    for number in lines if kind is SpanKind.LINE else lines[:SPANS_PER_FILE]:
        line, last = all_lines[number], number
        first = starts[number] + len(line) - len(line.lstrip())
        if kind is SpanKind.LINES:
            last = min(number + draw.randint(1, 4), len(all_lines) - 1)
            while not all_lines[last].strip():
                last -= 1
        end = starts[last] + len(all_lines[last].rstrip())
        if kind is SpanKind.REST:
            first += draw.randint(1, max(1, min(len(line.strip()) - 3, 2 * len(line.strip()) // 3)))
        if kind is not SpanKind.LINES or last > number:
            places.append((first, end))
    return places


def _expressions(text: str, draw: random.Random) -> list[tuple[int, int]]:
    source = text.encode()
    waiting, found = [Parser(Language(tree_sitter_python.language())).parse(source).root_node], list[Node]()
    while waiting:
        node = waiting.pop()
        waiting += node.named_children
        if node.type in EXPRESSIONS and 3 <= node.end_byte - node.start_byte <= 60:
            found.append(node)
    kept = [node for node in found if node.start_point.row == node.end_point.row]
    kept.sort(key=lambda node: (node.start_byte, node.end_byte))
    chosen = draw.sample(kept, min(SPANS_PER_FILE, len(kept)))
    return sorted(
        (len(source[: node.start_byte].decode()), len(source[: node.end_byte].decode()))
        for node in chosen
        if node.parent is None or node.parent.type != "expression_statement" or node.type != "string"
    )
