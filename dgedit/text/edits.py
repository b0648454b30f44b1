"""What the editing keys do to lines of text: indentation, comments, whole lines, words, brackets.

Pure functions from lines and a selection to a `Change`; nothing here knows a widget, a file or a language. Rows and
columns count from 0, columns are code points. A line never holds a line feed; every other character, a carriage
return or a form feed too, is an ordinary one. The empty row after a last line break is no line: keys for whole lines
do nothing there. Lines are read through `len` and indexing alone, so a key costs what the touched lines cost, however
long the file is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, Protocol

Location = tuple[int, int]
Selection = tuple[Location, Location]
"""Anchor and cursor; equal where nothing is selected."""
Splice = tuple[int, int, str]
"""In one row: a column, how many characters go there, and what comes in their place."""

BLANKS = " \t"
OPENERS = {"(": ")", "[": "]", "{": "}"}
CLOSERS = {closer: opener for opener, closer in OPENERS.items()}
BRACKET_CHARS_MAX = 200_000
"""Characters that a search for a bracket reads at most."""


class Lines(Protocol):
    """What is read of a document."""

    def __len__(self) -> int: ...

    def __getitem__(self, row: int, /) -> str: ...


@dataclass(frozen=True, slots=True)
class Indent:
    """How a file is indented."""

    unit: str = "    "
    """One level: spaces, or one tab character."""
    tab_width: int = 4
    """Columns from one tab stop to the next where a tab character stands."""

    def __post_init__(self) -> None:
        if self.unit != "\t" and (not self.unit or self.unit.strip(" ")):
            raise ValueError(f"an indent is spaces or one tab, got {self.unit!r}")
        if self.tab_width < 1:
            raise ValueError(f"a tab is at least 1 column wide, got {self.tab_width}")

    @property
    def width(self) -> int:
        """Columns of one level."""
        return self.tab_width if self.unit == "\t" else len(self.unit)

    def columns(self, text: str) -> int:
        """Columns that a text takes from the beginning of a line."""
        # str.expandtabs would begin a new line at a carriage return.
        return len(text.replace("\r", " ").expandtabs(self.tab_width)) if "\t" in text else len(text)


@dataclass(frozen=True, slots=True)
class Change:
    """One undo step: the text from `start` to `end` becomes `text`, and then `selection` is selected."""

    start: Location
    end: Location
    text: str
    """Line feeds are line breaks; a carriage return before one belongs to its line."""
    selection: Selection


def touched_rows(selection: Selection) -> tuple[int, int]:
    """First and last row of a selection; a row that it only reaches at column 0 is not one of them."""
    (first, _), (last, last_column) = sorted(selection)
    return first, last - (last_column == 0 and last > first)


def newline(lines: Lines, selection: Selection, indent: Indent, deeper: Callable[[str], bool]) -> Change:
    """Break the line with its indentation kept, one level deeper where `deeper` says so of the text before the cursor.

    Between an open bracket and its close the cursor gets a line of its own. Blanks after the cursor go; a line of
    blanks alone is left empty.
    """
    (row, column), (last, last_column) = sorted(selection)
    before, after = lines[row][:column], lines[last][last_column:]
    margin = _margin(before)
    if margin == before and not after:
        return Change((row, 0), (last, last_column), "\n" + margin, _caret(row + 1, len(margin)))
    kept = after.lstrip(BLANKS) if margin != before else after
    end = (last, last_column + len(after) - len(kept))
    inner = margin + indent.unit
    if kept and OPENERS.get(before.rstrip(BLANKS)[-1:]) == kept[0]:
        return Change((row, column), end, f"\n{inner}\n{margin}", _caret(row + 1, len(inner)))
    inner = inner if deeper(before) else margin
    return Change((row, column), end, "\n" + inner, _caret(row + 1, len(inner)))


def indent_lines(lines: Lines, selection: Selection, indent: Indent) -> Change | None:
    """Put every touched line that is not empty one level deeper."""
    rows = (row for row in _rows(selection) if lines[row])
    return _spliced(lines, {row: [(0, 0, indent.unit)] for row in rows}, selection)


def dedent_lines(lines: Lines, selection: Selection, indent: Indent) -> Change | None:
    """Take up to one level of blanks, spaces or a tab, from the beginning of every touched line."""
    cuts = {row: _level_length(lines[row], indent) for row in _rows(selection)}
    return _spliced(lines, {row: [(0, cut, "")] for row, cut in cuts.items() if cut}, selection)


def tab(lines: Lines, selection: Selection, indent: Indent) -> Change:
    """Put a tab character, or spaces up to the next stop, in the place of the selection."""
    (row, column), end = sorted(selection)
    text = indent.unit
    if text != "\t":
        text = " " * (indent.width - indent.columns(lines[row][:column]) % indent.width)
    return Change((row, column), end, text, _caret(row, column + len(text)))


def backspace(lines: Lines, selection: Selection, indent: Indent) -> Change | None:
    """Delete back to the previous tab stop; None where more than blanks, or nothing, stands before the cursor."""
    (row, column), cursor = selection
    before = lines[row][:column]
    if cursor != (row, column) or not before or before.strip(BLANKS):
        return None
    stop = (indent.columns(before) - 1) // indent.width * indent.width
    kept = column
    while indent.columns(before[:kept]) > stop:
        kept -= 1
    return Change((row, kept), (row, column), "", _caret(row, kept))


def toggle_comment(
    lines: Lines, selection: Selection, line_comment: str | None, block_comment: tuple[str, str] | None
) -> Change | None:
    """Comment the touched lines, or uncomment them if every one that is not blank is commented.

    Without a line comment one block comment goes around them all. None where the language has neither, or where a
    sign of a block comment inside the lines would end the new one early.
    """
    if line_comment:
        return _spliced(lines, _toggled_lines(lines, selection, line_comment), selection)
    return _spliced(lines, _toggled_block(lines, selection, *block_comment), selection) if block_comment else None


def move_lines(lines: Lines, selection: Selection, direction: Literal["up", "down"]) -> Change | None:
    """Change places with the line above or below; None at the edge of the text."""
    first, last = touched_rows(selection)
    end = _last_line(lines)
    block = [lines[row] for row in range(first, last + 1)]
    if direction == "up":
        if first == 0 or last > end:
            return None
        text = [*block, lines[first - 1]]
        return Change((first - 1, 0), (last, len(block[-1])), "\n".join(text), _moved_rows(selection, -1))
    if last >= end:
        return None
    text = [lines[last + 1], *block]
    anchor, cursor = _moved_rows(selection, 1)
    # An end at column 0 of the row below the block has no row to go to where the text ends without a line break.
    bottom = (len(lines) - 1, len(block[-1]))
    moved = (min(anchor, bottom), min(cursor, bottom))
    return Change((first, 0), (last + 1, len(lines[last + 1])), "\n".join(text), moved)


def duplicate_lines(lines: Lines, selection: Selection) -> Change | None:
    """Copy the touched lines below themselves and select in the copy what was selected."""
    first, last = touched_rows(selection)
    if last > _last_line(lines):
        return None
    block = [lines[row] for row in range(first, last + 1)]
    place = (last, len(block[-1]))
    return Change(place, place, "".join("\n" + line for line in block), _moved_rows(selection, len(block)))


def delete_lines(lines: Lines, selection: Selection) -> Change | None:
    """Delete the touched lines; the cursor keeps its column as far as the next line reaches."""
    first, last = touched_rows(selection)
    if first > _last_line(lines):
        return None
    column = selection[1][1]
    if last + 1 < len(lines):
        return Change((first, 0), (last + 1, 0), "", _caret(first, min(column, len(lines[last + 1]))))
    if first == 0:
        return Change((0, 0), (last, len(lines[last])), "", _caret(0, 0))
    above = len(lines[first - 1])
    return Change((first - 1, above), (last, len(lines[last])), "", _caret(first - 1, min(column, above)))


def word_at(line: str, column: int) -> tuple[int, int]:
    """Columns of the identifier, the run of punctuation or the run of white space that the column is in."""
    if not line:
        return 0, 0
    start = min(column, len(line) - 1)
    kind, end = _kind(line[start]), start + 1
    while start > 0 and _kind(line[start - 1]) == kind:
        start -= 1
    while end < len(line) and _kind(line[end]) == kind:
        end += 1
    return start, end


def matching_bracket(
    lines: Lines, location: Location, *, line_comment: str | None = None, limit_rows: int = 2_000
) -> Location | None:
    """Where the partner of the bracket at a location is.

    Strings that end on their line and comments to the end of the line are passed over; the lines of a longer string
    count as code. From inside a string or a comment the partner is looked for in it alone. None where there is no
    bracket or no partner, or none within `limit_rows` rows and BRACKET_CHARS_MAX characters.
    """
    row, column = location
    bracket = lines[row][column : column + 1]
    pair = (bracket, OPENERS[bracket]) if bracket in OPENERS else (CLOSERS.get(bracket, ""), bracket)
    if not pair[0]:
        return None
    forward = bracket == pair[0]
    depth = 0
    for found_row, found_column in _bracket_walk(lines, location, pair, line_comment, limit_rows, forward=forward):
        depth += 1 if lines[found_row][found_column] == bracket else -1
        if depth == 0:
            return found_row, found_column
    return None


def _margin(text: str) -> str:
    return text[: len(text) - len(text.lstrip(BLANKS))]


def _caret(row: int, column: int) -> Selection:
    return (row, column), (row, column)


def _rows(selection: Selection) -> range:
    first, last = touched_rows(selection)
    return range(first, last + 1)


def _last_line(lines: Lines) -> int:
    """The last row that is a line: the empty row after a final line break is none."""
    return len(lines) - 1 - (lines[len(lines) - 1] == "")


def _moved_rows(selection: Selection, by: int) -> Selection:
    anchor, cursor = selection
    return (anchor[0] + by, anchor[1]), (cursor[0] + by, cursor[1])


def _level_length(line: str, indent: Indent) -> int:
    """How many characters the first level of a line's indentation has."""
    spaces = 0
    while spaces < indent.width and line.startswith(" ", spaces):
        spaces += 1
    return spaces + (spaces < indent.width and line.startswith("\t", spaces))


def _spliced(lines: Lines, splices: Mapping[int, Sequence[Splice]], selection: Selection) -> Change | None:
    """The change that makes all splices, those of a row in order; what was selected stays selected."""
    if not splices:
        return None
    first, last = min(splices), max(splices)
    text = "\n".join(_apply(lines[row], splices.get(row, ())) for row in range(first, last + 1))
    low = min(selection) if selection[0] != selection[1] else None
    anchor, cursor = (
        (row, _moved_column(column, splices.get(row, ()), stays=(row, column) == low)) for row, column in selection
    )
    return Change((first, 0), (last, len(lines[last])), text, (anchor, cursor))


def _apply(line: str, splices: Sequence[Splice]) -> str:
    for column, removed, added in reversed(splices):
        line = line[:column] + added + line[column + removed :]
    return line


def _moved_column(column: int, splices: Sequence[Splice], *, stays: bool) -> int:
    """Where a column is after the splices; `stays` keeps it before what is put in at it."""
    shift = 0
    for at, removed, added in splices:
        if column > at or (column == at and not stays):
            shift += len(added) - min(removed, column - at)
    return column + shift


def _toggled_lines(lines: Lines, selection: Selection, sign: str) -> dict[int, list[Splice]]:
    rows = [row for row in _rows(selection) if lines[row].strip()] or list(_rows(selection))
    margins = {row: len(_margin(lines[row])) for row in rows}
    if all(lines[row].startswith(sign, margins[row]) for row in rows):
        blanks = {row: lines[row].startswith(" ", margins[row] + len(sign)) for row in rows}
        return {row: [(margins[row], len(sign) + blanks[row], "")] for row in rows}
    # What all margins have in common is the prefix of the smallest and the largest of them.
    low, high = (pick(lines[row][: margins[row]] for row in rows) for pick in (min, max))
    least = next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))
    return {row: [(least, 0, sign + " ")] for row in rows}


def _toggled_block(lines: Lines, selection: Selection, opener: str, closer: str) -> dict[int, list[Splice]]:
    rows = [row for row in _rows(selection) if lines[row].strip()]
    if not rows:
        return {}
    first, last = rows[0], rows[-1]
    start, end = len(_margin(lines[first])), len(lines[last].rstrip())
    body = [lines[row][start if row == first else 0 : end if row == last else None] for row in range(first, last + 1)]
    text = "\n".join(body)
    inside = text[len(opener) : len(text) - len(closer)]
    commented = len(text) >= len(opener) + len(closer) and text.startswith(opener) and text.endswith(closer)
    if (opener in inside or closer in inside) if commented else (opener in text or closer in text):
        return {}
    at_start, at_end = (start, 0, opener + " "), (end, 0, " " + closer)
    if commented:
        front = len(opener) + inside.startswith(" ")
        back = len(closer) + (inside.endswith(" ") and inside != " ")
        at_start, at_end = (start, front, ""), (end - back, back, "")
    return {first: [at_start, at_end]} if first == last else {first: [at_start], last: [at_end]}


def _kind(character: str) -> int:
    if character.isspace():
        return 0
    # Combining marks continue an identifier, though they are not alphanumeric.
    return 1 if character.isalnum() or ("a" + character).isidentifier() else 2


def _bracket_walk(
    lines: Lines, location: Location, pair: tuple[str, str], line_comment: str | None, limit_rows: int, *, forward: bool
) -> Iterator[Location]:
    """Brackets of one pair from the one at `location` on, itself first."""
    row, column = location
    budget = BRACKET_CHARS_MAX
    step, stop = (1, min(len(lines), row + limit_rows)) if forward else (-1, max(-1, row - limit_rows))
    for at in range(row, stop, step):
        line = lines[at]
        budget -= len(line)
        if budget < 0:
            return
        if pair[0] not in line and pair[1] not in line:
            continue
        columns, enclosed = _bracket_columns(line, pair, line_comment, column if at == row else None)
        ahead = [c for c in columns if at != row or (c >= column if forward else c <= column)]
        yield from ((at, c) for c in (ahead if forward else reversed(ahead)))
        if enclosed:
            return


def _bracket_columns(
    line: str, pair: tuple[str, str], line_comment: str | None, column: int | None
) -> tuple[list[int], bool]:
    """Columns of a pair's brackets in the code of a line, or in the string or comment at `column` (then also True)."""
    columns = []
    for token in _code_pattern(pair, line_comment).finditer(line):
        if token.lastgroup == "bracket":
            columns.append(token.start())
        elif column is not None and token.start() <= column < token.end():
            return [c for c in range(token.start(), token.end()) if line[c] in pair], True
    return columns, False


@lru_cache(maxsize=64)
def _code_pattern(pair: tuple[str, str], line_comment: str | None) -> re.Pattern[str]:
    """Escapes, whole strings, comments and brackets; a quote that nothing closes is an ordinary character."""
    # Escapes outside strings are tokens too: it keeps the work linear on a line of escaped quotes.
    bodies = {quote: rf"{quote}[^{quote}\\]*+(?:\\.[^{quote}\\]*+)*+{quote}" for quote in "\"'`"}
    # The apostrophes of words (don't) and of lifetimes (<'a>, &'a) open no string; those after a prefix (rb'') do.
    bodies["'"] = r"(?<![\w<&])[bBfFrRuU]{0,2}" + bodies["'"]
    comment = f"|{re.escape(line_comment)}.*" if line_comment else ""
    brackets = "".join(re.escape(bracket) for bracket in pair)
    return re.compile(rf"\\.|{'|'.join(bodies.values())}{comment}|(?P<bracket>[{brackets}])", re.DOTALL)
