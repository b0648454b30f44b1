"""What the engine's own tests share."""

from __future__ import annotations

import pytest

from dgedit.engine.local import LocalEngine
from dgedit.engine.protocol import Denoiser


@pytest.fixture(scope="session")
def nano(nano: LocalEngine) -> Denoiser:
    """The bundled checkpoint, without the engine around it."""
    return nano.model
