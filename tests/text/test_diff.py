"""Diffs of known edits: what they look like, and that `patch` makes the edited text of them."""

from __future__ import annotations

import difflib
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from dgedit.text.diff import coloured, unified
from dgedit.text.holes import replaced

Edits = list[tuple[int, int, str]]


@pytest.mark.parametrize(
    ("text", "edits", "body"),
    [
        ("a\nb\nc\n", [(2, 3, "X")], "@@ -1,3 +1,3 @@\n a\n-b\n+X\n c\n"),
        ("a\n", [(2, 2, "b\n")], "@@ -1 +1,2 @@\n a\n+b\n"),
        ("", [(0, 0, "a")], "@@ -0,0 +1 @@\n+a\n\\ No newline at end of file\n"),
        ("a", [(0, 1, "")], "@@ -1 +0,0 @@\n-a\n\\ No newline at end of file\n"),
        ("a\n", [(1, 2, "")], "@@ -1 +1 @@\n-a\n+a\n\\ No newline at end of file\n"),
        ("a\r\nb\r\n", [(0, 1, "X")], "@@ -1,2 +1,2 @@\n-a\r\n+X\r\n b\r\n"),
        ("x y z\n", [(0, 1, "1"), (4, 5, "2")], "@@ -1 +1 @@\n-x y z\n+1 y 2\n"),
        ("a\x0cb\n", [(0, 1, "c")], "@@ -1 +1 @@\n-a\x0cb\n+c\x0cb\n"),
    ],
)
def test_the_lines_of_a_diff(text: str, edits: Edits, body: str) -> None:
    assert "".join(unified(text, edits, "f.py")) == "--- f.py\n+++ f.py\n" + body


@pytest.mark.parametrize("edits", [[], [(0, 1, "a")], [(1, 1, "")]])
def test_edits_that_change_nothing_are_no_diff(edits: Edits) -> None:
    assert list(unified("a\nb\n", edits, "f.py")) == []


def test_far_changes_are_hunks_of_their_own_with_running_numbers() -> None:
    text = "".join(f"{number}\n" for number in range(100))
    places = [text.index("\n10\n") + 1, text.index("\n50\n") + 1]
    found = list(unified(text, [(places[0], places[0] + 2, "x\ny\nz"), (places[1], places[1] + 2, "w")], "f"))
    assert [line for line in found if line.startswith("@@")] == ["@@ -8,7 +8,9 @@\n", "@@ -48,7 +50,7 @@\n"]


def test_colours_are_around_whole_lines() -> None:
    assert list(coloured(["--- a\n", "@@ -1 +1 @@\n", "-x\n", "+y\n", " z\n"])) == [
        "\x1b[1m--- a\x1b[0m\n",
        "\x1b[36m@@ -1 +1 @@\x1b[0m\n",
        "\x1b[31m-x\x1b[0m\n",
        "\x1b[32m+y\x1b[0m\n",
        " z\n",
    ]


def some_edits(chooser: random.Random) -> tuple[str, Edits]:
    text = "".join(chooser.choice(["a", "b", "\n", "\n", "\r\n"]) for _ in range(chooser.randrange(60)))
    marks = sorted(chooser.randrange(len(text) + 1) for _ in range(2 * chooser.randrange(4)))
    news = ["".join(chooser.choice("xy\n") for _ in range(chooser.randrange(4))) for _ in marks[::2]]
    return text, list(zip(marks[::2], marks[1::2], news, strict=True))


def test_the_changed_lines_are_those_that_comparing_finds() -> None:
    chooser = random.Random(5)
    for _ in range(500):
        text, edits = some_edits(chooser)
        ours = list(unified(text, edits, "f"))
        restored = list(difflib.restore((f"{line[:1]} {line[1:]}" for line in ours[2:] if line[:1] in " +-"), 2))
        new = replaced(text, edits)
        assert (ours == []) == (text == new)
        for line in restored:
            assert line.removesuffix("\n\\ No newline at end of file\n").rstrip("\n") in new


@pytest.mark.skipif(shutil.which("patch") is None, reason="there is no patch(1) here")
@pytest.mark.parametrize("name", ["f.py", "a b.py", 'q"u\\o.py', "caf\u00e9.py"])
def test_patch_makes_the_edited_text(name: str, tmp_path: Path) -> None:
    chooser = random.Random(name)
    for _ in range(25):
        text, edits = some_edits(chooser)
        (tmp_path / name).write_bytes(text.encode())
        made = "".join(unified(text, edits, name)).encode()
        if made:
            done = subprocess.run(["patch", "-p0", "-s", "--binary"], input=made, cwd=tmp_path, capture_output=True)
            assert done.returncode == 0, (done, made)
            found = (tmp_path / name).read_bytes() if (tmp_path / name).exists() else b""
            assert found == replaced(text, edits).encode(), made
