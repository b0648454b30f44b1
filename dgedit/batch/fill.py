"""`dgedit fill`: what the runner does to a text whose holes are filled."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import terminal
from ..engine.catalog import DEFAULT_MODEL
from ..errors import ExitCode
from ..fill import records
from ..fill.document import Filled, Filler, Job, LocalFiller, fill_job, job_of, said_of, shortened
from ..fill.loop import Ending, FillOptions, Limits, Outcome, unlearned
from ..fill.open import Where
from ..text.holes import MARKER, Wanted, lines_of
from .interrupts import caught
from .run import BatchSource, Done, Mode, Run, RunOptions

if TYPE_CHECKING:
    from ..engine import Frame
    from ..engine.types import ModelInfo

__all__ = ["FillTask", "Mode", "PipeOptions", "run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PipeOptions:
    """The command line of `dgedit fill`."""

    sources: tuple[str, ...]
    """Paths, or - for standard input."""
    passed: int = 0
    """So many other sources were looked through already, and hold nothing."""
    mode: Mode = Mode.FILTER
    records: bool = False
    """Standard output carries records, not a text or a diff."""
    stdin_name: Path | None = None
    """What standard input is called."""
    wanted: Wanted = field(default_factory=Wanted)
    language: str | None = None
    """None: as the name and the text say."""
    model: str = DEFAULT_MODEL
    engine: str = ""
    """The address of a server that is asked instead."""
    fill: FillOptions = field(default_factory=FillOptions)
    limits: Limits = field(default_factory=Limits)
    """The total is for all sources together, loading the model included."""
    quiet: bool = False
    warm: bool = False
    """Start a warm process where none is there; one that is there is used in any case."""


def run(options: PipeOptions, filler: Filler | None = None) -> ExitCode:
    """Read, fill, write; returns the exit code."""
    report = terminal.say if not options.quiet and sys.stderr is not None and sys.stderr.isatty() else None
    where = Where.WARM if options.warm else Where.FOUND
    own = LocalFiller(options.model, engine=options.engine, report=report, where=where)
    sources = tuple(BatchSource.of(given, options.stdin_name) for given in options.sources)
    chosen = RunOptions(sources=sources, mode=options.mode, timeout_s=options.limits.total_s, in_child=filler is None)
    with caught() as interrupts:
        return Run(chosen, FillTask(options, filler or own), interrupts).all()


class FillTask:
    """Fills the holes of texts; see `run.BatchTask`."""

    doing = "filled"

    def __init__(self, options: PipeOptions, filler: Filler) -> None:
        self.records = options.records
        self._options, self._filler = options, filler
        self._began = self._work_began = time.monotonic()
        self._watching: Callable[[Any], None] = print
        self._model: ModelInfo | None = None
        self._named = dict[str, str]()
        """What records call a job; known in the parent alone."""
        self._outcomes = dict[int, Outcome]()
        """Of the work that is watched, by the number of the hole: what is kept where its end does not come in time."""
        self._said = set[str]()
        """What is said once, however many files it is true of."""

    def read(self, source: BatchSource) -> Job:
        """The holes of a source."""
        options = self._options
        job = job_of(source.raw, source.label, source.path, options.wanted, options.language)
        self._named[job.name] = source.record_name
        return job

    def is_idle(self, work: Job) -> bool:
        """Whether there are no holes, or they are only counted."""
        return not work.holes or self._options.mode is Mode.CHECK

    def do(self, work: Job, mode: Mode, until: float, tell: Callable[[Any], None]) -> Done:
        """Fill the holes."""
        if mode is Mode.CHECK:
            return self._checked(work, tell)
        if not work.holes:
            return self._done(Filled(job=work, outcomes=()), None, 0.0)
        began = time.monotonic()
        tell(self._filler.info)
        left = replace(self._options.limits, total_s=max(0.0, until - time.monotonic()))
        filled = fill_job(work, self._filler, self._options.fill, left, lambda number, what: tell((number, what)))
        return self._done(filled, self._filler.info, time.monotonic() - began)

    def late(self, work: Job) -> Done:
        """Holes that were told to be filled are; the others stay as they were."""
        for number in range(len(work.holes)):
            if number not in self._outcomes:
                self._watching((number, Outcome(ending=Ending.TIMEOUT)))
        outcomes = tuple(outcome for _, outcome in sorted(self._outcomes.items()))
        return self._done(Filled(job=work, outcomes=outcomes), self._model, time.monotonic() - self._work_began)

    def watch(self, work: Job, tell: Callable[[records.Record], None]) -> Callable[[Any], None]:
        """Progress on a terminal, and records."""
        about = records.FileRecords(self._named[work.name], work.text, work.holes) if self.records else None
        progress = Progress(len(work.holes), quiet=self._options.quiet)
        self._outcomes, self._work_began = {}, time.monotonic()

        def watch(what: Any) -> None:
            if not isinstance(what, tuple):
                self._model = what
                return
            number, seen = what
            if isinstance(seen, Outcome):
                self._outcomes[number] = seen
            elif seen is not None:
                progress.show(number, seen)
            if about is not None and (record := _record(about, number, seen)) is not None:
                tell(record)

        self._watching = watch
        return watch

    def settle(self) -> None:
        """Take the progress away."""
        Progress(0, quiet=self._options.quiet).close()

    def finish(self, code: ExitCode, all_done: list[Done]) -> list[str]:
        """What a check found, all in all."""
        if self._options.mode is not Mode.CHECK or self._options.quiet:
            return []
        counts = [done.count.holes for done in all_done if done.count is not None]
        count, files_with = sum(counts), sum(found > 0 for found in counts)
        sources = len(self._options.sources) + self._options.passed
        where = f"{files_with} of {sources} files" if sources > 1 else "1 file"
        what = "1 hole" if count == 1 else f"{count} holes"
        if not count and code is not ExitCode.OK:
            return []
        return [f"{what} to fill in {where}" if count else "nothing to fill"]

    def summary(self, code: ExitCode, all_done: list[Done], counts: list[records.FileCount]) -> records.Record:
        """What became of every file."""
        elapsed_s, seed = time.monotonic() - self._began, self._options.fill.seed
        return records.summary(counts, self._model, seed=seed, elapsed_s=elapsed_s, code=code)

    def _checked(self, job: Job, tell: Callable[[Any], None]) -> Done:
        places = list[str]()
        for number, line in enumerate(lines_of(job.text, job.holes)):
            tell((number, None))
            marker = shortened(job.text[job.holes[number].start : job.holes[number].end])
            places.append(f"{job.name}:{line}: {marker}")
        count = len(job.holes)
        return Done(
            raw=job.raw,
            code=ExitCode.HOLES_LEFT if count else ExitCode.OK,
            places=() if self._options.quiet else tuple(places),
            count=records.FileCount(file="", holes=count, left=count),
        )

    def _done(self, filled: Filled, model: ModelInfo | None, took_s: float) -> Done:
        job, holes, left = filled.job, len(filled.job.holes), filled.left
        return Done(
            raw=filled.raw(),
            text=job.text,
            edits=tuple(filled.edits),
            encoding=job.decoded.encoding,
            code=ExitCode.HOLES_LEFT if left else ExitCode.OK,
            said=tuple(self._told(filled, model, took_s)),
            count=records.FileCount(file="", holes=holes, filled=holes - left, left=left),
        )

    def _told(self, filled: Filled, model: ModelInfo | None, took_s: float) -> list[str]:
        """What a person should know of a text that went through."""
        job, left = filled.job, filled.left
        told = list(said_of(filled))
        if self._options.quiet or self._options.mode is not Mode.IN_PLACE:
            told = [
                line for line, outcome in zip(told, filled.outcomes, strict=True) if outcome.ending is not Ending.FILLED
            ]
        if self._options.quiet:
            return told
        if not job.holes:
            alone = len(self._options.sources) == 1
            return [
                *told,
                *([f"nothing to fill; mark a span with {MARKER} or name one with --lines A-B"] if alone else []),
            ]
        if model is None:
            return told
        count = len(job.holes) - left
        what = "1 span" if count == 1 else f"{count} spans"
        told.append(f"{job.name}: filled {what} in {took_s:.2f} s with {model.name} {model.digest}")
        results = [outcome.result for outcome in filled.outcomes if outcome.result is not None]
        if any(result.context.prefix_cut or result.context.suffix_cut for result in results):
            told.append("the file is longer than the model reads: text far from the span was left out of its context")
        foreign = "" if self._options.fill.any_language else unlearned(model, job.language, job.path)
        if foreign and foreign not in self._said:
            self._said.add(foreign)
            told.append(f"{foreign}; --any-language lets it write")
        if not model.instructed and any(hole.instruction for hole in job.holes):
            told.append(f"{model.name} cannot follow an instruction; it fills from the code alone")
        return [*told, *self._filler.notes]


def _record(about: records.FileRecords, number: int, seen: Frame | Outcome | None) -> records.Record | None:
    """What is recorded of what was told: a hole that a check found, a pass, a result."""
    if seen is None:
        return about.hole(number)
    if isinstance(seen, Outcome):
        return about.result(number, seen)
    return about.frame(number, seen) if seen.result is None else None


class Progress:
    """One line on standard error that says which pass runs, where that is a terminal."""

    def __init__(self, holes: int, *, quiet: bool) -> None:
        self.holes = holes
        self.on = not quiet and sys.stderr is not None and sys.stderr.isatty()

    def show(self, number: int, what: Frame) -> None:
        """Say where the number-th hole stands."""
        if self.on:
            words = terminal.shown(" ".join(what.text.split())[:50])
            terminal.to_stderr(
                f"\r\x1b[Kspan {number + 1}/{self.holes}  pass {what.pass_index}/{what.passes_max}  {words}"
            )

    def close(self) -> None:
        """Take the line away."""
        if self.on:
            terminal.to_stderr("\r\x1b[K")
