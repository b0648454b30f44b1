"""The comparison with transformers' `generate` compares equal work, whatever of the context is read beforehand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from dgedit.engine.evals import generation
from dgedit.engine.evals.generation import LeftToRightTurn, Published
from dgedit.engine.evals.spans import Span

from ...support.toy import ToyDenoiser

pytest.importorskip("transformers")

MODEL = ToyDenoiser("f(x)", lambda _pass, _slot: 0.999)
SIZES = {
    "vocab_size": MODEL.tokenizer.vocab_size,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "intermediate_size": 24,
}


def weights() -> dict[str, Tensor]:
    from transformers import LlamaConfig, LlamaModel

    torch.manual_seed(0)
    state: dict[str, Tensor] = LlamaModel(LlamaConfig(**SIZES)).state_dict()
    return state


@pytest.fixture(scope="module")
def published() -> Published:
    made = generation.published_llama(SIZES, weights())
    assert made is not None
    return made


@pytest.mark.parametrize("length", [1, 2, 9])
def test_a_cache_changes_no_token(published: Published, length: int) -> None:
    ids = torch.arange(7, 7 + length)[None]
    cache = generation.read(published, ids)
    assert (cache is None) is (length == 1)
    written = generation.generate(published, ids, tokens=6, cache=cache)
    assert len(written) == 6
    assert written == generation.generate(published, ids, tokens=6)


def test_every_span_is_timed_both_ways(published: Published) -> None:
    spans = [
        Span(package="p", text="value = f(x)\n", start=8, end=12),
        Span(package="p", text="f(x)\n", start=0, end=4),
    ]
    found = generation.turns(MODEL, published, spans)
    assert [turn.tokens for turn in found] == [len("f(x)") + 1] * 2
    assert all(ms > 0 for turn in found for ms in (*turn.read, *turn.unread))


def test_the_ratio_is_the_median_of_theirs_over_ours() -> None:
    rows = [LeftToRightTurn(tokens=1, read=pair, unread=pair) for pair in ((2.0, 8.0), (1.0, 2.0), (5.0, 15.0))]
    assert generation.ratio([row.read for row in rows]) == 3.0


def test_weights_of_something_else_are_refused() -> None:
    state = weights()
    state["layers.0.self_attn.extra.weight"] = state.pop("layers.0.self_attn.q_proj.weight")
    with pytest.raises(ValueError, match="not weights of a Llama"):
        generation.published_llama(SIZES, state)
