"""The editor as a whole: how it starts and refuses to, what its settings change, what its lines say."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dgedit.config import Config, Editor, Infill, config_path
from dgedit.engine import Engine
from dgedit.errors import DgeditError
from dgedit.files.locations import OpenAt
from dgedit.fill.loop import FillOptions
from dgedit.stats import stats_path
from dgedit.tui.app import DgeditApp
from dgedit.tui.launch import run

from ..support.editor_host import QUIET, Host, editor

SOURCE = "def total(values):\n    return <FILL_ME>\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "x.py"
    file.write_text(SOURCE)
    return file


def with_editor(**changes: Any) -> Config:
    """Settings with fields of [editor] changed."""
    editor_settings: Editor = replace(QUIET.editor, **changes)
    return Config(editor=editor_settings)


def counted(event: str) -> int:
    """How often something was counted until now."""
    if not stats_path().exists():
        return 0
    days: dict[str, dict[str, int]] = json.loads(stats_path().read_text())["days"]
    return sum(day.get(event, 0) for day in days.values())


def test_a_file_that_cannot_be_opened_is_refused_before_the_screen(tmp_path: Path) -> None:
    binary = tmp_path / "x.bin"
    binary.write_bytes(b"\0\1")
    for bad, said in ((binary, "binary"), (tmp_path / "no" / "x.py", "does not exist"), (tmp_path, "directory")):
        with pytest.raises(DgeditError, match=said):
            DgeditApp(bad)
    assert "no theme no-such-theme" in DgeditApp(config=with_editor(theme="no-such-theme")).complaint


@pytest.mark.parametrize(
    ("variables", "said"),
    [({"COLUMNS": "20", "LINES": "5"}, "20x5"), ({"TERM": "dumb"}, "cannot move its cursor")],
)
def test_a_terminal_that_will_not_do_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], said: str
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(DgeditError, match=said) as caught:
        run([OpenAt(path)], config=Config(), options=FillOptions())
    assert caught.value.hint


@pytest.mark.parametrize(
    ("row", "column", "cursor"), [(49, None, (49, 0)), (49, 2, (49, 2)), (9_999, 9, (100, 0)), (3, 99, (3, 3))]
)
async def test_a_place_of_the_command_line_is_gone_to(
    tmp_path: Path, row: int, column: int | None, cursor: tuple[int, int]
) -> None:
    path = tmp_path / "x.py"
    path.write_text("abc\n" * 100)
    app = DgeditApp([OpenAt(path, row, column)], config=QUIET, warm_up=False)
    async with app.run_test(size=(80, 20)) as pilot:
        host = Host(app, pilot)
        await host.until(lambda: host.area.cursor_location != (0, 0), "the place")
        assert host.area.cursor_location == cursor
        assert host.area.shows_row(cursor[0])


async def test_a_new_file_is_made_by_the_first_save(tmp_path: Path) -> None:
    path = tmp_path / "new.py"
    async with editor(path) as host:
        await host.press("ctrl+s")
        assert path.read_bytes() == b""
        await host.press("x", "ctrl+s")
        assert path.read_bytes() == b"x"


async def test_settings_of_the_editor_are_followed(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    # What the text itself is indented by would count more.
    path.write_text("word " * 40 + "\nx\n")
    wanted = with_editor(line_numbers=False, soft_wrap=True, auto_indent=False, indent_width=3, theme="dgedit-light")
    async with editor(path, config=wanted, size=(60, 20)) as host:
        assert host.rows[0].startswith("word")
        assert host.rows[1].startswith("word")
        assert host.app.palette.name == "dgedit-light"
        await host.press("ctrl+end", "up", "end", "enter", "y", "tab", "z")
        assert host.text.endswith("\nx\ny  z\n"), "tab stops of three columns"


async def test_keys_that_are_set_replace_the_defaults(path: Path) -> None:
    config = Config(editor=QUIET.editor, keys={"toggle_comment": ("f5", "alt+q"), "save": ()})
    async with editor(path, config=config) as host:
        await host.press("x", "ctrl+underscore", "ctrl+s")
        assert host.text == "x" + SOURCE
        assert path.read_text() == SOURCE
        await host.press("f5")
        assert host.text == "# x" + SOURCE
        await host.press("alt+q")
        assert host.text == "x" + SOURCE


async def test_languages_that_are_set_win(path: Path) -> None:
    async with editor(path, config=replace(QUIET, languages={"*.py": "javascript"})) as host:
        assert "javascript" in host.status
        await host.press("ctrl+underscore")
        assert host.text.startswith("// def")


async def test_settings_are_read_again_when_their_file_changes(path: Path) -> None:
    config_path().parent.mkdir(parents=True, exist_ok=True)
    config_path().write_text("")
    async with editor(path, config=Config(editor=Editor(watch=True))) as host:
        config_path().write_text('[editor]\ntheme = "dgedit-light"\n[keys]\nsave = "f5"\n')
        await host.until(lambda: host.app.palette.name == "dgedit-light", "the new theme")
        assert "were read again" in host.status
        await host.press("x", "f5")
        assert path.read_text() == "x" + SOURCE
        config_path().write_text("[editor]\nthme = 1\n")
        await host.until(lambda: "thme" in host.status, "the fault to be said")
        assert host.app.palette.name == "dgedit-light"


async def test_the_status_line_says_where_and_what(path: Path) -> None:
    async with editor(path, size=(120, 20)) as host:
        await host.select((1, 4))
        for part in ("x.py", "2:5 of 3", "LF", "UTF-8", "python"):
            assert part in host.status
        for part in ("Ctrl+G Infill", "F8 Next hole", "Ctrl+S Save", "Ctrl+Q Quit"):
            assert part in host.help_line


async def test_what_is_visible_after_a_jump_is_coloured(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text("def f(x):\n    return 1\n\n\n" * 500)
    async with editor(path) as host:
        await host.press("ctrl+end")
        await host.select((1996, 0))
        assert any(name.startswith("keyword") for _, _, name in host.area._highlights[1996])


async def test_a_theme_reaches_the_text_at_once(path: Path) -> None:
    async with editor(path, config=Config(editor=QUIET.editor, keys={"next_theme": ("f5",)})) as host:
        seen = set[str]()
        for _ in range(3):
            await host.press("f5")
            style = next(style for text, style, _ in host.area.render_line(0) if "total" in text)
            assert style is not None
            assert style.color is not None
            seen.add(str(style.color.triplet))
        assert len(seen) == 3


async def test_the_model_of_the_settings_is_loaded_and_named(path: Path) -> None:
    async with editor(path, config=replace(QUIET, infill=Infill(model="nano", seed=3, passes=4))) as host:
        await host.press("f8", "ctrl+g")
        assert "loading the model" in host.status
        await host.answered()
        await host.press("alt+t")
        assert "nano" in host.status
        assert host.review.seen[0].frame.passes_max == 4
        await host.press("escape")
        await host.until(lambda: "nano" in host.status, "the name of the model")


async def test_a_model_that_is_not_there_is_said_when_it_is_asked_for(path: Path) -> None:
    app = DgeditApp(path, config=replace(QUIET, infill=Infill(model="no-such-model")))
    async with app.run_test() as pilot:
        host = Host(app, pilot)
        await host.until(lambda: "no-such-model" in host.status, "the fault")
        await host.press("x")
        assert host.text == "x" + SOURCE


async def test_what_became_of_infills_is_counted(path: Path, nano: Engine) -> None:
    async with editor(path, model=nano) as host:
        await host.press("f8", "ctrl+g")
        await host.answered()
        await host.press("escape", "ctrl+g")
        await host.answered()
        await host.press("tab", "x")
        await host.press("ctrl+z", "ctrl+z", "ctrl+q")
        await host.left()
    assert [counted(event) for event in ("shown", "accepted", "cancelled", "edited")] == [2, 1, 1, 1]


async def test_a_change_to_another_file_is_no_edit_of_the_answer(path: Path, tmp_path: Path, nano: Engine) -> None:
    other = tmp_path / "y.py"
    other.write_text("")
    async with editor(path, other, model=nano) as host:
        await host.press("f8", "ctrl+g")
        await host.answered()
        await host.press("tab", "f6", "y", "ctrl+s", "f6", "ctrl+s", "ctrl+q")
        await host.left()
    assert (counted("accepted"), counted("edited")) == (1, 0)
