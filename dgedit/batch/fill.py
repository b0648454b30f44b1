"""`dgedit fill`: texts in, texts with their holes filled out.

Standard output carries data alone: the text, a diff, or records; everything said goes to standard error. Whatever
fails, the input comes out byte for byte, or the file stays as it was, and the exit code is not 0: so that
`:%!dgedit fill -` in any editor never loses a buffer.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from ..engine.catalog import DEFAULT_MODEL
from ..errors import DgeditError, ExitCode
from ..files import disk
from ..fill import records
from ..fill.document import Filled, Filler, Job, LocalFiller, fill_job, job_of, job_of_file, said_of, shortened, write
from ..fill.loop import FillOptions, Limits, Outcome, unlearned
from ..fill.open import Where
from ..text import diff
from ..text.encoding import UTF_8_BOM, UTF_16_BE, UTF_16_LE
from ..text.holes import MARKER, Wanted, lines_of
from . import interrupts

if TYPE_CHECKING:
    from ..engine.types import Frame, ModelInfo


class Mode(Enum):
    """What is done with filled texts."""

    FILTER = "filter"
    """The one text goes to standard output."""
    CHECK = "check"
    """Nothing is filled; holes are counted."""
    DIFF = "diff"
    IN_PLACE = "in place"


@dataclass(frozen=True, slots=True, kw_only=True)
class PipeOptions:
    """The command line of `dgedit fill`."""

    sources: tuple[str, ...]
    """Paths, or - for standard input."""
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
    report = _say if not options.quiet and sys.stderr is not None and sys.stderr.isatty() else None
    with interrupts.caught() as caught:
        where = Where.WARM if options.warm else Where.FOUND
        own = LocalFiller(options.model, engine=options.engine, report=report, where=where)
        return Run(options, filler or own, caught).all()


class OutputGoneError(Exception):
    """Nobody reads standard output any more, or it is full."""


class Run:
    """All sources of one command line, one after the other."""

    def __init__(self, options: PipeOptions, filler: Filler, caught: interrupts.Interrupts) -> None:
        self._options, self._filler, self._caught = options, filler, caught
        self._output = Output()
        self._began = time.monotonic()
        self._raw = b""
        """What comes out again when something fails."""
        self._counts = list[records.FileCount]()
        self._model: ModelInfo | None = None
        self._took_s = 0.0
        self._said = set[str]()
        """What is said once, however many files it is true of."""

    def all(self) -> ExitCode:
        """Every source; one that cannot be used does not stop the others."""
        code = ExitCode.OK
        for source in self._options.sources:
            try:
                code = max(code, self._one(source))
            except KeyboardInterrupt:
                _say("cancelled; the text is unchanged" if self._is_text else "cancelled")
                code = max(ExitCode.CANCELLED, self._give_back())
            if code is ExitCode.CANCELLED or self._output.is_gone:
                break
        if self._options.mode is Mode.CHECK and not self._options.quiet:
            self._say_checked(code)
        if self._options.records:
            code = max(code, self._deliver(records.line(self._summary(code))))
        return code

    def _one(self, source: str) -> ExitCode:
        """One source; signals interrupt it until its output begins."""
        self._raw = b""
        self._caught.check()
        try:
            job = self._job(source)
            if self._options.mode is Mode.CHECK:
                return self._check(source, job)
            filled = self._fill(source, job)
            output = self._made_of(filled)
        except OutputGoneError:
            return ExitCode.ERROR
        except DgeditError as trouble:
            return self._failed(source, trouble)
        except Exception as trouble:  # the boundary: whatever broke, the text must come out
            broken = f"internal error, the text is unchanged: {type(trouble).__name__}: {trouble}"
            return self._failed(source, DgeditError(broken))
        return self._finish(source, filled, output)

    def _finish(self, source: str, filled: Filled, output: bytes) -> ExitCode:
        changed = bool(filled.edits)
        in_place = self._options.mode is Mode.IN_PLACE
        with self._caught.held(mortal=not in_place):
            if in_place:
                try:
                    changed = write(filled, _say)
                except DgeditError as trouble:
                    return self._failed(source, trouble)
            code = self._deliver(output)
            self._raw = b""
            self._tell(filled)
            holes, left = len(filled.job.holes), filled.left
            self._counts.append(
                records.FileCount(
                    file=self._named(source), holes=holes, filled=holes - left, left=left, changed=changed
                )
            )
            return max(code, ExitCode.HOLES_LEFT) if left else code

    def _job(self, source: str) -> Job:
        options = self._options
        if options.mode is Mode.IN_PLACE:
            return job_of_file(Path(source), options.wanted, options.language)
        if source != "-":
            self._raw = disk.read(Path(source))
            return job_of(self._raw, source, Path(source), options.wanted, options.language)
        if sys.stdin is None:
            raise DgeditError("standard input is closed", "give it a text, or name a file")
        self._raw = sys.stdin.buffer.read()
        name = str(options.stdin_name or "standard input")
        return job_of(self._raw, name, options.stdin_name, options.wanted, options.language)

    def _check(self, source: str, job: Job) -> ExitCode:
        about = records.FileRecords(self._named(source), job.text, job.holes) if self._options.records else None
        for number, line in enumerate(lines_of(job.text, job.holes)):
            if about is not None:
                self._deliver(records.line(about.hole(number)))
            if not self._options.quiet:
                marker = shortened(job.text[job.holes[number].start : job.holes[number].end])
                # As `grep -n` writes it, so that editors can jump there.
                _to_stderr(f"{job.name}:{line}: {marker}\n")
        count = len(job.holes)
        self._counts.append(records.FileCount(file=self._named(source), holes=count, left=count))
        return ExitCode.HOLES_LEFT if count else ExitCode.OK

    def _fill(self, source: str, job: Job) -> Filled:
        if not job.holes:
            return Filled(job=job, outcomes=())
        options = self._options
        began = time.monotonic()
        self._model = self._filler.info
        self._caught.check()
        left_s = options.limits.total_s - (time.monotonic() - self._began)
        about = records.FileRecords(self._named(source), job.text, job.holes) if options.records else None
        progress = Progress(len(job.holes), quiet=options.quiet)

        def watch(number: int, what: Frame | Outcome) -> None:
            self._caught.check()
            progress.show(number, what)
            if about is None or (not isinstance(what, Outcome) and what.result is not None):
                return
            record = about.result(number, what) if isinstance(what, Outcome) else about.frame(number, what)
            if self._deliver(records.line(record)) is not ExitCode.OK:
                raise OutputGoneError

        try:
            return fill_job(job, self._filler, options.fill, replace(options.limits, total_s=max(0.0, left_s)), watch)
        finally:
            progress.close()
            self._took_s = time.monotonic() - began

    def _made_of(self, filled: Filled) -> bytes:
        """What standard output gets."""
        mode = self._options.mode
        raw = filled.raw()
        if self._options.records or mode is Mode.IN_PLACE:
            return b""
        return raw if mode is Mode.FILTER else _diff(filled)

    def _tell(self, filled: Filled) -> None:
        """What a person should know of a text that went through."""
        job, left = filled.job, filled.left
        told = list(said_of(filled))
        if self._options.quiet or self._options.mode is not Mode.IN_PLACE:
            told = [line for line, outcome in zip(told, filled.outcomes, strict=True) if not outcome.text]
        for line in told:
            _say(line)
        if self._options.quiet:
            return
        if not job.holes:
            if len(self._options.sources) == 1:
                _say(f"nothing to fill; mark a span with {MARKER} or name one with --lines A-B")
            return
        assert self._model is not None, "asked for before a hole was filled"
        filled_count = len(job.holes) - left
        what = "1 span" if filled_count == 1 else f"{filled_count} spans"
        _say(f"{job.name}: filled {what} in {self._took_s:.2f} s with {self._model.name} {self._model.digest}")
        results = [outcome.result for outcome in filled.outcomes if outcome.result is not None]
        if any(result.context.prefix_cut or result.context.suffix_cut for result in results):
            _say("the file is longer than the model reads: text far from the span was left out of its context")
        foreign = "" if self._options.fill.any_language else unlearned(self._model, job.language, job.path)
        if foreign and foreign not in self._said:
            self._said.add(foreign)
            _say(f"{foreign}; --any-language lets it write")
        if not self._model.instructed and any(hole.instruction for hole in job.holes):
            _say(f"{self._model.name} cannot follow an instruction; it fills from the code alone")
        for note in self._filler.notes:
            _say(note)

    def _failed(self, source: str, trouble: DgeditError) -> ExitCode:
        _say(trouble.line())
        code = ExitCode.OK
        if self._options.records:
            code = self._deliver(records.line(records.error(self._named(source), trouble)))
        self._counts.append(records.FileCount(file=self._named(source)))
        return max(trouble.code, code, self._give_back())

    def _give_back(self) -> ExitCode:
        """The input as it came, where that is what standard output is for."""
        with self._caught.held(mortal=True):
            raw, self._raw = self._raw, b""
            return self._deliver(raw) if self._is_text else ExitCode.OK

    def _deliver(self, raw: bytes) -> ExitCode:
        trouble = self._output.write(raw)
        if trouble:
            _say(trouble)
        return ExitCode.ERROR if raw and self._output.is_gone else ExitCode.OK

    def _say_checked(self, code: ExitCode) -> None:
        count, files_with = sum(c.holes for c in self._counts), sum(c.holes > 0 for c in self._counts)
        where = f"{files_with} of {len(self._counts)} files" if len(self._counts) > 1 else "1 file"
        what = "1 hole" if count == 1 else f"{count} holes"
        if count or code is ExitCode.OK:
            _say(f"{what} to fill in {where}" if count else "nothing to fill")

    def _summary(self, code: ExitCode) -> records.Record:
        elapsed_s, seed = time.monotonic() - self._began, self._options.fill.seed
        return records.summary(self._counts, self._model, seed=seed, elapsed_s=elapsed_s, code=code)

    def _named(self, source: str) -> str:
        """The name of a source in records."""
        return str(self._options.stdin_name or source) if source == "-" else source

    @property
    def _is_text(self) -> bool:
        """Whether standard output carries the text itself."""
        return self._options.mode is Mode.FILTER and not self._options.records


class Output:
    """Standard output, which may go away or be full at any time."""

    def __init__(self) -> None:
        self.is_gone = False

    def write(self, raw: bytes) -> str:
        """Write and flush; says what a person should know, once."""
        if self.is_gone or not raw:
            return ""
        if sys.stdout is None:
            self.is_gone = True
            return "standard output is closed"
        try:
            sys.stdout.buffer.write(raw)
            sys.stdout.buffer.flush()
        except OSError as trouble:
            self.is_gone = True
            # Python would complain once more while it closes the stream.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            gone = isinstance(trouble, BrokenPipeError)
            return "" if gone else f"cannot write standard output: {trouble.strerror}"
        return ""


class Progress:
    """One line on standard error that says which pass runs, where that is a terminal."""

    def __init__(self, holes: int, *, quiet: bool) -> None:
        self.holes = holes
        self.on = not quiet and sys.stderr is not None and sys.stderr.isatty()

    def show(self, number: int, what: Frame | Outcome) -> None:
        """Say where the number-th hole stands."""
        if self.on and not isinstance(what, Outcome):
            shown = " ".join(what.text.split())[:50]
            _to_stderr(f"\r\x1b[Kspan {number + 1}/{self.holes}  pass {what.pass_index}/{what.passes_max}  {shown}")

    def close(self) -> None:
        """Take the line away."""
        if self.on:
            _to_stderr("\r\x1b[K")


def _diff(filled: Filled) -> bytes:
    """The diff in the encoding of the file, so that `patch` can apply it; of UTF-16 it is there to be read."""
    encoding, job = filled.job.decoded.encoding, filled.job
    text, edits = job.text, filled.edits
    if encoding is UTF_8_BOM:
        text, edits = "\ufeff" + text, [(start + 1, end + 1, new) for start, end, new in edits]
    lines: Iterable[str] = diff.unified(text, edits, str(job.path) if job.path is not None else "-")
    if sys.stdout is not None and sys.stdout.isatty() and _wants_colour():
        lines = diff.coloured(lines)
    codec = "utf-8" if encoding in (UTF_16_LE, UTF_16_BE) else encoding.codec
    # A name is not in the encoding of what is in the file.
    return b"".join(os.fsencode(line) if number < 2 else line.encode(codec) for number, line in enumerate(lines))


def _wants_colour() -> bool:
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _say(message: str) -> None:
    _to_stderr(f"dgedit: {message}\n")


def _to_stderr(text: str) -> None:
    """Narration never stops the work: its stream may be closed or full."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(text)
            sys.stderr.flush()
