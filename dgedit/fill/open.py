"""Which engine fills: a checkpoint in this process, a warm process, or a server; and how it is asked for.

Torch is imported here, when a checkpoint is loaded, and by nothing above.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Union

from ..engine.asked import Asked
from ..errors import DgeditError
from ..files.private import refusal

if TYPE_CHECKING:
    from ..engine.protocol import Denoiser

Model = Union["Denoiser", Asked]
"""In this process, or asked for whole infills."""
BUNDLED = "nano"
"""The model that needs no download."""
THREADS_MAX = 8
"""More threads than this only wait for each other at nano's size."""


def cores() -> int:
    """Cores that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def load_model(name: str, report: Callable[[str], None] | None = None) -> Denoiser:
    """Import the engine and load a checkpoint (seconds the first time).

    Args:
        name: see `engine.load`.
        report: is told, in lines for a person, what is loaded and how far it is.

    Raises:
        DgeditError: when there is no such model, it does not fit, or its files do not fit each other.
    """
    # How long a waiting thread spins before it sleeps. OpenMP's default starves other programs on a small machine, no
    # spinning at all doubles the time of an infill; this much costs nothing measurable on an idle one.
    os.environ.setdefault("GOMP_SPINCOUNT", "30000")
    import torch

    from ..engine.load import load

    torch.set_num_threads(min(THREADS_MAX, cores()))
    with trouble_said():
        return load(name, report=report)


class Where(Enum):
    """Where a model may be."""

    HERE = "in this process"
    FOUND = "in a warm process, if one is there"
    WARM = "in a warm process, started if none is there"


def open_model(
    name: str, engine: str = "", report: Callable[[str], None] | None = None, where: Where = Where.HERE
) -> Model:
    """The engine that a person chose: a server where there is an address, else a checkpoint; see `load_model`.

    Args:
        engine: the address of a server; `name` is then one of its models, or a bundled model's for its only one.

    Raises:
        DgeditError: when it cannot be had.
    """
    if engine:
        from ..engine.remote import connect

        with trouble_said():
            return connect(engine, model=None if name == BUNDLED else name)
    if where is not Where.HERE:
        from ..server import client

        try:
            found = client.start_in_background(name) if where is Where.WARM else client.find(name)
        except DgeditError as error:
            if report is not None:
                report(f"no warm process: {error.line()}")
            found = None
        if found is not None:
            return found
    return load_model(name, report)


@contextmanager
def trouble_said() -> Iterator[None]:
    """Turn what the engine says of a trouble, or torch of a full GPU, into dgedit's error."""
    from ..engine.types import EngineError

    try:
        yield
    except EngineError as error:
        raise DgeditError(str(error), error.hint) from error
    except RuntimeError as error:
        # Without torch in this process there is no such error, and it need not be imported for it.
        if "torch" not in sys.modules or not isinstance(error, sys.modules["torch"].OutOfMemoryError):
            raise
        hint = "free memory, or use --model diffusiongemma:nf4 or nano"
        raise DgeditError("the GPU has no room left for this infill", hint) from error


def check_may_leave(model: Model, path: Path | None) -> None:
    """Keep a file that is listed as private on this machine.

    Raises:
        DgeditError: when the model is a server's, and the file must not be sent to one.
    """
    if path is None or not isinstance(model, Asked):
        return
    from ..server.client import ServedEngine

    if isinstance(model, ServedEngine):
        return
    if why := refusal(path):
        raise DgeditError(f"{path} is not sent to a server: {why}", "use the bundled model, or change the list")


def settle_threads() -> None:
    """Use as many threads as pay at this moment, unless the answers are to be the same at every moment."""
    from ..engine.threads import use_fastest

    if not _one_thread:
        use_fastest(min(THREADS_MAX, cores()))


_one_thread = False


def use_one_thread() -> None:
    """Answer alike however busy the machine is, for less speed: sums over more threads differ in a last bit."""
    global _one_thread
    import torch

    _one_thread = True
    torch.set_num_threads(1)
