"""Where an infill goes: pure functions of a document's lines and the selection, no widget."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate

from ...errors import DgeditError
from ...text.holes import MARKER, Hole, marked_holes
from ...text.markers import find_markers
from .overlay import Location

Range = tuple[Location, Location]


def hole_at(lines: Sequence[str], anchor: Location, cursor: Location, language: str) -> Range:
    """The span to fill: a selection without its outer white space, a marker on the line, or the cursor."""
    start, end = sorted((anchor, cursor))
    if start == end:
        return marker_on(lines, start, language) or _behind_cursor(lines, start)
    if end[1] == 0 and end[0] > start[0]:
        end = (end[0] - 1, len(lines[end[0] - 1]))
    line = lines[start[0]]
    indent = len(line) - len(line.lstrip(" \t"))
    if start[1] < indent and (start[0] < end[0] or end[1] > indent):
        start = (start[0], indent)
    return start, max(start, end)


def marker_on(lines: Sequence[str], cursor: Location, language: str) -> Range | None:
    """The marker that the cursor is in or behind, or the first one of its line; of comments those of one line."""
    row, column = cursor
    at = lines[row].rfind(MARKER, 0, column + len(MARKER))
    at = lines[row].find(MARKER) if at < 0 else at
    if at >= 0:
        return (row, at), (row, at + len(MARKER))
    try:
        found = [marker for marker in find_markers(lines[row], language) if marker.verb == "fill"]
    except DgeditError:
        return None
    return ((row, found[0].start), (row, found[0].end)) if found else None


def markers(lines: Sequence[str], count: int, language: str) -> list[tuple[Range, Hole]]:
    """Every marker of a text of `count` lines, in order.

    Raises:
        DgeditError: when a block is not closed, or an option of a marker cannot be read.
    """
    rows = [lines[row] for row in range(count)]
    starts = [0, *accumulate(len(row) + 1 for row in rows)]

    def location(offset: int) -> Location:
        row = bisect_right(starts, offset) - 1
        return row, offset - starts[row]

    holes = marked_holes("\n".join(rows), language)
    return [((location(hole.start), location(hole.end)), hole) for hole in holes]


def marker_of(code: str, language: str) -> Hole | None:
    """The hole that a text is a marker of from its first to its last character."""
    try:
        holes = marked_holes(code, language)
    except DgeditError:
        return None
    is_all = len(holes) == 1 and (holes[0].start, holes[0].end) == (0, len(code)) and not holes[0].indent
    return holes[0] if is_all else None


def is_promising(lines: Sequence[str], anchor: Location, cursor: Location, language: str) -> bool:
    """Whether an infill is likely here: a selection, a marker near by, or a line that is open to the right."""
    if anchor != cursor:
        return True
    return not lines[cursor[0]][cursor[1] :].strip() or marker_on(lines, cursor, language) is not None


def offset_in(text: str, origin: Location, location: Location) -> int:
    """Characters up to a location in a text that starts at `origin` (breaks are `\\n`); outside, the nearer end."""
    rows = location[0] - origin[0]
    if rows < 0 or location < origin:
        return 0
    lines = text.split("\n")
    if rows >= len(lines):
        return len(text)
    before = sum(len(line) + 1 for line in lines[:rows])
    column = location[1] - (origin[1] if rows == 0 else 0)
    return before + min(column, len(lines[rows]))


def _behind_cursor(lines: Sequence[str], cursor: Location) -> Range:
    """The place of the cursor."""
    # White space behind it on an otherwise empty rest of the line would end up after the infill.
    line = lines[cursor[0]]
    return cursor, cursor if line[cursor[1] :].strip() else (cursor[0], len(line))


def changed_range(old: str, new: str) -> tuple[int, int, int]:
    """What differs: characters [start, stop) of the old text became [start, new stop) of the new one.

    No edge of them is inside a CRLF, where a document has no location.
    """
    limit = min(len(old), len(new))
    start = _common(lambda count: old[:count] == new[:count], limit)
    start -= _in_crlf(old, start) or _in_crlf(new, start)
    limit -= start
    tail = _common(lambda count: count == 0 or old[-count:] == new[-count:], limit)
    tail -= _in_crlf(old, len(old) - tail) or _in_crlf(new, len(new) - tail)
    return start, len(old) - tail, len(new) - tail


def _in_crlf(text: str, offset: int) -> bool:
    return offset > 0 and text[offset - 1 : offset + 1] == "\r\n"


def _common(alike: Callable[[int], bool], limit: int) -> int:
    """The largest count up to a limit for which texts are alike."""
    # By halving: comparing slices is quick, comparing characters one by one is not.
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        if alike(middle):
            low = middle
        else:
            high = middle - 1
    return low
