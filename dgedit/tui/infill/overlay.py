"""Where the pieces of a frame stand in the text: pure functions, no widget."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

Location = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Cell:
    """Columns [start, end) of one row in one look."""

    start: int
    end: int
    state: str
    confidence: float


def place(origin: Location, pieces: Iterable[tuple[str, str, float]]) -> dict[int, list[Cell]]:
    """Rows of cells for (text, state, confidence) pieces written one after another from `origin`.

    Line breaks are `\\n`; columns are code points, as in the document.
    """
    rows: dict[int, list[Cell]] = {}
    row, column = origin
    for text, state, confidence in pieces:
        for number, line in enumerate(text.split("\n")):
            if number:
                row, column = row + 1, 0
            if line:
                rows.setdefault(row, []).append(Cell(column, column + len(line), state, confidence))
                column += len(line)
    return rows
