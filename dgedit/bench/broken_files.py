"""A made set of broken files: held-out files, each copy broken once at a place drawn with a fixed seed.

The files are those that `spans` ships. A copy loses a bracket, a colon, a quote or the end of a line, has a sign twice,
or a line of it stands at another depth; only copies that Python's own parser refuses count. It must know nothing of
models, nor of how a file is mended: that is measured by `python -m dgedit.bench.fix`.
"""

from __future__ import annotations

import gzip
import io
import json
import random
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from ..engine.evals.spans import SPANS_FILE, code_lines
from ..engine.parsing import error_in

FILE_CHARS_MAX = 30_000
DRAWS_MAX = 40
"""So many places are tried until one breaks the file."""


class Breakage(Enum):
    """What is done to a copy."""

    BRACKET = "dropped bracket"
    COLON = "dropped colon"
    QUOTE = "dropped quote"
    INDENTATION = "indentation"
    TRUNCATED = "truncated line"
    DOUBLED = "doubled sign"


_DOUBLED = "()[]{}:,"
_SIGNS = {Breakage.BRACKET: "()[]{}", Breakage.COLON: ":"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A file that was broken once."""

    package: str
    kind: Breakage
    original: str = field(repr=False)
    text: str = field(repr=False)
    line: int
    """Where it was broken, counted from 0."""
    related: tuple[str, ...] = field(default=(), repr=False)
    """Other files of the package, as they stand in the same folder."""


def load(limit: int | None = None, path: Path = SPANS_FILE, seed: int = 11) -> list[Broken]:
    """Broken copies in a fixed order, the kinds in turn; each file is broken once for each kind at most.

    Args:
        path: gzipped lines of JSON, a file a line, or a package with its files a line as `evals.fresh` has them.

    Raises:
        OSError: when the file of texts cannot be read.
    """
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [row for line in file for row in _files_of(json.loads(line))]
    random.Random(seed).shuffle(rows)
    kinds = tuple(Breakage)
    found = list[Broken]()
    for turn in range(len(kinds)):
        for number, row in enumerate(rows):
            if limit is not None and len(found) >= limit:
                return found
            kind = kinds[(number - turn) % len(kinds)]
            copy = broken(row["text"], kind, random.Random(f"{seed} {turn} {number}"))
            if copy is not None:
                related = (other["text"] for other in rows if other["package"] == row["package"] and other is not row)
                found.append(
                    Broken(
                        package=row["package"],
                        kind=kind,
                        original=row["text"],
                        text=copy[0],
                        line=copy[1],
                        related=tuple(related),
                    )
                )
    return found


def _files_of(row: dict[str, Any]) -> list[dict[str, str]]:
    """The files that a line names, of those that are not too long."""
    if "files" not in row:
        return [row]
    found = ({"package": row["name"], "text": file["text"]} for file in row["files"])
    return [each for each in found if len(each["text"]) <= FILE_CHARS_MAX and parses(each["text"])]


def broken(text: str, kind: Breakage, draw: random.Random) -> tuple[str, int] | None:
    """A copy that does not parse, and the line where it was broken; none where no place was found."""
    places = list(_places(text, kind, draw))
    draw.shuffle(places)
    for start, end, instead in places[:DRAWS_MAX]:
        copy = text[:start] + instead + text[end:]
        if not parses(copy):
            return copy, text.count("\n", 0, start)
    return None


def parses(text: str) -> bool:
    """Whether Python's own parser takes the text."""
    return error_in(text) is None


def _places(text: str, kind: Breakage, draw: random.Random) -> Iterator[tuple[int, int, str]]:
    """Characters [start, end) and what stands there in a copy, one for each place."""
    if kind in (Breakage.INDENTATION, Breakage.TRUNCATED):
        yield from _line_places(text, kind, draw)
        return
    starts = _line_starts(text)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        start, end = (starts[row - 1] + column for row, column in (token.start, token.end))
        if kind is Breakage.QUOTE and token.type == tokenize.STRING:
            first = start + min(token.string.index(quote) for quote in "\"'" if quote in token.string)
            at = draw.choice((first, end - 1))
            yield at, at + 1, ""
        elif kind is Breakage.DOUBLED and token.type == tokenize.OP and token.string in _DOUBLED:
            yield end, end, token.string
        elif token.type == tokenize.OP and token.string in _SIGNS.get(kind, ""):
            yield start, end, ""


def _line_places(text: str, kind: Breakage, draw: random.Random) -> Iterator[tuple[int, int, str]]:
    starts, lines = _line_starts(text), text.split("\n")
    for number in code_lines(text):
        start, line = starts[number], lines[number]
        margin, code = len(line) - len(line.lstrip()), line.strip()
        if kind is Breakage.TRUNCATED:
            yield start + margin + draw.randrange(1, len(code)), start + margin + len(code), ""
        elif margin:
            widths = {0, max(0, margin - 4), margin + 4, margin - 1} - {margin}
            yield start, start + margin, " " * draw.choice(sorted(widths))


def _line_starts(text: str) -> list[int]:
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    return starts
