"""Which engine fills: a checkpoint in this process, a warm process, or a server; and how it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from ..engine import EngineError, open_engine
from ..engine.catalog import DEFAULT_MODEL
from ..errors import DgeditError
from ..files.private import refusal

if TYPE_CHECKING:
    from ..engine import Engine


def load_model(name: str, report: Callable[[str], None] | None = None) -> Engine:
    """Import the engine and load a checkpoint (seconds the first time).

    Args:
        name: see `engine.load`.
        report: is told, in lines for a person, what is loaded and how far it is.

    Raises:
        DgeditError: when there is no such model, it does not fit, or its files do not fit each other.
    """
    with trouble_said():
        return open_engine(name, report=report)


class Where(Enum):
    """Where a model may be."""

    HERE = "in this process"
    FOUND = "in a warm process, if one is there"
    WARM = "in a warm process, started if none is there"


def open_model(
    name: str,
    engine: str = "",
    report: Callable[[str], None] | None = None,
    where: Where = Where.HERE,
    holding: Callable[[Callable[[], None]], None] | None = None,
) -> Engine:
    """The engine that a person chose: a server where there is an address, else a checkpoint; see `load_model`.

    Args:
        engine: the address of a server; `name` is then one of its models, or a bundled model's for its only one.
        holding: is given what breaks the wait for a server off, from any thread.

    Raises:
        DgeditError: when it cannot be had.
    """
    if engine:
        with trouble_said():
            return open_engine(None if name == DEFAULT_MODEL else name, url=engine, holding=holding)
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
    """Turn what the engine says of a trouble into dgedit's error."""
    try:
        yield
    except EngineError as error:
        raise DgeditError(str(error), error.hint) from error


def check_may_leave(model: Engine, path: Path | None) -> None:
    """Keep a file that is listed as private on this machine.

    Raises:
        DgeditError: when the model is a server's, and the file must not be sent to one.
    """
    if path is None or not model.info.is_remote:
        return
    if why := refusal(path):
        raise DgeditError(f"{path} is not sent to a server: {why}", "use the bundled model, or change the list")
