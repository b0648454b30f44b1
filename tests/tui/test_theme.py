"""Themes: whole, readable on all that they are drawn on, told apart without colour, checked when they are read."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import pytest
from rich.color import Color as RichColor
from rich.color import ColorSystem
from rich.style import Style
from textual.app import App
from textual.color import Color
from textual.filter import monochrome_style

from dgedit.engine.types import SlotState
from dgedit.errors import DgeditError
from dgedit.tui.theme import (
    CAPTURES,
    DEFAULT_THEME,
    DRAWN,
    FOLDER,
    REQUIRED,
    Theme,
    contrast,
    find_theme,
    list_themes,
    load_theme,
    syntax_name,
)

BUNDLED = {path.stem: load_theme(path) for path in FOLDER.glob("*.toml")}
SHIPPED = pytest.mark.parametrize("theme", BUNDLED.values(), ids=BUNDLED)
STATES = [*(state.value for state in SlotState), "pinned"]
DARK = (FOLDER / f"{DEFAULT_THEME}.toml").read_text(encoding="utf-8")


def written(folder: Path, text: str, name: str = "mine") -> Path:
    """A theme file with a text."""
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return path


def number(colour: str, system: ColorSystem) -> int | None:
    """Which colour of a small palette a terminal shows for it."""
    return RichColor.parse(colour).downgrade(system).number


def test_there_are_a_dark_a_light_and_a_high_contrast_theme() -> None:
    assert {name: theme.is_dark for name, theme in BUNDLED.items()} == {
        "dgedit-dark": True,
        "dgedit-light": False,
        "dgedit-contrast": True,
    }
    assert all(theme.name == name for name, theme in BUNDLED.items())


@pytest.mark.parametrize(
    ("first", "second", "ratio"),
    [
        ("#000000", "#ffffff", 21.0),
        ("#777777", "#ffffff", 4.48),
        ("#123456", "#123456", 1.0),
        ("#ff0000", "#000000", 5.25),
    ],
)
def test_contrast_is_wcags(first: str, second: str, ratio: float) -> None:
    assert contrast(first, second) == pytest.approx(ratio, abs=0.005)
    assert contrast(second, first) == contrast(first, second)


@SHIPPED
def test_every_text_is_readable_on_everything_it_is_drawn_on(theme: Theme) -> None:
    least = 7.0 if theme.name == "dgedit-contrast" else 4.5
    assert {what: contrast(*pair) for what, *pair in theme.text_pairs() if contrast(*pair) < least} == {}
    assert theme.warnings == ()
    for behind in ("editor.background", "editor.panel_background"):
        assert contrast(theme.colour("editor.border"), theme.colour(behind)) >= 3


def test_every_colour_of_a_theme_is_among_the_pairs() -> None:
    drawn = {place for pair in DRAWN for places in pair for place in places}
    every = {f"{table}.{name}" for table, names in REQUIRED.items() for name in names}
    assert every - drawn == {"editor.border", "denoise.draft_low", "denoise.draft_high"}
    drafts = [text for what, text, _ in BUNDLED[DEFAULT_THEME].text_pairs() if "draft" in what]
    assert drafts[0] == BUNDLED[DEFAULT_THEME].colour("denoise.draft_low")
    assert drafts[-1] == BUNDLED[DEFAULT_THEME].colour("denoise.draft_high")
    assert len(set(drafts)) == 9


def test_a_theme_of_low_contrast_is_read_with_warnings(tmp_path: Path) -> None:
    faint = load_theme(written(tmp_path, re.sub(r'comment = "#\w+"', 'comment = "#22262c"', DARK)))
    assert len(faint.warnings) == 6
    assert all(warning.startswith("syntax.comment on editor.") for warning in faint.warnings)
    assert all(warning.endswith("below 4.5") for warning in faint.warnings)


@SHIPPED
@pytest.mark.parametrize("system", [ColorSystem.STANDARD, ColorSystem.EIGHT_BIT])
def test_with_few_colours_no_text_vanishes_and_marks_are_seen(theme: Theme, system: ColorSystem) -> None:
    assert [what for what, text, behind in theme.text_pairs() if number(text, system) == number(behind, system)] == []
    shades = [number(theme.colour(f"editor.{name}"), system) for name in ("background", "match", "match_current")]
    assert len(set(shades)) == 3
    assert number(theme.colour("editor.selection"), system) != shades[0]


@SHIPPED
def test_states_look_different_and_drafts_follow_confidence(theme: Theme) -> None:
    assert len({str(theme.denoise_style(state, 0.5)) for state in STATES}) == len(STATES)
    steps = [str(theme.denoise_style("draft", confidence / 8)) for confidence in range(9)]
    assert len(set(steps)) == 9
    assert str(theme.denoise_style("draft", -1)) == steps[0]
    assert str(theme.denoise_style("draft", 2)) == steps[-1]


@SHIPPED
def test_states_are_told_apart_without_colour(theme: Theme) -> None:
    # Noise is left out: it is told by its glyphs.
    plain = [monochrome_style(theme.denoise_style(state, 0.5)).without_color for state in STATES if state != "noise"]
    assert all(str(first) != str(second) for first, second in combinations(plain, 2))
    for state, attribute in {"draft": "italic", "new": "bold", "pinned": "underline"}.items():
        assert getattr(theme.denoise_style(state, 0.5), attribute)


@SHIPPED
def test_plain_code_in_a_span_keeps_its_own_look(theme: Theme) -> None:
    own = Style(color="#123456", bold=True)
    assert own + theme.denoise_style("plain", 1.0) == own


@pytest.mark.parametrize(
    ("capture", "name"),
    [
        ("function.method.builtin", "function"),
        ("function.macro", "function"),
        ("string.special.key", "attribute"),
        ("string.escape", "string"),
        ("comment.documentation", "comment"),
        ("variable.parameter", "variable"),
        ("constructor", "type"),
        ("type.qualifier", "keyword"),
        ("delimiter", "operator"),
        ("punctuation.bracket", "operator"),
        ("boolean", "constant"),
        ("label", "constant"),
        ("text.title", "heading"),
        ("text.uri", "link"),
        ("markup.link", "link"),
        ("tag.error", "tag"),
        ("string.special.of.some.other.kind", "string"),
        ("keyword.coroutine", "keyword"),
        ("embedded", None),
        ("none", None),
        ("spell", None),
        ("", None),
    ],
)
def test_captures_of_highlight_queries_have_a_colour(capture: str, name: str | None) -> None:
    assert syntax_name(capture) == name


def test_every_name_of_the_syntax_table_is_a_capture_and_none_has_two_colours() -> None:
    assert [*CAPTURES] == [*REQUIRED["syntax"]]
    assert all(name in captures for name, captures in CAPTURES.items())
    captures = [capture for names in CAPTURES.values() for capture in names]
    assert len(captures) == len(set(captures))


@SHIPPED
def test_the_text_area_is_drawn_in_the_colours_of_the_theme(theme: Theme) -> None:
    drawn = theme.text_area_theme()
    assert drawn.name == theme.name
    assert drawn.base_style == Style(color=theme.colour("editor.foreground"), bgcolor=theme.colour("editor.background"))
    for name, captures in CAPTURES.items():
        for capture in captures:
            assert drawn.syntax_styles[capture] == Style(color=theme.colour(f"syntax.{name}"))


DRAWN_BY_TEXTUAL = [
    ("foreground", "background"),
    ("foreground", "surface"),
    ("foreground", "panel"),
    ("text", "primary"),
    ("text-muted", "panel"),
    ("text-disabled", "surface"),
    ("text-success", "panel"),
    ("text-warning", "panel"),
    ("text-error", "panel"),
    ("accent", "panel"),
    ("error", "panel"),
    ("success", "panel"),
    ("accent", "primary"),
    ("block-cursor-foreground", "block-cursor-background"),
    ("block-cursor-blurred-foreground", "block-cursor-blurred-background"),
    ("footer-foreground", "footer-background"),
    ("footer-key-foreground", "footer-background"),
    ("footer-description-foreground", "footer-background"),
    ("input-cursor-foreground", "input-cursor-background"),
    ("input-selection-foreground", "input-selection-background"),
]


@SHIPPED
async def test_textuals_own_widgets_take_the_colours_and_stay_readable(theme: Theme) -> None:
    app = App[None]()
    async with app.run_test():
        app.register_theme(theme.app_theme())
        app.theme = theme.name
        variables = app.get_css_variables()
        assert Color.parse(variables["panel"]).hex.lower() == theme.colour("editor.panel_background")
        assert app.current_theme.dark == theme.is_dark
        for text, behind in DRAWN_BY_TEXTUAL:
            ground = Color.parse(variables[behind])
            automatic = re.fullmatch(r"auto (\d+)%", variables[text])
            drawn = ground.get_contrast_text(int(automatic[1]) / 100) if automatic else Color.parse(variables[text])
            assert contrast((ground + drawn).hex6.lower(), ground.hex6.lower()) >= 4.5, (text, behind)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (r'noise = "#\w+"', 'noise = "red"', "[denoise] noise is 'red'"),
        (r'noise = "#\w+"', 'noise = "#12345"', "[denoise] noise is '#12345'"),
        (r'noise = "#\w+"', "noise = 7", "[denoise] noise is 7"),
        (r'noise = "#\w+"\n', "", "[denoise] noise is missing"),
        (r'noise = "#\w+"', 'niose = "#123456"', "[denoise] has no colour niose; did you mean noise?"),
        (r"\[denoise\]", "[denois]", "there is no table [denois]; did you mean denoise?"),
        (r"(?s)\[denoise\].*", "", "[denoise] background is missing"),
        (r"(?s)\[editor\].*", "editor = 3", "editor is 3"),
        (r"\[editor\]", "[editor", "is not readable"),
    ],
)
def test_what_is_wrong_with_a_theme_is_told(tmp_path: Path, old: str, new: str, told: str) -> None:
    path = written(tmp_path, re.sub(old, new, DARK))
    with pytest.raises(DgeditError, match=re.escape(told)) as caught:
        load_theme(path)
    assert str(path) in str(caught.value)
    assert caught.value.hint


def test_colours_are_read_in_either_case(tmp_path: Path) -> None:
    theme = load_theme(written(tmp_path, re.sub(r'noise = "#\w+"', 'noise = "#AABBCC"', DARK)))
    assert theme.colour("denoise.noise") == "#aabbcc"


def test_a_persons_own_themes_come_beside_and_before_the_bundled_ones(tmp_path: Path) -> None:
    assert list_themes(tmp_path / "missing") == {name: FOLDER / f"{name}.toml" for name in sorted(BUNDLED)}
    own = written(tmp_path, re.sub(r'noise = "#\w+"', 'noise = "#aabbcc"', DARK), "dgedit-light")
    other = written(tmp_path, DARK, "other")
    assert list_themes(tmp_path) == {**list_themes(tmp_path / "missing"), "dgedit-light": own, "other": other}
    assert find_theme("dgedit-light", tmp_path).colour("denoise.noise") == "#aabbcc"
    assert find_theme("other", tmp_path).name == "other"
    assert find_theme("dgedit-light", tmp_path / "missing").colours == BUNDLED["dgedit-light"].colours


def test_a_theme_that_is_not_there_is_told_with_the_nearest_one(tmp_path: Path) -> None:
    with pytest.raises(DgeditError, match=r"no theme dgedit-drak; did you mean dgedit-dark\?") as caught:
        find_theme("dgedit-drak", tmp_path)
    assert "dgedit-contrast" in caught.value.hint
