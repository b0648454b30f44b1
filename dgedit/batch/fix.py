"""`dgedit fix`: files that do not parse, mended where that can be done by changing a few characters or lines.

Standard output carries data alone: the text, or a diff; everything said goes to standard error. A file that parses is
never touched, and one that cannot be mended wholly stays as it was. Whatever fails, the input comes out byte for byte.
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..engine.catalog import DEFAULT_MODEL
from ..errors import DgeditError, ExitCode
from ..files import disk, in_place
from ..files.committed import committed_text
from ..files.siblings import related_texts
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
from ..text import diff, languages
from ..text.encoding import UTF_8_BOM, UTF_16_BE, UTF_16_LE, Decoded, decode_any, encode
from ..text.holes import without_marked_lines
from ..text.line_breaks import edits_between, plain
from . import interrupts
from .fill import Mode, Output

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
class Source:
    """A text that was read."""

    name: str
    raw: bytes
    decoded: Decoded
    text: str
    """With plain line feeds."""
    language: str
    path: Path | None
    stamp: disk.Stamp | None


def run(options: FixOptions, model: Engine | None = None) -> ExitCode:
    """Read, mend, write; returns the exit code."""
    with interrupts.caught() as caught:
        return FixRun(options, caught, model).all()


class FixRun:
    """All sources of one command line, one after the other."""

    def __init__(self, options: FixOptions, caught: interrupts.Interrupts, model: Engine | None) -> None:
        self._options, self._caught, self._model = options, caught, model
        self._until = time.monotonic() + options.timeout_s
        self._out = Output()
        self._raw = b""

    def all(self) -> ExitCode:
        """Every source; one that cannot be used does not stop the others."""
        codes = [ExitCode.OK]
        for name in self._options.sources:
            try:
                codes.append(self._one(name))
            except KeyboardInterrupt:
                _say("cancelled; the text is unchanged")
                codes += [ExitCode.CANCELLED, self._give_back()]
                break
        return max(codes)

    def _one(self, name: str) -> ExitCode:
        self._raw = b""
        try:
            self._caught.check()
            source = self._read(name)
            if self._options.mode is Mode.CHECK:
                return self._check(source)
            done = self._mended(source)
            self._caught.check()
            with self._caught.held():
                return self._put(source, done)
        except DgeditError as trouble:
            _say(trouble.line())
            return max(trouble.code, self._give_back())
        except Exception as trouble:  # the boundary: whatever broke, the text must come out
            _say(f"{name}: internal error, the text is unchanged: {type(trouble).__name__}: {trouble}")
            return max(ExitCode.ERROR, self._give_back())

    def _read(self, name: str) -> Source:
        """A source as text.

        Raises:
            DgeditError: when it cannot be read, or its language cannot be judged.
        """
        stamp, path = None, self._options.stdin_name if name == "-" else Path(name)
        if name == "-" and sys.stdin is None:
            raise DgeditError("standard input is closed", "give it a text, or name a file")
        if name == "-":
            raw = sys.stdin.buffer.read()
        elif self._options.mode is Mode.IN_PLACE:
            raw, status = disk.read_regular(Path(name))
            stamp = disk.Stamp.of(status)
        else:
            raw = disk.read(Path(name))
        self._raw = raw
        shown = str(path or "standard input")
        decoded = decode_any(raw, shown)
        language = self._language(path, decoded.text)
        if language not in judged_languages():
            raise DgeditError(
                f"{shown}: whether {language} parses cannot be told", f"name one of {', '.join(judged_languages())}"
            )
        if len(decoded.text) > JUDGED_CHARS_MAX:
            raise DgeditError(
                f"{shown} has {len(decoded.text):,} characters, more than {JUDGED_CHARS_MAX:,}", "split it first"
            )
        text = plain(decoded.text)
        return Source(name=shown, raw=raw, decoded=decoded, text=text, language=language, path=path, stamp=stamp)

    def _language(self, path: Path | None, text: str) -> str:
        if self._options.language:
            return languages.canonical(self._options.language)
        found = languages.detect(path, text)
        return "python" if path is None and found == "text" else found

    def _check(self, source: Source) -> ExitCode:
        document = self._document(source)
        verdict = standing_until(document, self._until)
        conflict = conflict_line(source.text)
        if not verdict.is_broken and not (verdict.is_unknown and conflict is not None):
            refuse_unknown(document, verdict)
            self._note_conflict(source)
            return ExitCode.OK
        if not self._options.quiet:
            where = f"{source.name}:{verdict.line + 1 if conflict is None else conflict}"
            _to_stderr(f"{where}: {verdict.message if conflict is None else 'a conflict'}\n")
        return FAULTY

    def _document(self, source: Source) -> Document:
        return Document(
            name=source.name,
            text=source.text,
            language=source.language,
            path=source.path,
            committed=lambda: committed_text(source.path),
            trust_grammar=self._options.trust_grammar,
        )

    def _note_conflict(self, source: Source) -> None:
        """A conflict that a merge left inside of a string keeps nothing from parsing."""
        line = conflict_in_valid(source.text)
        if line is not None and not self._options.quiet:
            _say(f"{source.name}:{line}: lines of a conflict inside of a string or comment; the rest is valid")

    def _mended(self, source: Source) -> Repair:
        """What becomes of a source; the model is loaded when the first fault is met."""
        chosen = replace(
            self._options.repair,
            related=tuple(map(without_marked_lines, related_texts(source.path))),
            timeout_s=max(0.0, self._until - time.monotonic()),
            watch=self._caught.check,
        )
        done = mended(self._document(source), self._loaded, chosen, conflicts=self._options.conflicts)
        if done.ending is RepairEnding.WHOLE:
            self._note_conflict(source)
        return done

    def _loaded(self) -> Engine:
        if self._model is None:
            from ..fill.open import load_model

            self._model = load_model(self._options.model)
        return self._model

    def _put(self, source: Source, done: Repair) -> ExitCode:
        """Write what became of a source where it belongs, and say it."""
        edits = edits_between(source.decoded.text, done.text)
        mode = self._options.mode
        if mode is Mode.DIFF:
            self._deliver(_diff(source, edits))
        else:
            raw = _encoded(source, edits)
            self._raw = b""
            if mode is Mode.FILTER:
                self._deliver(raw)
            elif raw != source.raw and source.path is not None:
                _replace(source.path, raw, source.stamp)
        for line in _said_of(source, done):
            if done.ending not in (RepairEnding.WHOLE, RepairEnding.MENDED) or not self._options.quiet:
                _say(line)
        code = ExitCode.OK if done.ending in (RepairEnding.WHOLE, RepairEnding.MENDED) else FAULTY
        return ExitCode.ERROR if self._out.is_gone else code

    def _give_back(self) -> ExitCode:
        """The input as it came, where that is what standard output is for."""
        with self._caught.held():
            raw, self._raw = self._raw, b""
            if self._options.mode is Mode.FILTER:
                self._deliver(raw)
        return ExitCode.ERROR if self._out.is_gone else ExitCode.OK

    def _deliver(self, raw: bytes) -> None:
        if trouble := self._out.write(raw):
            _say(trouble)


def _encoded(source: Source, edits: list[tuple[int, int, str]]) -> bytes:
    """The bytes of a source with edits made.

    Raises:
        DgeditError: when the encoding has no bytes for what was written.
    """
    if not edits:
        return source.raw
    text, pieces, position = source.decoded.text, list[str](), 0
    for start, end, new in edits:
        pieces += (text[position:start], new)
        position = end
    text = "".join(pieces) + text[position:]
    judged = Document(name=source.name, text=plain(text), language=source.language, path=source.path)
    if standing(judged).is_broken:
        raise DgeditError(f"{source.name}: what was made does not parse", "this is a fault of dgedit; please report it")
    try:
        return encode(text, source.decoded.encoding)
    except DgeditError as trouble:
        raise DgeditError(f"{source.name}: {trouble}", trouble.hint) from trouble


def _replace(path: Path, raw: bytes, stamp: disk.Stamp | None) -> None:
    """Write a file, in one step where that can be.

    Raises:
        DgeditError: when it cannot be written, or was changed by another program since it was read.
    """
    try:
        note = in_place.save(path, raw, stamp)
    except disk.ChangedError as trouble:
        changed = f"{path} changed while it was mended; it is as the other program left it"
        raise DgeditError(changed, "run it again") from trouble
    except DgeditError as trouble:
        raise DgeditError(str(trouble), "the file is as it was") from trouble
    if note:
        _say(f"{path}: {note}")


def _diff(source: Source, edits: list[tuple[int, int, str]]) -> bytes:
    """The diff in the encoding of the file, so that `patch` can apply it; of UTF-16 it is there to be read."""
    text, encoding = source.decoded.text, source.decoded.encoding
    if encoding is UTF_8_BOM:
        text, edits = "\ufeff" + text, [(start + 1, end + 1, new) for start, end, new in edits]
    lines: Iterator[str] = diff.unified(text, edits, str(source.path) if source.path is not None else "-")
    if sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb":
        lines = diff.coloured(lines)
    codec = "utf-8" if encoding in (UTF_16_LE, UTF_16_BE) else encoding.codec
    return b"".join(line.encode(codec, "surrogateescape") for line in lines)


def _said_of(source: Source, done: Repair) -> Iterator[str]:
    """A line for each change, or why there is none."""
    if done.ending is RepairEnding.WHOLE:
        return
    if done.ending is not RepairEnding.MENDED:
        yield f"{source.name}:{_place(done.fault)}: left as it was: {done.ending.value}"
        return
    for step in done.steps:
        old, new = (_shortened(text) for text in (step.old, step.mend.text))
        yield f"{source.name}:{step.line + 1}: {step.fault.message}: {old} -> {new}"


def _place(fault: Fault | None) -> str:
    return f"{fault.line + 1}: {fault.message}" if fault is not None else "1"


def _shortened(text: str) -> str:
    shown = repr(text)
    return shown if len(shown) <= SHOWN_CHARS else shown[: SHOWN_CHARS - 1] + "\u2026"


def _say(message: str) -> None:
    _to_stderr(f"dgedit: {message}\n")


def _to_stderr(text: str) -> None:
    """Narration never stops the work: its stream may be closed or full."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(text)
            sys.stderr.flush()
