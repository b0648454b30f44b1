"""`dgedit models`: what is listed, what is refused in one line, and the hint where a model is not here."""

from __future__ import annotations

from pathlib import Path

import pytest

from dgedit.cli import main
from dgedit.engine.catalog import DEFAULT_MODEL
from dgedit.engine.load import load
from dgedit.engine.types import EngineError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    return tmp_path


def test_what_is_here_and_what_may_be_fetched_is_listed(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert [line[2:].split()[0] for line in lines] == ["mini", "nano", "coder"]
    assert [line[2:].split()[0] for line in lines if line.startswith("*")] == [DEFAULT_MODEL]
    assert "dgedit models get coder" in lines[2]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["get", "other"], "'other' is not among"),
        (["add", "missing.gguf"], "missing.gguf is not there"),
        (["remove", "mini"], "no model 'mini' was fetched"),
    ],
)
def test_a_refusal_is_one_line(words: list[str], said: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["models", *words]) == 2
    told = capfd.readouterr().err
    assert said in told
    assert len(told.splitlines()) == 1


def test_a_file_that_is_no_model_leaves_nothing(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (home / "x.gguf").write_bytes(b"not a model")
    assert main(["models", "add", str(home / "x.gguf")]) == 2
    assert "not readable as GGUF" in capfd.readouterr().err
    assert list((home / "dgedit" / "models").iterdir()) == []


def test_who_asks_for_it_is_told_how_to_get_it() -> None:
    with pytest.raises(EngineError, match="not on this machine") as raised:
        load("coder")
    assert raised.value.hint == "to have it: dgedit models get coder"
