"""Fixtures that many tests share: the bundled model, loaded once."""

from __future__ import annotations

import os

os.environ.setdefault("GOMP_SPINCOUNT", "30000")

from pathlib import Path

import pytest
import torch

if not torch.cuda.is_available():
    # Triton's interpreter stands in for a GPU; it must be asked for before any module imports triton.
    os.environ["TRITON_INTERPRET"] = "1"

from dgedit.engine.load import load
from dgedit.engine.models.base import Denoiser


@pytest.fixture(scope="session")
def nano() -> Denoiser:
    """The bundled checkpoint."""
    return load("nano")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of this suite."""
    parser.addoption("--kills", type=int, default=200, help="how often the tests of lost power kill a process")
    parser.addoption("--keys", type=int, default=20_000, help="how many random keys are pressed")


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings, journals, counts and a warm process of the person who runs the tests are neither read nor written."""
    home = tmp_path_factory.mktemp("home")
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(home / name.lower()))
    monkeypatch.delenv("DGEDIT_CONFIG", raising=False)
    return home
