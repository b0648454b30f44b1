"""What a hook may write: marked places filled and faults fixed, offline, with seed 0 and within a deadline.

A file is written in one step and only when all of it is done and it still parses, if it did before; whenever this is
stopped a file is as it was, or done. What is staged is never touched. It must know nothing of git.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..batch.interrupts import Interrupts, caught
from ..engine.catalog import DEFAULT_MODEL, checkpoint_folder
from ..errors import DgeditError, ExitCode
from ..files import disk
from ..fill.document import Filled, LocalFiller, fill_job, job_of_file, said_of, write
from ..fill.loop import FillOptions, Limits
from ..fill.open import load_model
from ..text.holes import Wanted
from .checks import parses
from .words import Say, shown

if TYPE_CHECKING:
    from ..engine import Engine

Work = Callable[[Path, Sequence[str], "Effort", Say], list[str]]
"""Fill or fix files below a folder; returns those that were changed."""


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


def fill(root: Path, paths: Sequence[str], effort: Effort, say: Say) -> list[str]:
    """Fill the marked places of files; returns those that were changed.

    Raises:
        DgeditError: when the model cannot be loaded.
        KeyboardInterrupt: on Ctrl+C and SIGTERM; every file is then as it was, or wholly filled.
    """
    ends_s, changed = _begin(effort), list[str]()
    with caught() as interrupts:
        filler = LocalFiller(effort.model, _steady(effort.model))
        for path in paths:
            try:
                filled = _filled(root, path, filler, effort, ends_s, interrupts)
                with _held_back():
                    changed += [path] if _write_whole(path, filled, say) else []
            except DgeditError as trouble:
                say(trouble.line())
    return changed


def fix(root: Path, paths: Sequence[str], effort: Effort, _say: Say) -> list[str]:
    """Mend files that do not parse; returns those that were changed. `dgedit fix` says a line for each change.

    Raises:
        DgeditError: when the model cannot be loaded.
        KeyboardInterrupt: on Ctrl+C and SIGTERM; every file is then as it was, or wholly mended.
    """
    from ..batch.fill import Mode
    from ..batch.fix import FixOptions, run

    ends_s, changed = _begin(effort), list[str]()
    with caught() as interrupts:
        model = _steady(effort.model)
        for path in paths:
            interrupts.check()
            before, left_s = disk.read(root / path), max(0.0, ends_s - time.monotonic())
            source = os.path.relpath(root / path)
            timeout_s = min(effort.timeout_s, left_s)
            code = run(FixOptions(sources=(source,), mode=Mode.IN_PLACE, timeout_s=timeout_s), model)
            if code is ExitCode.CANCELLED:
                raise KeyboardInterrupt
            changed += [path] if disk.read(root / path) != before else []
    return changed


def _steady(name: str) -> Engine:
    """The model, with the same answers however busy the machine is."""
    from ..engine.threads import use_one_thread

    model = load_model(name)
    use_one_thread()
    return model


def _begin(effort: Effort) -> float:
    """When the work must be done. Whatever a model's loader would ask a server, it does not from here on."""
    os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    return time.monotonic() + effort.deadline_s


def _filled(
    root: Path, path: str, filler: LocalFiller, effort: Effort, ends_s: float, interrupts: Interrupts
) -> Filled:
    job = replace(job_of_file(root / path, Wanted()), name=shown(path))
    left_s = max(0.0, ends_s - time.monotonic())
    limits = Limits(total_s=left_s, hole_s=effort.timeout_s)
    return fill_job(job, filler, FillOptions(), limits, lambda _number, _what: interrupts.check())


@contextmanager
def _held_back() -> Iterator[None]:
    """Signals that end the process wait until a file is written: a moment, and no temporary file is left."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _write_whole(path: str, filled: Filled, say: Say) -> bool:
    """Write a file of which every place was filled and that still parses, if it did; a line is said for each place."""
    if filled.left:
        for line, outcome in zip(said_of(filled), filled.outcomes, strict=True):
            if not outcome.text:
                say(line)
        return False
    if parses(path, filled.job.raw) and not parses(path, filled.raw()):
        say(f"{shown(path)}: left as it was: what was written does not parse")
        return False
    if not write(filled, say):
        return False
    for line in said_of(filled):
        say(f"filled {line}")
    return True
