"""Two texts as lines kept, removed and added: pure functions, bounded in time whatever the texts are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

COMPARED_LINES_MAX = 1000
"""Of the part between the equal ends, so many lines of either text are compared: the work grows with the square."""
CONTEXT_LINES = 3
NO_LAST_BREAK = " (no line break at the end)"

KEPT, REMOVED, ADDED, PLACE = " ", "-", "+", "@"


@dataclass(frozen=True, slots=True)
class Diff:
    """What turns one text into another."""

    lines: tuple[tuple[str, str], ...]
    """(sign, text): kept, removed or added lines, and a place before each run of them."""
    removed: int
    added: int
    uncompared: int
    """Lines of both texts that were not looked at because of the bound."""


def diff(old: str, new: str) -> Diff:
    """The lines in which two texts differ, with a few kept ones around them."""
    before, after = _lines(old), _lines(new)
    head = _common(before, after)
    tail = _common(before[head:][::-1], after[head:][::-1])
    start = max(0, head - CONTEXT_LINES)
    ends = [len(lines) - max(0, tail - CONTEXT_LINES) for lines in (before, after)]
    middles = before[start : ends[0]], after[start : ends[1]]
    left, right = _bounded(*middles)
    lines = tuple(_signed(left, right, start))
    return Diff(
        lines=lines,
        removed=sum(sign == REMOVED for sign, _ in lines),
        added=sum(sign == ADDED for sign, _ in lines),
        uncompared=sum(len(lines) for lines in middles) - len(left) - len(right),
    )


def _lines(text: str) -> list[str]:
    """The lines of a text; whether the last one ends shows as a difference of that line."""
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    else:
        lines[-1] += NO_LAST_BREAK
    return lines


def _common(left: Sequence[str], right: Sequence[str]) -> int:
    """How many lines at the beginning are equal."""
    pairs = zip(left, right, strict=False)
    return next((number for number, (a, b) in enumerate(pairs) if a != b), min(len(left), len(right)))


def _bounded(left: Sequence[str], right: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """The beginnings of both that are compared, ended where they agree."""
    if max(len(left), len(right)) <= COMPARED_LINES_MAX:
        return left, right
    left, right = left[:COMPARED_LINES_MAX], right[:COMPARED_LINES_MAX]
    kind, a, _, b, _ = SequenceMatcher(None, left, right).get_opcodes()[-1]
    # A difference that reaches the cut may be of lines that are found again behind it.
    return (left, right) if kind == "equal" or a == b == 0 else (left[:a], right[:b])


def _signed(left: Sequence[str], right: Sequence[str], first: int) -> Iterator[tuple[str, str]]:
    for group in SequenceMatcher(None, left, right).get_grouped_opcodes(CONTEXT_LINES):
        yield PLACE, f"line {first + group[0][3] + 1}"
        for kind, a, a_end, b, b_end in group:
            if kind == "equal":
                yield from ((KEPT, line) for line in left[a:a_end])
                continue
            yield from ((REMOVED, line) for line in left[a:a_end])
            yield from ((ADDED, line) for line in right[b:b_end])
