"""`dgedit fix`: what the runner does to a text that does not parse.

A text that parses is never touched, and one that cannot be mended wholly stays as it was.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..engine.catalog import DEFAULT_MODEL
from ..engine.parsing import error_in
from ..errors import DgeditError, ExitCode
from ..files.committed import committed_text
from ..files.siblings import related_texts
from ..fill.records import FileCount, Record
from ..fix.document import (
    FAULTY,
    Document,
    conflict_in_valid,
    conflict_line,
    mended,
    refuse_unknown,
    standing,
    standing_until,
)
from ..fix.faults import JUDGED_CHARS_MAX, Fault
from ..fix.repair import Repair, RepairEnding, RepairOptions
from ..judges.judge import languages as judged_languages
from ..text import languages
from ..text.encoding import Decoded, decode_any, encode
from ..text.holes import replaced, without_marked_lines
from ..text.line_breaks import edits_between, plain
from .interrupts import caught
from .run import BatchSource, Done, Mode, Run, RunOptions

if TYPE_CHECKING:
    from ..engine import Engine

SHOWN_CHARS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class FixOptions:
    """The command line of `dgedit fix`."""

    sources: tuple[str, ...]
    """Paths, or - for standard input."""
    mode: Mode = Mode.FILTER
    stdin_name: Path | None = None
    """What standard input is called."""
    language: str | None = None
    """None: as the name and the text say."""
    model: str = DEFAULT_MODEL
    repair: RepairOptions = field(default_factory=RepairOptions)
    conflicts: bool = False
    trust_grammar: bool = False
    """Whether a grammar's no is taken for one where nobody knows better."""
    timeout_s: float = math.inf
    """For all sources together, loading the model included."""
    quiet: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenText:
    """A text that was read, and may be broken."""

    name: str
    raw: bytes
    decoded: Decoded
    text: str
    """With plain line feeds."""
    language: str
    path: Path | None


def run(options: FixOptions, model: Engine | None = None) -> ExitCode:
    """Read, mend, write; returns the exit code."""
    sources = tuple(BatchSource.of(given, options.stdin_name) for given in options.sources)
    chosen = RunOptions(sources=sources, mode=options.mode, timeout_s=options.timeout_s, in_child=model is None)
    with caught() as interrupts:
        return Run(chosen, FixTask(options, model), interrupts).all()


class FixTask:
    """Mends texts; see `run.BatchTask`."""

    records = False
    doing = "mended"

    def __init__(
        self, options: FixOptions, model: Engine | None = None, load: Callable[[], Engine] | None = None
    ) -> None:
        """Args:
        model: where it is open already.
        load: opens it, where not by its name alone.
        """
        self._options, self._model, self._load = options, model, load

    def read(self, source: BatchSource) -> BrokenText:
        """A source as text.

        Raises:
            DgeditError: when its language cannot be judged, or it is too long.
        """
        decoded = decode_any(source.raw, source.label)
        language = self._language(source, decoded.text)
        if language not in judged_languages():
            known = ", ".join(judged_languages())
            raise DgeditError(f"{source.label}: whether {language} parses cannot be told", f"name one of {known}")
        if len(decoded.text) > JUDGED_CHARS_MAX:
            count = f"{len(decoded.text):,} characters, more than {JUDGED_CHARS_MAX:,}"
            raise DgeditError(f"{source.label} has {count}", "split it first")
        text = plain(decoded.text)
        return BrokenText(
            name=source.label, raw=source.raw, decoded=decoded, text=text, language=language, path=source.path
        )

    def is_idle(self, work: BrokenText) -> bool:
        """Never: whether it is broken is not known yet, and to judge it may take long."""
        return False

    def do(self, work: BrokenText, mode: Mode, until: float, tell: Callable[[Any], None]) -> Done:
        """Judge, and mend what is broken."""
        if mode is Mode.CHECK:
            return self._checked(work, until)
        chosen = replace(
            self._options.repair,
            related=tuple(map(without_marked_lines, related_texts(work.path))),
            timeout_s=max(0.0, until - time.monotonic()),
            watch=lambda: tell(None),
        )
        repair = mended(self._document(work), self._loaded, chosen, conflicts=self._options.conflicts)
        return self._done(work, repair)

    def late(self, work: BrokenText) -> Done:
        """The text as it was."""
        return self._done(work, Repair(text=work.text, ending=RepairEnding.TIMEOUT))

    def watch(self, work: BrokenText, tell: Callable[[Record], None]) -> Callable[[Any], None]:
        """Nothing is shown while it goes on."""
        return lambda _what: None

    def settle(self) -> None:
        """Nothing was shown."""

    def finish(self, code: ExitCode, all_done: list[Done]) -> list[str]:
        """Nothing more is said."""
        return []

    def summary(self, code: ExitCode, all_done: list[Done], counts: list[FileCount]) -> Record:
        """There are no records of mending."""
        raise AssertionError("asked for where there are records alone")

    def _language(self, source: BatchSource, text: str) -> str:
        """What a text is written in; one that nothing names is Python if it is whole, for valid code is never touched.

        Raises:
            DgeditError: when nobody can tell: what is broken Python may be a valid text of any other language.
        """
        if self._options.language:
            return languages.canonical(self._options.language)
        found = languages.detect(source.path, text)
        if source.path is not None or found != "text":
            return found
        if error_in(plain(text)) is not None:
            raise DgeditError(
                f"{source.label} says no language, and no Python that reads it", "add --language or --stdin-filename"
            )
        return "python"

    def _document(self, work: BrokenText) -> Document:
        return Document(
            name=work.name,
            text=work.text,
            language=work.language,
            path=work.path,
            committed=lambda: committed_text(work.path),
            trust_grammar=self._options.trust_grammar,
        )

    def _checked(self, work: BrokenText, until: float) -> Done:
        document = self._document(work)
        verdict = standing_until(document, until)
        conflict = conflict_line(work.text)
        if not verdict.is_broken and not (verdict.is_unknown and conflict is not None):
            refuse_unknown(document, verdict)
            return Done(raw=work.raw, said=tuple(self._noted(work)))
        where = f"{work.name}:{verdict.line + 1 if conflict is None else conflict}"
        place = f"{where}: {verdict.message if conflict is None else 'a conflict'}"
        return Done(raw=work.raw, code=FAULTY, places=() if self._options.quiet else (place,))

    def _noted(self, work: BrokenText) -> Iterator[str]:
        """A conflict that a merge left inside of a string keeps nothing from parsing."""
        line = conflict_in_valid(work.text)
        if line is not None and not self._options.quiet:
            yield f"{work.name}:{line}: lines of a conflict inside of a string or comment; the rest is valid"

    def _loaded(self) -> Engine:
        if self._model is None:
            from ..fill.open import load_model

            self._model = self._load() if self._load is not None else load_model(self._options.model)
        return self._model

    def _done(self, work: BrokenText, repair: Repair) -> Done:
        edits = edits_between(work.decoded.text, repair.text)
        whole = repair.ending in (RepairEnding.WHOLE, RepairEnding.MENDED)
        said = [] if whole and self._options.quiet else list(_said_of(work, repair))
        if repair.ending is RepairEnding.WHOLE:
            said += self._noted(work)
        return Done(
            raw=_encoded(work, edits),
            text=work.decoded.text,
            edits=tuple(edits),
            encoding=work.decoded.encoding,
            code=ExitCode.OK if whole else FAULTY,
            said=tuple(said),
        )


def _encoded(work: BrokenText, edits: list[tuple[int, int, str]]) -> bytes:
    """The bytes of a text with edits made.

    Raises:
        DgeditError: when the encoding has no bytes for what was written.
    """
    if not edits:
        return work.raw
    text = replaced(work.decoded.text, edits)
    judged = Document(name=work.name, text=plain(text), language=work.language, path=work.path)
    if standing(judged).is_broken:
        raise DgeditError(f"{work.name}: what was made does not parse", "this is a fault of dgedit; please report it")
    try:
        return encode(text, work.decoded.encoding)
    except DgeditError as trouble:
        raise DgeditError(f"{work.name}: {trouble}", trouble.hint) from trouble


def _said_of(work: BrokenText, repair: Repair) -> Iterator[str]:
    """A line for each change, or why there is none."""
    if repair.ending is RepairEnding.WHOLE:
        return
    if repair.ending is not RepairEnding.MENDED:
        yield f"{work.name}:{_place(repair.fault)}: left as it was: {repair.ending.value}"
        return
    for step in repair.steps:
        old, new = (_shortened(text) for text in (step.old, step.mend.text))
        yield f"{work.name}:{step.line + 1}: {step.fault.message}: {old} -> {new}"


def _place(fault: Fault | None) -> str:
    return f"{fault.line + 1}: {fault.message}" if fault is not None else "1"


def _shortened(text: str) -> str:
    shown = repr(text)
    return shown if len(shown) <= SHOWN_CHARS else shown[: SHOWN_CHARS - 1] + "\u2026"
