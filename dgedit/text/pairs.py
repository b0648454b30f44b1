"""What typing a bracket or a quote does beside writing it: its partner comes with it, and is typed over.

Pure functions from lines and a selection to a `Change`, as in `edits`; None where the character is just written. Only a
partner that came by itself is typed over or deleted with its bracket: how many there are behind the cursor is told.
"""

from __future__ import annotations

from .edits import BLANKS, CLOSERS, OPENERS, Change, Lines, Location, Selection

QUOTES = "\"'`"
PREFIXES = frozenset({"", "f", "r", "b", "u", "rb", "br", "fr", "rf"})
"""Letters that a string may begin with."""
BEFORE_CODE = frozenset(" \t)]},;:")
"""What may follow a bracket that gets its partner; before anything else it stands alone."""


def opened(lines: Lines, selection: Selection, typed: str, *, quotes: bool) -> Change | None:
    """Write an opening bracket or a quote with its partner, or around what is selected in one line.

    Args: quotes: whether quotes have partners here; in prose an apostrophe has none.
    """
    if typed not in OPENERS and not (quotes and typed in QUOTES):
        return None
    (row, start), (last, end) = sorted(selection)
    partner = OPENERS.get(typed, typed)
    if row != last:
        return None
    if start != end:
        inside = lines[row][start:end]
        return Change((row, start), (row, end), typed + inside + partner, ((row, start + 1), (row, end + 1)))
    before, after = lines[row][:start], lines[row][start : start + 1]
    if (after and after not in BEFORE_CODE) or (typed in QUOTES and not _begins_string(before, typed)):
        return None
    return Change((row, start), (row, start), typed + partner, ((row, start + 1), (row, start + 1)))


def is_typed_over(lines: Lines, cursor: Location, typed: str, came: int) -> bool:
    """Whether a character is the partner that stands behind the cursor, one of `came` that came by themselves."""
    row, column = cursor
    return came > 0 and (typed in CLOSERS or typed in QUOTES) and lines[row][column : column + 1] == typed


def emptied(lines: Lines, selection: Selection, came: int) -> Change | None:
    """Delete an empty pair by its first half."""
    (row, column), cursor = selection
    pair = lines[row][max(0, column - 1) : column + 1]
    is_pair = len(pair) == 2 and (OPENERS.get(pair[0]) == pair[1] or (pair[0] == pair[1] and pair[0] in QUOTES))
    if not came or not is_pair or cursor != (row, column) or not column:
        return None
    return Change((row, column - 1), (row, column + 1), "", ((row, column - 1), (row, column - 1)))


def closed(lines: Lines, cursor: Location, typed: str, partner_row: int | None) -> Change | None:
    """Write a closing bracket at the beginning of a line as deep as the line of its partner.

    Args: partner_row: where its partner would be; None where it has none.
    """
    row, column = cursor
    before = lines[row][:column]
    if typed not in CLOSERS or before.strip(BLANKS) or partner_row is None or partner_row >= row:
        return None
    other = lines[partner_row]
    margin = other[: len(other) - len(other.lstrip(BLANKS))]
    if margin == before:
        return None
    place = row, len(margin) + 1
    return Change((row, 0), (row, column), margin + typed, (place, place))


def _begins_string(before: str, quote: str) -> bool:
    """Whether a quote behind this text begins a string rather than ends one or stands in a word."""
    if before.endswith(quote):
        return False
    word = before[len(before.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")) :]
    # An odd number of them before it: this one ends a string.
    return word.lower() in PREFIXES and before.count(quote) % 2 == 0
