"""Which of several changes that all parse is the one that a person would make: one number for each, higher is better.

The number is linear in what is known of a change: how much likelier the model finds the lines with it than without,
what is taken away and added, whether it is what the parser asks for. The weights were fitted by
`python -m dgedit.bench.fix --fit` on held-out files that the measure does not use. It must know nothing of how changes
are found.
"""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from ..engine.parsing import compiles
from .candidates import Kind, Mend, line_starts
from .faults import Fault

if TYPE_CHECKING:
    from ..engine import Engine

LINES_AFTER = 1
"""So many lines after a change are read with it: they tell whether it fits."""
_NAME = re.compile(r"[^\W\d]\w*")
_NEVER_CLOSED = re.compile(r"'(.)' was never closed|opening parenthesis '(.)'")
_CLOSER = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True, slots=True)
class RankedMend:
    """A mend that parses."""

    mend: Mend
    place: int = 0
    """Among the answers that the model gave together, the best 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What each thing known of a change is worth."""

    gain: float = 0.42
    """A nat by which the model finds the lines likelier than the broken ones."""
    asked: float = 0.49
    """It is what the parser says is missing."""
    at_fault: float = -0.3
    """It is where the parser stumbles."""
    other_line: float = -0.51
    """A logarithm of the line's place among those that may be to blame."""
    removed: float = -0.82
    """A character that is taken away."""
    added: float = -0.01
    """A character that is added."""
    unknown_names: float = 1.03
    uncompiled: float = -1.76
    """An indentation with which it parses, but would not compile: `return` outside of a function."""
    at_end: float = 0.52
    """It stands at the end of a line."""
    taken: float = 0.14
    swapped: float = -0.69
    indented: float = -0.17
    closed: float = -2.18
    completed: float = -1.77
    quoted: float = 0.14
    written: float = 2.5
    written_gain: float = -0.25
    """What a nat counts less where the model finds its own words likelier."""
    written_later: float = -1.0
    """What `later_answer` counts more for the end of a line."""
    later_answer: float = -1.49
    """A logarithm of its place among the model's answers."""

    def value(self, known: dict[str, float]) -> float:
        """The number to rank by; what is not in `known` is 0."""
        return sum(float(getattr(self, name)) * amount for name, amount in known.items())


_FLAGS = {
    Kind.REMOVED: "taken",
    Kind.SWAPPED: "swapped",
    Kind.INDENTED: "indented",
    Kind.CLOSED: "closed",
    Kind.COMPLETED: "completed",
    Kind.QUOTED: "quoted",
    Kind.WRITTEN: "written",
}


def known_of(text: str, fault: Fault, changes: Sequence[RankedMend], model: Engine | None) -> list[dict[str, float]]:
    """What `Weights` weighs, for each change; without a model nothing is gained by any."""
    names = frozenset(_NAME.findall(text)) | frozenset(keyword.kwlist)
    gained = gains(text, [change.mend for change in changes], model) if model is not None else [0.0] * len(changes)
    found = list[dict[str, float]]()
    for gain, change in zip(gained, changes, strict=True):
        known = {"gain": gain, **_plain(text, fault, change, names)}
        if change.mend.kind is Kind.WRITTEN:
            known |= {"written_gain": gain, "written_later": known["later_answer"]}
        found.append(known)
    return found


def asked_for(fault: Fault, mend: Mend) -> bool:
    """Whether a change is of the kind that the parser says is missing."""
    message, sign = fault.message, mend.text
    if mend.kind is Kind.INDENTED:
        return "indent" in message
    if mend.kind is Kind.WRAPPED:
        return message.startswith("Missing parentheses")
    if mend.kind in (Kind.QUOTED, Kind.INSERTED) and "unterminated" in message:
        return bool(sign) and sign[0] in "\"'"
    if mend.kind is not Kind.INSERTED:
        return False
    if "expected ':'" in message or "':' expected" in message:
        return sign == ":"
    if "forgot a comma" in message:
        return sign == ","
    if opened := _NEVER_CLOSED.search(message):
        return sign == _CLOSER.get(opened[1] or opened[2])
    if message.startswith("unmatched"):
        return _CLOSER.get(sign, "-") in message
    return sign == message.removesuffix(" is missing")


def gains(text: str, mends: Sequence[Mend], model: Engine) -> list[float]:
    """By how many nats the model finds the lines around each mend likelier with it than without."""
    groups: dict[tuple[int, int], list[int]] = {}
    for number, mend in enumerate(mends):
        groups.setdefault(_window(text, mend), []).append(number)
    found = [0.0] * len(mends)
    for (start, end), members in groups.items():
        pieces = [text[start : mend.start] + mend.text + text[mend.end : end] for mend in (mends[n] for n in members)]
        before, *after = model.score(text[:start], text[end:], [text[start:end], *pieces])
        for number, value in zip(members, after, strict=True):
            found[number] = value - before
    return found


def _window(text: str, mend: Mend) -> tuple[int, int]:
    """The lines of a mend and those that follow."""
    start = text.rfind("\n", 0, mend.start) + 1
    end, left = _line_end(text, mend.end), LINES_AFTER
    while left and end < len(text):
        following = _line_end(text, end + 1)
        left -= bool(text[end:following].strip())
        end = following
    return start, end


def _line_end(text: str, index: int) -> int:
    found = text.find("\n", index)
    return len(text) if found < 0 else found


def _plain(text: str, fault: Fault, change: RankedMend, names: frozenset[str]) -> dict[str, float]:
    """What is known of a change without a model."""
    mend = change.mend
    line = text.count("\n", 0, mend.start)
    # Blanks at the end of a line are nothing that is missed.
    old, new = text[mend.start : mend.end] if text[mend.start : mend.end].strip() else "", mend.text
    removed, added = differences(old, new) if mend.kind is not Kind.INDENTED else (0, 0)
    place = fault.suspects.index(line) if line in fault.suspects else len(fault.suspects)
    column = mend.start - line_starts(text)[line]
    rest = text[mend.end : _line_end(text, mend.end)]
    known = {
        "asked": float(asked_for(fault, mend)),
        "at_fault": float(line == fault.line and abs(column - fault.column) <= 1),
        "other_line": math.log(1 + place),
        "removed": float(removed),
        "added": float(added),
        "unknown_names": float(len(set(_NAME.findall(new)) - names)),
        "uncompiled": float(mend.kind is Kind.INDENTED and not compiles(mend.applied(text))),
        "at_end": float(not rest.strip()),
        "later_answer": math.log(1 + change.place),
    }
    if flag := _FLAGS.get(mend.kind):
        known[flag] = 1.0
    return known


def differences(old: str, new: str) -> tuple[int, int]:
    """Characters that are taken away and added."""
    if not old or not new:
        return len(old), len(new)
    removed = added = 0
    for what, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what != "equal":
            removed, added = removed + b - a, added + d - c
    return removed, added
