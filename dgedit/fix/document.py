"""A document that is judged and, where it is broken, mended: a text, or a notebook cell by cell.

A text is mended only when a judge who knows calls it broken, every change is needed for what that judge says, and the
judge takes what comes out. What nobody can judge is left alone. Texts are given with plain line feeds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DgeditError, ExitCode
from ..judges import programs
from ..judges.judge import judge
from ..judges.verdict import Verdict
from ..text.conflicts import OPENING, find_conflicts
from ..text.holes import MARKER
from .alarm import late_after
from .faults import Fault
from .merge import merge
from .notebook import CodeCell, cells_of, is_notebook, with_cells
from .repair import LateError, Repair, RepairEnding, RepairOptions, RepairStep, repair

if TYPE_CHECKING:
    from ..engine import Engine

FAULTY = ExitCode(1)
"""Something is broken, and stays so."""
_PYTHON_HINT = "run dgedit with the Python that the file is for"
_GRAMMAR_HINT = "--trust-grammar takes the grammar's word for it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What is judged."""

    name: str
    """As people are told it."""
    text: str
    """With plain line feeds."""
    language: str
    path: Path | None = None
    committed: Callable[[], str | None] = lambda: None
    """The text as it was last committed, where there is one."""
    trust_grammar: bool = False


def standing(document: Document) -> Verdict:
    """How a document stands; a notebook as its first broken cell, else as its first that nobody can judge."""
    cells = cells_of(document.text) if is_notebook(document.path) else None
    if cells is not None:
        told = [(cell, judge(cell.code, "python")) for cell in cells]
        told.sort(key=lambda each: not each[1].is_broken)
        for cell, verdict in told:
            if verdict.is_broken or verdict.is_unknown:
                return replace(verdict, line=cell.row_of(verdict.line), message=f"{cell.name}: {verdict.message}")
        return judge(document.text, "json", document.path)
    return judge(
        document.text,
        document.language,
        document.path,
        committed=document.committed,
        trust_grammar=document.trust_grammar,
    )


def standing_until(document: Document, deadline_s: float) -> Verdict:
    """How a document stands, told by a time of the monotonic clock.

    Raises:
        DgeditError: when it took longer.
    """
    try:
        with programs.until(deadline_s), late_after(deadline_s - time.monotonic()):
            return standing(document)
    except LateError as late:
        raise DgeditError(f"{document.name}: it was not judged in time", "give it more with --timeout") from late


def refuse_unknown(document: Document, verdict: Verdict) -> None:
    """Nothing is done to what nobody can judge.

    Raises:
        DgeditError: when it is such a document.
    """
    if verdict.is_unknown:
        hint = _GRAMMAR_HINT
        if document.language == "python" or is_notebook(document.path):
            hint = _PYTHON_HINT if "newer" in verdict.message else "it is left as it is"
        raise DgeditError(f"{document.name}:{verdict.line + 1}: cannot be judged: {verdict.message}", hint)


def conflict_line(text: str) -> int | None:
    """The line of the first conflict, counted from 1."""
    found = OPENING.search(text)
    return text.count("\n", 0, found.start()) + 1 if found else None


def conflict_in_valid(text: str) -> int | None:
    """The line, counted from 1, of a whole conflict block in a text that is valid: it stands in a string or comment."""
    blocks = find_conflicts(text)
    return text.count("\n", 0, blocks[0].start) + 1 if blocks else None


def mended(document: Document, load: Callable[[], Engine], options: RepairOptions, *, conflicts: bool) -> Repair:
    """What becomes of a document; the model is loaded when there is something to mend.

    Raises:
        DgeditError: when it holds a marker or a conflict that nobody asked to resolve, or cannot be judged.
    """
    until = time.monotonic() + options.timeout_s
    verdict = None
    try:
        with programs.until(until), late_after(options.timeout_s):
            verdict = standing(document)
            conflict = conflict_in_valid(document.text) if conflicts else None
            if not verdict.is_broken and not verdict.is_unknown and conflict is None:
                return Repair(text=document.text, ending=RepairEnding.WHOLE)
            at = conflict or conflict_line(document.text)
            if at is None:
                refuse_unknown(document, verdict)
            _refuse_marked(document, at, conflicts)
            model = _loaded(load, until)
            options.watch()
            left_s = max(0.0, until - time.monotonic())
            chosen = replace(options, language=document.language, timeout_s=left_s)
            return _of(document, model, chosen, is_conflict=at is not None)
    except LateError:
        fault = None
        if verdict is not None:
            fault = Fault(line=verdict.line, column=verdict.column, message=verdict.message, suspects=(verdict.line,))
        return Repair(text=document.text, ending=RepairEnding.TIMEOUT, fault=fault)


def _loaded(load: Callable[[], Engine], until: float) -> Engine:
    """The model; what an import says that was stopped half way is that it is late."""
    try:
        return load()
    except Exception as trouble:
        if time.monotonic() >= until:
            raise LateError from trouble
        raise


def _refuse_marked(document: Document, conflict: int | None, conflicts: bool) -> None:
    if conflict is not None and not conflicts:
        hint = "resolve it, or let it be resolved with --conflicts"
        raise DgeditError(f"{document.name}: a conflict at line {conflict}", hint, code=FAULTY)
    if MARKER in document.text:
        line = document.text.count("\n", 0, document.text.index(MARKER)) + 1
        raise DgeditError(f"{document.name}: a {MARKER} at line {line}", "let it be filled first", code=FAULTY)


def _of(document: Document, model: Engine, options: RepairOptions, *, is_conflict: bool) -> Repair:
    if is_conflict:
        return merge(document.text, model, options)
    if is_notebook(document.path) and (cells := cells_of(document.text)) is not None:
        return _notebook(document, cells, model, options)
    done = repair(document.text, model, options)
    if done.ending is not RepairEnding.MENDED or document.trust_grammar:
        return done
    return _needed(document, done)


def _needed(document: Document, done: Repair) -> Repair:
    """What was mended, without changes that the judge did not ask for; or nothing, where it does not take the rest."""
    left_out = list[RepairStep]()
    for step in done.steps if len(done.steps) > 1 else ():
        text = without(document.text, done.steps, [*left_out, step])
        if text is not None and not _judged(document, text).is_broken:
            left_out.append(step)
    text = without(document.text, done.steps, left_out)
    verdict = _judged(document, text) if text is not None else None
    if text is None or verdict is None or verdict.is_broken or (verdict.is_unknown and verdict.by != "ruff"):
        return Repair(text=document.text, ending=RepairEnding.UNSURE, fault=done.steps[0].fault)
    return replace(done, text=text, steps=tuple(step for step in done.steps if step not in left_out))


def _judged(document: Document, text: str) -> Verdict:
    return judge(text, document.language, document.path, ask_program=True)


def without(text: str, steps: Sequence[RepairStep], left_out: Sequence[RepairStep]) -> str | None:
    """A text with changes made one after the other, some left out; none where another stands on one of those.

    Each change names its place in the text that all before it made.
    """
    gone = list[tuple[int, int, int]]()
    for step in steps:
        start, end, new = step.mend.start, step.mend.end, step.mend.text
        grows = len(new) - (end - start)
        moved = [(a + grows, b + grows, shift) if a >= end else (a, b, shift) for a, b, shift in gone]
        if step in left_out:
            gone = [*moved, (start, start + len(new), -grows)]
            continue
        if any(a < end and start < b for a, b, _ in gone):
            return None
        at = start + sum(shift for _, b, shift in gone if b <= start)
        text = text[:at] + new + text[at + end - start :]
        gone = moved
    return text


def _notebook(document: Document, cells: list[CodeCell], model: Engine, options: RepairOptions) -> Repair:
    """The broken cells mended, each as a text of its own; the notebook counts as mended when all of them are."""
    codes, steps = dict[int, str](), list[RepairStep]()
    for number, cell in enumerate(cells):
        if not judge(cell.code, "python").is_broken:
            continue
        done = repair(cell.code, model, replace(options, language="python"))
        moved = [replace(step, line=cell.row_of(step.line)) for step in done.steps]
        if done.ending is not RepairEnding.MENDED:
            fault = done.fault and replace(done.fault, line=cell.row_of(done.fault.line))
            return Repair(text=document.text, ending=done.ending, fault=fault)
        codes[number], steps = done.text, [*steps, *moved]
    text = with_cells(document.text, cells, codes)
    with suppress(ValueError):
        if cells_of(text) is not None:
            return Repair(text=text, ending=RepairEnding.MENDED, steps=tuple(steps))
    return Repair(text=document.text, ending=RepairEnding.UNSURE)
