"""Mends a text that does not parse: changes around each fault are made, judged by the parser, ranked with the model.

Small changes come first: the model ranks them and writes nothing. Where none helps it writes the end of a
line that may have been cut off, then renoises spans at rising strength with the code around them pinned, from words
over a line to a few lines. Faults are mended one after the other, and the result counts only when the whole text then
parses. Texts are given with plain line feeds. It must know nothing of files.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from ..engine.types import CHARS_PER_TOKEN, InfillRequest
from ..errors import DgeditError
from ..fill.loop import frames, prepare
from .candidates import Kind, Mend, Part, line_starts, looks_cut, mends, part_around
from .faults import Fault, fault_in, parses
from .scoring import RankedMend, Weights, asked_for, differences, known_of

if TYPE_CHECKING:
    from ..engine import Engine

FAULTS_MAX = 8
"""A text with more faults than this stays as it is."""
STRENGTHS = (0.25, 0.5, 0.75, 1.0)
REMOVED_MAX = 0.5
"""The share of a span's characters that may be lost when it is renoised."""
LINES_MAX = 4
"""The widest span that is renoised."""
CHECKED_EVERY = 16
"""So many changes are judged between two looks at the clock."""
KEPT = 96
"""Small changes that are ranked at most."""
_NOT_CUT = re.compile("unindent does not match|expected an indented block")
_CUT_HERE = re.compile("was never closed|expected ':'|unterminated string")
_WORD = re.compile(r"\w+|[^\w\s]+")


class RepairEnding(Enum):
    """How it went with a text."""

    WHOLE = "it parses already"
    MENDED = "mended"
    LEFT = "nothing was found with which it parses"
    TIMEOUT = "it was not done in time"
    UNSURE = "whether it would then be valid cannot be told"
    MANY = f"it has more than {FAULTS_MAX} faults"


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairOptions:
    """How a text is mended."""

    language: str = "python"
    seed: int = 0
    passes: int = 0
    """Denoising passes at most; 0 takes as many as the model is made for."""
    related: tuple[str, ...] = ()
    """Texts that may hold pieces like the span."""
    timeout_s: float = math.inf
    """For the whole text; looked at between passes."""
    watch: Callable[[], object] = lambda: None
    """Called between passes; what it raises ends the repair."""
    small: bool = True
    """Whether small changes are tried that need no model."""
    denoise: bool = True
    """Whether the model writes changes."""
    weights: Weights = field(default_factory=Weights)


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairStep:
    """One fault and the change that mended it."""

    fault: Fault
    mend: Mend
    line: int
    """Of the change, counted from 0, in the text as it was before this step."""
    old: str
    """What stood there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """What became of a text."""

    text: str
    """As it was unless it was mended."""
    ending: RepairEnding
    steps: tuple[RepairStep, ...] = ()
    fault: Fault | None = None
    """The fault that could not be mended."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A fault, its text, and the part of it that must parse."""

    text: str
    fault: Fault
    part: Part


class LateError(Exception):
    """The time is over."""


def repair(text: str, model: Engine, options: RepairOptions) -> Repair:
    """Mend a text, or leave it as it is; a text that parses is not touched."""
    mender = Mender(model, options)
    mended, steps = text, list[RepairStep]()
    while (fault := fault_in(mended, options.language)) is not None:
        if len(steps) == FAULTS_MAX:
            return Repair(text=text, ending=RepairEnding.MANY, fault=fault)
        try:
            mend = mender.best(mended, fault)
        except LateError:
            return Repair(text=text, ending=RepairEnding.TIMEOUT, fault=fault)
        if mend is None:
            return Repair(text=text, ending=RepairEnding.LEFT, fault=fault)
        line = mended.count("\n", 0, mend.start)
        steps.append(RepairStep(fault=fault, mend=mend, line=line, old=mended[mend.start : mend.end]))
        mended = mend.applied(mended)
    return Repair(text=mended, ending=RepairEnding.MENDED if steps else RepairEnding.WHOLE, steps=tuple(steps))


class Mender:
    """Finds changes with one model until a time; every method may raise `LateError`, and what `watch` raises."""

    def __init__(self, model: Engine, options: RepairOptions) -> None:
        self._model, self._options = model, options
        self._until = time.monotonic() + options.timeout_s

    def best(self, text: str, fault: Fault) -> Mend | None:
        """The change that most likely mends a fault; none where none is found."""
        found = self.candidates(text, fault)
        if not found:
            return None
        self._check()
        known = known_of(text, fault, found, self._model if self._options.weights.gain else None)
        values = [self._options.weights.value(each) for each in known]
        return found[values.index(max(values))].mend

    def candidates(self, text: str, fault: Fault) -> list[RankedMend]:
        """Changes after which the text parses; where it has other faults, those that lead on to the next."""
        self._check()
        spot = Spot(text, fault, part_around(text, fault, self._options.language))
        tried = [RankedMend(mend) for mend in dict.fromkeys(mends(text, fault, self._options.language))]
        found = self._that_parse(spot, tried)[:KEPT] if self._options.small else []
        if not self._options.denoise:
            return found or self._onward(spot, tried)
        # What the model writes invents what nobody meant, unless it shows that more is missing than a sign.
        cut = [number for number in lines_cut(fault) if not found or looks_cut(text, number)]
        found += self._that_parse(spot, self._written(spot, cut)) if cut else []
        return found or self._onward(spot, tried) or self._renoised(spot)

    def answers(self, text: str, span: tuple[int, int], strength: float, kind: Kind) -> Iterator[RankedMend]:
        """What the model offers for a span, best first; nothing where it has no room for it."""
        request = self._request(text, span, strength)
        if (request.expected_tokens or 0) > self._model.info.span_tokens:
            return
        try:
            prepared = prepare(request, self._model)
        except DgeditError:
            return
        at_end = text[span[1] : span[1] + 1] in ("", "\n")
        for frame in frames(request, self._model, prepared):
            self._check()
            if frame.result is not None:
                for place, candidate in enumerate(frame.result.candidates):
                    yield RankedMend(Mend(*span, candidate.text.rstrip() if at_end else candidate.text, kind), place)

    def _check(self) -> None:
        self._options.watch()
        if time.monotonic() > self._until:
            raise LateError

    def _written(self, spot: Spot, numbers: Iterable[int]) -> Iterator[RankedMend]:
        """Ends of lines as the model writes them."""
        starts, lines = line_starts(spot.text), spot.text.split("\n")
        for number in numbers:
            end = starts[number] + len(lines[number].rstrip())
            if lines[number].strip():
                # Blanks at its end are no part of what was cut off.
                span = (end, starts[number] + len(lines[number]))
                yield from self.answers(spot.text, span, 1.0, Kind.WRITTEN)

    def _renoised(self, spot: Spot) -> list[RankedMend]:
        """Spans around the fault at rising strength, wider and wider, up to the first that helps."""
        for span in spans(spot.text, spot.fault):
            code = spot.text[slice(*span)]
            for strength in STRENGTHS if code.strip() else ():
                offered = self.answers(spot.text, span, strength, Kind.REWRITTEN)
                if found := self._that_parse(spot, (each for each in offered if keeps(code, each.mend.text))):
                    return found
        return []

    def _that_parse(self, spot: Spot, tried: Iterable[RankedMend]) -> list[RankedMend]:
        """The changes that mend the part around the fault, each resulting text once; the whole, where one does."""
        language, seen, local = self._options.language, set[str](), list[RankedMend]()
        for number, change in enumerate(tried):
            if number % CHECKED_EVERY == 0:
                self._check()
            if spot.part.mended(spot.text, change.mend, language):
                applied = change.mend.applied(spot.text)
                local += [change] if applied not in seen else []
                seen.add(applied)
        return _whole(spot.text, local, language)

    def _onward(self, spot: Spot, tried: list[RankedMend]) -> list[RankedMend]:
        """What the parser asks for where it then stumbles over something else, further down if that can be."""
        fault, further, other = spot.fault, list[RankedMend](), list[RankedMend]()
        for change in tried if self._options.small else ():
            if asked_for(fault, change.mend):
                self._check()
                new = fault_in(change.mend.applied(spot.text), self._options.language)
                if new is not None and new.line > fault.line:
                    further.append(change)
                elif new is not None and (new.line, new.message) != (fault.line, fault.message):
                    other.append(change)
        return (further or other)[:KEPT]

    def _request(self, text: str, span: tuple[int, int], strength: float) -> InfillRequest:
        code = text[slice(*span)] if text[slice(*span)].strip() else ""
        return InfillRequest(
            prefix=text[: span[0]],
            suffix=text[span[1] :],
            seed=self._options.seed,
            max_passes=self._options.passes or self._model.info.passes,
            expected_tokens=max(1, round(len(code) / CHARS_PER_TOKEN)) if code else None,
            language=self._options.language,
            rejected=(code,) if code else (),
            related=self._options.related,
            original=code if strength < 1 else "",
            strength=strength,
        )


def spans(text: str, fault: Fault) -> Iterator[tuple[int, int]]:
    """What is renoised: the words at the fault, its line, and more and more lines above it."""
    starts, lines = line_starts(text), text.split("\n")
    start, line = starts[fault.line], lines[fault.line]
    words = [match.span() for match in _WORD.finditer(line)]
    if len(words) > 1:
        at = next((number for number, (_, end) in enumerate(words) if end > fault.column), len(words) - 1)
        yield start + words[max(0, at - 1)][0], start + words[min(len(words) - 1, at + 1)][1]
    for first in range(fault.line, max(-1, fault.line - LINES_MAX), -1):
        if not lines[first].strip():
            continue
        margin = len(lines[first]) - len(lines[first].lstrip())
        yield starts[first] + margin, max(starts[first] + margin, start + len(line.rstrip()))


def keeps(code: str, rewritten: str) -> bool:
    """Whether code is mended and not replaced, by other code or by a comment that only hides it."""
    removed, _ = differences(code, rewritten)
    return removed <= REMOVED_MAX * len(code) and rewritten.count("#") <= code.count("#")


def lines_cut(fault: Fault) -> tuple[int, ...]:
    """The lines that may have been cut off, by what the parser says."""
    if _NOT_CUT.search(fault.message):
        return ()
    return fault.suspects[: 1 if _CUT_HERE.search(fault.message) else 2]


def _whole(text: str, changes: list[RankedMend], language: str) -> list[RankedMend]:
    """The changes after which the whole text parses, or all where there are none."""
    return [change for change in changes if parses(change.mend.applied(text), language)] or changes
