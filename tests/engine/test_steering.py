"""What a person does with an infill: prepare it, branch from a pass, mend what stands there."""

from __future__ import annotations

from dataclasses import replace
from difflib import SequenceMatcher

import pytest

from dgedit.engine.infill import infill, prepare
from dgedit.engine.packing import noised_rows, pack
from dgedit.engine.protocol import Denoiser
from dgedit.engine.types import UNDECIDED, EngineError, Frame, InfillRequest, Start

PREFIX = '''import os


def read_lines(path):
    """All lines of a file."""
    with open(path) as handle:
        '''
SUFFIX = "\n\n\ndef main():\n    print(read_lines('notes.txt'))\n"
CODE = "lines = [line.strip() for line in handle.readlines()]"
REQUEST = InfillRequest(prefix=PREFIX, suffix=SUFFIX)


def last(frames: list[Frame]) -> Frame:
    assert frames[-1].result is not None
    return frames[-1]


def test_a_prepared_infill_gives_the_same_answer(nano: Denoiser) -> None:
    ready = prepare(REQUEST, nano)
    for seed in (0, 3, 0):
        request = replace(REQUEST, seed=seed)
        assert ready.serves(request)
        alone, prepared = (last(list(infill(request, nano, prepared=given))) for given in (None, ready))
        assert alone.result is not None
        assert prepared.result is not None
        assert alone.result.candidates == prepared.result.candidates


@pytest.mark.parametrize(
    "other",
    [
        replace(REQUEST, prefix=PREFIX + "x"),
        replace(REQUEST, suffix=""),
        replace(REQUEST, expected_tokens=9),
        replace(REQUEST, related=("x = 1\n",)),
        replace(REQUEST, original=CODE, strength=0.5),
        replace(REQUEST, recall=False),
    ],
)
def test_a_preparation_serves_no_other_request(nano: Denoiser, other: InfillRequest) -> None:
    assert not prepare(REQUEST, nano).serves(other)
    assert prepare(REQUEST, nano).serves(replace(REQUEST, seed=9, rejected=("pass",)))


def test_frames_carry_the_slots_of_the_row_shown(nano: Denoiser) -> None:
    frames = list(infill(replace(REQUEST, exact_tokens=6, max_passes=6), nano))
    decided = [sum(slot != UNDECIDED for slot in frame.slots) for frame in frames]
    assert all(len(frame.slots) == 6 for frame in frames)
    assert decided[0] < 6
    assert decided[-1] == 6
    for frame in frames[:-1]:
        kept = [slot for slot in frame.slots if slot != UNDECIDED]
        assert all(
            slot >= nano.format.first_text_id or slot in (nano.format.eom_id, nano.format.pad_id) for slot in kept
        )


def test_a_branch_goes_on_from_its_pass(nano: Denoiser) -> None:
    frames = list(infill(REQUEST, nano))
    third = frames[2]
    start = Start(slots=third.slots, passes=third.pass_index)
    answers = set()
    for seed in (1, 2, 3, 4):
        branch = list(infill(replace(REQUEST, seed=seed, start=start), nano))
        assert [frame.pass_index for frame in branch[:-1]] == list(range(4, 4 + len(branch) - 1))
        assert all(len(frame.slots) == len(third.slots) for frame in branch)
        answers.add(last(branch).text)
    again = list(infill(replace(REQUEST, seed=4, start=start), nano))
    assert last(again).text in answers


def test_a_branch_keeps_most_of_what_was_decided(nano: Denoiser) -> None:
    frames = list(infill(replace(REQUEST, seed=5), nano))
    late = frames[-2]
    start = Start(slots=late.slots, passes=late.pass_index - 1)
    result = last(list(infill(replace(REQUEST, seed=6, start=start), nano)))
    decided = [slot for slot in late.slots if slot != UNDECIDED]
    kept = sum(slot in result.slots for slot in decided)
    assert kept >= len(decided) / 2


def test_little_strength_changes_little(nano: Denoiser) -> None:
    def likeness(strength: float) -> float:
        total = 0.0
        for seed in range(6):
            request = replace(REQUEST, seed=seed, original=CODE, strength=strength, rejected=(CODE,))
            total += SequenceMatcher(None, last(list(infill(request, nano))).text, CODE, autojunk=False).ratio()
        return total / 6

    little, much = likeness(0.2), likeness(0.9)
    assert little > 0.6
    assert little > much


def test_a_mended_line_at_the_start_of_a_line_keeps_its_break(nano: Denoiser) -> None:
    request = InfillRequest(prefix="a = 1\n", suffix="\nc = 3\n", original="b = 2", strength=0.4)
    text = last(list(infill(request, nano))).text
    assert not text.startswith("\n")
    assert pack(request, nano.tokenizer, nano.format).borrowed == "\n"


@pytest.mark.parametrize("strength", [0.05, 0.5, 0.99])
def test_noised_rows_keep_the_rest(nano: Denoiser, strength: float) -> None:
    ids = nano.tokenizer.encode(CODE)
    rows = noised_rows(ids, strength, 7, nano.format)
    assert rows == noised_rows(ids, strength, 7, nano.format)
    assert rows[0] != rows[1]
    for row in rows:
        noised = [place for place in range(len(ids)) if row[place] == UNDECIDED]
        assert len(noised) == max(1, round(strength * len(ids)))
        assert all(row[place] == ids[place] for place in range(len(ids)) if place not in noised)
    assert rows[0][-1] == nano.format.eom_id
    assert set(rows[1][len(ids) :]) == {UNDECIDED}


def test_nothing_to_noise_still_makes_rows(nano: Denoiser) -> None:
    assert all(row for row in noised_rows([], 0.5, 0, nano.format))


def test_a_start_longer_than_the_canvas_is_cut(nano: Denoiser) -> None:
    start = Start(slots=(UNDECIDED,) * 500, passes=99)
    packed = pack(replace(REQUEST, start=start), nano.tokenizer, nano.format)
    assert max(packed.slots) == nano.format.canvas_tokens
    assert packed.passes == REQUEST.max_passes - 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: replace(REQUEST, strength=0.0), "strength must be above 0"),
        (lambda: replace(REQUEST, strength=1.5, original="x"), "at most 1"),
        (lambda: replace(REQUEST, strength=0.5), "needs the original"),
        (lambda: Start(slots=(), passes=0), "at least one slot"),
        (lambda: Start(slots=(1,), passes=-1), "must not be negative"),
    ],
)
def test_a_bad_request_says_so(make: object, message: str) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match=message):
        make()


def test_a_text_too_long_to_mend_is_refused_and_not_cut(nano: Denoiser) -> None:
    request = replace(REQUEST, original="a[0] = b{1}\n" * 40, strength=0.5)
    with pytest.raises(EngineError, match="tokens, the model mends at most"):
        pack(request, nano.tokenizer, nano.format)
