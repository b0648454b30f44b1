"""Texts made safe and short enough to draw: pure functions of strings, no widget.

Names of files and lines of code come from anywhere, so they may hold escape sequences, line breaks and wide characters.
Lengths are in terminal cells where a name says so, in code points elsewhere.
"""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size

ELLIPSIS = "…"
NO_BREAK_SPACE = "\u00a0"


def cut(text: str, cells: int) -> str:
    """The text if it fits into so many cells, else its beginning and an ellipsis."""
    if cell_len(text) <= cells:
        return text
    return set_cell_size(text, cells - 1) + ELLIPSIS if cells > 0 else ""


def cut_middle(text: str, cells: int) -> str:
    """The text if it fits into so many cells, else its two ends around an ellipsis."""
    if cell_len(text) <= cells or cells < 3:
        return cut(text, cells)
    head = cells // 2
    tail = text
    while cell_len(tail) > cells - 1 - head:
        tail = tail[1:]
    return set_cell_size(text, cells - 1 - cell_len(tail)) + ELLIPSIS + tail


def unbroken(text: str) -> str:
    """The text with spaces at which no line is broken."""
    return text.replace(" ", NO_BREAK_SPACE)
