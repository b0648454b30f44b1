"""The last look at what the editor draws: no character of a row is one that a terminal would obey.

Whoever makes a row sees to that already, and knows better what to draw instead; this is for whoever forgot.
"""

from __future__ import annotations

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from ..terminal import drawn


class Drawable(LineFilter):
    """Takes out of every row what is not drawn; the style of a row is Textual's own."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments, all of them printable."""
        if all(text.isprintable() for text, *_ in segments):
            return segments
        return [Segment(drawn(text), style) for text, style, _ in segments]
