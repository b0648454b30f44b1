"""Themes: a TOML file of colours, checked, and turned into what Textual and the overlay draw with."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from rich.color import Color
from rich.style import Style
from textual.widgets.text_area import TextAreaTheme

from ..errors import DgeditError

FOLDER = Path(__file__).parent.parent / "themes"
DEFAULT_THEME = "dgedit-dark"
CONFIDENCE_STEPS = 8

REQUIRED = {
    "editor": [
        "foreground",
        "background",
        "gutter",
        "cursor",
        "cursor_background",
        "cursor_line",
        "selection",
        "bracket",
        "status_foreground",
        "status_background",
    ],
    "syntax": ["comment", "string", "number", "keyword", "function", "type", "variable", "constant", "operator"],
    "denoise": ["background", "noise", "draft_low", "draft_high", "new", "fixed"],
}

CAPTURES = {
    "comment": ("comment",),
    "string": ("string", "string.documentation", "string.special", "escape"),
    "number": ("number", "float"),
    "keyword": (
        "keyword",
        "keyword.function",
        "keyword.return",
        "keyword.operator",
        "conditional",
        "repeat",
        "exception",
        "include",
    ),
    "function": ("function", "function.call", "method", "method.call", "function.builtin", "function.method"),
    "type": ("type", "type.builtin", "class", "constructor", "type.class"),
    "variable": ("variable", "variable.parameter", "parameter", "property", "variable.builtin"),
    "constant": ("constant", "constant.builtin", "boolean"),
    "operator": ("operator", "punctuation.delimiter", "punctuation.bracket", "punctuation.special"),
}
"""Which tree-sitter captures each colour of the file stands for."""


@dataclass(frozen=True, slots=True)
class Theme:
    """A checked theme; every colour is #rrggbb."""

    name: str
    colours: dict[str, dict[str, str]]

    def text_area_theme(self) -> TextAreaTheme:
        """The theme of the text area."""
        editor, syntax = self.colours["editor"], self.colours["syntax"]
        base = Style(color=editor["foreground"], bgcolor=editor["background"])
        styles = {capture: Style(color=syntax[name]) for name, captures in CAPTURES.items() for capture in captures}
        return TextAreaTheme(
            name=self.name,
            base_style=base,
            gutter_style=Style(color=editor["gutter"], bgcolor=editor["background"]),
            cursor_style=Style(color=editor["cursor"], bgcolor=editor["cursor_background"]),
            cursor_line_style=Style(bgcolor=editor["cursor_line"]),
            cursor_line_gutter_style=Style(color=editor["foreground"], bgcolor=editor["cursor_line"]),
            bracket_matching_style=Style(bgcolor=editor["bracket"]),
            selection_style=Style(bgcolor=editor["selection"]),
            syntax_styles=styles,
        )

    def denoise_style(self, state: str, confidence: float) -> Style:
        """How a piece of a span in a state looks; drafts grow brighter with confidence."""
        palette = self.colours["denoise"]
        if state == "draft":
            step = min(CONFIDENCE_STEPS, max(0, round(confidence * CONFIDENCE_STEPS))) / CONFIDENCE_STEPS
            colour = _blend(palette["draft_low"], palette["draft_high"], step)
        else:
            colour = palette[state]
        return Style(color=colour, bgcolor=palette["background"], bold=state == "new", italic=state == "draft")


def _blend(low: str, high: str, share: float) -> str:
    pairs = zip(Color.parse(low).get_truecolor(), Color.parse(high).get_truecolor(), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def load_theme(path: Path) -> Theme:
    """Read and check a theme file.

    Raises:
        DgeditError: when a table or a colour is missing or malformed.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DgeditError(f"theme {path} is not readable: {error}", "choose another theme") from error
    colours: dict[str, dict[str, str]] = {}
    for table, names in REQUIRED.items():
        given = data.get(table, {})
        for name in names:
            value = given.get(name)
            if not isinstance(value, str) or not re.fullmatch(r"#[0-9a-fA-F]{6}", value):
                raise DgeditError(f"theme {path}: [{table}] {name} is {value!r}", "write it as #rrggbb")
        colours[table] = {name: given[name] for name in names}
    return Theme(str(data.get("name", path.stem)), colours)
