"""Edits and moves of several selections at once: pure functions of lines, each edit one change for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .edits import Change, Lines, Location, Selection, word_at

MOVES = ("left", "right", "up", "down", "home", "end")


def ordered(selections: Iterable[Selection]) -> list[Selection]:
    """The selections from the top down, those that overlap as one; each keeps the side that its cursor is on."""
    found = list[Selection]()
    for selection in sorted(selections, key=sorted):
        if found and _touches(found[-1], selection):
            found[-1] = _joined(found[-1], selection)
        else:
            found.append(selection)
    return found


def replaced(lines: Lines, selections: Sequence[Selection], texts: Sequence[str]) -> tuple[Change, list[Selection]]:
    """Each selection, of those in order, becomes its text; the change, and the cursors behind the texts."""
    ranges = [tuple(sorted(selection)) for selection in selections]
    start, pieces, cursors = ranges[0][0], list[str](), list[Selection]()
    place = last = start
    for (left, right), text in zip(ranges, texts, strict=True):
        between = _between(lines, last, left)
        place = _behind(_behind(place, between), text)
        pieces += [between, text]
        cursors.append((place, place))
        last = right
    return Change(start, last, "".join(pieces), cursors[-1]), cursors


def widened(lines: Lines, selections: Sequence[Selection], *, forward: bool) -> list[Selection]:
    """The selections, empty ones with the character before them, or behind them: what Backspace or Delete takes."""
    step = "right" if forward else "left"
    return ordered((a, b) if a != b else (a, moved(lines, b, step)) for a, b in selections)


def moved(lines: Lines, place: Location, key: str) -> Location:
    """Where an arrow, Home or End leads to; up and down keep the column as far as the line has it."""
    row, column = place
    last = len(lines) - 1
    if key == "left":
        return (row, column - 1) if column else (row - 1, len(lines[row - 1])) if row else place
    if key == "right":
        return (row, column + 1) if column < len(lines[row]) else (row + 1, 0) if row < last else place
    if key in ("home", "end"):
        return row, 0 if key == "home" else len(lines[row])
    to = min(last, max(0, row + (1 if key == "down" else -1)))
    return to, min(column, len(lines[to]))


def stepped(lines: Lines, selections: Sequence[Selection], key: str, *, select: bool) -> list[Selection]:
    """The selections after a key that moves; without Shift a selection that left or right leaves ends at its edge."""
    found = list[Selection]()
    for anchor, cursor in selections:
        if select:
            found.append((anchor, moved(lines, cursor, key)))
        elif anchor != cursor and key in ("left", "right"):
            edge = min(anchor, cursor) if key == "left" else max(anchor, cursor)
            found.append((edge, edge))
        else:
            place = moved(lines, cursor, key)
            found.append((place, place))
    return ordered(found)


def next_like(lines: Lines, selections: Sequence[Selection]) -> Selection | None:
    """The next place that says what the last selection says, from the top again behind the last one.

    The word of the cursor, where nothing is selected; none where every place is selected, or one spans lines.
    """
    anchor, cursor = selections[-1]
    if anchor == cursor:
        start, end = word_at(lines[cursor[0]], cursor[1])
        return ((cursor[0], start), (cursor[0], end)) if lines[cursor[0]][start:end].strip() else None
    (row, start), (last, end) = sorted((anchor, cursor))
    if row != last:
        return None
    text, taken = lines[row][start:end], {tuple(sorted(each)) for each in selections}
    for number in range(len(lines) + 1):
        at = (row + number) % len(lines)
        line, column = lines[at], end if number == 0 else 0
        while (column := line.find(text, column)) >= 0:
            found = ((at, column), (at, column + len(text)))
            if found not in taken:
                return found
            column += len(text)
    return None


def _touches(before: Selection, after: Selection) -> bool:
    (_, end), (start, other) = sorted(before), sorted(after)
    return start < end or (start == end and (start == other or sorted(before)[0] == end))


def _joined(before: Selection, after: Selection) -> Selection:
    start, end = min(*before, *after), max(*before, *after)
    return (end, start) if before[0] > before[1] else (start, end)


def _between(lines: Lines, start: Location, end: Location) -> str:
    (row, column), (last, end_column) = start, end
    if row == last:
        return lines[row][column:end_column]
    inner = (lines[number] for number in range(row + 1, last))
    return "\n".join([lines[row][column:], *inner, lines[last][:end_column]])


def _behind(place: Location, text: str) -> Location:
    """Where a text ends that is put in at a place."""
    breaks = text.count("\n")
    return (place[0] + breaks, len(text) - text.rfind("\n") - 1) if breaks else (place[0], place[1] + len(text))
