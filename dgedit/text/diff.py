"""A unified diff of a text whose edits are known, so that nothing has to be compared.

Lines end at \\n alone, as `patch` sees them; a carriage return is part of its line. It must know nothing of files.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

CONTEXT = 3
"""Unchanged lines on either side of a change."""
BOLD, RED, GREEN, CYAN, PLAIN = "\x1b[1m", "\x1b[31m", "\x1b[32m", "\x1b[36m", "\x1b[0m"


@dataclass(frozen=True, slots=True)
class _Change:
    """Lines [first, last) become others; a line without its break is the end of the text."""

    first: int
    last: int
    new: list[str]


def unified(text: str, edits: Sequence[tuple[int, int, str]], name: str) -> Iterator[str]:
    """The lines of the diff, each with its line break; none where the edits change nothing.

    Args:
        edits: [start, end) and what replaces it, in order.
        name: stands in the header on both sides.
    """
    lines = _lines(text)
    hunks = list(_hunks(_changes(text, lines, edits)))
    if not hunks:
        return
    shown = _quoted(name)
    yield f"--- {shown}\n"
    yield f"+++ {shown}\n"
    grown = 0
    for changes in hunks:
        hunk, added = _hunk(lines, changes, grown)
        grown += added
        yield from hunk


def coloured(lines: Iterable[str]) -> Iterator[str]:
    """The lines of a diff as terminals show them."""
    colours = {"---": BOLD, "+++": BOLD, "@@ ": CYAN}
    for line in lines:
        colour = colours.get(line[:3]) or {"-": RED, "+": GREEN}.get(line[:1])
        yield f"{colour}{line[:-1]}{PLAIN}\n" if colour else line


def _lines(text: str) -> list[str]:
    """Lines with their breaks; the last one has none, and may be empty."""
    *whole, last = text.split("\n")
    return [*(line + "\n" for line in whole), last]


def _changes(text: str, lines: list[str], edits: Sequence[tuple[int, int, str]]) -> Iterator[_Change]:
    """The edits as changes of whole lines, those that share a line as one."""
    starts = [0, *accumulate(map(len, lines))][:-1]
    groups = list[list[tuple[int, int, str]]]()
    for edit in edits:
        if groups and bisect_right(starts, groups[-1][-1][1]) >= bisect_right(starts, edit[0]):
            groups[-1].append(edit)
        else:
            groups.append([edit])
    for group in groups:
        first, last = bisect_right(starts, group[0][0]) - 1, bisect_right(starts, group[-1][1])
        position, pieces = starts[first], list[str]()
        for start, end, new in group:
            pieces += (text[position:start], new)
            position = end
        pieces.append(text[position : starts[last] if last < len(starts) else len(text)])
        yield from _trimmed(lines, first, last, _lines("".join(pieces)))


def _trimmed(lines: list[str], first: int, last: int, new: list[str]) -> Iterator[_Change]:
    """The change without lines that stay; the empty rest behind a last line break is no line."""
    if new[-1] == "":
        new = new[:-1]
    if lines[last - 1] == "":
        last -= 1
    while first < last and new and lines[first] == new[0]:
        first, new = first + 1, new[1:]
    while first < last and new and lines[last - 1] == new[-1]:
        last, new = last - 1, new[:-1]
    if first < last or new:
        yield _Change(first, last, new)


def _hunks(changes: Iterable[_Change]) -> Iterator[list[_Change]]:
    """Changes whose contexts meet come together."""
    hunk = list[_Change]()
    for change in changes:
        if hunk and change.first - hunk[-1].last > 2 * CONTEXT:
            yield hunk
            hunk = []
        hunk.append(change)
    if hunk:
        yield hunk


def _hunk(lines: list[str], changes: list[_Change], grown: int) -> tuple[list[str], int]:
    """The lines of a hunk, and how many lines it adds."""
    count = len(lines) - (lines[-1] == "")
    first, last = max(0, changes[0].first - CONTEXT), min(count, changes[-1].last + CONTEXT)
    body, position = list[str](), first
    for change in changes:
        body += (f" {line}" for line in lines[position : change.first])
        body += (f"-{line}" for line in lines[change.first : change.last])
        body += (f"+{line}" for line in change.new)
        position = change.last
    body += (f" {line}" for line in lines[position:last])
    added = sum(len(change.new) - (change.last - change.first) for change in changes)
    old, new = _range(first, last - first), _range(first + grown, last - first + added)
    ended = (line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in body)
    return [f"@@ -{old} +{new} @@\n", *ended], added


def _range(first: int, count: int) -> str:
    """As diff writes it: lines from 1, or the line before where there are none."""
    return f"{first + 1}" if count == 1 else f"{first + (count > 0)},{count}"


def _quoted(name: str) -> str:
    """As `patch` reads it: a name with odd characters in quotes, one with spaces before a tab."""
    if any(ord(character) < 32 or character in '"\\\x7f' for character in name):
        escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}
        odd = (f"\\{ord(c):03o}" if ord(c) < 32 or c == "\x7f" else c for c in name)
        return '"' + "".join(escapes.get(c, shown) for c, shown in zip(name, odd, strict=True)) + '"'
    return f"{name}\t" if " " in name else name
