"""Where the spans to fill are: pure text, no model, no screen."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from .errors import DgeditError, ExitCode

MARKER = "<FILL_ME>"
STAND_IN = "..."
"""What a model sees where another hole is: valid as an expression and as a statement."""
CHARS_PER_TOKEN = 3.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole:
    """Characters [start, end) of a text, to be replaced."""

    start: int
    end: int
    replaces: bool = False
    """The span holds code that is rewritten, so its length is a hint; a marker's is not."""


def marked_holes(text: str) -> list[Hole]:
    """Every marker in the text."""
    return [Hole(start=match.start(), end=match.end()) for match in re.finditer(re.escape(MARKER), text)]


def line_hole(text: str, first: int, last: int) -> Hole:
    """Lines `first` to `last`, counted from 1, without the first one's indentation and the last one's line break.

    Raises:
        DgeditError: when the lines are out of the text's range or in the wrong order.
    """
    lines = text.split("\n")
    count = len(lines) - (lines[-1] == "")
    if not 1 <= first <= last <= count:
        raise DgeditError(f"--lines {first}-{last} is out of range: the text has {count} lines", f"use 1-{count}")
    start = sum(len(line) + 1 for line in lines[: first - 1])
    end = start + sum(len(line) + 1 for line in lines[first - 1 : last]) - 1
    end -= text[start:end].endswith("\r")
    indent = len(text[start:end]) - len(text[start:end].lstrip(" \t"))
    blank = not text[start:end].strip()
    return Hole(start=start if blank else start + indent, end=end, replaces=not blank)


def parse_line_range(value: str) -> tuple[int, int]:
    """`A-B` or `A` as two line numbers.

    Raises:
        DgeditError: for any other form.
    """
    match = re.fullmatch(r"(\d+)(?:-(\d+))?", value)
    if not match:
        raise DgeditError(f"--lines {value!r} is not a range", "write it as A-B, counted from 1, like --lines 3-5")
    return int(match[1]), int(match[2] or match[1])


def find_holes(text: str, line_ranges: list[tuple[int, int]]) -> list[Hole]:
    """All holes in order of place.

    Raises:
        DgeditError: when there is none, or two overlap.
    """
    holes = marked_holes(text) + [line_hole(text, first, last) for first, last in line_ranges]
    holes.sort(key=lambda hole: (hole.start, hole.end))
    if not holes:
        raise DgeditError(
            "nothing to fill", f"mark a span with {MARKER} or name one with --lines A-B", code=ExitCode.NOTHING_TO_FILL
        )
    for before, after in pairwise(holes):
        if after.start < before.end:
            line = text.count("\n", 0, after.start) + 1
            raise DgeditError(f"two spans overlap at line {line}", "leave one of them out")
    return holes
