"""Places on the command line, as the programs that call an editor write them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dgedit.errors import DgeditError
from dgedit.files.locations import OpenAt, parse


def at(path: str, row: int | None = None, column: int | None = None) -> OpenAt:
    return OpenAt(Path(path), row, column)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of files with odd names, to stand in."""
    monkeypatch.chdir(tmp_path)
    for name in ("here.py", "a:3", "b", "b:3", "b:3:4", "c", "c:1:2:3", "+9", "-n", "my file:x.py", "é:7"):
        (tmp_path / name).write_text("")
    (tmp_path / "gone:5").symlink_to("nowhere")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], []),
        (["here.py"], [at("here.py")]),
        (["here.py", "new.py"], [at("here.py"), at("new.py")]),
        (["+12", "here.py"], [at("here.py", 11)]),
        (["+12:3", "here.py"], [at("here.py", 11, 2)]),
        (["+12,3", "here.py"], [at("here.py", 11, 2)]),
        (["here.py", "+12"], [at("here.py", 11)]),
        (["here.py:", "+2"], [at("here.py:", 1)]),
        (["+1", "a", "+2", "b"], [at("a", 0), at("b", 1)]),
        (["x", "+2", "y"], [at("x"), at("y", 1)]),
        (["here.py:12"], [at("here.py", 11)]),
        (["here.py:12:3"], [at("here.py", 11, 2)]),
        (["here.py:12:3:"], [at("here.py", 11, 2)]),
        (["here.py:12:"], [at("here.py", 11)]),
        (["new.py:12:3"], [at("new.py", 11, 2)]),
        (["/tmp/crontab.Xy1/crontab"], [at("/tmp/crontab.Xy1/crontab")]),
        ([".git/COMMIT_EDITMSG"], [at(".git/COMMIT_EDITMSG")]),
        (["here.py:0"], [at("here.py", 0)]),
        (["+0", "here.py"], [at("here.py", 0)]),
        (["here.py:1:0"], [at("here.py", 0, 0)]),
        (["here.py:999999999"], [at("here.py", 999_999_998)]),
        (["here.py:9999999999"], [at("here.py:9999999999")]),
        (["here.py:x"], [at("here.py:x")]),
        (["here.py:-1"], [at("here.py:-1")]),
        (["here.py:١٢"], [at("here.py:١٢")]),
        (["here.py:1.5"], [at("here.py:1.5")]),
        (["12"], [at("12")]),
        ([":12"], [at(":12")]),
        (["a:3"], [at("a:3")]),
        (["a:3:4"], [at("a:3", 3)]),
        (["a:4"], [at("a", 3)]),
        (["b:3"], [at("b:3")]),
        (["b:3:4"], [at("b:3:4")]),
        (["b:3:5"], [at("b:3", 4)]),
        (["b:3:4:5:6"], [at("b:3:4", 4, 5)]),
        (["c:1:2"], [at("c", 0, 1)]),
        (["c:1:2:3"], [at("c:1:2:3")]),
        (["c:1:2:3:4"], [at("c:1:2:3", 3)]),
        (["gone:5"], [at("gone:5")]),
        (["é:7"], [at("é:7")]),
        (["é:8"], [at("é", 7)]),
        (["my file:x.py:3"], [at("my file:x.py", 2)]),
        (["two\nlines:3"], [at("two\nlines", 2)]),
        (["+3", "here.py:12"], [at("here.py:12", 2)]),
        (["./+9"], [at("+9")]),
        (["--", "+9"], [at("+9")]),
        (["--", "-n"], [at("-n")]),
        (["--", "-n:4"], [at("-n", 3)]),
        (["--", "--"], [at("--")]),
        (["+4", "--", "-n"], [at("-n", 3)]),
        (["here.py", "--", "+9", "-n"], [at("here.py"), at("+9"), at("-n")]),
        (["--"], []),
    ],
)
def test_places(arguments: list[str], expected: list[OpenAt]) -> None:
    assert parse(arguments) == expected


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["+12"], "+12 names a line but no file"),
        (["here.py:1", "+2"], "+2 names a line but no file"),
        (["+1", "+2", "here.py"], "+1 and +2 are for the same file"),
        (["+", "here.py"], "+ is no line"),
        (["+x", "here.py"], "+x is no line"),
        (["+-1", "here.py"], "+-1 is no line"),
        (["+1:", "here.py"], "+1: is no line"),
        (["+/pattern", "here.py"], "+/pattern is no line"),
        (["+1234567890", "here.py"], "+1234567890 is no line"),
        (["-"], "does not read standard input"),
        (["--", "-"], "does not read standard input"),
        (["-n"], "-n is no option"),
        (["--wait", "here.py"], "--wait is no option"),
        ([""], "empty name"),
    ],
)
def test_what_is_no_place(arguments: list[str], words: str) -> None:
    with pytest.raises(DgeditError) as error:
        parse(arguments)
    assert words in str(error.value)
    assert error.value.hint


def test_a_name_that_is_not_text_is_kept(folder: Path) -> None:
    name = os.fsdecode(b"\xff.py")
    (folder / name).write_text("")
    assert parse([f"{name}:2"]) == [at(name, 1)]
