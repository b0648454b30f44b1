"""Which row wins, and what a person sees of the others meanwhile."""

from __future__ import annotations

import pytest

from dgedit.engine.denoise import Settings, denoise
from dgedit.engine.frames import frame_spans
from dgedit.engine.infill import fill, infill
from dgedit.engine.packing import pack
from dgedit.engine.rank import parses, rank, stutters, trim_suffix
from dgedit.engine.types import InfillRequest, SlotState

from .test_denoise import generator, with_slots
from .toy import ToyDenoiser

REQUEST = InfillRequest(prefix="a = ", suffix="\nb = 2\n")


def test_the_likeliest_row_that_parses_wins() -> None:
    model = ToyDenoiser("f(x)", lambda _pass, _slot: 0.9)
    packed = pack(REQUEST, model.tokenizer, model.format)
    encode = model.tokenizer.encode
    rows = [encode("f(x"), encode("f(x)"), encode("g(x)"), encode("f(x)")]
    ranked = rank(model, None, packed, REQUEST, rows, [1, 2, 3, 4])
    assert [candidate.text for candidate in ranked] == ["f(x)", "g(x)", "f(x"]
    assert [candidate.parses for candidate in ranked] == [True, True, False]
    # Two rows with the same text are one candidate.
    assert ranked[0].passes == 2


def test_a_row_that_writes_something_wins_over_an_empty_one() -> None:
    model = ToyDenoiser("x", lambda _pass, _slot: 0.9)
    packed = pack(REQUEST, model.tokenizer, model.format)
    ranked = rank(model, None, packed, REQUEST, [[], model.tokenizer.encode("z(")], [1, 1])
    assert [candidate.text for candidate in ranked] == ["z(", ""]


def test_a_stutter_loses_even_when_it_parses() -> None:
    model = ToyDenoiser("x", lambda _pass, _slot: 0.9)
    packed = pack(REQUEST, model.tokenizer, model.format)
    rows = [model.tokenizer.encode("xxx"), model.tokenizer.encode("q(")]
    assert [c.text for c in rank(model, None, packed, REQUEST, rows, [1, 1])] == ["q(", "xxx"]
    assert not stutters(model.tokenizer.encode("xxyxx"))


@pytest.mark.parametrize(
    ("text", "suffix", "expected"),
    [
        ("x = 1\n    return x", "\n    return x\n", "x = 1"),
        ("x = 1\n    return x", "\n    return y\n", "x = 1\n    return x"),
        ("return x", "\n    return x\n", "return x"),
        ("x\n)", "\n)", "x\n)"),
    ],
)
def test_a_last_line_that_repeats_the_suffix_is_cut(text: str, suffix: str, expected: str) -> None:
    assert trim_suffix(text, suffix) == expected


def test_parsing_is_told_for_python_alone() -> None:
    assert parses(REQUEST, "1") is True
    assert parses(REQUEST, "(") is False
    assert parses(REQUEST, "\0") is False
    other = InfillRequest(prefix="a = ", suffix="", language="text")
    assert parses(other, "(") is None


def test_a_frame_shows_states_and_never_a_guessed_line_break() -> None:
    model = ToyDenoiser("ab\ncd", lambda _pass, slot: 0.98 if slot < 2 else 0.6)
    packed = with_slots(model, 6)
    step = next(denoise(model, None, packed, Settings(passes_max=5), generator()))
    spans = frame_spans(step, 0, packed, model)
    assert spans[0].text == "ab"
    assert spans[0].state is SlotState.NEW
    assert "\n" not in "".join(span.text for span in spans)
    assert {span.state for span in spans[1:]} <= {SlotState.NOISE, SlotState.DRAFT}
    assert all(0 <= span.confidence <= 1 for span in spans)


def test_frames_count_passes_and_the_last_one_carries_the_result() -> None:
    model = ToyDenoiser("f(x)", lambda _pass, _slot: 0.9999)
    frames = list(infill(REQUEST, model))
    assert [frame.result is None for frame in frames] == [True] * (len(frames) - 1) + [False]
    assert [frame.pass_index for frame in frames[:-1]] == list(range(1, len(frames)))
    result = frames[-1].result
    assert result is not None
    assert result.text == frames[-1].text == "f(x)"
    assert fill(REQUEST, ToyDenoiser("f(x)", lambda _pass, _slot: 0.9999)).text == "f(x)"
