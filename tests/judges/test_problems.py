"""What is doubtful in a Python text, and how a process beside tells it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from dgedit.judges.problems import Doubt, problems, read

FOUND = {
    "": [],
    "x = 1\n": [],
    "x = y\n": [(0, 4, "y")],
    "import os\n": [(0, 0, "")],
    "def f():\n    return <FILL_ME> + z\n": [(1, 23, "z")],
    "x = (\n": [(0, 4, "")],
    "def f(:\n    pass\n": [(0, 6, "")],
    "\0": [(0, 0, "")],
}


@pytest.mark.parametrize("text", FOUND)
def test_what_is_found_and_where(text: str) -> None:
    assert [(each.row, each.column, each.name) for each in problems(text)] == FOUND[text]


def test_the_process_tells_the_same() -> None:
    text = "import os\nprint(naïve, y)\n"
    done = subprocess.run(
        [sys.executable, "-m", "dgedit.judges.problems"], input=text.encode(), capture_output=True, check=True
    )
    assert read(done.stdout) == problems(text)
    assert read(done.stdout)[1] == Doubt(row=1, column=6, message="undefined name 'naïve'", name="naïve")
