"""The measurements of the editor, cut short: every row is measured, and says what it aims at."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from dgedit.bench import editor
from dgedit.cli import main

ROW = re.compile(r"(.{46})(\d+\.\d) ms(?: \[<= (\d+) ms\])?")
AIMS = {
    "keystroke, idle, p95": 30,
    "keystroke, beside ghost text, p95": 30,
    "keystroke, while it denoises, p95": 30,
    "typing in 400 lines of Python, p95": 16,
    "noise in the span after the key": 80,
    "Esc to the restored text, p95": 100,
    "Esc, a server that says nothing, p95": 100,
    "Esc, a server that takes a request, p95": 100,
    "Esc, a server that sends comments, p95": 100,
}


def test_every_row_is_measured(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    small = {"INFILLS": 2, "STARTS": 1, "PAGES": 2, "LONG_LINES": 400, "HUGE_LINES": 600, "TYPED": "abc", "HELD_S": 0.1}
    for name, value in small.items():
        monkeypatch.setattr(editor, name, value)
    assert main(["bench", "--ui"]) == 0
    rows = [ROW.fullmatch(line) for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == 24
    measured = [row for row in rows if row is not None]
    assert len(measured) == len(rows), "every row is a time"
    assert all(float(row[2]) > 0 for row in measured)
    assert {row[1].strip(): int(row[3]) for row in measured if row[3]} == AIMS


def test_without_pseudo_terminals_the_rest_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(editor, "first_paint_ms", lambda: None)
    monkeypatch.setattr(editor, "INFILLS", 1)
    assert editor.run("nano") == 0
    shown = capsys.readouterr().out
    assert "no pseudo-terminals here" in shown
    assert "one pass drawn" in shown


def test_settings_of_the_person_are_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "theirs")
    monkeypatch.delenv("XDG_STATE_HOME")
    with editor._own_folders(tmp_path):
        assert os.environ["XDG_STATE_HOME"] == str(tmp_path)
    assert os.environ["XDG_CONFIG_HOME"] == "theirs"
    assert "XDG_STATE_HOME" not in os.environ
