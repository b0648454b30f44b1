"""The infill of the editor: starts runs, draws their passes, and carries out what the person does with them.

One infill at a time, in one text area. The engine's thread tells of new passes through `arrived`; they are drawn at
most `FRAMES_PER_SECOND` times a second, always the newest, and every one is kept for scrubbing.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ...errors import DgeditError
from ...fill.loop import FillOptions, Gap, unlearned
from ...stats import Event
from ...text.holes import MARKER, Hole
from ..infill.review import NEXT_LINE, NEXT_WORD, Review, Segment
from ..infill.spans import Range, hole_at, is_promising, marker_of, markers, offset_in
from ..infill.thread import InfillJobs, Task
from ..shell import Shell
from ..widgets.status_bar import answer_line, infill_line

if TYPE_CHECKING:
    from ..widgets.code_area import CodeArea

FRAMES_PER_SECOND = 30
WARM_AFTER_S = 0.2
"""So long the cursor or the selection holds still before the engine reads the context ahead."""
STRENGTHS = (0.25, 0.5, 0.75, 1.0)
HOLES_MAX = 200
"""So many holes are filled in one go; the next press goes on with the others."""


@dataclass(frozen=True, slots=True)
class InfillSpan:
    """Where an infill stands, and the text around it."""

    area: CodeArea
    start: tuple[int, int]
    before: str
    after: str
    code: str
    """Code that is rewritten; empty for a marker, a cursor, or many holes."""


class Infills:
    """Owns the jobs and the one review."""

    def __init__(self, app: Shell, jobs: InfillJobs, options: Callable[[CodeArea], FillOptions]) -> None:
        """Args: options: what the person chose, for the file of an area."""
        self.app, self.jobs = app, jobs
        self.review: Review | None = None
        self.strength = 1.0
        self.instruction = ""
        self._options = options
        self._span: InfillSpan | None = None
        self._seed = 0
        self._drawn_at = 0.0
        self._draw_later = False
        self._notes_told, self._foreign_said = 0, set[str]()

    @property
    def area(self) -> CodeArea | None:
        """The text area that an infill is in."""
        return self._span.area if self._span is not None else None

    @property
    def running(self) -> bool:
        """Whether passes are still to come."""
        return self.review is not None and not self.review.finished

    def infill(self) -> None:
        """Denoise the selection or the place of the cursor; at a finished infill, roll again what is not pinned."""
        if self.review is None:
            area = self.app.area
            start, end = hole_at(area.document.lines, *area.selection, area.syntax_name)
            self._open(area, start, end)
        elif self.review.finished:
            again = self.review.again()
            if not any(isinstance(segment.part, Gap) for segment in again.segments):
                self.app.say(f"everything is pinned; {self.app.key('tab')} accepts it")
                return
            self._seed += 1
            self._run(again)

    def infill_instructed(self, instruction: str) -> None:
        """An infill that the model is told something about, where it can follow."""
        model = self.jobs.model
        self.instruction = instruction
        self.infill()
        if instruction and model is not None and not model.info.instructed:
            self.app.say(f"{model.info.name} cannot follow an instruction; it infills from the code alone")

    def fill_all(self) -> None:
        """Fill every hole of the file, first to last; one accept and one undo for all."""
        if self.review is not None:
            return
        area = self.app.area
        # A block whose code is indented otherwise than its markers is filled by itself.
        if holes := [found for found in self._markers(area) if not found[1].indent]:
            self._open_all(area, holes[:HOLES_MAX])

    def next_hole(self) -> None:
        """Select the next marker after the cursor, or the first one."""
        if self.review is not None:
            return
        area = self.app.area
        places = [place for place, _ in self._markers(area)]
        if not places:
            return
        after = max(area.selection)
        start, end = next((place for place in places if place[0] >= after), places[0])
        area.move_cursor(start)
        area.move_cursor(end, select=True, center=True)

    def _markers(self, area: CodeArea) -> list[tuple[Range, Hole]]:
        """Every marker; where there is none or one is broken, that is said."""
        lines = area.document.lines
        try:
            found = markers(lines, len(lines), area.syntax_name)
        except DgeditError as trouble:
            self.app.say(trouble.line())
            return []
        if not found:
            self.app.say(f"no {MARKER} in this file")
        return found

    def warm(self) -> None:
        """Read the context of the place that an infill is likely at, while the person still looks at it."""
        area = self.app.area
        if self.review is not None or area.read_only:
            return
        if not is_promising(area.document.lines, *area.selection, area.syntax_name):
            return
        start, end = hole_at(area.document.lines, *area.selection, area.syntax_name)
        span = self._span_of(area, start, end)
        self.jobs.warm(
            Task(before=span.before, parts=(Gap(code=span.code),), after=span.after, options=self._chosen(area))
        )

    def _open(self, area: CodeArea, start: tuple[int, int], end: tuple[int, int]) -> None:
        if area.read_only:
            self.app.say("this file is read-only")
            return
        self._span = span = self._span_of(area, start, end)
        self._seed = self._options(area).seed
        gap = Gap(code=span.code, strength=self.strength if span.code else 1.0)
        original = area.document.get_text_range(start, end)
        area.begin_preview(start, end)
        self._run(Review((Segment(gap, 0),), (_plain(area, original),)))

    def _open_all(self, area: CodeArea, holes: list[tuple[Range, Hole]]) -> None:
        if area.read_only:
            self.app.say("this file is read-only")
            return
        start, end = holes[0][0][0], holes[-1][0][1]
        span = self._span_of(area, start, end)
        self._span = replace(span, code="")
        self._seed = self._options(area).seed
        segments, originals, position = list[Segment](), list[str](), start
        for group, ((left, right), hole) in enumerate(holes):
            between = _plain(area, area.document.get_text_range(position, left))
            segments += [Segment(between, None)] * bool(between)
            segments.append(Segment(Gap(code=hole.code, strength=hole.strength), group))
            originals.append(_plain(area, area.document.get_text_range(left, right)))
            position = right
        area.begin_preview(start, end)
        self._run(Review(tuple(segments), tuple(originals)))

    def _span_of(self, area: CodeArea, start: tuple[int, int], end: tuple[int, int]) -> InfillSpan:
        document = area.document
        before, code, after = (
            document.get_text_range(*pair) for pair in (((0, 0), start), (start, end), (end, document.end))
        )
        hole = marker_of(_plain(area, code), area.syntax_name)
        rewritten = hole.code if hole is not None else _plain(area, code)
        return InfillSpan(area, start, before, after, rewritten if rewritten.strip() else "")

    def _chosen(self, area: CodeArea) -> FillOptions:
        return replace(self._options(area), seed=self._seed, instruction=self.instruction)

    def _run(self, review: Review) -> None:
        assert self._span is not None, "set when the span was opened"
        self.review = review
        span, self._drawn_at = self._span, 0.0
        parts = tuple(segment.part for segment in review.segments)
        self.jobs.start(Task(before=span.before, parts=parts, after=span.after, options=self._chosen(span.area)))
        self.app.say("")
        self._draw()

    def arrived(self) -> None:
        """Take what the engine delivered; called on the screen's thread."""
        review = self.review
        # One look may have emptied the mailbox of what several calls speak of.
        if review is None or review.finished:
            return
        for delivery in self.jobs.poll():
            if delivery.error is not None:
                self._give_up(delivery.error)
                return
            if delivery.frame is not None:
                review.take(delivery.part, delivery.frame)
            if delivery.done:
                review.finish()
        if not review.seen:
            return
        if review.finished:
            self._finished(review)
        elif not self.app.config.editor.reduced_motion:
            self._draw_in_time()

    def _draw_in_time(self) -> None:
        """Draw now, or when the last drawing is a thirtieth of a second old."""
        wait_s = self._drawn_at + 1 / FRAMES_PER_SECOND - time.monotonic()
        if wait_s <= 0:
            self._draw()
        elif not self._draw_later:
            self._draw_later = True
            self.app.set_timer(wait_s, self._late_draw)

    def _late_draw(self) -> None:
        self._draw_later = False
        if self.running:
            self._draw()

    def _finished(self, review: Review) -> None:
        if review.blank and not review.accepted:
            self._give_up(self._foreign() or "the model found no text here; try another place or a selection")
            return
        frame = review.shown_frame()
        self.app.count(Event.SHOWN, frame.elapsed_ms if frame is not None else 0.0)
        missing = sum(not result.text.strip() for result in review.results.values())
        if missing:
            self.app.say(f"{missing} of {len(review.results)} holes found no text and stay as they are")
        self._say_doubts(review)
        for note in self.jobs.notes()[self._notes_told :]:
            self._notes_told += 1
            self.app.say(note)
        self._draw()

    def _say_doubts(self, review: Review) -> None:
        """Say where nothing good was found, and once where the model was not trained on the language."""
        if review.is_nothing_good(self.app.config.infill.min_confidence / 100):
            others, takes = map(self.app.key, ("next_alternative", "tab"))
            self.app.say(f"nothing good: {others} shows others, {takes} takes it")
        if (foreign := self._foreign()) and foreign not in self._foreign_said:
            self._foreign_said.add(foreign)
            self.app.say(foreign)

    def _foreign(self) -> str:
        """What is said where the model was not trained on the language; nothing where all is asked for."""
        info, options = None if self.jobs.model is None else self.jobs.model.info, self._options(self.app.area)
        return "" if info is None or options.any_language else unlearned(info, options.language, options.path)

    def _give_up(self, message: str) -> None:
        self.jobs.cancel()
        self._close()
        self.app.say(message)

    def _draw(self) -> None:
        review, area = self.review, self.area
        if review is None or area is None:
            return
        self._drawn_at = time.monotonic()
        still = self.app.config.editor.reduced_motion and not review.finished
        if not still:
            area.show_pieces(review.pieces())
        self.app.refresh_status()

    def line(self) -> str:
        """The status line of the infill."""
        review = self.review
        frame = review.shown_frame() if review is not None else None
        if review is None or frame is None:
            return (self.jobs.load_note or "loading the model") if self.jobs.model is None else "reading the context"
        parts = [infill_line(frame, None if self.jobs.model is None else self.jobs.model.info)]
        chosen = review.candidate()
        if review.at is not None:
            parts.append(f"an earlier pass: {self.app.key('branch')} goes on from it")
        elif review.finished and chosen is not None:
            parts.append(answer_line(*chosen))
        if review.strength < 1:
            parts.append(f"strength {review.strength:.0%}")
        return " · ".join(reversed(parts)) if review.finished else " · ".join(parts)

    def accept(self) -> None:
        """Replace the span by the whole answer: one edit, one undo step."""
        if self.review is not None and self.review.finished and self.review.at is None:
            self._accept(self.review.text, Event.ACCEPTED)
        elif self.review is not None and self.review.finished:
            self.app.say(f"this is an earlier pass: {self.app.key('later_pass')} goes back to the answer")

    def accept_word(self) -> None:
        """Accept the next word; the rest stays in view."""
        self._accept_more(NEXT_WORD, Event.ACCEPTED_WORD)

    def accept_line(self) -> None:
        """Accept up to the end of the line; the rest stays in view."""
        self._accept_more(NEXT_LINE, Event.ACCEPTED_LINE)

    def _accept_more(self, unit: re.Pattern[str], event: Event) -> None:
        review = self.review
        if review is None or not review.finished or review.at is not None:
            return
        if review.accept_more(unit):
            self._accept(review.text, event)
        else:
            self._draw()

    def _accept(self, text: str, event: Event) -> None:
        area = self.area
        self._close_review()
        if area is not None:
            area.accept_preview(text)
            self.app.accepted(area, event)

    def cycle(self, step: int) -> None:
        """Show the next or the previous candidate with its score."""
        if self.review is not None and self.review.cycle(step):
            self._draw()
        elif self.review is not None:
            self.app.say(f"no other answer; {self.app.key('infill')} rolls again")

    def scrub(self, step: int) -> None:
        """Look at an earlier or later pass."""
        if self.review is not None and self.review.scrub(step):
            self._draw()

    def branch(self) -> None:
        """Go on from the pass that is looked at, with another seed."""
        branch = self.review.branched() if self.review is not None and self.review.finished else None
        if branch is None:
            earlier, branch_key = self.app.key("earlier_pass"), self.app.key("branch")
            self.app.say(f"{earlier} goes to an earlier pass; {branch_key} then goes on from it")
            return
        self._seed += 1
        self._run(branch)

    def pin(self) -> None:
        """Pin the selected part of the answer, or unpin it; Ctrl+G then rolls the rest."""
        review, span = self.review, self._span
        if review is None or span is None or not review.finished or review.at is not None:
            return
        start, end = (offset_in(review.text, span.start, place) for place in sorted(span.area.selection))
        if review.toggle_pin(start, end):
            span.area.move_cursor(span.area.cursor_location)
            self._draw()
            rest = f"pinned: {self.app.key('infill')} rolls the rest again"
            self.app.say(rest if review.pins else "nothing is pinned")
        else:
            self.app.say(f"select a part of the infill, then {self.app.key('pin')} pins it")

    def change_strength(self, step: int) -> None:
        """Rewrite the code a little more or less; with a finished infill of code, at once."""
        place = STRENGTHS.index(self.strength) + step
        if not 0 <= place < len(STRENGTHS):
            self.app.say(f"the strength is already {self.strength:.0%}")
            return
        self.strength = STRENGTHS[place]
        span = self._span
        if self.review is not None and self.review.finished and span is not None and span.code:
            gap = Gap(code=span.code, strength=self.strength)
            self._run(Review((Segment(gap, 0),), self.review.originals))
        self.app.say(f"strength {self.strength:.0%} of selected code is noised")

    def cancel(self) -> None:
        """Stop: the bytes of the span come back exactly, but for what was accepted of it."""
        review, area = self.review, self.area
        if review is None or area is None:
            return
        self.jobs.cancel()
        if review.accepted:
            self._accept(review.cut_short(), Event.ACCEPTED_WORD)
            return
        self.app.count(Event.CANCELLED)
        self._close()
        self.app.say("cancelled")

    def _close(self) -> None:
        area = self.area
        self._close_review()
        if area is not None:
            area.cancel_preview()
        self.app.refresh_status()

    def _close_review(self) -> None:
        self.review, self._span, self.instruction = None, None, ""


def _plain(area: CodeArea, text: str) -> str:
    """Text of a document with `\\n` for its own line breaks, which come back when it is written."""
    return text.replace(area.document.newline, "\n")
