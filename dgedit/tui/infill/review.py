"""An infill as the person steers it: what is shown, pinned, accepted so far, and what runs next.

Pure state, no widget: the editor draws `pieces`, replaces the span by `text` or `cut_short`, and starts the tasks that
`again` and `branched` give. Offsets are characters of the answer, which has `\\n` for line breaks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from ...fill.loop import Gap
from .segment import Segment, joined

if TYPE_CHECKING:
    from ...engine.types import Candidate, Frame, InfillResult

Piece = tuple[str, str, float]
"""Text, state (of the theme's denoise table, `offered` for an answer that waits, or `plain`), confidence."""
FIRST_NOISE = "\u2591" * 8
"""Shown from the key to the first pass."""
UNSURE_BELOW = 0.4
"""A less likely answer is drawn as a draft."""
NEXT_WORD = re.compile(r"\s*(?:\w+|[^\w\s]+)")
NEXT_LINE = re.compile(r"\n?[^\n]*")


@dataclass(frozen=True, slots=True)
class Seen:
    """One pass as it was drawn."""

    segment: int
    frame: Frame


@dataclass(slots=True)
class Review:
    """One run over some segments, and what the person made of it."""

    segments: tuple[Segment, ...]
    originals: tuple[str, ...]
    """What each group replaces, exactly as it stands in the file."""
    accepted: int = 0
    """Characters from the start that are accepted for good."""
    steps: list[int] = field(default_factory=list)
    """What was accepted before each part that was accepted by typing it, for Backspace."""
    results: dict[int, InfillResult] = field(default_factory=dict)
    choices: dict[int, int] = field(default_factory=dict)
    """Which candidate of a result is shown; the first one where nothing is said."""
    seen: list[Seen] = field(default_factory=list)
    at: int | None = None
    """The pass that is looked at; none for the answer, or the newest pass while it runs."""
    finished: bool = False
    focus: int | None = None
    """The gap that is looked at where there are several; the last one answered where nothing is said."""
    decided: dict[int, bool] = field(default_factory=dict)
    """Gaps of many that were accepted or rejected one by one."""
    pins: tuple[tuple[int, int], ...] = ()
    """Ranges of the answer that stay when the rest is rolled again."""

    def take(self, segment: int, frame: Frame) -> None:
        """A pass of a segment, or its result."""
        self.seen.append(Seen(segment, frame))
        if frame.result is not None:
            self.results[segment] = frame.result

    def finish(self) -> None:
        """All gaps have their results: kept texts of the run before become pins."""
        self.finished = True
        if self.is_walk:
            self.focus = self.gaps[0]
        spans = zip(self.segments, self._ranges(), strict=True)
        self.pins = tuple(
            bounds for segment, bounds in spans if isinstance(segment.part, str) and segment.group is not None
        )

    @property
    def gaps(self) -> tuple[int, ...]:
        """The segments that are filled."""
        return tuple(number for number, segment in enumerate(self.segments) if isinstance(segment.part, Gap))

    @property
    def is_walk(self) -> bool:
        """Whether several holes are filled, which are decided on one by one."""
        return len({self.segments[gap].group for gap in self.gaps}) > 1

    @property
    def current(self) -> int:
        """The gap that is denoised or looked at."""
        if not self.finished:
            return self.seen[-1].segment if self.seen else next(iter(self.gaps), 0)
        return self.focus if self.focus is not None else max(self.results, default=0)

    def offset_of_current(self) -> int:
        """Characters before the gap that is denoised or looked at."""
        return sum(len(text) for text in self._texts()[: self.current])

    def step(self) -> bool:
        """Look at the next gap that is not decided on; false where there is no other."""
        later = [*(gap for gap in self.gaps if gap > self.current), *self.gaps]
        self.focus = next((gap for gap in later if gap not in self.decided), self.current)
        return self.focus not in self.decided

    def decide(self, taken: bool) -> bool:
        """Accept or reject the gap that is looked at, and go to the next; true when that was the last one."""
        self.decided[self.current] = taken
        return not self.step()

    @property
    def text(self) -> str:
        """The answer: texts that stay, the chosen candidate of every gap, the original where nothing was found."""
        return "".join(self._texts())

    @property
    def blank(self) -> bool:
        """Whether the model found nothing anywhere."""
        return not any(result.text.strip() for result in self.results.values())

    def pieces(self) -> tuple[Piece, ...]:
        """What to draw in the span now."""
        if self.at is not None:
            return tuple(self._passing(self.seen[self.at]))
        if not self.finished:
            return tuple(self._passing(self.seen[-1] if self.seen else None))
        return tuple(self._reviewed())

    def shown_frame(self) -> Frame | None:
        """The pass that the status line speaks of."""
        if not self.seen:
            return None
        return self.seen[-1 if self.at is None else self.at].frame

    def recent(self) -> tuple[Frame, ...]:
        """The newest pass, behind the one before it in the same segment, if there is one."""
        last = self.seen[-1]
        return tuple(seen.frame for seen in self.seen[-2:] if seen.segment == last.segment)

    @property
    def strength(self) -> float:
        """How much of the code was noised in this run; 1 where it was written anew."""
        return min((each.part.strength for each in self.segments if isinstance(each.part, Gap)), default=1.0)

    def is_unsure(self, number: int) -> bool:
        """Whether the chosen candidate of a gap is more likely wrong than not, or would break the file."""
        result = self.results.get(number)
        if result is None or not result.candidates:
            return False
        chosen = result.candidates[self.choices.get(number, 0)]
        return chosen.breaks or (chosen.confidence is not None and chosen.confidence < UNSURE_BELOW)

    def is_nothing_good(self, least: float) -> bool:
        """Whether the answer of the last gap would break the file, or is less likely right than that."""
        chosen = self.candidate()
        if chosen is None:
            return False
        *_, best = chosen
        return best.breaks or (best.confidence is not None and best.confidence < least)

    def candidate(self) -> tuple[int, int, Candidate] | None:
        """Number from 1, count, and the chosen candidate of the gap that is looked at."""
        last = self.current
        if last not in self.results:
            return None
        found, number = self.results[last].candidates, self.choices.get(last, 0)
        return number + 1, len(found), found[number]

    def choose(self, number: int) -> None:
        """Show a candidate of the gap that is looked at, by its number from 0."""
        self.cycle(number - self.choices.get(self.current, 0))

    def cycle(self, step: int) -> bool:
        """Show the next candidate of the gap that is looked at; false when there is no other."""
        last = self.current
        if last not in self.results or len(self.results[last].candidates) < 2 or not self.finished:
            return False
        start = self._ranges()[last][0]
        self.at = None
        self.choices[last] = (self.choices.get(last, 0) + step) % len(self.results[last].candidates)
        self.pins = tuple(pin for pin in self.pins if pin[1] <= start)
        self.accepted = min(self.accepted, start)
        return True

    def accept_more(self, unit: re.Pattern[str]) -> bool:
        """Accept the next word or line; true when that was the last of it."""
        text = self.text
        match = unit.match(text, self.accepted)
        if match is None or match.end() == self.accepted:
            self.accepted = len(text)
        else:
            self.accepted = match.end()
        return not text[self.accepted :].strip()

    def type_through(self, typed: str) -> bool:
        """Accept what was typed, where the answer goes on so; a line break with the indentation behind it."""
        rest = self.text[self.accepted :]
        if not self.finished or self.at is not None or not typed or not rest.startswith(typed):
            return False
        self.steps.append(self.accepted)
        indent = len(rest) - len(rest.lstrip(" \t\n")) if typed == "\n" else 0
        self.accepted += max(len(typed), indent)
        return True

    def type_back(self) -> bool:
        """Take back the part that was accepted last by typing; false where none was."""
        while self.steps:
            before = self.steps.pop()
            if before < self.accepted:
                self.accepted = before
                return True
        return False

    def toggle_pin(self, start: int, end: int) -> bool:
        """Pin a range of the answer, or unpin every pin that it touches; false when it holds nothing."""
        start, end = max(0, start), min(end, len(self.text))
        if start >= end or not self.finished:
            return False
        kept = tuple(pin for pin in self.pins if pin[1] <= start or end <= pin[0])
        self.pins = kept if len(kept) < len(self.pins) else tuple(sorted((*kept, (start, end))))
        return True

    def scrub(self, step: int) -> bool:
        """Look at an earlier or a later pass; past the last one is the answer. False when there is none."""
        if not self.finished or not self.seen:
            return False
        # The last thing seen of a segment is its result, not a pass.
        passes = [number for number, seen in enumerate(self.seen) if seen.frame.result is None]
        here = len(passes) if self.at is None else passes.index(self.at)
        there = here + step
        if not 0 <= there <= len(passes):
            return False
        self.at = None if there == len(passes) else passes[there]
        return True

    def again(self) -> Review:
        """The run that rolls everything again that is neither pinned nor accepted; answers so far are rejected."""
        kept = sorted((*self.pins, (0, self.accepted)))
        segments = list[Segment]()
        for number, (text, (start, end)) in enumerate(zip(self._texts(), self._ranges(), strict=True)):
            if self.segments[number].group is None:
                segments.append(self.segments[number])
                continue
            inside = [(left - start, right - start) for left, right in kept if left < end and start < right]
            segments += self._split(number, text, inside)
        return Review(tuple(joined(segments)), self.originals, self.accepted)

    def branched(self) -> Review | None:
        """The run that goes on from the pass that is looked at; none when that is not possible."""
        from ...engine.types import Start

        if self.at is None:
            return None
        seen = self.seen[self.at]
        gap = self.segments[seen.segment].part
        if not isinstance(gap, Gap) or not seen.frame.slots:
            return None
        start = Start(slots=seen.frame.slots, passes=seen.frame.pass_index)
        rejected = (*gap.rejected, *self._answers(seen.segment))
        branch = replace(gap, start=start, rejected=rejected, strength=1.0)
        segments = list(self.segments)
        for number, answer in enumerate(self._texts()[: seen.segment]):
            segments[number] = replace(segments[number], part=answer)
        segments[seen.segment] = replace(segments[seen.segment], part=branch)
        return Review(tuple(segments), self.originals, self.accepted)

    def cut_short(self) -> str:
        """The span when the person stops here: what is accepted, and holes that were not reached as they were."""
        parts, closed = list[str](), set[int]()
        told = zip(self.segments, self._texts(), self._ranges(), strict=True)
        for number, (segment, text, (start, _)) in enumerate(told):
            if segment.group is None or number in self.decided:
                parts.append(text)
                closed |= {segment.group} if segment.group is not None else set()
            elif start < self.accepted or segment.group in closed:
                closed.add(segment.group)
                parts.append(text[: max(0, self.accepted - start)])
            elif segment.group not in closed:
                closed.add(segment.group)
                parts.append(self.originals[segment.group])
        return "".join(parts)

    def _texts(self) -> list[str]:
        """What each segment is in the answer."""
        return [self._text_of(number, segment) for number, segment in enumerate(self.segments)]

    def _text_of(self, number: int, segment: Segment) -> str:
        if isinstance(segment.part, str):
            return segment.part
        result = self.results.get(number)
        if result is None or not result.text.strip() or self.decided.get(number) is False:
            return self._original_of(number)
        return result.candidates[self.choices.get(number, 0)].text

    def _original_of(self, number: int) -> str:
        """The original of a group, at the first gap of it; the others are empty."""
        group = self.segments[number].group
        assert group is not None, "a gap belongs to a group"
        firsts = (place for place, segment in enumerate(self.segments) if segment.group == group)
        return self.originals[group] if next(firsts) == number else ""

    def _ranges(self) -> list[tuple[int, int]]:
        ranges, start = list[tuple[int, int]](), 0
        for text in self._texts():
            ranges.append((start, start + len(text)))
            start += len(text)
        return ranges

    def _passing(self, now: Seen | None) -> Iterator[Piece]:
        """The span while a segment is denoised: earlier ones filled, later ones as they were."""
        drawn = 0
        for piece in self._unpadded(now):
            drawn += piece[0].count("\n")
            yield piece
        # What is below stays where it is until the answer is there.
        missing = sum(original.count("\n") for original in self.originals) - drawn
        between = (segment.part for segment in self.segments if segment.group is None)
        missing += sum(part.count("\n") for part in between if isinstance(part, str))
        if missing > 0:
            yield "\n" * missing, "plain", 1.0

    def _unpadded(self, now: Seen | None) -> Iterator[Piece]:
        gaps = (number for number, segment in enumerate(self.segments) if isinstance(segment.part, Gap))
        current = next(gaps, 0) if now is None else now.segment
        for number, segment in enumerate(self.segments):
            if isinstance(segment.part, str):
                yield segment.part, "plain" if segment.group is None else "pinned", 1.0
            elif number == current and now is None:
                yield FIRST_NOISE, "noise", 0.0
            elif number == current and now is not None:
                yield from ((span.text, span.state.value, span.confidence) for span in now.frame.spans)
            elif number < current:
                yield self._text_of(number, segment), "fixed", 1.0
            else:
                yield self._original_of(number), "plain", 1.0

    def _reviewed(self) -> Iterator[Piece]:
        """The answer, with what is pinned and what is accepted for good."""
        edges = {0, self.accepted, *(edge for pin in self.pins for edge in pin)}
        parts = zip(self.segments, self._texts(), self._ranges(), strict=True)
        for number, (segment, text, (start, end)) in enumerate(parts):
            settled = "draft" if self.is_unsure(number) else "offered"
            inner = sorted({start, end, *(edge for edge in edges if start < edge < end)})
            for left, right in pairwise(inner):
                look = "plain" if number in self.decided else self._look(segment, left, settled)
                yield text[left - start : right - start], look, 1.0

    def _look(self, segment: Segment, offset: int, settled: str) -> str:
        if segment.group is None or offset < self.accepted:
            return "plain"
        return "pinned" if any(start <= offset < end for start, end in self.pins) else settled

    def _answers(self, number: int) -> tuple[str, ...]:
        """What was already shown for a segment."""
        result = self.results.get(number)
        if result is None:
            return ()
        return tuple(candidate.text for candidate in result.candidates[: self.choices.get(number, 0) + 1])

    def _split(self, number: int, text: str, kept: list[tuple[int, int]]) -> Iterator[Segment]:
        """A segment of a hole as kept texts and gaps between them."""
        segment = self.segments[number]
        if not kept and isinstance(segment.part, Gap):
            rejected = (*segment.part.rejected, *self._answers(number))
            yield replace(segment, part=replace(segment.part, rejected=rejected, start=None))
            return
        position = 0
        for left, right in [*kept, (len(text), len(text))]:
            left, right = max(position, left), min(len(text), right)
            if left > position:
                yield replace(segment, part=Gap(rejected=(text[position:left],)))
            if right > left:
                yield replace(segment, part=text[left:right])
            position = max(position, right)
