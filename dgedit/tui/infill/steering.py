"""What a person does with an open infill: looks at its passes and answers, accepts, pins, rolls and rewrites.

`Infills` starts the runs and draws them; this is what its keys do in between. The place of a caret is one of what is
drawn, which may hold what is replaced as well; an answer has places of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...fill.loop import Gap
from ...stats import Event
from ..dialogs.pick import Item, Pick
from ..shell import Shell
from ..widgets.status_bar import Part, answer_line, answer_words, figures_line, pass_line
from . import rewrite
from .overlay import Location
from .review import NEXT_LINE, NEXT_WORD, Piece, Review
from .segment import Segment
from .spans import offset_in
from .thread import InfillJobs

if TYPE_CHECKING:
    from ..widgets.code_area import CodeArea

STRENGTHS = (0.25, 0.5, 0.75, 1.0)
LISTED_MAX = 5
"""So many answers are offered in a list."""


@dataclass(frozen=True, slots=True)
class InfillSpan:
    """Where an infill stands, and the text around it."""

    area: CodeArea
    start: tuple[int, int]
    before: str
    after: str
    code: str
    """Code that is rewritten; empty for a marker, a cursor, or many holes."""


def distinct(texts: Sequence[str]) -> list[int]:
    """Numbers of the first answers that differ in more than white space, at most `LISTED_MAX`."""
    first = dict[str, int]()
    for number, text in enumerate(texts):
        first.setdefault("".join(text.split()), number)
    return list(first.values())[:LISTED_MAX]


def first_line(text: str) -> str:
    """The first line of an answer that says something, and how many more there are."""
    lines = text.strip().split("\n")
    more = len(lines) - 1
    return lines[0] + f"  (+{more} line{'s' * (more > 1)})" * bool(more)


class Steering:
    """The keys of an open infill."""

    app: Shell
    jobs: InfillJobs
    review: Review | None
    span: InfillSpan | None
    strength: float
    seed: int
    shown: Sequence[Piece]
    """What was drawn last."""
    shows_replaced: bool
    """Whether a rewrite is drawn beside what it replaces."""
    shows_figures: bool
    """Whether the status line has the figures of a pass."""

    @property
    def area(self) -> CodeArea | None:
        """The text area that an infill is in."""
        return self.span.area if self.span is not None else None

    def draw(self) -> None:
        """Draw the infill as it is now."""
        raise NotImplementedError

    def run(self, review: Review) -> None:
        """Start a run."""
        raise NotImplementedError

    def take(self, text: str, event: Event) -> None:
        """Replace the span by a text and close the infill."""
        raise NotImplementedError

    def pieces_of(self, review: Review) -> Sequence[Piece]:
        """What is drawn of a run: a finished rewrite beside the code that it replaces."""
        pieces, span = review.pieces(), self.span
        if span is None or not span.code or not self.shows_replaced or not review.finished or review.at is not None:
            return pieces
        return rewrite.beside(span.code, pieces, span.before.rpartition("\n")[2])

    def place_in_answer(self, location: Location) -> int:
        """Characters of the answer before a location."""
        assert self.span is not None, "an infill is open"
        text = "".join(text for text, _, _ in self.shown)
        return rewrite.answer_offset(self.shown, offset_in(text, self.span.start, location))

    def show_replaced(self) -> None:
        """Draw a rewrite beside what it replaces, or alone."""
        if self.review is None or self.span is None or not self.span.code:
            self.app.say("this infill replaces no code")
            return
        self.shows_replaced = not self.shows_replaced
        self.draw()

    def parts(self) -> list[Part]:
        """What the status line says of the infill."""
        review = self.review
        frame = review.shown_frame() if review is not None else None
        if review is None or frame is None:
            loading = self.jobs.load_note or "loading the model"
            return [(0, loading if self.jobs.model is None else "reading the context")]
        chosen, parts = review.candidate(), list[Part]()
        if review.is_walk:
            parts.append((0, f"hole {review.gaps.index(review.current) + 1} of {len(review.gaps)}"))
        if not review.finished:
            parts += zip((0, 2, 1, 3), pass_line(review.recent()).split(" \u00b7 "), strict=True)
        elif review.at is not None:
            parts.append((0, f"an earlier pass: {self.app.key('branch')} goes on from it"))
        elif chosen is not None:
            parts += [(0, answer_line(*chosen)), (2, f"{frame.elapsed_ms / 1e3:.1f} s")]
        if review.strength < 1:
            parts.append((1, f"strength {review.strength:.0%}"))
        if self.shows_figures:
            parts.append((1, figures_line(frame, None if self.jobs.model is None else self.jobs.model.info)))
        return parts

    def show_figures(self) -> None:
        """Show what a pass costs and reads in the status line, or not."""
        self.shows_figures = not self.shows_figures
        self.app.refresh_status()
        if self.review is None:
            self.app.say(f"the status line of an infill has {'figures' if self.shows_figures else 'no figures'}")

    def accept(self) -> None:
        """Replace the span by the whole answer: one edit, one undo step."""
        if self.review is not None and self.review.finished and self.review.at is None:
            self.take(self.review.text, Event.ACCEPTED)
        elif self.review is not None and self.review.finished:
            self.app.say(f"this is an earlier pass: {self.app.key('later_pass')} goes back to the answer")
        elif self.review is not None:
            self._say_running()

    def _say_running(self) -> None:
        self.app.say(
            f"still denoising: {self.app.key('tab')} takes it when it is done, {self.app.key('cancel')} cancels"
        )

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
        before = review.accepted
        if review.accept_more(unit):
            self.take(review.text, event)
        else:
            review.steps.append(before)
            self._accepted_so_far()

    def step(self) -> None:
        """Go to the next hole that is not decided on, without a word on this one."""
        if self.review is not None and self.review.finished and self.review.is_walk:
            self.review.step()
            self.draw()

    def decide(self, taken: bool) -> None:
        """Accept or reject the hole that is looked at; after the last one all become one edit."""
        review = self.review
        if review is None or not review.finished or not review.is_walk:
            return
        if review.decide(taken):
            self.take(review.text, Event.ACCEPTED)
        else:
            self.draw()
            if self.area is not None:
                self.area.kept_so_far(review.cut_short())

    def list_answers(self) -> None:
        """Pick an answer from a list of their first lines; the one that is marked is shown in place."""
        review = self.review
        if review is None or review.candidate() is None or not review.finished:
            self.app.say("there is no answer to choose yet")
            return
        review.at = None
        before = review.choices.get(review.current, 0)
        answers = review.results[review.current].candidates
        kept = distinct([answer.text for answer in answers])
        items = [Item(first_line(answers[number].text), answer_words(answers[number])) for number in kept]

        def show(place: int) -> None:
            review.choose(kept[place])
            self.draw()

        def close(place: int | None) -> None:
            if self.review is review:
                review.choose(before if place is None else kept[place])
                self.draw()

        if self.area is not None:
            # The list stands over the lower part of the text.
            self.area.scroll_cursor_visible(center=True)
        here = kept.index(before) if before in kept else 0
        self.app.push_screen(Pick("Answer", items, start=here, on_highlight=show), close)

    def type_through(self, typed: str) -> bool:
        """Accept what was typed where the answer goes on so and the caret is there; false where it does not."""
        review, area, span = self.review, self.area, self.span
        if review is None or area is None or span is None or review.is_walk or not area.selection.is_empty:
            return False
        if self.place_in_answer(area.cursor_location) != review.accepted or not review.type_through(typed):
            return False
        if review.text[review.accepted :].strip():
            self._accepted_so_far()
        else:
            self.take(review.text, Event.ACCEPTED)
        return True

    def type_back(self) -> bool:
        """Take back what was typed last of the answer; false where nothing was."""
        review = self.review
        if review is None or not review.finished or not review.type_back():
            return False
        self._accepted_so_far()
        return True

    def _accepted_so_far(self) -> None:
        """Show what is accepted of the answer as the text's own."""
        review, area = self.review, self.area
        self.draw()
        if review is not None and area is not None:
            shown = "".join(text for text, _, _ in self.shown)
            area.accept_so_far(review.cut_short(), shown[: rewrite.shown_offset(self.shown, review.accepted)])

    def cycle(self, step: int) -> None:
        """Show the next or the previous candidate with its score."""
        if self.review is not None and self.review.cycle(step):
            self.draw()
        elif self.review is not None:
            self.app.say(f"no other answer; {self.app.key('infill')} rolls again")

    def scrub(self, step: int) -> None:
        """Look at an earlier or later pass."""
        if self.review is not None and self.review.scrub(step):
            self.draw()

    def branch(self) -> None:
        """Go on from the pass that is looked at, with another seed."""
        branch = self.review.branched() if self.review is not None and self.review.finished else None
        if branch is None:
            earlier, branch_key = self.app.key("earlier_pass"), self.app.key("branch")
            self.app.say(f"{earlier} goes to an earlier pass; {branch_key} then goes on from it")
            return
        self.seed += 1
        self.run(branch)

    def pin(self) -> None:
        """Pin the selected part of the answer, or unpin it; Ctrl+G then rolls the rest."""
        review, span = self.review, self.span
        if review is None or span is None or not review.finished or review.at is not None:
            return
        start, end = (self.place_in_answer(place) for place in sorted(span.area.selection))
        if review.toggle_pin(start, end):
            span.area.move_cursor(span.area.cursor_location)
            self.draw()
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
        span = self.span
        if self.review is not None and self.review.finished and span is not None and span.code:
            gap = Gap(code=span.code, strength=self.strength)
            self.run(Review((Segment(gap, 0),), self.review.originals))
        self.app.say(f"{self.strength:.0%} of selected code will be noised; {self.app.key('cancel')} goes back to 100%")
