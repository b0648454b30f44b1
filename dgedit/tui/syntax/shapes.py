"""Ranges of a text that a selection can grow to, read from its lines alone: words, brackets, lines, blocks.

What structural selection falls back on where no grammar is at hand. A range is a start and an end location; nothing
here knows a language, a tree or a widget.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence, Set
from itertools import islice

from ...text.edits import CLOSERS, OPENERS, matching_bracket, word_at

Location = tuple[int, int]
Range = tuple[Location, Location]

ROWS_MAX = 2_000
"""How far brackets and blocks are looked for, each way."""
BRACKETS_MAX = 20
"""Bracket pairs around a selection that are offered."""
_BRACKET = re.compile(r"[()\[\]{}]")


def growing(candidates: Iterable[Range], start: Location, end: Location) -> list[Range]:
    """Of some ranges, a chain from the smallest that holds more than [start, end) to the largest, each in the next."""
    chain: list[Range] = []
    low, high = start, end
    for left, right in sorted(set(candidates), key=_size):
        if left <= low and right >= high and (left, right) != (low, high):
            low, high = left, right
            chain.append((left, right))
    return chain


def enclosing(lines: Sequence[str], start: Location, end: Location) -> list[Range]:
    """Ranges that a selection can grow to, the smallest first; the last one is the whole text."""
    start, end = sorted((start, end))
    pairs = list(_brackets(lines, start, end))
    found = [word(lines, start, end), whole(lines), *_line(lines, start, end)]
    found += _blocks(lines, start[0], end[0], {opener[0] for opener, _ in pairs})
    for opener, closer in pairs:
        found += [((opener[0], opener[1] + 1), closer), (opener, (closer[0], closer[1] + 1))]
    return growing(found, start, end)


def word(lines: Sequence[str], start: Location, end: Location) -> Range:
    """The word that holds the range, or that ends where it begins; the range itself where there is none."""
    line, (row, column) = lines[start[0]], start
    for at in (column, column - 1) if start[0] == end[0] else ():
        left, right = word_at(line, at) if 0 <= at < len(line) else (0, 0)
        if line[left:right].replace("_", "a").isalnum() and left <= column and end[1] <= right:
            return (row, left), (row, right)
    return start, end


def whole(lines: Sequence[str]) -> Range:
    """The whole text."""
    return (0, 0), (len(lines) - 1, len(lines[-1]))


def _size(candidate: Range) -> tuple[int, int, Location]:
    (top, left), (bottom, right) = candidate
    return bottom - top, right - left, (top, left)


def _line(lines: Sequence[str], start: Location, end: Location) -> list[Range]:
    """The touched lines from their first character that is no blank to their last, and with all blanks."""
    (top, _), (bottom, _) = start, end
    first, last = lines[top], lines[bottom]
    margin = len(first) - len(first.lstrip())
    return [((top, margin), (bottom, len(last.rstrip()))), ((top, 0), (bottom, len(last)))]


def _blocks(lines: Sequence[str], top: int, bottom: int, bracket_rows: Set[int]) -> Iterator[Range]:
    """The lines around that are at least as deep, then those with the line that they stand under, and so on.

    Where that line opens a bracket around them, the bracket says better what belongs together.
    """
    depth = min((_depth(lines[row]) for row in range(top, bottom + 1) if lines[row].strip()), default=0)
    low, high = max(0, top - ROWS_MAX), min(len(lines), bottom + ROWS_MAX + 1)
    while True:
        while top > low and not _is_above(lines[top - 1], depth):
            top -= 1
        while bottom < high - 1 and not _is_above(lines[bottom + 1], depth):
            bottom += 1
        first, last = _trimmed(lines, top, bottom)
        yield (first, 0), (last, len(lines[last]))
        if depth == 0 or top == low:
            return
        top -= 1
        depth = _depth(lines[top])
        if top not in bracket_rows:
            yield (top, 0), (last, len(lines[last]))


def _is_above(line: str, depth: int) -> bool:
    return bool(line.strip()) and _depth(line) < depth


def _depth(line: str) -> int:
    return len(line[: len(line) - len(line.lstrip(" \t"))].expandtabs(8))


def _trimmed(lines: Sequence[str], top: int, bottom: int) -> tuple[int, int]:
    """The rows without the blank ones at either end."""
    while top < bottom and not lines[top].strip():
        top += 1
    while bottom > top and not lines[bottom].strip():
        bottom -= 1
    return top, bottom


def _brackets(lines: Sequence[str], start: Location, end: Location) -> Iterator[tuple[Location, Location]]:
    """Where the brackets around a range stand, the innermost pair first."""
    for opener in islice(_open_brackets(lines, start), BRACKETS_MAX):
        closer = matching_bracket(lines, opener)
        if closer is not None and closer >= end:
            yield opener, closer


def _open_brackets(lines: Sequence[str], start: Location) -> Iterator[Location]:
    """Opening brackets before a location that are not closed before it, the nearest first."""
    closed = 0
    row, column = start
    for at in range(row, max(-1, row - ROWS_MAX), -1):
        line = lines[at][:column] if at == row else lines[at]
        for found in reversed(list(_BRACKET.finditer(line))):
            if found[0] in CLOSERS:
                closed += 1
            elif closed and found[0] in OPENERS:
                closed -= 1
            else:
                yield at, found.start()
