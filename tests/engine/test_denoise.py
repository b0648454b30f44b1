"""The loop on a denoiser whose answers are known, then on nano."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from dgedit.engine.denoise import denoise
from dgedit.engine.frames import span_ids
from dgedit.engine.packing import pack, with_drafts
from dgedit.engine.protocol import Denoiser, PackedInfill
from dgedit.engine.samplers.entropy_bound import EntropyBound
from dgedit.engine.samplers.step import Step
from dgedit.engine.settings import Settings
from dgedit.engine.tokenizer import EOM, MASK, PAD
from dgedit.engine.types import UNDECIDED, InfillRequest

from ..support.runs import read, starting_noise
from ..support.toy import FORMAT, ToyDenoiser

REQUEST = InfillRequest(prefix="a = ", suffix="\nb = 2\n")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def run(model: Denoiser, packed: PackedInfill, settings: Settings | None = None, seed: int = 0) -> list[Step]:
    return list(denoise(read(model, packed), settings or Settings(), generator(seed)))


def with_slots(model: Denoiser, *slots: int) -> PackedInfill:
    return replace(pack(REQUEST, model.tokenizer, model.format), slots=slots)


def test_certain_predictions_finish_in_two_passes() -> None:
    model = ToyDenoiser("f(x)", lambda _pass, _slot: 0.999999)
    steps = run(model, with_slots(model, 6))
    # The second pass sees what the first wrote and finds nothing to change.
    assert len(steps) == 2
    assert span_ids(steps[-1], 0, FORMAT, exact=False) == model.answer


def test_uncertain_slots_are_accepted_by_quota_and_every_pass_takes_more() -> None:
    model = ToyDenoiser("abcdefgh", lambda _pass, slot: 0.5 - slot / 100)
    packed = replace(with_slots(model, 8), exact=True)
    settings = Settings(passes_max=4, sampler=EntropyBound(bound=1e-6))
    steps = run(model, packed, settings)
    # 8 slots in 4 passes: the quota is 2, 4, 6, 8; entropies rise from left to right, so it takes them in order.
    assert [int(step.accepted.sum()) for step in steps] == [2, 4, 6, 8]
    assert steps[1].accepted[0, :8].tolist() == [True] * 4 + [False] * 4
    assert steps[1].changed[0, :8].tolist() == [False, False, True, True] + [False] * 4


def test_entropy_is_that_of_the_prediction_and_pins_have_none() -> None:
    model = ToyDenoiser("ab", lambda _pass, slot: (0.9, 0.5, 0.7)[slot])
    packed = with_slots(model, 3)
    step = run(model, packed, Settings(passes_max=1))[0]
    others = model.tokenizer.vocab_size - 1
    for slot, sure in enumerate((0.9, 0.5, 0.7)):
        # Forbidden tokens are taken out before the entropy, so the closed form is over what is left: roles but the
        # end and padding, and in the first slot those too.
        left = others - FORMAT.first_text_id + (2 if slot else 0)
        rest = (1 - sure) / others
        total = sure + rest * left
        p, q = torch.tensor(sure / total), torch.tensor(rest / total)
        expected = float(-(p * p.log() + left * q * q.log()))
        assert step.entropy[0, slot].item() == pytest.approx(expected, rel=1e-4)
    assert step.entropy[0, 3:].tolist() == [0.0] * (step.entropy.shape[1] - 3)
    assert step.mean_entropy()[0].item() == pytest.approx(step.entropy[0, :3].mean().item())


def test_a_revised_token_replaces_the_accepted_one() -> None:
    model = ToyDenoiser("xy", lambda _pass, _slot: 0.99)
    steps = denoise(read(model, with_slots(model, 3)), Settings(sampler=EntropyBound(bound=5.0)), generator())
    first = next(steps)
    assert span_ids(first, 0, FORMAT, exact=False) == model.tokenizer.encode("xy")
    model.answer = model.tokenizer.encode("zy")
    second = next(steps)
    assert span_ids(second, 0, FORMAT, exact=False) == model.tokenizer.encode("zy")
    assert second.changed[0, :3].tolist() == [True, False, False]


def test_pins_and_padding_are_the_same_in_every_pass() -> None:
    model = ToyDenoiser("abc", lambda _pass, slot: 0.4)
    packed = with_slots(model, 3, 7)
    start = starting_noise(packed, FORMAT, model.tokenizer.vocab_size, generator())
    steps = run(model, packed, Settings(passes_max=6, temperature=1.0), seed=3)
    assert len(steps) > 2
    for step in steps:
        assert torch.equal(step.canvas[~step.free], start.canvas[~step.free])
        assert torch.equal(step.guess[~step.free], start.canvas[~step.free])
        assert not (step.accepted & ~step.free).any()
        assert not (step.span & ~step.free).any()
    head = start.canvas[0, 3 : 3 + len(packed.suffix_ids)].tolist()
    assert head == packed.suffix_ids
    assert not start.valid[0, 3 + len(packed.suffix_ids) :].any()


def test_a_short_row_is_not_changed_by_a_longer_one_beside_it() -> None:
    def sure(_pass: int, slot: int) -> float:
        return 0.3 + 0.05 * (slot % 5)

    settings = Settings(passes_max=4)
    alone = ToyDenoiser("abcd", sure)
    together = ToyDenoiser("abcd", sure)
    one = run(alone, with_slots(alone, 6), settings)
    two = run(together, with_slots(together, 6, 12), settings)
    for a, b in zip(one, two, strict=True):
        assert torch.equal(a.guess[0, :6], b.guess[0, :6])
        assert a.mean_entropy()[0].item() == pytest.approx(b.mean_entropy()[0].item())


def test_slots_behind_the_end_leave_the_statistics() -> None:
    model = ToyDenoiser("ab", lambda _pass, slot: 0.99 if slot < 3 else 0.2)
    step = run(model, with_slots(model, 10), Settings(passes_max=1))[0]
    assert step.span[0].tolist() == [True] * 3 + [False] * (step.span.shape[1] - 3)
    assert step.guess[0, :10].tolist() == [*model.answer, EOM] + [PAD] * 7


def test_noise_is_the_mask_or_random_text_tokens() -> None:
    model = ToyDenoiser("ab", lambda _pass, _slot: 0.5)
    packed = with_slots(model, 8)
    masked = starting_noise(packed, FORMAT, model.tokenizer.vocab_size, generator())
    assert (masked.canvas[masked.free] == MASK).all()
    uniform = starting_noise(packed, replace(FORMAT, mask_id=None), model.tokenizer.vocab_size, generator())
    assert (uniform.canvas[uniform.free] >= FORMAT.first_text_id).all()
    assert len(set(uniform.canvas[uniform.free].tolist())) > 1


def test_the_first_pass_has_no_self_conditioning_and_later_ones_have_the_last_probabilities() -> None:
    model = ToyDenoiser("abcdef", lambda _pass, slot: 0.4)
    steps = run(model, with_slots(model, 7), Settings(passes_max=3))
    assert model.previous[0] is None
    assert model.previous[1] is steps[0].soft


def test_closing_the_generator_stops_the_model() -> None:
    model = ToyDenoiser("abcdef", lambda _pass, slot: 0.4)
    steps = denoise(read(model, with_slots(model, 7)), Settings(passes_max=10), generator())
    next(steps)
    steps.close()  # type: ignore[attr-defined]
    assert list(steps) == []
    assert len(model.seen) == 1


def test_roles_are_never_written_and_a_borrowed_line_break_comes_first() -> None:
    model = ToyDenoiser("x", lambda _pass, _slot: 0.9)
    model.answer = [MASK, MASK, MASK]
    packed = replace(with_slots(model, 4), borrowed="\n")
    step = run(model, packed, Settings(passes_max=1))[0]
    row = step.guess[0, :4].tolist()
    assert MASK not in row
    assert model.tokenizer.decode(row[:1]) == "\n"


@pytest.mark.parametrize(
    ("field", "value"), [("passes_max", 0), ("temperature", -0.1), ("rows_kept", 0), ("prune_after", 0)]
)
def test_settings_out_of_range_are_refused(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=field):
        replace(Settings(), **{field: value})  # type: ignore[arg-type]


def test_nano_keeps_pins_exactly_in_every_pass(nano: Denoiser) -> None:
    request = InfillRequest(prefix="def add(a, b):\n    ", suffix="\n\n\nprint(add(1, 2))\n")
    packed = pack(request, nano.tokenizer, nano.format)
    start = starting_noise(packed, nano.format, nano.tokenizer.vocab_size, generator())
    steps = run(nano, packed, Settings(passes_max=5, temperature=0.8), seed=7)
    for step in steps:
        assert torch.equal(step.canvas[~step.free], start.canvas[~step.free])
        assert (step.entropy[~step.free] == 0).all()
        assert (step.canvas[step.free & step.accepted] != MASK).all()


def test_finished_rows_are_not_computed_again() -> None:
    # The first row's span fits and is certain; the second one stays uncertain behind its fourth slot.
    model = ToyDenoiser("abcdef", lambda _pass, slot: 0.999999 if slot < 4 else 0.3)
    packed = replace(with_slots(model, 4, 9), exact=True)
    steps = run(model, packed, Settings(passes_max=6))
    finished = next(number for number, step in enumerate(steps) if bool(step.finished[0]))
    assert not bool(steps[finished].finished[1])
    assert [canvas.shape[0] for canvas in model.seen[: finished + 1]] == [2] * (finished + 1)
    assert {canvas.shape[0] for canvas in model.seen[finished + 1 :]} == {1}
    for step in steps[finished + 1 :]:
        assert torch.equal(step.guess[0], steps[finished].guess[0])
        assert torch.equal(step.entropy[0], steps[finished].entropy[0])
    assert int(steps[-1].passes[0]) == finished + 1
    assert int(steps[-1].passes[1]) == len(steps)


def test_rows_that_look_worst_are_ended_early() -> None:
    # Slots behind the fourth are hopeless, so the longer a row is, the less certain it is.
    model = ToyDenoiser("abcdefghijkl", lambda _pass, slot: 0.6 if slot < 4 else 0.1)
    packed = replace(with_slots(model, 4, 8, 12), exact=True)
    steps = run(model, packed, Settings(passes_max=6, prune_after=2, rows_kept=1))
    assert [canvas.shape[0] for canvas in model.seen] == [3, 3, 1, 1, 1, 1]
    assert steps[1].finished.tolist() == [False, True, True]
    assert steps[-1].passes.tolist() == [6, 2, 2]
    assert torch.equal(steps[-1].guess[1:], steps[1].guess[1:])


def test_a_span_is_never_empty() -> None:
    model = ToyDenoiser("", lambda _pass, _slot: 0.9)
    step = run(model, with_slots(model, 3), Settings(passes_max=1))[0]
    assert int(step.guess[0, 0]) >= FORMAT.first_text_id


def test_a_row_begins_with_its_draft_and_the_model_mends_it() -> None:
    model = ToyDenoiser("f(x)", lambda _pass, _slot: 0.9999)
    draft = model.tokenizer.encode("f(y)")
    packed = with_drafts(pack(REQUEST, model.tokenizer, model.format), [draft], model.format)
    steps = run(model, packed)
    row = len(packed.slots) - 1
    assert model.seen[0][row, : len(draft)].tolist() == draft
    assert (model.seen[0][0, : packed.slots[0]] == MASK).all(), "the other rows begin with noise"
    assert span_ids(steps[-1], row, FORMAT, exact=False) == model.answer


def test_a_text_that_is_mended_outlives_a_tight_bound() -> None:
    # The model agrees with all tokens but the third, and is sure of none: the bound alone would take one of them.
    model = ToyDenoiser("abcdefgh", lambda _pass, _slot: 0.9)
    start = [*model.answer]
    start[2], start[5] = model.answer[0], UNDECIDED
    mended = replace(with_slots(model, 8), exact=True, starts=(tuple(start),), passes=1)
    settings = Settings(passes_max=9, hurries=False, stops_settled=False, sampler=EntropyBound(bound=0.1, left_bias=0))
    step = run(model, mended, settings)[0]
    assert step.accepted[0, :8].tolist() == [True, True, False, True, True, False, True, True]
    drafted = run(model, replace(mended, passes=0), settings)[0]
    assert int(drafted.accepted.sum()) == 1
