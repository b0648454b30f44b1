"""Styles put over cells that are drawn already: pure functions of strips, no widget."""

from __future__ import annotations

from dataclasses import dataclass

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from ...text import controls

MARK_COLUMNS = "  "
"""Between the number of a row and its text; a sign stands in the first of them."""
PICTURES = {
    **{code: 0x2400 + code for code in range(32) if code != 9},
    0x7F: 0x2421,
    **dict.fromkeys(range(0x80, 0xA0), 0xFFFD),
    **dict.fromkeys(map(ord, controls.BIDI), 0x21C4),
    **dict.fromkeys(range(0xE0000, 0xE0080), 0xFFFD),
}
"""Control characters would move the terminal's cursor or start its commands: they are drawn as pictures of one cell.
So are those that turn the direction of writing, and tags, which would not be seen at all."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Backgrounds that a style drawn over the text does not hide."""

    cursor: Color | None
    selection: Color | None
    under: Color | None
    """The background of a span under infill: what is selected in it stays seen; a match is more than a selection."""

    def over(self, old: Style, style: Style) -> Style:
        """A style over what is drawn already."""
        if old.bgcolor is None:
            return old + style
        if old.bgcolor == self.cursor:
            return style + old
        if old.bgcolor == self.selection and style.bgcolor == self.under:
            return old + style + Style(bgcolor=old.bgcolor)
        return old + style


def restyled(strip: Strip, left: int, right: int, style: Style, kept: Kept) -> Strip:
    """The strip with cells [left, right) in `style`."""
    left, right = max(0, left), min(strip.cell_length, right)
    if left >= right:
        return strip
    before, middle, after = strip.crop(0, left), strip.crop(left, right), strip.crop(right)
    painted = [Segment(text, kept.over(old or Style(), style), control) for text, old, control in middle]
    return Strip.join([before, Strip(painted, middle.cell_length), after])
