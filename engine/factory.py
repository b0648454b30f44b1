"""From what a person names to the engine: a server where there is an address, else a checkpoint of this process."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from .catalog import DEFAULT_MODEL
from .interface import Engine
from .starting import keep_memory, quickly, stay_offline

if TYPE_CHECKING:
    from .local import LocalEngine


def open_engine(
    model: str | None = None,
    *,
    url: str = "",
    report: Callable[[str], None] | None = None,
    holding: Callable[[Callable[[], None]], None] | None = None,
) -> Engine:
    """The engine behind a name or an address; torch is imported here, where it is needed.

    Args:
        model: see `engine.load`; with an address one of the server's models, none for its only one.
        report: is told, in lines for a person, what is loaded and how far it is.
        holding: is given what breaks the wait for a server off, from any thread; a load cannot be.

    Raises:
        EngineError: when it cannot be had, or was broken off.
    """
    if url:
        from .remote import connect

        return connect(url, model=model, holding=holding)
    return open_local(model, report)


def open_local(model: str | None = None, report: Callable[[str], None] | None = None) -> LocalEngine:
    """The engine of a checkpoint in this process; see `open_engine`."""
    # How long a waiting thread spins before it sleeps. OpenMP's default starves other programs on a small machine, no
    # spinning at all doubles the time of an infill; this much costs nothing measurable on an idle one.
    os.environ.setdefault("GOMP_SPINCOUNT", "30000")
    stay_offline()
    keep_memory()
    with quickly():
        from .local import load_local

        return load_local(model or DEFAULT_MODEL, report)
