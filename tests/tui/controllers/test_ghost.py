"""Ghost text: asked for, shown dim, taken whole or by the word, and gone at anything else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dgedit.config import Infill
from dgedit.tui.controllers import ghost
from dgedit.tui.controllers.ghost import on_battery

from ...support.editor_host import QUIET, Host, editor
from ...support.offers import MODEL, Offers, offers

GHOSTLY = replace(QUIET, infill=Infill(ghost=True, ghost_on_battery=True))
SOURCE = "x =\ny = 2\n"


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ghost, "PAUSE_S", 0.01)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Offers:
    return offers(monkeypatch, [" one + two\nthree"])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "x.py"
    file.write_text(SOURCE)
    return file


async def shown(host: Host) -> None:
    await host.press("end")
    await host.until(lambda: host.area.suggestion, "ghost text")


TAKEN = {
    "all": (["tab"], "x = one + two", ""),
    "a word": (["alt+w"], "x = one", " + two"),
    "two words, then all": (["alt+w", "alt+w", "tab"], "x = one + two", ""),
    "typed as it is shown": ([*" one"], "x = one", " + two"),
    "typed and taken": ([*" o", "tab"], "x = one + two", ""),
    "typed otherwise": (["!"], "x =!", None),
    "to the right": (["right"], "x =", None),
    "away": (["down"], "x =", None),
    "a selection": (["shift+left"], "x =", None),
    "undone": (["tab", "ctrl+z"], "x =", None),
}


@pytest.mark.parametrize("name", TAKEN)
async def test_what_keys_make_of_it(path: Path, made: Offers, name: str) -> None:
    keys, line, left = TAKEN[name]
    async with editor(path, model=MODEL, config=GHOSTLY) as host:
        await shown(host)
        assert host.rows[0].rstrip().endswith("x = one + two")
        assert host.text == SOURCE
        await host.press(*keys[:-1])
        made.answers = [[""]]
        await host.press(keys[-1])
        assert host.area.document[0] == line
        assert left is None or host.area.suggestion == left


async def test_it_is_off_by_default(path: Path, made: Offers) -> None:
    assert not Infill().ghost
    async with editor(path, model=MODEL, config=QUIET) as host:
        await host.press("end")
        await host.pilot.pause(0.1)
        assert not host.area.suggestion
        assert not made.asked


async def test_it_comes_as_soon_as_the_model_is_there(path: Path, made: Offers) -> None:
    async with editor(path, config=GHOSTLY) as host:
        await host.press("end")
        await host.pilot.pause(0.1)
        assert not made.asked
        host.app.jobs.model = MODEL
        host.app.post_message(host.app.Arrived())
        await host.until(lambda: host.area.suggestion, "ghost text")


UNWANTED = {
    "spoils a whole statement": ("x = 1", ":"),
    "goes on with a whole statement": ("x = 1", " + 2"),
    "goes on with half a statement": ("x =", " 1"),
    "adds a block to a head": ("if x", ":"),
}


@pytest.mark.parametrize("name", UNWANTED)
async def test_what_would_spoil_the_line_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    line, answer = UNWANTED[name]
    file = tmp_path / "x.py"
    file.write_text(f"def broken(:\n{line}\n")
    made = offers(monkeypatch, [answer])
    async with editor(file, model=MODEL, config=GHOSTLY) as host:
        await host.press("down", "end")
        await host.until(lambda: made.asked and host.app.jobs.is_idle, "the answer")
        assert host.area.suggestion == ("" if name.startswith("spoils") else answer)


@pytest.mark.parametrize(("percent", "shown"), [(0, True), (62, True), (63, False)])
async def test_it_is_as_likely_as_the_person_wants(path: Path, made: Offers, percent: int, shown: bool) -> None:
    wanted = replace(GHOSTLY, infill=replace(GHOSTLY.infill, min_confidence=percent))
    async with editor(path, model=MODEL, config=wanted) as host:
        await host.press("end")
        await host.until(lambda: made.asked and host.app.jobs.is_idle, "the answer")
        assert bool(host.area.suggestion) is shown


QUIET_PLACES = {
    "in the midst of a line": ["right"],
    "in an empty line": ["end", "enter", "enter"],
    "with a dialog open": ["end", "f1"],
    "with the find bar open": ["end", "ctrl+f"],
    "with a selection": ["shift+end"],
}


@pytest.mark.parametrize("name", QUIET_PLACES)
async def test_where_nothing_is_asked(path: Path, made: Offers, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(ghost, "PAUSE_S", 0.2)
    async with editor(path, model=MODEL, config=GHOSTLY) as host:
        await host.press(*QUIET_PLACES[name])
        await host.pilot.pause(0.5)
        assert not [area for tab in host.app.files.tabs if (area := tab.area).suggestion]


async def test_an_infill_by_key_ends_it(path: Path, made: Offers) -> None:
    async with editor(path, model=MODEL, config=GHOSTLY) as host:
        await shown(host)
        await host.press("ctrl+g")
        await host.answered()
        assert not host.area.suggestion
        assert host.area.document[0] == "x = one + two"
        await host.press("escape")
        assert host.text == SOURCE


@pytest.mark.parametrize(("online", "battery"), [((), False), (("1",), False), (("0",), True), (("0", "1"), False)])
def test_power_is_what_the_system_says(tmp_path: Path, online: tuple[str, ...], battery: bool) -> None:
    for number, state in enumerate(online):
        (tmp_path / f"AC{number}").mkdir()
        (tmp_path / f"AC{number}" / "online").write_text(f"{state}\n")
    (tmp_path / "BAT0").mkdir()
    assert on_battery(tmp_path) is battery
    assert not on_battery(tmp_path / "none")
