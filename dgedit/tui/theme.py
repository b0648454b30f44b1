"""Themes: a TOML file of colours, checked, and turned into what the text area, the overlay and Textual draw with.

A theme is named as its file is. Every colour is needed, so that nothing of one theme shows through another; text that
is hard to read (WCAG's contrast below 4.5) is said in `Theme.warnings`, not refused. It knows no widget.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

from rich.style import Style
from textual.theme import Theme as AppTheme
from textual.widgets.text_area import TextAreaTheme

from ..errors import DgeditError, nearest
from ..files.tables import brief, read_table

FOLDER = Path(__file__).parent.parent / "themes"
DEFAULT_THEME = "dgedit-dark"
CONFIDENCE_STEPS = 8
CONTRAST_MIN = 4.5
"""What WCAG 2 asks of text, level AA."""

REQUIRED: dict[str, tuple[str, ...]] = {
    "editor": (
        "foreground",
        "background",
        "gutter",
        "cursor",
        "cursor_background",
        "cursor_line",
        "selection",
        "bracket",
        "match",
        "match_current",
        "status_foreground",
        "status_background",
        "tab_active_foreground",
        "tab_active_background",
        "tab_inactive_foreground",
        "tab_inactive_background",
        "panel_foreground",
        "panel_background",
        "border",
        "accent",
        "error",
    ),
    "syntax": (
        "comment",
        "string",
        "number",
        "keyword",
        "function",
        "type",
        "variable",
        "constant",
        "operator",
        "tag",
        "attribute",
        "heading",
        "link",
    ),
    "denoise": ("background", "noise", "draft_low", "draft_high", "new", "fixed", "pinned"),
}
"""Every table of a theme with its colours."""

CAPTURES: dict[str, tuple[str, ...]] = {
    "comment": ("comment", "comment.documentation"),
    "string": (
        *("string", "string.documentation", "string.special", "string.special.regex", "string.regexp"),
        *("string.escape", "escape", "character", "text.literal", "markup.raw"),
    ),
    "number": ("number", "number.float", "float"),
    "keyword": (
        *("keyword", "keyword.function", "keyword.return", "keyword.operator", "conditional", "repeat", "exception"),
        *("include", "import", "charset", "keyframes", "media", "supports", "storageclass", "type.qualifier"),
    ),
    "function": (
        *("function", "function.call", "function.builtin", "function.method", "function.method.builtin"),
        *("function.macro", "function.special", "method", "method.call"),
    ),
    "type": ("type", "type.builtin", "type.class", "class", "constructor", "module", "namespace"),
    "variable": (
        *("variable", "variable.builtin", "variable.parameter", "variable.member", "parameter", "property", "field"),
    ),
    "constant": (
        *("constant", "constant.builtin", "constant.character", "character.special", "boolean", "label"),
        *("string.special.symbol", "text.strong"),
    ),
    "operator": (
        *("operator", "delimiter", "punctuation", "punctuation.delimiter", "punctuation.bracket"),
        *("punctuation.special",),
    ),
    "tag": ("tag", "tag.delimiter", "tag.error"),
    "attribute": ("attribute", "tag.attribute", "string.special.key", "text.emphasis"),
    "heading": ("heading", "text.title", "markup.heading"),
    "link": ("link", "text.uri", "text.reference", "markup.link", "markup.link.url", "string.special.url"),
}
"""Which captures of tree-sitter's highlight queries each colour of [syntax] stands for."""
_COLOUR_OF = {capture: name for name, captures in CAPTURES.items() for capture in captures}

_ATTRIBUTES = {"draft": Style(italic=True), "new": Style(bold=True), "pinned": Style(underline=True)}
"""What tells the states apart where there is no colour; noise has its glyphs."""

_TEXT = ("editor.foreground", *(f"syntax.{name}" for name in REQUIRED["syntax"]))
_BEHIND_TEXT = ("background", "cursor_line", "selection", "bracket", "match", "match_current")
_SIGNALS = ("editor.accent", "editor.error", "denoise.new")
DRAWN: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (_TEXT, tuple(f"editor.{name}" for name in _BEHIND_TEXT)),
    (("editor.gutter", *_SIGNALS), ("editor.background", "editor.panel_background")),
    (("editor.cursor",), ("editor.cursor_background",)),
    (("editor.status_foreground", *_SIGNALS), ("editor.status_background",)),
    (("editor.tab_active_foreground",), ("editor.tab_active_background",)),
    (("editor.tab_inactive_foreground",), ("editor.tab_inactive_background",)),
    # A marked row of a panel is drawn on the colour of the selection.
    (("editor.panel_foreground", "editor.foreground"), ("editor.panel_background",)),
    (("editor.panel_foreground", *_SIGNALS), ("editor.selection",)),
    (("denoise.noise", "denoise.new", "denoise.fixed", "denoise.pinned"), ("denoise.background",)),
)
"""Colours of text with the backgrounds that they are drawn on; drafts, which are blended, come beside these."""


@dataclass(frozen=True, slots=True)
class Theme:
    """A checked theme; every colour is #rrggbb."""

    name: str
    colours: dict[str, dict[str, str]]

    def colour(self, place: str) -> str:
        """A colour by its table and name: `editor.background`."""
        table, _, name = place.partition(".")
        return self.colours[table][name]

    @property
    def is_dark(self) -> bool:
        """Whether text is brighter than what is behind it."""
        return _luminance(self.colour("editor.background")) < _luminance(self.colour("editor.foreground"))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is hard to read, worst first."""
        found = sorted((contrast(text, behind), what) for what, text, behind in self.text_pairs())
        return tuple(
            f"{what}: contrast {ratio:.2f}, below {CONTRAST_MIN}" for ratio, what in found if ratio < CONTRAST_MIN
        )

    def text_pairs(self) -> Iterator[tuple[str, str, str]]:
        """What is drawn on what, its colour and the colour behind it."""
        for texts, backgrounds in DRAWN:
            for text, behind in product(texts, backgrounds):
                yield f"{text} on {behind}", self.colour(text), self.colour(behind)
        for step in range(CONFIDENCE_STEPS + 1):
            draft = self._draft(step / CONFIDENCE_STEPS)
            yield f"denoise.draft, step {step}, on denoise.background", draft, self.colour("denoise.background")

    def text_area_theme(self) -> TextAreaTheme:
        """The theme of the text area."""
        editor, syntax = self.colours["editor"], self.colours["syntax"]
        styles = {capture: Style(color=syntax[name]) for capture, name in _COLOUR_OF.items()}
        return TextAreaTheme(
            name=self.name,
            base_style=Style(color=editor["foreground"], bgcolor=editor["background"]),
            gutter_style=Style(color=editor["gutter"], bgcolor=editor["background"]),
            cursor_style=Style(color=editor["cursor"], bgcolor=editor["cursor_background"]),
            cursor_line_style=Style(bgcolor=editor["cursor_line"]),
            cursor_line_gutter_style=Style(color=editor["foreground"], bgcolor=editor["cursor_line"]),
            bracket_matching_style=Style(bgcolor=editor["bracket"], bold=True),
            selection_style=Style(bgcolor=editor["selection"]),
            syntax_styles=styles,
        )

    def app_theme(self) -> AppTheme:
        """The theme of Textual's own widgets: palette, inputs, footer, scroll bars."""
        editor, new = self.colours["editor"], self.colour("denoise.new")
        return AppTheme(
            name=self.name,
            primary=editor["selection"],
            secondary=editor["border"],
            accent=editor["accent"],
            warning=editor["accent"],
            error=editor["error"],
            success=new,
            foreground=editor["foreground"],
            background=editor["background"],
            surface=editor["background"],
            panel=editor["panel_background"],
            dark=self.is_dark,
            variables=_variables(editor, new),
        )

    def denoise_style(self, state: str, confidence: float) -> Style:
        """How a piece of a span in a state looks; drafts go from faint to full with confidence, `plain` has no look."""
        if state == "plain":
            return Style.null()
        colour = self._draft(confidence) if state == "draft" else self.colours["denoise"][state]
        return Style(color=colour, bgcolor=self.colour("denoise.background")) + _ATTRIBUTES.get(state, Style.null())

    def _draft(self, confidence: float) -> str:
        step = min(CONFIDENCE_STEPS, max(0, round(confidence * CONFIDENCE_STEPS))) / CONFIDENCE_STEPS
        return _blend(self.colour("denoise.draft_low"), self.colour("denoise.draft_high"), step)


def syntax_name(capture: str) -> str | None:
    """The name in [syntax] whose colour a capture has, or the capture that it is a kind of; none for plain text."""
    while capture and capture not in _COLOUR_OF:
        capture = capture.rpartition(".")[0]
    return _COLOUR_OF.get(capture)


def contrast(first: str, second: str) -> float:
    """WCAG's contrast of two colours, 1 to 21."""
    dark, light = sorted((_luminance(first), _luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def list_themes(user_folder: Path) -> dict[str, Path]:
    """The file of every theme by its name; a person's own themes replace bundled ones of the same name."""
    files = [*sorted(FOLDER.glob("*.toml")), *sorted(user_folder.glob("*.toml"))]
    return {file.stem: file for file in files}


def find_theme(name: str, user_folder: Path) -> Theme:
    """The theme of a name.

    Raises:
        DgeditError: when there is none, or its file is not a theme.
    """
    themes = list_themes(user_folder)
    if name not in themes:
        raise DgeditError(f"there is no theme {name}{nearest(name, themes)}", f"choose one of {', '.join(themes)}")
    return load_theme(themes[name])


def load_theme(path: Path) -> Theme:
    """Read and check a theme file.

    Raises:
        DgeditError: when a table or a colour is missing, malformed or unknown.
    """
    found = read_table(path, "choose another theme")
    if found is None:
        raise DgeditError(f"theme {path}: there is no such file", "choose another theme")
    _, data = found
    for table in data:
        if table not in REQUIRED:
            raise DgeditError(f"theme {path}: there is no table [{table}]{nearest(table, REQUIRED)}", "take it away")
    return Theme(path.stem, {table: _checked(path, table, data.get(table, {})) for table in REQUIRED})


def _checked(path: Path, table: str, given: Any) -> dict[str, str]:
    """The colours of one table, in the order of `REQUIRED`."""
    names = REQUIRED[table]
    if not isinstance(given, dict):
        raise DgeditError(f"theme {path}: {table} is {brief(given)}", f"write it as a table, [{table}]")
    for name in given:
        if name not in names:
            raise DgeditError(f"theme {path}: [{table}] has no colour {name}{nearest(name, names)}", "take it away")
    for name in names:
        if name not in given:
            raise DgeditError(f"theme {path}: [{table}] {name} is missing", "add it, as #rrggbb")
        if not isinstance(given[name], str) or not re.fullmatch(r"#[0-9a-fA-F]{6}", given[name]):
            raise DgeditError(f"theme {path}: [{table}] {name} is {brief(given[name])}", "write it as #rrggbb")
    return {name: given[name].lower() for name in names}


def _variables(editor: dict[str, str], new: str) -> dict[str, str]:
    """What Textual would else blend from the main colours, out of the theme's hands."""
    return {
        "border": editor["border"],
        "border-blurred": editor["border"],
        "text-muted": editor["panel_foreground"],
        "text-disabled": editor["gutter"],
        "foreground-muted": editor["gutter"],
        "foreground-disabled": editor["gutter"],
        "text-success": new,
        "text-error": editor["error"],
        "text-warning": editor["accent"],
        "text-accent": editor["accent"],
        "block-cursor-foreground": editor["panel_foreground"],
        "block-cursor-background": editor["selection"],
        "block-cursor-blurred-foreground": editor["panel_foreground"],
        "block-cursor-blurred-background": editor["selection"],
        "footer-foreground": editor["status_foreground"],
        "footer-background": editor["status_background"],
        "footer-key-foreground": editor["accent"],
        "footer-description-foreground": editor["status_foreground"],
        "input-cursor-foreground": editor["cursor"],
        "input-cursor-background": editor["cursor_background"],
        "input-selection-foreground": editor["foreground"],
        "input-selection-background": editor["selection"],
        "scrollbar": editor["border"],
        "scrollbar-hover": editor["accent"],
        "scrollbar-active": editor["accent"],
        "scrollbar-background": editor["background"],
    }


@lru_cache(maxsize=512)
def _luminance(colour: str) -> float:
    red, green, blue = (_linear(channel / 255) for channel in _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


@lru_cache(maxsize=512)
def _blend(low: str, high: str, share: float) -> str:
    pairs = zip(_channels(low), _channels(high), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)
