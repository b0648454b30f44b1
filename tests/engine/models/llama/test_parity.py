"""The network is transformers' Llama class; what infills is the network on the rows that it was trained on."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from dgedit.engine.models.llama.fused import Arithmetic, kernels_take_integers
from dgedit.engine.models.llama.infiller import LlamaInfiller
from dgedit.engine.models.llama.network import LlamaDenoiser, attention, fused, published
from dgedit.engine.tokenizer import BOS, EOM, MASK, PRE, SUF

from ....support.llama import FORM, SIZES, infiller, network, weights

SUFFIX = [SUF, *range(60, 75)]
PREFIX = [PRE, BOS, *range(100, 240)]
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def model() -> LlamaDenoiser:
    return network(1)


@pytest.fixture(scope="module")
def tiny(model: LlamaDenoiser) -> LlamaInfiller:
    return infiller(model)


def reference(model: LlamaDenoiser, ids: list[int], positions: list[int], seen: Tensor) -> Tensor:
    """Log-probabilities [N, V] of one masked sequence."""
    mask = torch.zeros(seen.shape).masked_fill(~seen, -torch.inf)[None, None]

    def attend(_layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return attention(q[None], k[None], v[None], mask)[0]

    with torch.inference_mode():
        hidden = model.run(model.embed(torch.tensor(ids)), torch.tensor(positions), attend)
        return model.logits(hidden).log_softmax(-1)


def laid_out(behind: list[int]) -> tuple[list[int], list[int], Tensor]:
    """Suffix, prefix and what stands behind it in place of its last token: ids, positions, who sees whom."""
    prefix, s = PREFIX[:-1], len(SUFFIX)
    ids = [*SUFFIX, *prefix, *behind]
    base = FIRST + len(prefix)
    positions = [*range(FIRST - s, FIRST), *range(FIRST, base), *range(base, base + len(behind))]
    seen = torch.tril(torch.ones(len(ids), len(ids), dtype=torch.bool))
    seen[s : s + len(prefix), :s] = False
    return ids, positions, seen


FIRST = 160


def test_causal_logits_are_those_of_transformers(model: LlamaDenoiser) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.LlamaConfig(
        vocab_size=SIZES.vocab_size,
        hidden_size=SIZES.hidden_size,
        intermediate_size=SIZES.intermediate_size,
        num_hidden_layers=SIZES.num_layers,
        num_attention_heads=SIZES.num_heads,
        num_key_value_heads=SIZES.num_kv_heads,
        head_dim=SIZES.head_dim,
        rms_norm_eps=SIZES.norm_eps,
        rope_parameters={"rope_type": "default", "rope_theta": SIZES.rope_theta},
        tie_word_embeddings=True,
    )
    theirs: Any = transformers.LlamaForCausalLM(config).eval()
    names = published(weights(model), SIZES)
    theirs.load_state_dict(
        {f"model.{name}": tensor for name, tensor in names.items()} | {"lm_head.weight": names["embed_tokens.weight"]}
    )
    ids = torch.randint(10, SIZES.vocab_size, (70,), generator=torch.Generator().manual_seed(2))
    seen = torch.tril(torch.ones(70, 70, dtype=torch.bool))
    ours = reference(model, ids.tolist(), list(range(70)), seen)
    with torch.inference_mode():
        expected = theirs(input_ids=ids[None]).logits[0].log_softmax(-1)
    torch.testing.assert_close(ours, expected, atol=TOLERANCE, rtol=TOLERANCE)
    assert all(torch.equal(tensor, weights(model)[name]) for name, tensor in fused(names).items())


def test_scores_are_those_of_the_trained_rows(model: LlamaDenoiser, tiny: LlamaInfiller) -> None:
    rows = [[80, 81, 82, EOM], [80, 81, 90, 91, EOM], [80], [], [77, EOM], [80, 81, 82, 83, EOM]]
    context = tiny.encode([*SUFFIX, *PREFIX])
    for row, scores in zip(rows, tiny.score(context, rows), strict=True):
        ids, positions, seen = laid_out([PREFIX[-1], *row])
        logs = reference(model, ids, positions, seen)[len(ids) - len(row) - 1 : -1]
        expected = logs[torch.arange(len(row)), torch.tensor(row, dtype=torch.long)]
        torch.testing.assert_close(scores, expected, atol=TOLERANCE, rtol=TOLERANCE)


def test_canvases_are_those_of_the_trained_rows(model: LlamaDenoiser, tiny: LlamaInfiller) -> None:
    context = tiny.encode([*SUFFIX, *PREFIX])
    rows = [[MASK] * 6 + SUFFIX[1:7], [40, MASK, 41, EOM, *SUFFIX[1:7]]]
    width = max(map(len, rows))
    canvas = torch.tensor([row + [0] * (width - len(row)) for row in rows])
    valid = torch.tensor([[n < len(row) for n in range(width)] for row in rows])
    free = torch.tensor([[n < len(row) - 6 for n in range(width)] for row in rows])
    together = tiny.logits(context, canvas, valid, free).log_softmax(-1)
    got = torch.split(together, free.sum(-1).tolist())
    alone = tiny.logits(context, canvas[:1], valid[:1], free[:1]).log_softmax(-1)
    torch.testing.assert_close(alone, got[0], atol=TOLERANCE, rtol=TOLERANCE)
    for row, logs in zip(rows, got, strict=True):
        ids, positions, seen = laid_out([PREFIX[-1], *row])
        begin = len(ids) - len(row) - 1
        seen[begin:, begin:] = True
        expected = reference(model, ids, positions, seen)[begin : begin + len(row) - 6]
        torch.testing.assert_close(logs, expected, atol=TOLERANCE, rtol=TOLERANCE)


def test_what_is_written_is_the_likeliest(model: LlamaDenoiser, tiny: LlamaInfiller) -> None:
    """Every span of two tokens of a small alphabet is scored: the search that is as wide finds the best ones."""
    context = tiny.encode([*SUFFIX, *PREFIX])
    letters = [30, 31, 32, 33, 34]
    bias = torch.full((SIZES.vocab_size,), -torch.inf)
    bias[letters] = 0.0
    ends = torch.zeros(SIZES.vocab_size, dtype=torch.bool)
    ends[EOM] = True
    later = bias.clone()
    later[EOM] = 0.0
    spans = [[a] for a in letters] + [[a, b] for a in letters for b in letters]
    totals = [float(logs.sum()) for logs in tiny.score(context, [[*span, EOM] for span in spans])]
    best = [span for _, span in sorted(zip(totals, spans, strict=True), reverse=True)]
    assert tiny.write(context, bias, later, ends, tokens_max=2, beams=30) == best[:30]


@pytest.mark.parametrize(
    ("arithmetic", "bound"), [(Arithmetic.BF16, 0.05), (Arithmetic.MIXED, 0.1), (Arithmetic.INT8, 0.1)]
)
def test_quicker_arithmetic_stays_near(model: LlamaDenoiser, arithmetic: Arithmetic, bound: float) -> None:
    if arithmetic is not Arithmetic.BF16 and not kernels_take_integers():
        pytest.skip("this build of torch has no kernels for 8-bit weights")
    rows = [[80, 81, 90, 91, EOM], [77, 200, 13, EOM]]
    exact, rough = infiller(model), infiller(model, arithmetic)
    ids = [*SUFFIX, *PREFIX]
    pairs = zip(exact.score(exact.encode(ids), rows), rough.score(rough.encode(ids), rows), strict=True)
    assert max(float((a - b).abs().max() / a.abs().max()) for a, b in pairs) < bound


def test_format_of_the_tests_holds_the_context() -> None:
    assert len(SUFFIX) + len(PREFIX) <= FORM.context_tokens
