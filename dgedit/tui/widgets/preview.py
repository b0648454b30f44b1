"""A span of a text area that shows what is not in the text yet, and the signs that stand beside rows."""

from __future__ import annotations

from dataclasses import dataclass, field

from textual.widgets.text_area import Selection

from ..infill.overlay import Cell, Location

BAR = "\u258c"
"""Stands beside the rows of a span under infill."""
DOUBT = "!"
"""Stands beside a row that does not parse, or that pyflakes doubts."""
GONE = "-"
"""Stands beside a row that is replaced."""


@dataclass(slots=True)
class Preview:
    """A span that is being denoised."""

    start: Location
    end: Location
    """Where the text shown now ends."""
    original: str
    selection: Selection
    kept: str
    """What stands there if it ends now: the original, or what is accepted so far; saving and the journal write it."""
    shown: str | None = None
    """The text of the last frame; none before the first one."""
    cells: dict[int, list[Cell]] = field(default_factory=dict)
