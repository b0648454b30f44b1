"""Where the spans to fill are: pure text, no model, no screen.

Markers (`<FILL_ME>` and the comments of `markers`), and what a person names beside them: lines, spans, a pattern.
A hole says which characters are replaced, what code is rewritten there, and how much may be written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from ..errors import DgeditError
from .line_breaks import lines_fed
from .markers import Marker, find_markers
from .skim import MARKER as MARKER

STAND_IN = "..."
"""What a model sees where another hole is: valid as an expression and as a statement."""
TOKENS_A_LINE = 8
SHARE_USED = 0.6
"""Of a budget of tokens; the longest row that is tried is then about as long as the budget."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole:
    """Characters [start, end) of a text, to be replaced."""

    start: int
    end: int
    code: str = ""
    """The code that is rewritten, so that its length is a hint; empty for a marker."""
    indent: str = ""
    """Put before what is written."""
    lines_max: int | None = None
    tokens_max: int | None = None
    instruction: str = ""
    strength: float = 1.0
    """Below 1 so much of the code is noised, and the rest mended."""

    @property
    def replaces(self) -> bool:
        """Whether the span holds code that is rewritten."""
        return bool(self.code)

    @property
    def is_limited(self) -> bool:
        """Whether its marker says how much may be written."""
        return self.lines_max is not None or self.tokens_max is not None

    def expected_tokens(self) -> int | None:
        """About how many tokens are to be written, where its budget says so."""
        of_lines = [TOKENS_A_LINE * self.lines_max] if self.lines_max is not None and self.lines_max > 1 else []
        of_tokens = [max(1, round(SHARE_USED * self.tokens_max))] if self.tokens_max is not None else []
        return min(of_lines + of_tokens, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a person names to be filled beside the markers."""

    lines: tuple[str, ...] = ()
    """A-B, counted from 1."""
    spans: tuple[str, ...] = ()
    """LINE:COLUMN-LINE:COLUMN, counted from 1; the last one is the first character that stays."""
    patterns: tuple[str, ...] = ()
    """Regular expressions; each match, or its first group, is a hole."""
    strength: float = 1.0
    """For spans and blocks that hold code."""


def marked_holes(text: str, language: str, *, strength: float = 1.0) -> list[Hole]:
    """Every marker in the text, in order of place.

    Args:
        strength: of blocks that do not say theirs.

    Raises:
        DgeditError: when a block is not closed, or an option of a marker cannot be read.
    """
    text = lines_fed(text)
    found = [Hole(start=match.start(), end=match.end()) for match in re.finditer(re.escape(MARKER), text)]
    return sorted(found + _comment_holes(text, language, strength), key=_place)


def find_holes(text: str, language: str, wanted: Wanted) -> list[Hole]:
    """All holes in order of place.

    Raises:
        DgeditError: when one cannot be found, or two overlap.
    """
    text = lines_fed(text)
    holes = [
        *marked_holes(text, language, strength=wanted.strength),
        *(line_hole(text, *parse_line_range(value), strength=wanted.strength) for value in wanted.lines),
        *(span_hole(text, value, strength=wanted.strength) for value in wanted.spans),
        *(hole for value in wanted.patterns for hole in pattern_holes(text, value)),
    ]
    holes.sort(key=_place)
    for before, after in pairwise(holes):
        if after.start < before.end or (after.start, after.end) == (before.start, before.end):
            raise DgeditError(f"two spans overlap at line {line_of(text, after.start)}", "leave one of them out")
    return holes


def line_hole(text: str, first: int, last: int, *, strength: float = 1.0) -> Hole:
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
    code = text[start:end].lstrip(" \t")
    blank = not code.strip()
    begin = start if blank else end - len(code)
    return Hole(start=begin, end=end, code="" if blank else code, strength=strength)


def parse_line_range(value: str) -> tuple[int, int]:
    """`A-B` or `A` as two line numbers.

    Raises:
        DgeditError: for any other form.
    """
    match = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", value)
    if not match:
        raise DgeditError(f"--lines {value!r} is not a range", "write it as A-B, counted from 1, like --lines 3-5")
    return int(match[1]), int(match[2] or match[1])


def span_hole(text: str, value: str, *, strength: float = 1.0) -> Hole:
    """The characters between two places that are written as LINE:COLUMN-LINE:COLUMN; they may be the same.

    Raises:
        DgeditError: for any other form, and when a place is not in the text.
    """
    match = re.fullmatch(r"(\d{1,9}):(\d{1,9})-(\d{1,9}):(\d{1,9})", value)
    if not match:
        raise DgeditError(
            f"--span {value!r} is not a span",
            "write it as LINE:COLUMN-LINE:COLUMN, counted from 1; the last is the first that stays",
        )
    numbers = [int(group) for group in match.groups()]
    start, end = (_offset(text, line, column, value) for line, column in (numbers[:2], numbers[2:]))
    if end < start:
        raise DgeditError(f"--span {value} ends before it begins", "write the earlier place first")
    code = text[start:end]
    return Hole(start=start, end=end, code=code if code.strip() else "", strength=strength)


def pattern_holes(text: str, pattern: str) -> list[Hole]:
    """Every match of a regular expression, or its first group where it has one; `^` and `$` match at lines.

    Raises:
        DgeditError: when it is no regular expression.
    """
    try:
        compiled = re.compile(pattern, re.MULTILINE)
    except (re.error, OverflowError, RecursionError) as error:
        raise DgeditError(f"--hole {pattern!r} is no regular expression: {error}", "see Python's re") from error
    group = min(1, compiled.groups)
    spans = [match.span(group) for match in compiled.finditer(text) if match.start(group) >= 0]
    # What a pattern finds is a placeholder: its length says nothing. A carriage return belongs to the line break.
    return [Hole(start=start, end=end - (text[start:end][-1:] == "\r")) for start, end in spans]


def replaced(text: str, edits: Sequence[tuple[int, int, str]]) -> str:
    """The text with [start, end) replaced by a string in several places, which are in order."""
    pieces, position = list[str](), 0
    for start, end, new in edits:
        pieces += (text[position:start], new)
        position = end
    return "".join([*pieces, text[position:]])


def holds_marker(text: str) -> bool:
    """Whether a text holds a marker: an answer that was recalled from another unfinished file would."""
    return MARKER in text or re.search(r"dgedit:[ \t]*(?:fill|begin|end)\b", text) is not None


def without_marked_lines(text: str) -> str:
    """The text of another file without lines that hold a marker: what is to be written there stands nowhere yet."""
    if not holds_marker(text):
        return text
    return "".join(line for line in text.splitlines(keepends=True) if not holds_marker(line))


def line_of(text: str, offset: int) -> int:
    """The line that an offset is in, counted from 1."""
    return lines_fed(text).count("\n", 0, offset) + 1


def lines_of(text: str, holes: Iterable[Hole]) -> Iterator[int]:
    """The lines that holes begin in, which are in order."""
    text, line, counted = lines_fed(text), 1, 0
    for hole in holes:
        line += text.count("\n", counted, hole.start)
        counted = hole.start
        yield line


def _place(hole: Hole) -> tuple[int, int]:
    return hole.start, hole.end


def _offset(text: str, line: int, column: int, value: str) -> int:
    begin = 0
    for _ in range(line - 1):
        begin = text.find("\n", begin) + 1
        if not begin:
            break
    stop = text.find("\n", begin)
    length = (len(text) if stop < 0 else stop) - begin
    if line < 1 or (line > 1 and not begin) or not 1 <= column <= length + 1:
        place = f"{line}:{column}"
        raise DgeditError(f"--span {value}: the text has no {place}", "lines and columns are counted from 1")
    return begin + column - 1


def _comment_holes(text: str, language: str, strength: float) -> list[Hole]:
    holes, begun = list[Hole](), None
    for marker in find_markers(text, language):
        if marker.verb == "fill":
            holes.append(_hole(marker, marker.start, marker.end))
        elif marker.verb == "begin":
            if begun is not None:
                raise DgeditError(
                    f"line {marker.line}: dgedit: begin inside the block of line {begun.line}",
                    "close that one first with dgedit: end",
                )
            begun = marker
        elif begun is None:
            raise DgeditError(f"line {marker.line}: dgedit: end without a begin", "put a begin above, or remove it")
        else:
            holes.append(_block(text, begun, marker, strength))
            begun = None
    if begun is not None:
        raise DgeditError(f"line {begun.line}: dgedit: begin without an end", "put dgedit: end below, or remove it")
    return holes


def _block(text: str, begin: Marker, end: Marker, strength: float) -> Hole:
    """The hole of a block: its markers go, and the code between is rewritten at its own indentation."""
    between = text[text.index("\n", begin.end) + 1 : text.rindex("\n", 0, end.start) + 1].rstrip()
    code = between.lstrip("\r\n")
    while code and not code.split("\n", 1)[0].strip():
        code = code.split("\n", 1)[1].lstrip("\r\n")
    start_of_line = text.rfind("\n", 0, begin.start) + 1
    begin = replace(begin, strength=begin.strength or strength)
    indent = text[start_of_line : begin.start]
    own_indent = code[: len(code) - len(code.lstrip(" \t"))]
    if not code or own_indent == indent:
        return _hole(begin, begin.start, end.end, code[len(own_indent) :])
    return _hole(begin, start_of_line, end.end, code[len(own_indent) :], own_indent)


def _hole(marker: Marker, start: int, end: int, code: str = "", indent: str = "") -> Hole:
    return Hole(
        start=start,
        end=end,
        code=code,
        indent=indent,
        lines_max=marker.lines_max,
        tokens_max=marker.tokens_max,
        instruction=marker.instruction,
        strength=marker.strength or 1.0,
    )
