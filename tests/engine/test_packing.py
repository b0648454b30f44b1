"""How a request becomes context and rows."""

from __future__ import annotations

import pytest

from dgedit.engine.packing import DEFAULT_SLOTS, DRAFT_SLACK, choose_slots, pack, with_drafts
from dgedit.engine.tokenizer import BOS, EOM, PRE, SUF
from dgedit.engine.types import InfillRequest

from ..support.toy import FORMAT, byte_tokenizer

TOKENIZER = byte_tokenizer()


def request(prefix: str, suffix: str, **more: int) -> InfillRequest:
    return InfillRequest(prefix=prefix, suffix=suffix, **more)  # type: ignore[arg-type]


def test_a_small_file_is_read_whole() -> None:
    packed = pack(request("x = ", "\ny = 1\n", exact_tokens=4), TOKENIZER, FORMAT)
    near, far = "\ny = 1", "\n"
    assert packed.context_ids == [SUF, *TOKENIZER.encode(near + far), PRE, BOS, *TOKENIZER.encode("x = ")]
    assert packed.suffix_ids == TOKENIZER.encode(near)
    assert packed.pinned_ids == [EOM, *TOKENIZER.encode(near)]
    assert not packed.context.prefix_cut
    assert not packed.context.suffix_cut


def test_what_does_not_fit_is_left_out_from_the_far_ends_and_said() -> None:
    prefix, suffix = "p" * 500 + "near", "after" + "s" * 500
    packed = pack(request(prefix, suffix), TOKENIZER, FORMAT)
    assert len(packed.context_ids) == FORMAT.context_tokens
    assert TOKENIZER.decode(packed.context_ids).endswith("near")
    assert BOS not in packed.context_ids
    assert packed.context_ids[0] == SUF
    assert packed.context.prefix_cut
    assert packed.context.suffix_cut
    assert packed.context.tokens <= packed.context.limit


def test_no_suffix_leaves_its_header_out() -> None:
    packed = pack(request("x = ", ""), TOKENIZER, FORMAT)
    assert packed.context_ids[:2] == [PRE, BOS]


def test_a_draft_is_one_more_row_that_begins_with_it() -> None:
    draft = TOKENIZER.encode("f(y)")
    packed = with_drafts(pack(request("x = ", "\n"), TOKENIZER, FORMAT), [draft], FORMAT)
    noise = choose_slots(request("", ""), FORMAT)
    assert packed.slots == (*noise, 4 + DRAFT_SLACK)
    assert packed.starts == (*[()] * len(noise), (*draft, EOM))


def test_a_draft_that_does_not_fit_and_one_for_a_known_length_are_left_out() -> None:
    packed = pack(request("x = ", "\n"), TOKENIZER, FORMAT)
    assert with_drafts(packed, [TOKENIZER.encode("y" * 99), []], FORMAT) == packed
    packed = pack(request("x = ", "\n", exact_tokens=3), TOKENIZER, FORMAT)
    assert with_drafts(packed, [TOKENIZER.encode("yyy")], FORMAT).slots == (3,)


def test_empty_texts_are_packed() -> None:
    packed = pack(request("", ""), TOKENIZER, FORMAT)
    assert packed.context_ids == [PRE, BOS]
    assert packed.suffix_ids == []


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_span_at_the_start_of_a_line_borrows_the_line_break(ending: str) -> None:
    packed = pack(request("x = 1" + ending, ""), TOKENIZER, FORMAT)
    assert packed.borrowed == "\n"
    assert TOKENIZER.decode(packed.context_ids) == "x = 1"


def test_an_indented_span_keeps_its_line_break_in_the_context() -> None:
    packed = pack(request("if x:\n    ", ""), TOKENIZER, FORMAT)
    assert not packed.borrowed


def test_slots_follow_what_is_known_of_the_length() -> None:
    assert choose_slots(request("", "", exact_tokens=5), FORMAT) == (5,)
    assert choose_slots(request("", "", exact_tokens=500), FORMAT) == (FORMAT.canvas_tokens - 1,)
    unknown = choose_slots(request("", ""), FORMAT)
    assert unknown == tuple(sorted({min(slots, FORMAT.canvas_tokens) for slots in DEFAULT_SLOTS}))
    guided = choose_slots(request("", "", expected_tokens=10), FORMAT)
    assert guided[0] <= 11 <= guided[-1]
    assert all(
        2 <= slots <= FORMAT.canvas_tokens for slots in choose_slots(request("", "", expected_tokens=90), FORMAT)
    )


def test_a_long_span_takes_room_from_the_suffix() -> None:
    packed = pack(request("", "s" * 50, exact_tokens=FORMAT.canvas_tokens - 3), TOKENIZER, FORMAT)
    assert len(packed.suffix_ids) == 2


@pytest.mark.parametrize(("field", "value"), [("max_passes", 0), ("seed", -1)])
def test_a_request_out_of_range_is_refused(field: str, value: int) -> None:
    with pytest.raises(ValueError, match=field):
        request("", "", **{field: value})
