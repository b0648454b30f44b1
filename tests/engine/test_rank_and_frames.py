"""Which row wins, and what a person sees of the others meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from dgedit.engine.denoise import denoise
from dgedit.engine.encoded import EncodedInfill
from dgedit.engine.frames import frame_spans
from dgedit.engine.infill import fill, infill
from dgedit.engine.packing import pack
from dgedit.engine.parsing import parses
from dgedit.engine.protocol import Denoiser
from dgedit.engine.rank import Proposal, from_memory, from_row, measure, rank, stutters
from dgedit.engine.recall import Recalled
from dgedit.engine.settings import Settings
from dgedit.engine.types import Candidate, InfillRequest, Origin, SlotState

from ..support.toy import ToyDenoiser
from .test_denoise import generator, with_slots

REQUEST = InfillRequest(prefix="a = ", suffix="\nb = 2\n")


def read(model: Denoiser) -> EncodedInfill:
    return EncodedInfill.of(pack(REQUEST, model.tokenizer, model.format), REQUEST, model)


def rows_with(encoded: EncodedInfill, texts: Iterable[str]) -> list[Proposal]:
    encode = encoded.model.tokenizer.encode
    return [from_row(encoded, encode(text), Origin.DENOISED, place) for place, text in enumerate(texts)]


def ranked(
    texts: list[str], answer: str = "f(x)", request: InfillRequest = REQUEST, **recalled: Recalled
) -> list[Candidate]:
    """Denoised rows with these texts, and recalled pieces, against a model that knows the answer."""
    model = ToyDenoiser(answer, lambda _pass, _slot: 0.9)
    encoded = read(model)
    rows = rows_with(encoded, texts)
    rows += [from_memory(encoded, piece, place) for place, piece in enumerate(recalled.values())]
    return rank(replace(encoded, request=request), rows)


def test_the_likeliest_row_that_parses_wins_and_every_one_is_judged() -> None:
    found = ranked(["f(x", "f(len)", "max(1)", "f(len)"])
    assert [candidate.text for candidate in found] == ["max(1)", "f(len)", "f(x"]
    assert [candidate.parses for candidate in found] == [True, True, False]
    assert [candidate.breaks for candidate in found] == [False, False, True]
    assert found[1].unknown_names == ("f",), "it comes after what says no such name"
    many = ranked([*("f(" + "x" * count for count in range(6)), "max(1)"], answer="f(x")
    assert many[0].text == "max(1)", "the seventh is judged too"
    assert len(many) == REQUEST.offered


def test_so_many_are_offered_as_are_asked_for() -> None:
    texts = [f"max({number})" for number in range(9)]
    assert len(ranked(texts)) == 5
    assert len(ranked(texts, request=replace(REQUEST, offered=8))) == 8
    with pytest.raises(ValueError, match="at least 1"):
        replace(REQUEST, offered=0)


def test_what_was_to_be_rewritten_stays_among_the_candidates() -> None:
    model = ToyDenoiser("f(x)", lambda _pass, _slot: 0.9)
    encoded = read(model)
    rows = rows_with(encoded, [f"max({number})" for number in range(9)])
    kept = Proposal("min(1, 2, 3, 4, 5)", model.tokenizer.encode("min(1, 2, 3, 4, 5)"), {Origin.KEPT})
    encoded = replace(encoded, request=replace(REQUEST, rejected=(kept.text,)))
    found = rank(encoded, [*rows, kept])
    assert len(found) == 5
    assert found[-1].text == kept.text
    found = rank(encoded, [*rows_with(encoded, ["f("]), kept])
    assert [each.text for each in found] == [kept.text, "f("], "text that does not parse stands above none that does"


def test_a_text_found_in_two_ways_is_one_candidate_and_gains_by_it() -> None:
    both = ranked(["g(x)", "h(x)"], piece=Recalled("h(x)", 6.0))
    assert [candidate.text for candidate in both] == ["h(x)", "g(x)"]
    assert both[0].origins == {Origin.DENOISED, Origin.RECALLED}
    alone = ranked(["g(x)", "h(x)"])
    assert both[0].score > next(c.score for c in alone if c.text == "h(x)")


def test_a_piece_from_like_surroundings_wins_over_one_from_elsewhere() -> None:
    found = ranked(["q"], near=Recalled("a()", 5.0), far=Recalled("b()", 0.5))
    assert [candidate.text for candidate in found].index("a()") < [c.text for c in found].index("b()")


def test_a_row_that_writes_something_wins_over_an_empty_one() -> None:
    assert [candidate.text for candidate in ranked(["", "z("], "x")] == ["z(", ""]


def test_a_rejected_answer_comes_after_the_others() -> None:
    again = replace(REQUEST, rejected=("f(x)",))
    assert [candidate.text for candidate in ranked(["f(x)", "g", ""], request=again)] == ["g", "f(x)", ""]


def test_names_that_stand_nowhere_else_count_up_to_three() -> None:
    model = ToyDenoiser("f(x)", lambda _pass, _slot: 0.9)
    encoded = read(model)
    texts = ("b + len(a)", "zz", "zz(zz)", "p(q, r, s, t)")
    verdicts = [encoded.guard.verdict(text, 0) for text in texts]
    told = measure(encoded, rows_with(encoded, texts), verdicts)
    assert [known["unknown_names"] for known in told] == [0, 1, 1, 3]


def test_a_stutter_is_told() -> None:
    assert stutters([7, 7, 7])
    assert not stutters([7, 7, 8, 7])


def test_parsing_is_told_for_python_alone() -> None:
    assert parses(REQUEST, "1") is True
    assert parses(REQUEST, "(") is False
    assert parses(REQUEST, "\0") is False
    other = InfillRequest(prefix="a = ", suffix="", language="text")
    assert parses(other, "(") is None


def test_a_frame_shows_states_and_never_a_guessed_line_break() -> None:
    model = ToyDenoiser("ab\ncd", lambda _pass, slot: 0.98 if slot < 2 else 0.6)
    encoded = EncodedInfill.of(with_slots(model, 6), REQUEST, model)
    step = next(denoise(encoded, Settings(passes_max=5), generator()))
    spans = frame_spans(step, 0, encoded)
    assert spans[0].text == "ab"
    assert spans[0].state is SlotState.NEW
    assert "\n" not in "".join(span.text for span in spans)
    assert {span.state for span in spans[1:]} <= {SlotState.NOISE, SlotState.DRAFT}
    assert all(0 <= span.confidence <= 1 for span in spans)


def test_frames_count_passes_and_the_last_one_carries_the_result() -> None:
    model = ToyDenoiser("f(x)", lambda _pass, _slot: 0.9999)
    # A toy's names stand nowhere in its file: pieces of the file would win.
    request = replace(REQUEST, recall=False)
    frames = list(infill(request, model))
    assert [frame.result is None for frame in frames] == [True] * (len(frames) - 1) + [False]
    assert [frame.pass_index for frame in frames[:-1]] == list(range(1, len(frames)))
    result = frames[-1].result
    assert result is not None
    assert result.text == frames[-1].text == "f(x)"
    assert fill(request, ToyDenoiser("f(x)", lambda _pass, _slot: 0.9999)).text == "f(x)"


def test_what_stands_for_another_span_is_no_answer(nano: Denoiser) -> None:
    asked = InfillRequest(
        prefix="def size(path):\n    ", suffix="\n\n\ndef area(width, height):\n    return ...\n", stand_in="..."
    )
    offered = fill(asked, nano).candidates
    assert "..." not in offered[0].text
    holding = ["..." in candidate.text for candidate in offered if not candidate.breaks]
    assert holding == sorted(holding), "they come last"
