"""What is drawn while a span denoises: words where they will stay, and nothing that the guard turns down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest

from dgedit.engine.denoise import denoise
from dgedit.engine.encoded import EncodedInfill
from dgedit.engine.infill import infill, prepare
from dgedit.engine.protocol import Denoiser
from dgedit.engine.rank import Proposal, rank
from dgedit.engine.settings import Settings
from dgedit.engine.spotlight import Spotlight
from dgedit.engine.types import UNDECIDED, Frame, InfillRequest, SlotState

from ..support.toy import ToyDenoiser
from .test_denoise import generator, with_slots

SOURCE = """\
import os


def sizes(folder):
    result = {}
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        result[name] = os.path.getsize(path)
    return result


def total(folder):
    value = 0
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        value += os.path.getsize(path)
    return value
"""
SPANS = ("os.path.join(folder, name)", "result = {}", "value += os.path.getsize(path)", "return result")


def request_for(span: str) -> InfillRequest:
    before, after = SOURCE.split(span, 1)
    return InfillRequest(prefix=before, suffix=after, max_passes=6)


@pytest.fixture(scope="module", params=SPANS)
def run(nano: Denoiser, request: pytest.FixtureRequest) -> tuple[InfillRequest, list[Frame]]:
    asked = request_for(request.param)
    return asked, list(infill(asked, nano))


def words(frame: Frame) -> list[tuple[int, str]]:
    """Columns and letters that are drawn as code."""
    found, at = list[tuple[int, str]](), 0
    for span in frame.spans:
        if span.state is not SlotState.NOISE:
            found += [(at + number, letter) for number, letter in enumerate(span.text) if not letter.isspace()]
        at += len(span.text)
    return found


def test_words_appear_where_they_stay(run: tuple[InfillRequest, list[Frame]]) -> None:
    _, frames = run
    result = frames[-1].result
    assert result is not None
    drawn = [word for frame in frames for word in words(frame)]
    assert drawn
    assert all(result.text[at : at + 1] == letter for at, letter in drawn)


def test_once_drawn_they_are_drawn_in_every_later_pass(run: tuple[InfillRequest, list[Frame]]) -> None:
    _, frames = run
    for before, after in pairwise(frames):
        assert set(words(before)) <= set(words(after))


def test_the_text_below_does_not_jump_once_it_is_known(run: tuple[InfillRequest, list[Frame]]) -> None:
    _, frames = run
    assert len({(frame.text.count("\n"), len(frame.text)) for frame in frames[1:]}) == 1


def test_the_answers_are_those_of_a_ranking_that_nobody_looked_at(nano: Denoiser) -> None:
    asked = request_for(SPANS[0])
    ready = prepare(asked, nano)
    known = [replace(each, origins=set(each.origins)) for each in ready.known]
    plain, scored = rank(ready.encoded, known), dict[tuple[str, tuple[int, ...]], object]()
    for _ in range(2):
        again = [replace(each, origins=set(each.origins)) for each in ready.known]
        found = rank(ready.encoded, again, scored)  # type: ignore[arg-type]
        assert [each.text for each in found] == [each.text for each in plain]
        assert [each.score for each in found] == pytest.approx([each.score for each in plain])


def lit(answer: str, known: Sequence[str] = (), *, sure: float = 0.99) -> list[tuple[str, tuple[int, ...]]]:
    """Text and slots of every pass of a model that knows an answer, where some texts are known beforehand."""
    model = ToyDenoiser(answer, lambda _pass, _slot: sure)
    asked = InfillRequest(prefix="a = 1\nb = ", suffix="\nprint(a, b)\n")
    encoded = EncodedInfill.of(with_slots(model, len(answer) + 3), asked, model)
    proposals = [Proposal(text, model.tokenizer.encode(text), set()) for text in known]
    light, found = Spotlight(encoded=encoded, known=proposals, judges=True), list[tuple[str, tuple[int, ...]]]()
    for step in denoise(encoded, Settings(passes_max=4), generator()):
        light.follow(step)
        found.append(("".join(span.text for span in light.spans(step)), light.slots(step)))
    return found


@pytest.mark.parametrize("answer", ["(a", "zzz", "a b"])
def test_what_the_guard_turns_down_is_noise(answer: str) -> None:
    for text, _ in lit(answer):
        assert not set(text) & set(answer)


def test_without_anything_known_the_row_itself_is_drawn() -> None:
    assert lit("a + 1")[-1][0] == "a + 1"


def test_of_the_lead_only_what_the_canvas_agrees_with_is_drawn() -> None:
    passes = lit("a + 1", ["a * 1"])
    assert passes[-1][0] == "a ░ 1"
    # A branch goes on from the row, whose words are its own.
    assert UNDECIDED not in passes[-1][1][:5]
    for (_, first), (_, then) in pairwise(passes):
        assert all(after == before for before, after in zip(first, then, strict=True) if before != UNDECIDED)
