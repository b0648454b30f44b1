"""An infill as the person steers it: what is shown, what is replaced, what runs next."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dgedit.engine.types import (
    UNDECIDED,
    Candidate,
    ContextUse,
    Frame,
    FrameSpan,
    InfillResult,
    Origin,
    SlotState,
)
from dgedit.fill.loop import Gap
from dgedit.tui.infill.review import NEXT_LINE, NEXT_WORD, Review
from dgedit.tui.infill.segment import Segment

USE = ContextUse(tokens=9, limit=99, prefix_cut=False, suffix_cut=False)


def a_pass(number: int, text: str, state: SlotState = SlotState.DRAFT) -> Frame:
    return Frame(
        pass_index=number,
        passes_max=8,
        spans=(FrameSpan(text, state, 0.5),),
        mean_entropy=1.0,
        elapsed_ms=10.0 * number,
        pass_ms=10.0,
        tokens_per_second=50.0,
        context=USE,
        slots=(300 + number, UNDECIDED),
    )


def an_end(*texts: str) -> Frame:
    candidates = tuple(
        Candidate(
            text=text, score=-float(place), parses=None, repeats_suffix=False, origins=frozenset({Origin.DENOISED})
        )
        for place, text in enumerate(texts)
    )
    result = InfillResult(text=texts[0], candidates=candidates, passes=2, elapsed_ms=30.0, context=USE)
    frame = a_pass(2, texts[0], SlotState.FIXED)
    return Frame(**{name: getattr(frame, name) for name in frame.__slots__} | {"result": result})


def one_hole(*texts: str, original: str = "old") -> Review:
    review = Review((Segment(Gap(), 0),), (original,))
    review.take(0, a_pass(1, "dra"))
    review.take(0, a_pass(2, "draf"))
    review.take(0, an_end(*texts))
    review.finish()
    return review


def two_holes(first: str, second: str) -> Review:
    review = Review((Segment(Gap(), 0), Segment(" + ", None), Segment(Gap(), 1)), ("<A>", "<B>"))
    review.take(0, an_end(first))
    review.take(2, an_end(second))
    review.finish()
    return review


def test_noise_stands_in_the_hole_until_the_first_pass() -> None:
    review = Review((Segment(Gap(), 0), Segment(" + ", None), Segment(Gap(), 1)), ("<A>", "<B>"))
    assert [(text, state) for text, state, _ in review.pieces()] == [
        ("\u2591" * 8, "noise"),
        (" + ", "plain"),
        ("<B>", "plain"),
    ]


def test_passes_are_shown_one_hole_after_the_other() -> None:
    review = Review((Segment(Gap(), 0), Segment(" + ", None), Segment(Gap(), 1)), ("<A>", "<B>"))
    review.take(0, a_pass(1, "dra"))
    assert [text for text, _, _ in review.pieces()] == ["dra", " + ", "<B>"]
    review.take(0, an_end("done"))
    review.take(2, a_pass(1, "xy"))
    assert [(text, state) for text, state, _ in review.pieces()] == [
        ("done", "fixed"),
        (" + ", "plain"),
        ("xy", "draft"),
    ]


def test_candidates_are_cycled() -> None:
    review = one_hole("one", "two", "three")
    seen = []
    for _ in range(4):
        chosen = review.candidate()
        assert chosen is not None
        seen.append((chosen[0], chosen[1], chosen[2].score, review.text))
        assert review.cycle(1)
    assert seen == [(1, 3, 0.0, "one"), (2, 3, -1.0, "two"), (3, 3, -2.0, "three"), (1, 3, 0.0, "one")]
    assert review.cycle(-2)
    assert review.text == "three"


@pytest.mark.parametrize(
    ("told", "state"),
    [({}, "offered"), ({"confidence": 0.9}, "offered"), ({"confidence": 0.1}, "draft"), ({"breaks": True}, "draft")],
)
def test_an_unsure_answer_is_drawn_as_a_draft(told: dict[str, Any], state: str) -> None:
    review = one_hole("one")
    result = review.results[0]
    review.results[0] = replace(result, candidates=(replace(result.candidates[0], **told),))
    assert [piece[:2] for piece in review.pieces()] == [("one", state)]
    assert review.is_nothing_good(0.2) is (state == "draft")
    assert review.is_nothing_good(0.05) is bool(told.get("breaks"))


def test_the_strength_is_that_of_the_run() -> None:
    assert one_hole("one").strength == 1.0
    assert Review((Segment(Gap(code="old", strength=0.5), 0),), ("old",)).strength == 0.5


def test_a_single_candidate_has_no_other() -> None:
    assert not one_hole("one").cycle(1)


@pytest.mark.parametrize(
    ("unit", "text", "steps"),
    [
        (NEXT_WORD, "return a.b", ["return", "return a", "return a.", "return a.b"]),
        (NEXT_WORD, "  x\n    y", ["  x", "  x\n    y"]),
        (NEXT_LINE, "if a:\n    b\nc", ["if a:", "if a:\n    b", "if a:\n    b\nc"]),
        (NEXT_LINE, "one", ["one"]),
        (NEXT_WORD, "é_1 ≠ 2", ["é_1", "é_1 ≠", "é_1 ≠ 2"]),
    ],
)
def test_words_and_lines_are_accepted_one_by_one(unit: object, text: str, steps: list[str]) -> None:
    review = one_hole(text)
    taken, whole = [], False
    while not whole:
        whole = review.accept_more(unit)  # type: ignore[arg-type]
        taken.append(text[: review.accepted])
    assert taken == steps


def test_trailing_white_space_needs_no_press_of_its_own() -> None:
    assert one_hole("a  ").accept_more(NEXT_WORD)


def test_stopping_keeps_what_was_accepted_and_no_more() -> None:
    review = one_hole("return a + b")
    assert review.cut_short() == "old"
    review.accept_more(NEXT_WORD)
    assert review.cut_short() == "return"
    review.accept_more(NEXT_WORD)
    assert review.cut_short() == "return a"


def test_stopping_among_holes_leaves_the_later_ones_as_they_were() -> None:
    review = two_holes("f(x)", "g(y)")
    assert review.cut_short() == "<A> + <B>"
    review.accept_more(NEXT_WORD)
    assert review.cut_short() == "f + <B>"
    review.accepted = len("f(x) + g")
    assert review.cut_short() == "f(x) + g"


def test_a_hole_without_an_answer_stays() -> None:
    review = two_holes("", "g")
    assert review.text == "<A> + g"
    assert not review.blank
    assert two_holes("", " ").blank


def test_pins_stay_and_the_rest_is_rolled_again() -> None:
    review = one_hole("return total / count")
    assert review.toggle_pin(0, 7)
    assert review.toggle_pin(12, 15)
    again = review.again()
    assert [segment.part if isinstance(segment.part, str) else segment.part.rejected for segment in again.segments] == [
        "return ",
        ("total",),
        " / ",
        ("count",),
    ]
    again.take(1, an_end("sum(xs)"))
    again.take(3, an_end("len(xs)"))
    again.finish()
    assert again.text == "return sum(xs) / len(xs)"
    assert again.pins == ((0, 7), (14, 17))
    assert [(text, state) for text, state, _ in again.pieces()] == [
        ("return ", "pinned"),
        ("sum(xs)", "offered"),
        (" / ", "pinned"),
        ("len(xs)", "offered"),
    ]
    assert again.cut_short() == "old"


def test_a_pin_is_taken_back_by_touching_it() -> None:
    review = one_hole("return total")
    assert review.toggle_pin(0, 6)
    assert review.toggle_pin(3, 4)
    assert review.pins == ()
    assert not review.toggle_pin(4, 4)
    assert not review.toggle_pin(50, 60)


def test_rolling_again_rejects_every_answer_that_was_shown() -> None:
    review = one_hole("one", "two", "three")
    review.cycle(1)
    again = review.again()
    part = again.segments[0].part
    assert isinstance(part, Gap)
    assert part.rejected == ("one", "two")
    again.take(0, an_end("four"))
    again.finish()
    twice = again.again().segments[0].part
    assert isinstance(twice, Gap)
    assert twice.rejected == ("one", "two", "four")


def test_what_is_accepted_is_pinned_for_the_next_roll() -> None:
    review = one_hole("return total")
    review.accept_more(NEXT_WORD)
    again = review.again()
    assert again.segments[0].part == "return"
    assert again.accepted == 6
    again.take(1, an_end(" 1"))
    again.finish()
    assert again.text == "return 1"
    assert again.cut_short() == "return"


def test_pinning_everything_leaves_nothing_to_roll() -> None:
    review = one_hole("return total")
    review.toggle_pin(0, 99)
    assert [segment.part for segment in review.again().segments] == ["return total"]


def test_code_between_holes_survives_every_roll() -> None:
    review = two_holes("aa", "bb")
    review.toggle_pin(0, 3)
    again = review.again()
    assert [segment.part if isinstance(segment.part, str) else None for segment in again.segments] == [
        "aa",
        " + ",
        None,
    ]
    again.take(2, an_end("cc"))
    again.finish()
    assert again.text == "aa + cc"


def test_scrubbing_goes_through_the_passes_and_back_to_the_answer() -> None:
    review = one_hole("done")
    assert not review.scrub(1)
    shown = []
    while review.scrub(-1):
        shown.append(review.pieces()[0][0])
    assert shown == ["draf", "dra"]
    assert review.scrub(1)
    assert review.pieces()[0][0] == "draf"
    assert review.scrub(1)
    assert review.at is None
    assert review.pieces()[0][0] == "done"


def test_a_branch_starts_from_the_slots_of_its_pass() -> None:
    review = one_hole("done")
    assert review.branched() is None
    review.scrub(-2)
    branch = review.branched()
    assert branch is not None
    part = branch.segments[0].part
    assert isinstance(part, Gap)
    assert part.start is not None
    assert (part.start.slots, part.start.passes) == ((301, UNDECIDED), 1)
    assert part.rejected == ("done",)


def test_a_branch_in_a_later_hole_keeps_the_earlier_answers() -> None:
    review = Review((Segment(Gap(), 0), Segment(" + ", None), Segment(Gap(), 1)), ("<A>", "<B>"))
    review.take(0, an_end("f"))
    review.take(2, a_pass(1, "x"))
    review.take(2, an_end("g"))
    review.finish()
    assert review.scrub(-1)
    branch = review.branched()
    assert branch is not None
    assert [segment.part if isinstance(segment.part, str) else None for segment in branch.segments] == [
        "f",
        " + ",
        None,
    ]


def test_looking_at_a_pass_ends_when_another_answer_is_chosen() -> None:
    review = one_hole("one", "two")
    review.scrub(-1)
    review.cycle(1)
    assert review.at is None
    assert review.text == "two"
