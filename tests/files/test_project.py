"""What belongs to a project, where a text is in it, and which files were opened last."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from dgedit.files import project, recent

FILES = {
    "a.py": "import os\nValue = 1\n",
    "src/b.py": "value = os.name  # value again\r\nother = 1\r\n",
    "src/deep/c.txt": "über value\n",
    "src/.gitignore": "made/\n*.log\n!kept.log\n",
    "src/x.log": "value\n",
    "src/kept.log": "value\n",
    "src/made/d.py": "value\n",
    ".gitignore": "build\n/only-here.txt\n",
    "build/e.py": "value\n",
    "only-here.txt": "value\n",
    "src/only-here.txt": "x\n",
    "binary.bin": "value\0\n",
    ".hidden/f.py": "value\n",
    "node_modules/g.js": "value\n",
}
LISTED = {
    *(".gitignore", ".hidden/f.py", "a.py", "binary.bin", "src/.gitignore", "src/b.py", "src/deep/c.txt"),
    *("src/kept.log", "src/only-here.txt"),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(text.encode())
    return tmp_path


@pytest.fixture(params=["git", "no git"])
def listed(root: Path, request: pytest.FixtureRequest) -> Path:
    if request.param == "git":
        shutil.rmtree(root / "node_modules")
        subprocess.run(["git", "init", "-q"], cwd=root, check=True)
        subprocess.run(["git", "add", "a.py"], cwd=root, check=True)
    return root


def test_what_git_ignores_is_left_out(listed: Path) -> None:
    assert set(project.names(listed)) == LISTED
    assert project.names(listed) == sorted(LISTED)


def test_a_folder_of_a_work_tree_is_listed_alone(listed: Path) -> None:
    assert "deep/c.txt" in project.names(listed / "src")
    assert "x.log" not in project.names(listed / "src")


def test_files_that_are_gone_and_odd_names(listed: Path) -> None:
    (listed / "a.py").unlink()
    odd = os.fsdecode(b"\xff \n'\".py")
    (listed / odd).write_text("")
    assert "a.py" not in project.names(listed)
    assert odd in project.names(listed)


def test_a_project_makes_git_run_nothing(listed: Path) -> None:
    if not (listed / ".git").exists():
        pytest.skip("this one has no git")
    trap = listed / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {listed / 'sprung'}\n")
    trap.chmod(0o755)
    subprocess.run(["git", "config", "core.fsmonitor", str(trap)], cwd=listed, check=True)
    project.names(listed)
    assert not (listed / "sprung").exists()


def test_links_that_lead_in_circles_end(root: Path) -> None:
    (root / "src" / "loop").symlink_to(root)
    assert set(project.names(root)) == LISTED


def test_the_root_is_where_git_begins(root: Path) -> None:
    assert project.root_of(root / "src" / "b.py") == root / "src"
    (root / ".git").mkdir()
    assert project.root_of(root / "src" / "b.py") == root
    assert project.root_of(root / "src" / "new.py") == root
    assert project.root_of(root / "src") == root


@pytest.fixture(params=["ripgrep", "own"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "own":
        monkeypatch.setattr(shutil, "which", lambda name: None)
    elif shutil.which("rg") is None:
        pytest.skip("ripgrep is not installed")
    return str(request.param)


async def found(root: Path, text: str) -> set[tuple[str, int, int, str]]:
    return {(hit.name, hit.row, hit.column, hit.line) async for some in project.hits(root, text) for hit in some}


TEXTS: dict[str, Callable[[set[tuple[str, int, int, str]]], bool]] = {
    "value": lambda hits: (
        {(name, row) for name, row, _, _ in hits}
        == {("a.py", 1), ("src/b.py", 0), ("src/deep/c.txt", 0), ("src/kept.log", 0), (".hidden/f.py", 0)}
    ),
    "Value": lambda hits: hits == {("a.py", 1, 0, "Value = 1")},
    "r value": lambda hits: hits == {("src/deep/c.txt", 0, 3, "über value")},
    "os.n": lambda hits: hits == {("src/b.py", 0, 8, "value = os.name  # value again")},
    "os?n": lambda hits: hits == set(),
    "--files": lambda hits: hits == set(),
}


@pytest.mark.parametrize("text", TEXTS)
async def test_texts_are_found(root: Path, way: str, text: str) -> None:
    shutil.rmtree(root / "node_modules")
    assert TEXTS[text](await found(root, text))


async def test_a_search_ends_at_so_many_and_when_it_is_closed(
    tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "many.txt").write_text("x\n" * 500)
    monkeypatch.setattr(project, "HITS_MAX", 120)
    assert len(await found(tmp_path, "x")) == 120
    search = project.hits(tmp_path, "x")
    assert await anext(search)
    await search.aclose()


def test_recent_files_newest_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert recent.recent() == []
    paths = [tmp_path / name for name in ("a", "b", "c")]
    for path in (*paths, paths[0]):
        path.write_text("")
        recent.remember(path)
    assert recent.recent() == [paths[0], paths[2], paths[1]]
    paths[2].unlink()
    assert recent.recent() == [paths[0], paths[1]]
    place = tmp_path / "state" / "dgedit" / "recent.json"
    assert place.stat().st_mode & 0o077 == 0
    message = tmp_path / ".git" / "COMMIT_EDITMSG"
    message.parent.mkdir()
    message.write_text("")
    recent.remember(message)
    assert message not in recent.recent()


@pytest.mark.parametrize("damage", ["", "{", "{}", "[1, null]", "[" * 100_000, "\xff"])
def test_a_damaged_list_is_an_empty_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (tmp_path / "dgedit").mkdir()
    (tmp_path / "dgedit" / "recent.json").write_bytes(damage.encode("latin-1"))
    assert recent.recent() == []
    (tmp_path / "x").write_text("")
    recent.remember(tmp_path / "x")
    assert recent.recent() == [tmp_path / "x"]
