"""Pure parts of the screen: where pieces stand, what colours are, what the status line says."""

from __future__ import annotations

from pathlib import Path

import pytest

from dgedit.engine.types import ContextUse, Frame, FrameSpan, ModelInfo, SlotState
from dgedit.errors import DgeditError
from dgedit.tui.overlay import Cell, place
from dgedit.tui.status import file_line, infill_line
from dgedit.tui.theme import DEFAULT_THEME, FOLDER, REQUIRED, load_theme


def test_pieces_are_placed_over_lines() -> None:
    rows = place((3, 4), [("ab", "new", 1.0), ("c\n  d", "draft", 0.5), ("\n", "noise", 0.1), ("é", "fixed", 1.0)])
    assert rows == {
        3: [Cell(4, 6, "new", 1.0), Cell(6, 7, "draft", 0.5)],
        4: [Cell(0, 3, "draft", 0.5)],
        5: [Cell(0, 1, "fixed", 1.0)],
    }


def test_every_bundled_theme_is_whole() -> None:
    themes = sorted(FOLDER.glob("*.toml"))
    assert FOLDER / f"{DEFAULT_THEME}.toml" in themes
    for path in themes:
        assert load_theme(path).name == path.stem


def test_states_look_different_and_drafts_follow_confidence() -> None:
    theme = load_theme(FOLDER / f"{DEFAULT_THEME}.toml")
    looks = {str(theme.denoise_style(state.value, 0.5)) for state in SlotState}
    assert len(looks) == len(SlotState)
    steps = [str(theme.denoise_style("draft", confidence / 8)) for confidence in range(9)]
    assert len(set(steps)) == 9


@pytest.mark.parametrize("value", ['"red"', '"#12345"', "7"])
def test_a_malformed_colour_is_named(tmp_path: Path, value: str) -> None:
    text = (FOLDER / f"{DEFAULT_THEME}.toml").read_text().replace('noise = "#5b5f8a"', f"noise = {value}")
    path = tmp_path / "t.toml"
    path.write_text(text)
    with pytest.raises(DgeditError, match=r"\[denoise\] noise"):
        load_theme(path)


def test_a_missing_colour_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_text("[editor]\n")
    with pytest.raises(DgeditError, match=REQUIRED["editor"][0]):
        load_theme(path)


def test_the_status_lines_say_what_is_asked_of_them() -> None:
    frame = Frame(
        pass_index=3,
        passes_max=10,
        spans=(FrameSpan("x", SlotState.NEW, 0.9),),
        mean_entropy=0.4,
        elapsed_ms=120.0,
        pass_ms=30.0,
        tokens_per_second=87.6,
        context=ContextUse(tokens=250, limit=312, prefix_cut=True, suffix_cut=False),
    )
    model = ModelInfo(name="nano", parameters=14_900_000, device="cpu", digest="0" * 12)
    assert infill_line(frame, model) == "pass 3/10 · 40 ms/pass · 88 tok/s · ctx 250/312 cut · nano 14.9M cpu"
    line = file_line("a.py", dirty=True, row=4, column=0, lines=9, ending="\r\n")
    assert line == "a.py *  5:1 of 9  CRLF"
