"""The project: files picked, new names asked about, texts found in all of it, and the way back."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from dgedit.files import project, recent
from dgedit.tui.app import DgeditApp
from dgedit.tui.dialogs import Choose, FindInProject, PickFile

from ...support.editor_host import QUIET, Host, editor

FILES = {
    "main.py": "from lib import helper\n\n\nhelper(1)\n",
    "lib/helper.py": "def helper(count):\n    return count\n",
    "lib/other.py": "count = 1\n",
    "notes.md": "# Notes\n",
    "made/skipped.py": "helper()\n",
    ".gitignore": "made/\n",
}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "work"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return folder


async def picking(host: Host) -> PickFile:
    """The open dialog with all its files."""
    await host.press("ctrl+o")
    asked = await host.dialog(PickFile)
    await host.until(lambda: not asked._waits, "the files")
    return asked


def labels(asked: PickFile) -> list[str]:
    return [item.label for item in asked._items]


@pytest.mark.parametrize(
    ("typed", "opened"),
    [("helper", "lib/helper.py"), ("lo", "lib/other.py"), ("notes", "notes.md"), ("./lib/other.py", "lib/other.py")],
)
async def test_a_file_is_picked_by_some_of_its_letters(root: Path, typed: str, opened: str) -> None:
    async with editor(root / "main.py") as host:
        asked = await picking(host)
        assert set(labels(asked)) == {"lib/helper.py", "lib/other.py", "notes.md", ".gitignore"}
        await host.write(typed)
        await host.press("enter")
        await host.no_dialog()
        await host.until(lambda: len(host.app.files.tabs) == 2, "the file")
        assert host.app.files.tab.buffer.path == root / opened


async def test_enter_before_the_files_are_listed_waits_for_them(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    go_on, names = threading.Event(), project.names

    def slow(folder: Path) -> list[str]:
        go_on.wait(30)
        return names(folder)

    monkeypatch.setattr(project, "names", slow)
    async with editor(root / "main.py") as host:
        await host.press("ctrl+o", *"helper", "enter")
        assert isinstance(host.app.screen, PickFile)
        go_on.set()
        await host.until(lambda: len(host.app.files.tabs) == 2, "the file")
        assert host.app.files.tab.name == "helper.py"
        assert host.app.files.tabs[0].area.text == FILES["main.py"]


async def test_recent_files_come_first_where_the_person_wants(root: Path) -> None:
    recent.remember(root / "notes.md")
    recent.remember(root / "lib" / "other.py")
    async with editor(root / "main.py") as host:
        asked = await picking(host)
        assert labels(asked)[:2] == ["lib/other.py", "notes.md"]
        assert len(labels(asked)) == 4
        await host.press("escape")
        await host.no_dialog()
        await host.until(lambda: recent.recent()[0] == root / "main.py", "the list")


@pytest.mark.parametrize("answer", ["n", "escape"])
async def test_a_new_name_is_asked_about_before_a_tab_opens(root: Path, answer: str) -> None:
    async with editor(root / "main.py") as host:
        await picking(host)
        await host.write("lib/fresh.py")
        await host.press("enter")
        await host.dialog(Choose)
        assert len(host.app.files.tabs) == 1
        await host.answer(answer)
        await host.settle()
        assert [tab.name for tab in host.app.files.tabs][1:] == (["fresh.py"] if answer == "n" else [])
        assert not (root / "lib" / "fresh.py").exists()


async def test_a_name_beside_those_like_it_is_the_last_row(root: Path) -> None:
    async with editor(root / "main.py") as host:
        await picking(host)
        await host.write("helper")
        assert any("the file of this name" in row for row in host.rows)
        await host.press("up", "enter")
        await host.dialog(Choose)
        await host.answer("n")
        await host.until(lambda: len(host.app.files.tabs) == 2, "the new file")
        assert host.app.files.tab.buffer.path == root / "helper"


@pytest.mark.parametrize(
    ("typed", "completed"), [("./no", "./notes.md"), ("lib/oth", "lib/other.py"), ("help", "lib/helper.py")]
)
async def test_tab_completes(root: Path, typed: str, completed: str) -> None:
    async with editor(root / "main.py") as host:
        asked = await picking(host)
        await host.write(typed)
        await host.press("tab")
        assert asked.typed == completed


async def test_a_folder_offers_its_files(root: Path) -> None:
    app = DgeditApp([], config=QUIET, warm_up=False, root=root)
    async with app.run_test(size=(90, 24)) as pilot:
        host = Host(app, pilot)
        asked = await host.dialog(PickFile)
        await host.until(lambda: not asked._waits, "the files")
        assert "main.py" in labels(asked)
        await host.write("main")
        await host.press("enter")
        await host.until(lambda: app.files.tab.name == "main.py", "the file")
        assert len(app.files.tabs) == 1


async def test_a_text_is_found_in_the_project_and_the_way_back(root: Path) -> None:
    async with editor(root / "main.py") as host:
        await host.select((3, 0), (3, 6))
        await host.press("f4")
        asked = await host.dialog(FindInProject)
        assert asked.typed == "helper"
        await host.until(lambda: len(asked._hits) == 3 and "3" in "".join(host.rows), "the lines")
        assert {hit.name for hit in asked._hits} == {"main.py", "lib/helper.py"}
        await host.press("ctrl+u", "end", "ctrl+u")
        await host.write("return c")
        await host.until(lambda: [hit.name for hit in asked._hits] == ["lib/helper.py"], "the line")
        await host.until(lambda: any("def helper(count)" in row for row in host.rows), "the code around it")
        await host.press("enter")
        await host.no_dialog()
        await host.until(lambda: len(host.app.files.tabs) == 2, "the file")
        await host.until(lambda: host.area.cursor_location == (1, 4), "the place")
        await host.press("alt+j")
        assert host.app.files.tab.name == "main.py"
        assert host.area.cursor_location == (3, 6)
        await host.press("alt+j")
        assert "no place" in host.status
        await host.press("f4")
        assert (await host.dialog(FindInProject)).typed == "return c"


async def test_unsaved_text_is_what_the_preview_shows(root: Path) -> None:
    async with editor(root / "main.py") as host:
        await host.write("# mine\n")
        await host.press("f4")
        asked = await host.dialog(FindInProject)
        await host.write("helper(1)")
        await host.until(lambda: asked._hits, "the line")
        assert any("# mine" in row for row in host.rows)


async def test_the_way_back_leads_through_lines_and_closed_files(root: Path) -> None:
    async with editor(root / "main.py", root / "notes.md") as host:
        await host.press("ctrl+l", "4", "enter")
        await host.no_dialog()
        assert host.area.cursor_location == (3, 0)
        host.app.project.leave()
        await host.press("ctrl+w")
        await host.until(lambda: len(host.app.files.tabs) == 1, "the file to close")
        await host.press("alt+j")
        await host.until(lambda: len(host.app.files.tabs) == 2, "the file again")
        await host.until(lambda: host.area.cursor_location == (3, 0), "the place")
        assert host.app.files.tab.name == "main.py"


async def test_nothing_is_found_and_escape(root: Path) -> None:
    async with editor(root / "main.py") as host:
        await host.press("f4")
        await host.dialog(FindInProject)
        await host.write("nowhere at all")
        await host.until(lambda: any("no match" in row for row in host.rows), "the count")
        await host.press("enter", "up", "pagedown")
        assert isinstance(host.app.screen, FindInProject)
        await host.press("escape")
        await host.no_dialog()
        assert host.text == FILES["main.py"]
