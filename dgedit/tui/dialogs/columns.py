"""Keys and what they do, laid out in as many columns as a width allows: pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from textwrap import wrap

from rich.cells import cell_len

from ...terminal import drawn
from ..widgets.rows import Line
from ..widgets.text import cut

KeyRow = tuple[str, str, str]
"""Group, keys, what they do."""

GAP = 3
TITLE_MIN = 12


def filtered(rows: Sequence[KeyRow], query: str) -> list[KeyRow]:
    """The rows in which every word of the query is, in whatever case."""
    words = query.lower().split()
    return [row for row in rows if all(word in " ".join(row).lower() for word in words)]


def lay_out(rows: Sequence[KeyRow], width: int) -> list[Line]:
    """The rows under the names of their groups, in columns of about equal length, filled one after the other."""
    if not rows:
        return []
    rows = [(drawn(group), drawn(key), drawn(name)) for group, key, name in rows]
    key_cells = min(max(cell_len(key) for _, key, _ in rows), max(1, width - TITLE_MIN - 2))
    natural = key_cells + 2 + max(TITLE_MIN, *(cell_len(name) for _, _, name in rows))
    column_cells = max(1, min(natural, width))
    blocks = [
        _block(group, list(members), key_cells, column_cells)
        for group, members in groupby(rows, key=lambda row: row[0])
    ]
    return _side_by_side(_fill(blocks, max(1, (width + GAP) // (column_cells + GAP))), column_cells)


def _block(group: str, rows: Sequence[KeyRow], key_cells: int, cells: int) -> list[Line]:
    lines: list[Line] = [((cut(group, cells), "heading"),)]
    for _, key, name in rows:
        shown = cut(key, key_cells)
        pad = " " * (key_cells - cell_len(shown) + 2)
        first, *rest = wrap(name, max(1, cells - key_cells - 2)) or [""]
        lines.append(((shown, "key"), (pad + first, "")))
        lines.extend(((" " * (key_cells + 2) + more, ""),) for more in rest)
    return lines


def _fill(blocks: Sequence[list[Line]], columns: int) -> list[list[Line]]:
    """The blocks in at most so many columns, as short as they can be."""
    height = -(-sum(len(block) + 1 for block in blocks) // columns)
    while len(filled := _filled(blocks, height)) > columns:
        height += 1
    return filled


def _filled(blocks: Sequence[list[Line]], height: int) -> list[list[Line]]:
    filled: list[list[Line]] = [[]]
    for block in blocks:
        room = height - len(filled[-1])
        # A heading alone at the foot of a column would be away from its keys.
        if filled[-1] and room < 3:
            filled.append([])
        elif filled[-1]:
            filled[-1].append(())
        for line in block:
            if len(filled[-1]) >= height:
                filled.append([])
            filled[-1].append(line)
    return filled


def _side_by_side(columns: Sequence[Sequence[Line]], cells: int) -> list[Line]:
    lines = list[Line]()
    for row in range(max(len(column) for column in columns)):
        line = list[tuple[str, str]]()
        for number, column in enumerate(columns):
            pieces = column[row] if row < len(column) else ()
            line.extend(pieces)
            if number < len(columns) - 1:
                line.append((" " * (cells + GAP - sum(cell_len(text) for text, _ in pieces)), ""))
        lines.append(tuple(line))
    return lines
