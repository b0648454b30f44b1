"""Resolves the conflict blocks of a merge, on request alone: with one side, the other, or the lines of both.

Nothing is written that neither side holds, so that no side's work is lost for what a model invents. Which of the
answers that parse is taken: the likeliest group of `text.conflicts.answers`, and in it what the model finds likeliest
between the lines around the block, a token. The result counts only when the whole text then parses. It must know
nothing of files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..judges.judge import judge
from ..text.conflicts import MARKER, Conflict, answers, find_conflicts
from .candidates import Kind, Mend
from .faults import Fault, fault_in, parses
from .repair import LateError, Repair, RepairEnding, RepairOptions, RepairStep

if TYPE_CHECKING:
    from ..engine import Engine


def merge(text: str, model: Engine, options: RepairOptions) -> Repair:
    """Resolve every block, first to last, each seeing the answers before it; or leave the text as it is."""
    merged, steps = text, list[RepairStep]()
    while conflicts := find_conflicts(merged):
        conflict = conflicts[0]
        fault = _fault_at(merged, conflict)
        try:
            answer = _resolved(merged, conflict, model, options)
        except LateError:
            return Repair(text=text, ending=RepairEnding.TIMEOUT, fault=fault)
        if answer is None:
            return Repair(text=text, ending=RepairEnding.LEFT, fault=fault)
        mend = Mend(conflict.start, conflict.end, answer, Kind.MERGED)
        steps.append(RepairStep(fault=fault, mend=mend, line=fault.line, old=merged[conflict.start : conflict.end]))
        merged = mend.applied(merged)
    if MARKER.search(merged) or not _fits(merged, options.language):
        return Repair(text=text, ending=RepairEnding.LEFT, fault=fault_in(merged, options.language))
    return Repair(text=merged, ending=RepairEnding.MENDED, steps=tuple(steps))


def _fault_at(text: str, conflict: Conflict) -> Fault:
    line = text.count("\n", 0, conflict.start)
    return Fault(line=line, column=0, message="a conflict", suspects=(line,))


def _resolved(text: str, conflict: Conflict, model: Engine, options: RepairOptions) -> str | None:
    """The likeliest answer for a block after which the text parses; blocks below are judged by their first side."""
    before, after = text[: conflict.start], _first_sides(text[conflict.end :])
    for group in answers(conflict):
        options.watch()
        fitting = [each for each in dict.fromkeys(group) if _fits(before + each + after, options.language)]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            return _likeliest(before, after, fitting, model)
    return None


def _likeliest(before: str, after: str, fitting: list[str], model: Engine) -> str:
    pieces = [each.removesuffix("\n") for each in fitting]
    scored = model.score(before, f"\n{after}", pieces)
    means = [value / (1 + model.count_tokens(each)) for value, each in zip(scored, pieces, strict=True)]
    return fitting[means.index(max(means))]


def _fits(text: str, language: str) -> bool:
    """Whether a text is valid, for a version of its language that is newer than this one, too."""
    if parses(text, language):
        return True
    verdict = judge(text, language)
    return not verdict.is_broken and (not verdict.is_unknown or verdict.by == "ruff")


def _first_sides(rest: str) -> str:
    """The text below with one side of every block, so that it can be judged."""
    pieces, position = list[str](), 0
    for conflict in find_conflicts(rest):
        pieces += (rest[position : conflict.start], conflict.ours)
        position = conflict.end
    return "".join(pieces) + rest[position:]
