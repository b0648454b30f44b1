"""The two rows under the text: nothing is cut in the midst of a word, no message covers the state, keys are true."""

from __future__ import annotations

from pathlib import Path

import pytest

from dgedit.engine.types import FrameSpan, SlotState
from dgedit.tui.widgets.status_bar import fitted, fitted_keys, pass_line

from ...support.editor_host import Host, a_frame, editor
from ...support.offers import MODEL, offers

GROUPS = [[(0, "a.py *"), (0, "5:1"), (3, "of 9"), (4, "LF"), (2, "python")], [(1, "nano cpu")]]
FITTED = [
    (99, "a.py *  5:1 of 9  LF  python  |  nano cpu"),
    (40, "a.py *  5:1 of 9  python  |  nano cpu"),
    (36, "a.py *  5:1  python  |  nano cpu"),
    (25, "a.py *  5:1  |  nano cpu"),
    (23, "a.py *  5:1"),
    (9, "a…*  5:1"),
]


@pytest.mark.parametrize(("cells", "line"), FITTED)
def test_whole_parts_are_left_out_where_there_is_no_room(cells: int, line: str) -> None:
    shown = fitted(GROUPS, cells)
    assert len(shown) <= cells
    assert shown == line or cells == 9


@pytest.mark.parametrize(("cells", "line"), [(40, "Tab accept  Esc cancel  F1 Help"), (18, "F1 Help"), (7, "F1 Help")])
def test_keys_are_whole_and_help_is_always_there(cells: int, line: str) -> None:
    assert fitted_keys([("Tab", "accept"), ("Esc", "cancel")], ("F1", "Help"), cells) == line


def test_a_pass_is_told_in_words() -> None:
    noise, draft = FrameSpan("##", SlotState.NOISE, 0.0), FrameSpan("abcd", SlotState.DRAFT, 0.3)
    first, second = a_frame(1, noise, draft), a_frame(2, FrameSpan("abcd", SlotState.NEW, 0.9))
    assert pass_line([first]) == "pass 1 of 8 · finding the length · unsure · 0.0 s"
    assert pass_line([first, second]) == "pass 2 of 8 · right length · sure · 0.0 s"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "x.py"
    file.write_text("def f(a):\n    x = <FILL_ME>\n    return x\n")
    return file


def status_row(host: Host) -> str:
    return str(host.app.bars.status.render())


async def test_a_message_fades_and_the_state_stays(path: Path) -> None:
    async with editor(path, size=(50, 12)) as host:
        said = "something that is long, and would not fit beside it"
        host.app.say(said)
        await host.settle()
        assert "x.py" in status_row(host)
        assert "1:1" in status_row(host)
        assert "something that is long" in host.status
        assert host.rows[-3].strip() == status_row(host).strip(), "a long message takes a row of the text"
        host.app.bars.fade_s = 0.05
        host.app.say(said)
        await host.until(lambda: "something" not in host.status, "the message to fade")
        assert host.rows[-1].rstrip().endswith("F1 Help")
        assert host.rows[-2].strip() == status_row(host).strip()


@pytest.mark.parametrize("columns", [40, 60, 80])
async def test_keys_of_the_moment_and_help_are_whole_in_every_state(
    path: Path, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    made = offers(monkeypatch, ["a + 1", "a"])
    made.go_on.clear()
    async with editor(path, model=MODEL, size=(columns, 15)) as host:
        for keys, first in ((["f8"], "Ctrl+G Infill"), (["ctrl+g"], "Esc cancel")):
            await host.press(*keys)
            assert host.help_line.startswith(first)
            assert host.rows[-1].rstrip().endswith("F1 Help")
        made.go_on.set()
        await host.answered()
        assert host.help_line.startswith("Tab accept  Esc cancel")
        assert host.rows[-1].rstrip().endswith("F1 Help")
        assert "answer 1/2" in status_row(host)
        assert "ms/pass" not in status_row(host)


async def test_figures_are_behind_a_key(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offers(monkeypatch, ["a + 1"])
    async with editor(path, model=MODEL, size=(120, 15)) as host:
        await host.press("f8", "ctrl+g")
        await host.answered()
        assert "ms/pass" not in host.status
        await host.press("alt+t")
        for part in ("10 ms/pass", "100 tok/s", "ctx 240/384 cut", "nano 14.9M cpu"):
            assert part in host.status
        await host.press("alt+t")
        assert "ms/pass" not in host.status


async def test_in_another_tab_the_keys_are_those_of_that_tab(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offers(monkeypatch, ["a + 1"])
    other = path.with_name("y.py")
    other.write_text("y = 1\n")
    async with editor(path, other, model=MODEL) as host:
        await host.press("f8", "ctrl+g")
        await host.answered()
        await host.press("f6")
        assert host.help_line.startswith("Ctrl+G Infill")
        await host.press("ctrl+g")
        assert "an infill is open in x.py" in host.status
        await host.press("escape", "alt+n", "tab")
        assert host.text == "    y = 1\n"
        await host.press("f6")
        assert host.help_line.startswith("Tab accept")
        await host.press("tab")
        assert "x = a + 1" in host.text


async def test_the_strength_is_what_was_run_and_goes_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = offers(monkeypatch, ["x * 2", "x"])
    async with editor(path, model=MODEL) as host:
        await host.press("alt+d")
        assert "75% of selected code will be noised" in host.status
        await host.select((2, 11), (2, 12))
        await host.press("ctrl+g")
        await host.answered()
        assert "strength 75%" in host.status
        await host.press("escape", "ctrl+g")
        await host.answered()
        assert "strength" not in host.status
        gaps = [part for _, parts, _ in made.asked for part in parts if not isinstance(part, str)]
        assert [gap.strength for gap in gaps] == [0.75, 1.0]
