"""Settings and themes that are no sensible files: said, never waited for, never an error of Python."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dgedit import config
from dgedit.errors import DgeditError
from dgedit.files.tables import brief, read_table
from dgedit.tui.theme import load_theme

HOSTILE = {
    "no TOML": b"[editor",
    "no UTF-8": b"\xff\xfe[\x00",
    "a number of 5,000 digits": b"[editor]\nindent_width = " + b"9" * 5_000 + b"\n",
    "a number of 20,000 hexadecimal digits": b"[editor]\nindent_width = 0x" + b"f" * 20_000 + b"\n",
    "a number of 1,900 hexadecimal digits": b"[editor]\nindent_width = 0x" + b"f" * 1_900 + b"\n",
    "deep brackets": b"x = " + b"[\n" * 50_000,
    "deep tables": b"x = " + b"{a=" * 600,
    "a deep key": b".".join([b"a"] * 900) + b" = 1\n",
    "a deep key without end": b".".join([b"a"] * 60_000) + b" = 1\n",
    "a NUL": b"[editor]\0\n",
    "two megabytes": b"# comment\n" * 200_000,
    "a value of another kind": b'[editor]\nindent_width = 1979-05-27T07:32:00Z\n[keys]\nsave = [[["x"]]]\n',
    "escapes": b'[editor]\n"\\u001b[31m" = "\\u001b[2J"\n',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_an_error_of_that_file(name: str, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(HOSTILE[name])
    for read in (lambda: config.load(file, commands=()), lambda: load_theme(file)):
        with pytest.raises(DgeditError) as caught:
            read()
        assert str(file) in str(caught.value)
        assert caught.value.hint
        assert len(str(caught.value)) < 2_000


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    os.mkfifo(file)
    for read in (lambda: config.load(file, commands=()), lambda: load_theme(file)):
        with pytest.raises(DgeditError, match="a pipe"):
            read()


def test_a_file_that_is_not_there_sets_nothing(tmp_path: Path) -> None:
    assert read_table(tmp_path / "none.toml", "") is None
    assert config.load(tmp_path / "none.toml", commands=()) == config.Config()


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1, "1"), ("a", "'a'"), ("x" * 60, "'" + "x" * 38 + "…"), (10**5_000, "int"), ([[1]], "[[1]]")],
    ids=["number", "text", "long", "absurd", "list"],
)
def test_a_value_is_shown_briefly(value: object, shown: str) -> None:
    assert brief(value) == shown
