"""Fixtures that many tests share: the bundled model, loaded once."""

from __future__ import annotations

import os

os.environ.setdefault("GOMP_SPINCOUNT", "30000")

import pytest

from dgedit.engine.load import load
from dgedit.engine.models.base import Denoiser


@pytest.fixture(scope="session")
def nano() -> Denoiser:
    """The bundled checkpoint."""
    return load("nano")
