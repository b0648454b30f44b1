"""One text's way through a fill: bytes, holes, answers, bytes. What the pipe and the hook share.

Bytes outside of holes come out as they came in, whatever the encoding and the line endings. It must know nothing of
streams, signals and exit codes.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ..errors import DgeditError
from ..files import disk
from ..terminal import drawn
from ..text import languages
from ..text.encoding import Decoded, decode_any, encode
from ..text.holes import Hole, Wanted, find_holes, line_of, lines_of, replaced
from .loop import Ending, FillOptions, Gap, Limits, Outcome, fill_holes
from .open import Where, open_model

if TYPE_CHECKING:
    from ..engine import Engine, Frame
    from ..engine.types import ModelInfo

Watch = Callable[[int, "Frame | Outcome"], None]
"""Told of each frame and of the outcome of a hole, which is given by its number from 0."""


class Filler(Protocol):
    """Whoever fills holes: the model in this process, or one that is warm in another."""

    @property
    def info(self) -> ModelInfo:
        """What is said of the model; opens it where that was not done."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of the answers so far."""

    def fill(
        self, text: str, holes: Sequence[Hole], options: FillOptions, limits: Limits
    ) -> Generator[tuple[int, Frame | Outcome], None, None]:
        """As `dgedit.fill.loop.fill_holes`; close to cancel."""


class LocalFiller:
    """The model of this process, or the server that it asks, opened when it is first needed."""

    def __init__(
        self,
        name: str,
        model: Engine | None = None,
        *,
        engine: str = "",
        report: Callable[[str], None] | None = None,
        where: Where = Where.HERE,
    ) -> None:
        """Args: model: where it is open already; engine, report, where: see `open_model`."""
        self._name, self._model, self._engine, self._report, self._where = name, model, engine, report, where

    @property
    def info(self) -> ModelInfo:
        """What is said of the model."""
        return self._opened().info

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of the answers so far."""
        return () if self._model is None else self._model.notes

    def fill(
        self, text: str, holes: Sequence[Hole], options: FillOptions, limits: Limits
    ) -> Generator[tuple[int, Frame | Outcome], None, None]:
        """Fill holes, first to last."""
        return fill_holes(text, holes, self._opened(), options, limits)

    def _opened(self) -> Engine:
        self._model = self._model or open_model(self._name, self._engine, self._report, self._where)
        return self._model


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A text and its holes."""

    name: str
    """As a person is told."""
    raw: bytes
    decoded: Decoded
    language: str
    holes: tuple[Hole, ...]
    path: Path | None = None
    """The file that it is of; files beside it may be looked through."""

    @property
    def text(self) -> str:
        """The text, a byte order mark not in it."""
        return self.decoded.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """A job and what became of its holes."""

    job: Job
    outcomes: tuple[Outcome, ...]

    @property
    def edits(self) -> list[tuple[int, int, str]]:
        """[start, end) of the text and what stands there now, of the holes that were filled."""
        pairs = zip(self.job.holes, self.outcomes, strict=True)
        return [(hole.start, hole.end, o.text) for hole, o in pairs if o.ending is Ending.FILLED]

    @property
    def text(self) -> str:
        """The text with its holes filled."""
        return replaced(self.job.text, self.edits)

    @property
    def left(self) -> int:
        """How many holes stay as they were."""
        return sum(outcome.ending is not Ending.FILLED for outcome in self.outcomes)

    def raw(self) -> bytes:
        """The bytes of the filled text.

        Raises:
            DgeditError: when the encoding of the input has no bytes for an answer.
        """
        if not self.edits:
            return self.job.raw
        try:
            return encode(self.text, self.job.decoded.encoding)
        except DgeditError as trouble:
            raise DgeditError(f"{self.job.name}: {trouble}", trouble.hint) from trouble


def job_of(raw: bytes, name: str, path: Path | None, wanted: Wanted, language: str | None = None) -> Job:
    """The holes in some bytes.

    Args:
        path: whose name tells the language, unless that is given.

    Raises:
        DgeditError: for binary or too much data, and when a hole cannot be found.
    """
    if len(raw) > disk.MAX_BYTES:
        raise DgeditError(f"{name} has {len(raw):,} bytes, more than {disk.MAX_BYTES:,}", "give a smaller text")
    decoded = decode_any(raw, name)
    known = languages.canonical(language) if language else _detected(path, decoded.text)
    try:
        holes = tuple(find_holes(decoded.text, known, wanted))
    except DgeditError as trouble:
        raise DgeditError(f"{name}: {trouble}", trouble.hint) from trouble
    return Job(name=name, raw=raw, decoded=decoded, language=known, holes=holes, path=path)


def fill_job(
    job: Job, filler: Filler, options: FillOptions, limits: Limits, watch: Watch = lambda _number, _what: None
) -> Filled:
    """Fill the holes of a job; a job without any needs no model.

    Raises:
        DgeditError: when the model cannot be used, or a span is too long for it.
    """
    if not job.holes:
        return Filled(job=job, outcomes=())
    outcomes = [Outcome(ending=Ending.TIMEOUT)] * len(job.holes)
    chosen = replace(options, language=job.language, path=job.path)
    try:
        _refuse_long(job, filler.info.span_tokens)
        with closing(filler.fill(job.text, job.holes, chosen, limits)) as events:
            for number, what in events:
                watch(number, what)
                if isinstance(what, Outcome):
                    outcomes[number] = what
    except DgeditError as trouble:
        raise DgeditError(f"{job.name}: {trouble}", trouble.hint) from trouble
    return Filled(job=job, outcomes=tuple(outcomes))


def said_of(filled: Filled) -> Iterator[str]:
    """A line for each hole: where it is and what stands there now, or why it stays as it was."""
    lines = lines_of(filled.job.text, filled.job.holes)
    for line, outcome in zip(lines, filled.outcomes, strict=True):
        where = f"{filled.job.name}:{line}"
        if outcome.ending is Ending.FILLED and not outcome.text.strip():
            yield f"{where}: nothing belongs there: the marker is taken away"
        elif outcome.ending is Ending.FILLED:
            first, *more = outcome.text.strip().splitlines()
            yield f"{where}: {shortened(first)}" + (f" (and {len(more)} more lines)" if len(more) > 1 else "")
        else:
            yield f"{where}: left as it was: {REASONS[outcome.ending]}"


REASONS = {
    Ending.TIMEOUT: "it was not done in time",
    Ending.BLANK: "the model found no text; try another --seed",
    Ending.BREAKS: "every answer would leave a file that does not parse; try another --seed, or --force",
    Ending.UNSURE: "nothing good: no answer is as sure as --min-confidence asks",
    Ending.OVER_BUDGET: "no answer fits the lines or tokens that its marker allows",
}
SHOWN_CHARS = 60


def shortened(text: str) -> str:
    """The first line of a text, as much as fits a message, without control characters."""
    shown = drawn(text.strip().split("\n", 1)[0].strip())
    return shown if len(shown) <= SHOWN_CHARS else shown[: SHOWN_CHARS - 1] + "\u2026"


def _refuse_long(job: Job, tokens_max: int) -> None:
    """Before anything is filled."""
    for hole in job.holes:
        expected = Gap(code=hole.code).expected_tokens() or 0
        if expected > tokens_max:
            line = line_of(job.text, hole.start)
            what = f"line {line}: the span is about {expected} tokens long, the model writes at most {tokens_max}"
            raise DgeditError(what, "choose fewer lines")


def _detected(path: Path | None, text: str) -> str:
    """The language of a text; Python where neither a name nor the text says one."""
    found = languages.detect_original(path, text)
    return "python" if path is None and found == "text" else found
