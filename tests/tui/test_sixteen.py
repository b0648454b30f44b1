"""Sixteen colours: roles have colours of their own, and what is marked is told from what is not."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.color import Color

from dgedit.tui.sixteen import FEW, Sixteen
from dgedit.tui.theme import FOLDER, Theme, load_theme

from ..support.editor_host import editor

SHIPPED = pytest.mark.parametrize("theme", [load_theme(path) for path in FOLDER.glob("*.toml")], ids=lambda t: t.name)
CODE = '# note\ndef f(a):\n    return "x" + 1\n'


def few(theme: Theme, style: Style) -> Style:
    sixteen = Sixteen()
    sixteen.use(theme)
    (found,) = sixteen.apply([Segment("x", style)], Color.parse("#000000"))
    assert found.style is not None
    return found.style


def look(theme: Theme, front: str, behind: str = "editor.background") -> Style:
    return few(theme, Style(color=theme.colour(front), bgcolor=theme.colour(behind)))


@SHIPPED
def test_syntax_has_colours_and_plain_text_is_the_terminals(theme: Theme) -> None:
    names = ("string", "keyword", "function", "type", "comment", "number")
    found = {str(look(theme, f"syntax.{name}")) for name in names}
    assert len(found) == len(names)
    plain = look(theme, "editor.foreground")
    assert (plain.color, plain.bgcolor) == (None, None)
    assert str(plain) not in found


@SHIPPED
def test_marks_and_states_are_told_apart(theme: Theme) -> None:
    marks = [look(theme, "editor.foreground", f"editor.{name}") for name in ("selection", "match", "match_current")]
    marks += [look(theme, "editor.cursor", "editor.cursor_background"), look(theme, "editor.foreground")]
    marks += [few(theme, theme.denoise_style(state, 0.5)) for state in ("offered", "draft", "pinned", "noise")]
    assert all(str(first) != str(second) for first, second in combinations(marks, 2))
    for style in marks:
        assert style.color is None or style.bgcolor is None or style.color != style.bgcolor


@SHIPPED
def test_every_colour_is_one_of_sixteen_and_attributes_stay(theme: Theme) -> None:
    for text, _, behind in theme.text_pairs():
        assert text
        found = few(theme, Style(color=behind, bgcolor=theme.colour("editor.background"), bold=True))
        assert found.bold
        assert all(colour is None or colour.number is not None for colour in (found.color, found.bgcolor))


async def test_an_editor_on_a_plain_terminal_draws_in_sixteen_colours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("COLORTERM", raising=False)
    monkeypatch.setenv("TERM", "screen")
    path = tmp_path / "x.py"
    path.write_text(CODE)
    async with editor(path) as host:
        assert host.app.console.color_system in FEW
        await host.until(lambda: not host.area.document.syntax.stale, "the colours")
        await host.settle()
        strips = host.app.screen._compositor.render_strips()
        segments = [segment for strip in strips for segment in strip]
        styles = {segment.text.strip(): segment.style for segment in segments if segment.style is not None}
        assert styles["def"].color != styles['"x"'].color
        assert all(style.color is None or style.color.number is not None for style in styles.values())
