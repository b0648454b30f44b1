"""Rows of an instruct model's canvas: how long they are, what they begin with, and spans of several canvases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest

from dgedit.engine.models.gemma.canvas import DEFAULT_SLOTS, canvases, mended_rows
from dgedit.engine.models.gemma.canvas import pack_next as pack
from dgedit.engine.packing import BRANCHES
from dgedit.engine.protocol import PackedInfill
from dgedit.engine.types import UNDECIDED, EngineError, InfillRequest, Start

from ....support.gemma_text import instruct_form, request, shown, small_tokenizer

TOKENIZER = small_tokenizer()
FORM = instruct_form()
LEAD = FORM.near_suffix_tokens // 2


@pytest.mark.parametrize(
    ("known", "slots"),
    [
        ({}, DEFAULT_SLOTS),
        ({"expected_tokens": 1}, (1, 2)),
        ({"expected_tokens": 3}, (2, 3, 4)),
        ({"expected_tokens": 8}, (6, 8, 10, 12)),
        ({"expected_tokens": 20}, (16, 20, 24, 32)),
        ({"expected_tokens": 60}, (44, 60, 76, 88)),
        ({"exact_tokens": 7}, (7,)),
        ({"exact_tokens": 88}, (88,)),
    ],
)
def test_row_lengths(known: dict[str, int], slots: tuple[int, ...]) -> None:
    packed = pack(request("", "", **known), TOKENIZER, FORM)
    assert packed.slots == slots
    assert packed.starts == ((),) * len(slots)
    assert packed.passes == 0


def test_a_long_span_takes_room_from_what_follows() -> None:
    packed = pack(request("x", "y = 1\n" * 30, exact_tokens=86), TOKENIZER, FORM)
    assert packed.slots == (86,)
    assert 0 < len(packed.pinned_ids) <= FORM.canvas_tokens - 87


def test_a_pass_is_gone_on_from() -> None:
    slots = (UNDECIDED, *TOKENIZER.encode("a + b"), UNDECIDED)
    packed = pack(request("x = ", "\n", start=Start(slots=slots, passes=3)), TOKENIZER, FORM)
    assert packed.starts == (slots,) * BRANCHES
    assert packed.slots == (len(slots),) * BRANCHES
    assert packed.passes == 3


def test_every_row_can_be_gone_on_from() -> None:
    for prefix, suffix in [("", ""), ("x = f(", ")\n"), ("a" * 200, "b" * 200)]:
        longest = max(pack(request(prefix, suffix, expected_tokens=60), TOKENIZER, FORM).slots)
        start = Start(slots=(UNDECIDED,) * longest, passes=1)
        assert pack(request(prefix, suffix, start=start), TOKENIZER, FORM).slots == (longest,) * BRANCHES


def test_a_text_is_mended_from_a_part_of_its_noise() -> None:
    original = "compute(first, second, third)"
    ids = TOKENIZER.encode(original)
    asked = request("x = ", "\n", original=original, strength=0.5, seed=3, max_passes=9)
    packed = pack(asked, TOKENIZER, FORM)
    assert packed == pack(asked, TOKENIZER, FORM)
    assert packed.passes == 4
    assert packed.slots == tuple(map(len, packed.starts)) == (len(ids), len(ids) + 2, len(ids) - 2)
    for start in packed.starts:
        kept = [token for token in start if token != UNDECIDED]
        places = iter(ids)
        assert all(token in places for token in kept), "the kept tokens stand in their order"
        assert len(kept) == len(ids) - round(len(ids) / 2)
    assert packed.starts != pack(replace(asked, seed=4), TOKENIZER, FORM).starts


def test_mending_little_and_everything() -> None:
    assert all(row.count(UNDECIDED) == 1 for row in mended_rows(range(9), 0.01, 0) if len(row) == 9)
    assert {*mended_rows(range(9), 1.0, 0)} == {(UNDECIDED,) * count for count in (9, 11, 7)}


@pytest.mark.parametrize(
    "asked",
    [request(original="word " * 200, strength=0.5), request(start=Start(slots=(UNDECIDED,) * 95, passes=1))],
    ids=["mended", "started"],
)
def test_what_is_begun_with_must_fit_one_canvas(asked: InfillRequest) -> None:
    with pytest.raises(EngineError, match=r"the span has \d+ tokens, the model mends at most 88$") as caught:
        pack(asked, TOKENIZER, FORM)
    assert caught.value.hint == "choose fewer lines"


def written(asked: InfillRequest, ids: Sequence[int]) -> list[PackedInfill]:
    """The canvases of a span, each filled with the next of the ids."""
    packs, committed = list[PackedInfill](), list[int]()
    for _ in canvases(asked, TOKENIZER, FORM):
        packs.append(pack(asked, TOKENIZER, FORM, committed))
        committed += ids[len(committed) : len(committed) + packs[-1].slots[0]]
    return packs


@pytest.mark.parametrize(
    "prefix", ["", "x = [\n", "def f(a, b):\n    return call(a, b, 'some words to fill the lead', "]
)
@pytest.mark.parametrize("count", [88, 89, 97, 150, 333])
def test_a_long_span_is_written_in_several_canvases(prefix: str, count: int) -> None:
    ids = (TOKENIZER.encode("value, other,\n    😀 = 1\n") * count)[:count]
    suffix = "\n]\nprint(x)\n"
    asked = request(prefix, suffix, exact_tokens=count)
    packs = written(asked, ids)
    sizes = [packed.slots[0] for packed in packs]
    assert sizes == [*canvases(asked, TOKENIZER, FORM)]
    assert sum(sizes) == count
    done = 0
    for before, after in pairwise(packs):
        done += before.slots[0]
        assert after.context_ids[: len(before.context_ids)] == before.context_ids, "what was read is kept"
        assert [*after.context_ids, *after.lead_ids][-done:] == ids[:done]
        assert not before.pinned_ids
        assert not before.closing_ids
        assert 0 < len(after.lead_ids) <= LEAD
    assert shown(packs[-1].pinned_ids).startswith(suffix)
    for packed in packs:
        assert len(packed.lead_ids) + max(packed.slots) + len(packed.pinned_ids) <= FORM.canvas_tokens
        assert len(packed.context_ids) <= FORM.context_tokens


def test_the_last_canvas_of_a_span_of_about_known_length_has_several_rows() -> None:
    packs = written(request("x = [\n", "]\n", expected_tokens=120), TOKENIZER.encode("value, " * 99))
    assert [len(packed.slots) for packed in packs[:-1]] == [1] * (len(packs) - 1)
    assert len(packs[-1].slots) > 1
    assert len(canvases(request("x"), TOKENIZER, FORM)) == 1
