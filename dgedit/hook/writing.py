"""What a hook may write: marked places filled and faults fixed, offline, with seed 0 and within a deadline.

A file is written in one step and only when all of it is done and it still parses, if it did before; whenever this is
stopped a file is as it was, or done. What is staged is never touched. It must know nothing of git.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..batch.fill import FillTask, PipeOptions
from ..batch.interrupts import caught
from ..batch.run import BatchSource, BatchTask, Done, Mode, Run, RunOptions
from ..engine.catalog import DEFAULT_MODEL, checkpoint_folder
from ..errors import DgeditError, ExitCode
from ..fill.document import Filled, LocalFiller, said_of
from ..fill.loop import Limits
from ..fill.open import load_model
from ..terminal import shown
from .checks import parses
from .words import Say

if TYPE_CHECKING:
    from ..engine import Engine
    from ..engine.types import ModelInfo
    from ..fill.document import Job

Work = Callable[[Path, Sequence[str], "Effort", Say], Mapping[str, bytes]]
"""Fill or fix files below a folder; returns what those hold now that were changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """What mending may take, and with which model."""

    model: str = DEFAULT_MODEL
    timeout_s: int = 20
    """For one place."""
    deadline_s: int = 120
    """For all places of all files, loading the model included."""
    require_model: bool = False
    """Whether a model that cannot be loaded is an error, not a note."""


def is_missing(effort: Effort, say: Say) -> bool:
    """Whether the model cannot be loaded here; the reason is said.

    Raises:
        DgeditError: when the model is required.
    """
    if importlib.util.find_spec("torch") is None:
        reason = "torch is not installed"
    elif not checkpoint_folder(effort.model).is_dir():
        reason = f"there is no model {effort.model!r}"
    else:
        return False
    if effort.require_model:
        raise DgeditError(f"nothing is written: {reason}", "install it, or leave --require-model out")
    say(f"nothing is written: {reason}")
    return True


def fill(root: Path, paths: Sequence[str], effort: Effort, say: Say) -> Mapping[str, bytes]:
    """Fill the marked places of files; returns what those hold now that were changed.

    Raises:
        KeyboardInterrupt: on Ctrl+C and SIGTERM; every file is then as it was, or wholly filled.
    """
    task = WholeFill(effort, tuple(paths))
    sources = [BatchSource(given=path, path=root / path, label=shown(path)) for path in paths]
    return _run(task, _options(sources, effort, say))


def fix(root: Path, paths: Sequence[str], effort: Effort, say: Say) -> Mapping[str, bytes]:
    """Mend files that do not parse; returns what those hold now that were changed. A line is said for each change.

    Raises:
        KeyboardInterrupt: on Ctrl+C and SIGTERM; every file is then as it was, or wholly mended.
    """
    # It needs grammars, which are not there where a hook runs out of a bare clone and only looks.
    from ..batch.fix import FixOptions, FixTask

    options = FixOptions(sources=tuple(paths), mode=Mode.IN_PLACE, model=effort.model)
    sources = [BatchSource(given=path, path=Path(os.path.relpath(root / path)), label=path) for path in paths]
    chosen = replace(_options(sources, effort, say), source_timeout_s=effort.timeout_s)
    return _run(FixTask(options, load=lambda: _steady(effort.model)), chosen)


def _options(sources: Sequence[BatchSource], effort: Effort, say: Say) -> RunOptions:
    return RunOptions(sources=tuple(sources), mode=Mode.IN_PLACE, timeout_s=effort.deadline_s, say=say, raises=True)


def _run(task: BatchTask[Any], options: RunOptions) -> Mapping[str, bytes]:
    with caught() as interrupts:
        run = Run(options, task, interrupts)
        run.all()
        return run.written


class WholeFill(FillTask):
    """Fills a file wholly, or leaves it as it is."""

    def __init__(self, effort: Effort, paths: tuple[str, ...]) -> None:
        options = PipeOptions(
            sources=paths, mode=Mode.IN_PLACE, model=effort.model, limits=Limits(hole_s=effort.timeout_s)
        )
        super().__init__(options, SteadyFiller(effort.model))

    def _done(self, filled: Filled, model: ModelInfo | None, took_s: float) -> Done:
        done = super()._done(filled, model, took_s)
        job = filled.job
        as_it_was = replace(done, raw=job.raw, edits=(), code=ExitCode.HOLES_LEFT)
        if filled.left:
            lines = zip(said_of(filled), filled.outcomes, strict=True)
            return replace(as_it_was, said=tuple(line for line, outcome in lines if not outcome.text))
        if _breaks(job, done.raw):
            return replace(as_it_was, said=(f"{job.name}: left as it was: what was written does not parse",))
        return replace(done, said=tuple(f"filled {line}" for line in said_of(filled)))


class SteadyFiller(LocalFiller):
    """A model that answers alike however busy the machine is."""

    def _opened(self) -> Engine:
        self._model = self._model or _steady(self._name)
        return self._model


def _breaks(job: Job, raw: bytes) -> bool:
    """Whether a file parses now and would not then."""
    path = str(job.path)
    return parses(path, job.raw) and not parses(path, raw)


def _steady(name: str) -> Engine:
    from ..engine.threads import use_one_thread

    model = load_model(name)
    use_one_thread()
    return model
