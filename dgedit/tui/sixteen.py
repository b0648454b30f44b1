"""The editor in the sixteen colours of a plain terminal, chosen by what they stand for.

The nearest of sixteen to a theme's soft colours is white or black for nearly all of them. Here each role has a colour
of its own; text and background are the terminal's, so that both dark and light ones stay readable.
"""

from __future__ import annotations

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

from .theme import Theme

BLACK, RED, GREEN, YELLOW, BLUE, MAGENTA, CYAN, WHITE = range(8)
BRIGHT_BLUE = 12
FEW = ("standard", "windows")
"""Rich's names of what has sixteen colours."""

_SYNTAX = {
    "string": GREEN,
    "number": YELLOW,
    "constant": YELLOW,
    "keyword": MAGENTA,
    "type": CYAN,
    "tag": RED,
    "attribute": YELLOW,
    "link": CYAN,
}
_BEHIND: dict[str, tuple[int, int]] = {
    "editor.selection": (BLUE, WHITE),
    "editor.match": (YELLOW, BLACK),
    "editor.match_current": (MAGENTA, WHITE),
    "editor.status_background": (WHITE, BLACK),
    "editor.tab_inactive_background": (WHITE, BLACK),
    "editor.cursor_background": (WHITE, BLACK),
}
"""Backgrounds that are seen, with the text on them; the cursor's is reversed besides."""
_OFFERED = {"new": GREEN, "fixed": GREEN, "pinned": YELLOW, "noise": None}
"""What is behind a span under infill by the colour of its text; a draft's is any other."""


class Sixteen(LineFilter):
    """Puts a theme's roles into sixteen colours."""

    def __init__(self) -> None:
        super().__init__()
        self._fronts, self._backs = dict[str, Style](), dict[str, tuple[int, int]]()
        self._offered, self._offered_fronts, self._cursor, self._bracket = "", dict[str, int | None](), "", ""
        self._known = dict[Style, Style]()

    def use(self, theme: Theme) -> None:
        """Take the roles from a theme."""
        blue = BRIGHT_BLUE if theme.is_dark else BLUE
        numbers = {f"syntax.{name}": number for name, number in _SYNTAX.items()}
        numbers |= {"syntax.function": blue, "syntax.heading": blue, "editor.error": RED, "editor.accent": CYAN}
        self._fronts = {theme.colour(place): Style(color=_ansi(number)) for place, number in numbers.items()}
        for faint in ("syntax.comment", "editor.gutter"):
            self._fronts[theme.colour(faint)] = Style(dim=True)
        self._fronts[theme.colour("denoise.new")] = Style(color=_ansi(GREEN))
        self._backs = {theme.colour(place): pair for place, pair in _BEHIND.items()}
        self._offered, self._cursor = theme.colour("denoise.background"), theme.colour("editor.cursor_background")
        self._offered_fronts = {theme.colour(f"denoise.{name}"): number for name, number in _OFFERED.items()}
        self._bracket = theme.colour("editor.bracket")
        self._known.clear()

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments in sixteen colours."""
        return [Segment(text, style and self._few(style), control) for text, style, control in segments]

    def _few(self, style: Style) -> Style:
        found = self._known.get(style)
        if found is None:
            found = self._known[style] = style.without_color + self._look(_hex(style.color), _hex(style.bgcolor))
        return found

    def _look(self, front: str, behind: str) -> Style:
        if behind == self._cursor:
            return Style(reverse=True, bold=True)
        if behind == self._offered:
            number = self._offered_fronts.get(front, MAGENTA)
            return Style(color=_ansi(CYAN)) if number is None else Style(color=_ansi(BLACK), bgcolor=_ansi(number))
        if behind in self._backs:
            back, text = self._backs[behind]
            return Style(color=_ansi(text), bgcolor=_ansi(back))
        bracket = Style(bold=True, underline=True) if behind == self._bracket else Style.null()
        return self._fronts.get(front, Style.null()) + bracket


def _ansi(number: int) -> RichColor:
    return RichColor.from_ansi(number)


def _hex(colour: RichColor | None) -> str:
    return colour.triplet.hex.lower() if colour is not None and colour.triplet is not None else ""
