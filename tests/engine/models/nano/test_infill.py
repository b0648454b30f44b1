"""Infills with the bundled weights."""

from __future__ import annotations

import pytest
import torch

from dgedit.engine.denoise import closing_tokens, edge_bias
from dgedit.engine.infill import fill, fill_text, infill
from dgedit.engine.packing import pack
from dgedit.engine.protocol import Denoiser
from dgedit.engine.settings import Settings
from dgedit.engine.types import InfillRequest, Origin

PREFIX = "def total(values):\n    result = 0\n    for value in values:\n        "
SUFFIX = "\n    return result\n"


def request(seed: int = 0, **more: int) -> InfillRequest:
    return InfillRequest(prefix=PREFIX, suffix=SUFFIX, seed=seed, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [0, 1, 12345])
def test_the_same_seed_gives_the_same_bytes(nano: Denoiser, seed: int) -> None:
    first, second = (fill(request(seed), nano) for _ in range(2))
    assert first.text == second.text
    assert [c.score for c in first.candidates] == [c.score for c in second.candidates]


def test_seeds_differ(nano: Denoiser) -> None:
    results = [fill(request(seed), nano) for seed in range(1, 9)]
    assert len({result.text for result in results}) > 1
    assert results[0] != results[1]
    assert fill(request(1), nano).candidates == results[0].candidates


def test_a_cancelled_run_yields_nothing_more(nano: Denoiser) -> None:
    frames = infill(request(), nano)
    assert next(frames).pass_index == 1
    frames.close()  # type: ignore[attr-defined]
    assert list(frames) == []


def test_passes_are_bounded(nano: Denoiser) -> None:
    frames = list(infill(request(max_passes=2), nano, Settings(passes_max=2)))
    assert max(frame.pass_index for frame in frames) <= 2
    assert all(frame.passes_max == 2 for frame in frames)


def test_the_text_has_no_role_and_no_replacement_character(nano: Denoiser) -> None:
    for seed in range(4):
        text = fill(request(seed), nano).text
        assert "<mask>" not in text
        assert "<eom>" not in text
        assert "\0" not in text


def test_a_source_that_names_the_roles_stays_source(nano: Denoiser) -> None:
    text = 'tokens = ["<mask>", "<eom>", "<pad>"]\nfirst = '
    ids = nano.tokenizer.encode(text)
    assert min(ids) >= nano.format.first_text_id
    assert nano.tokenizer.decode(ids) == text
    assert isinstance(fill_text(text, "\n", nano), str)


@pytest.mark.parametrize(
    ("prefix", "suffix"),
    [
        ("", ""),
        ("", "\nx = 1\n"),
        ("x = 1\n", ""),
        ("é = '\u2028😀'\n", "\f\n"),
        ("x" * 9000, "y" * 9000),
        ("\n" * 50, "\n" * 50),
    ],
)
def test_odd_texts_are_filled_without_an_error(nano: Denoiser, prefix: str, suffix: str) -> None:
    result = fill(InfillRequest(prefix=prefix, suffix=suffix, max_passes=3), nano)
    assert result.passes >= 1
    assert result.context.tokens <= result.context.limit


def test_what_is_written_is_what_the_causal_score_finds_likely(nano: Denoiser) -> None:
    packed = pack(
        InfillRequest(prefix="import os\nx = [1, 2]\nfor a in x:\n    print(", suffix=")\n"),
        nano.tokenizer,
        nano.format,
    )
    context = nano.encode(packed.context_ids)
    first, later = edge_bias(packed, nano)
    ends = nano.tokenizer.begins_line().clone()
    ends[nano.format.eom_id] = True
    greedy, wide = (nano.write(context, first, later, ends, tokens_max=60, beams=beams) for beams in (1, 4))
    assert len(greedy) == 1
    assert len(wide) == 4
    assert len({tuple(ids) for ids in wide}) == 4
    for ids in [*greedy, *wide]:
        assert not any(ends[token] for token in ids[1:])

    def total(ids: list[int]) -> float:
        """The logarithm of the probability of a span and any of its ends."""
        final = ends.nonzero()[:, 0].tolist()
        ended = torch.stack([logs[-1] for logs in nano.score(context, [[*ids, token] for token in final])])
        return float(nano.score(context, [ids])[0].sum() + ended.logsumexp(0))

    values = [total(ids) for ids in wide]
    assert values == pytest.approx(sorted(values, reverse=True), abs=0.2)
    assert values[0] >= total(greedy[0]) - 0.2
    # Each token of the greedy span is the likeliest after those before it.
    for place, token in enumerate(greedy[0]):
        others = [[*greedy[0][:place], other] for other in range(40, 400, 30) if place == 0 or not ends[other]]
        scores = nano.score(context, [[*greedy[0][:place], token], *others])
        assert all(scores[0][-1] >= other[-1] - 0.1 for other in scores[1:])


def test_too_short_a_limit_writes_nothing(nano: Denoiser) -> None:
    packed = pack(request(), nano.tokenizer, nano.format)
    context, (first, later) = nano.encode(packed.context_ids), edge_bias(packed, nano)
    ends = closing_tokens(packed, nano)
    assert nano.write(context, first, later, ends, tokens_max=0, beams=2) == []
    # What was written is not part of the context.
    before = nano.score(context, [[50, 60]])[0]
    assert nano.write(context, first, later, ends, tokens_max=9, beams=2)
    torch.testing.assert_close(nano.score(context, [[50, 60]])[0], before)


def test_a_line_that_the_file_repeats_is_recalled(nano: Denoiser) -> None:
    block = "def {0}(self):\n    self._check_open()\n    return self.{0}_value\n\n\n"
    prefix = block.format("first") + block.format("second") + "def third(self):\n    "
    suffix = "\n    return self.third_value\n"
    result = fill(InfillRequest(prefix=prefix, suffix=suffix), nano)
    assert result.text == "self._check_open()"
    assert Origin.RECALLED in result.candidates[0].origins
    alone = fill(InfillRequest(prefix=prefix, suffix=suffix, recall=False), nano)
    assert all(Origin.RECALLED not in candidate.origins for candidate in alone.candidates)
    other = fill(InfillRequest(prefix=prefix, suffix=suffix, rejected=(result.text,)), nano)
    assert other.text != result.text


def test_a_span_at_the_start_of_a_line_may_be_indented(nano: Denoiser) -> None:
    result = fill(InfillRequest(prefix="def f(x):\n", suffix="\n    return y\n"), nano)
    assert not result.text.startswith("\n")
