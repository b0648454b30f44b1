"""Resolves the conflict blocks of a merge, on request alone: each block is a hole, and the model reads both sides.

What a person often takes (a side, or both) is tried beside what the model writes; all are ranked by how likely the
model finds them between the lines around the block, a token. The result counts only when the whole text then parses. It
must know nothing of files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..text.conflicts import MARKER, Conflict, both_sides, find_conflicts, plain_answers
from .candidates import Kind, Mend
from .faults import Fault, fault_in, parses
from .repair import LateError, Mender, Repair, RepairEnding, RepairOptions, RepairStep

if TYPE_CHECKING:
    from ..engine import Engine


def merge(text: str, model: Engine, options: RepairOptions) -> Repair:
    """Resolve every block, first to last, each seeing the answers before it; or leave the text as it is."""
    mender = Mender(model, options)
    merged, steps = text, list[RepairStep]()
    while conflicts := find_conflicts(merged):
        conflict = conflicts[0]
        fault = _fault_at(merged, conflict)
        try:
            answer = _resolved(merged, conflict, mender, model, options.language)
        except LateError:
            return Repair(text=text, ending=RepairEnding.TIMEOUT, fault=fault)
        if answer is None:
            return Repair(text=text, ending=RepairEnding.LEFT, fault=fault)
        mend = Mend(conflict.start, conflict.end, answer, Kind.MERGED)
        steps.append(RepairStep(fault=fault, mend=mend, line=fault.line, old=merged[conflict.start : conflict.end]))
        merged = mend.applied(merged)
    fault_left = fault_in(merged, options.language)
    if fault_left is not None or MARKER.search(merged):
        return Repair(text=text, ending=RepairEnding.LEFT, fault=fault_left)
    return Repair(text=merged, ending=RepairEnding.MENDED, steps=tuple(steps))


def _fault_at(text: str, conflict: Conflict) -> Fault:
    line = text.count("\n", 0, conflict.start)
    return Fault(line=line, column=0, message="a conflict", suspects=(line,))


def _resolved(text: str, conflict: Conflict, mender: Mender, model: Engine, language: str) -> str | None:
    """The likeliest answer for a block after which the text parses; blocks below are judged by their first side."""
    before, after = text[: conflict.start], _first_sides(text[conflict.end :])
    tried = plain_answers(conflict)
    if len(tried) > 1:
        told = before + both_sides(conflict, language)
        offered = mender.answers(f"{told}\n{after}", (len(told), len(told)), 1.0, Kind.MERGED)
        tried += (change.mend.text + "\n" for change in offered)
    fitting = [each for each in dict.fromkeys(tried) if parses(before + each + after, language)]
    if len(fitting) < 2:
        return fitting[0] if fitting else None
    pieces = [each.removesuffix("\n") for each in fitting]
    scored = model.score(before, f"\n{after}", pieces)
    means = [value / (1 + model.count_tokens(each)) for value, each in zip(scored, pieces, strict=True)]
    return fitting[means.index(max(means))]


def _first_sides(rest: str) -> str:
    """The text below with one side of every block, so that it can be judged."""
    pieces, position = list[str](), 0
    for conflict in find_conflicts(rest):
        pieces += (rest[position : conflict.start], conflict.ours)
        position = conflict.end
    return "".join(pieces) + rest[position:]
