"""An answer that waits is told from the code around it, in any colours and in none; caret and selection show in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.color import Color, ColorSystem
from rich.segment import Segment
from rich.style import Style

from dgedit.config import Config, Editor
from dgedit.tui.theme import FOLDER, load_theme
from dgedit.tui.widgets.preview import BAR

from ...support.editor_host import QUIET, Host, editor
from ...support.offers import MODEL, offers

SOURCE = "def f(a, b):\n    x = <FILL_ME>\n    return x\n"
ANSWER = "a + b"
COLUMN = 8
THEMES = [path.stem for path in FOLDER.glob("*.toml")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "x.py"
    file.write_text(SOURCE)
    return file


def cells(host: Host, row: int) -> list[tuple[str, Style]]:
    """What the terminal gets for a row of the text, cell by cell, with its number."""
    strips = host.app.screen._compositor.render_strips()
    drawn = list[Segment](strips[row + host.area.region.y])
    return [(letter, segment.style or Style()) for segment in drawn for letter in segment.text]


def behind(style: Style, system: ColorSystem = ColorSystem.TRUECOLOR) -> object:
    return style.bgcolor and style.bgcolor.downgrade(system)


async def at_an_answer(host: Host) -> None:
    await host.press("f8", "ctrl+g")
    await host.answered()


@pytest.mark.parametrize("theme", THEMES)
async def test_a_pending_answer_has_a_look_of_its_own_and_a_bar(
    path: Path, monkeypatch: pytest.MonkeyPatch, theme: str
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    offers(monkeypatch, [ANSWER])
    async with editor(path, model=MODEL, config=Config(editor=Editor(watch=False, theme=theme))) as host:
        await at_an_answer(host)
        gutter = host.area.gutter_width
        row, other = cells(host, 1), cells(host, 2)
        offered, code = row[gutter + COLUMN + 1][1], other[gutter + COLUMN + 4][1]
        for system in (ColorSystem.TRUECOLOR, ColorSystem.EIGHT_BIT):
            assert behind(offered, system) != behind(code, system)
        assert offered.color != code.color
        assert "".join(letter for letter, _ in row[:gutter]).strip(" 2") == BAR
        assert BAR not in "".join(letter for letter, _ in other)
        await host.press("tab")
        assert BAR not in "".join(letter for letter, _ in cells(host, 1))


async def test_without_colour_a_pending_answer_is_underlined(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    offers(monkeypatch, [ANSWER])
    async with editor(path, model=MODEL) as host:
        await at_an_answer(host)
        gutter = host.area.gutter_width
        row = cells(host, 1)
        assert all(style.underline for _, style in row[gutter + COLUMN + 1 : gutter + COLUMN + len(ANSWER)])
        assert not any(style.underline for _, style in row[: gutter + COLUMN])
        assert all(style.color is None and style.bgcolor is None for _, style in row)


async def test_caret_and_selection_are_seen_in_a_pending_answer(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    offers(monkeypatch, [ANSWER])
    async with editor(path, model=MODEL) as host:
        await at_an_answer(host)
        await host.press("right", "shift+right", "shift+right")
        first = host.area.gutter_width + COLUMN
        row, palette = cells(host, 1), host.app.palette
        seen = [behind(style) for _, style in row[first : first + len(ANSWER)]]
        names = ("denoise.background", "editor.selection", "editor.selection", "editor.cursor_background")
        assert seen[:4] == [Color.parse(palette.colour(name)) for name in names]


@pytest.mark.parametrize("theme", THEMES)
def test_the_span_under_infill_is_seen_beside_the_text_in_every_bundled_theme(theme: str) -> None:
    found = load_theme(FOLDER / f"{theme}.toml")
    colours = [Color.parse(found.colour(name)) for name in ("denoise.background", "editor.background")]
    assert colours[0].downgrade(ColorSystem.EIGHT_BIT) != colours[1].downgrade(ColorSystem.EIGHT_BIT)
    assert len({found.denoise_style(state, 1.0).color for state in ("offered", "draft", "pinned")}) == 3


async def test_a_line_without_a_number_is_not_shifted_by_the_bar(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offers(monkeypatch, [ANSWER])
    bare = Config(editor=Editor(watch=False, line_numbers=False))
    async with editor(path, model=MODEL, config=bare) as host:
        await at_an_answer(host)
        assert "".join(letter for letter, _ in cells(host, 1)).startswith("    x = a + b")
    assert QUIET.editor.line_numbers
