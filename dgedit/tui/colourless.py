"""The editor without colour, for people who set NO_COLOR: what colour says is said by reverse and dim text.

Textual draws in shades of grey then, which are colours to a terminal. Here none is left: what stands out by its
background is reversed, what is fainter than the rest is dim, a span under infill is underlined; bold and italic text
stays so.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter, Monochrome

from .theme import Theme, contrast

MARKS = ("cursor_background", "selection", "match", "match_current", "bracket")
"""Backgrounds of the theme that a person must be able to find."""
STANDS_OUT = 3.0
"""Any other background is found from this contrast to the text's own on."""
FAINT = 5.5


class Colourless(LineFilter):
    """Takes the colours out of what is about to be drawn."""

    def __init__(self) -> None:
        super().__init__()
        self._background = "#000000"
        self._marks = frozenset[str]()
        self._offered = ""
        self._known = dict[Style, Style]()

    def use(self, theme: Theme) -> None:
        """Take the backgrounds that stand out from a theme."""
        self._background = theme.colour("editor.background")
        self._marks = frozenset(theme.colour(f"editor.{name}").lower() for name in MARKS)
        self._offered = theme.colour("denoise.background").lower()
        self._known.clear()

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments without colour."""
        return [Segment(text, style and self._plain(style), control) for text, style, control in segments]

    def _plain(self, style: Style) -> Style:
        if style not in self._known:
            behind = _hex(style.bgcolor) or self._background
            found = behind in self._marks or contrast(behind, self._background) >= STANDS_OUT
            front = _hex(style.color)
            faint = front is not None and contrast(front, behind) < FAINT
            marked = Style(reverse=True if found else None, dim=True if faint and not found else None)
            if behind == self._offered:
                # What is pinned has an underline of its own.
                marked += Style(bold=True) if style.underline else Style(underline=True)
            self._known[style] = style.without_color + marked
        return self._known[style]


def without_greys(filters: Sequence[LineFilter], colourless: Colourless) -> list[LineFilter]:
    """The filters of an app, with this one in the place of Textual's shades of grey."""
    return [*(one for one in filters if not isinstance(one, Monochrome)), colourless]


def _hex(colour: RichColor | None) -> str | None:
    return colour.triplet.hex.lower() if colour is not None and colour.triplet is not None else None
