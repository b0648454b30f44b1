"""The twin and the published class compute the same: forward pass, self-conditioning, left-to-right scores."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from dgedit.engine.catalog import CHECKPOINTS
from dgedit.engine.models.nano.checkpoint import NanoInfiller, load, to_twin_names
from dgedit.engine.models.nano.fused import FusedNano
from dgedit.engine.models.nano.network import NanoConfig, NanoDenoiser
from dgedit.engine.train.export import published_names

transformers = pytest.importorskip("transformers")

TOLERANCE = 2e-4


@pytest.fixture(scope="module")
def published() -> Any:
    folder = CHECKPOINTS / "nano"
    return transformers.DiffusionGemmaForBlockDiffusion.from_pretrained(folder, dtype=torch.float32).eval()


@pytest.fixture(scope="module")
def twin() -> NanoInfiller:
    return load(CHECKPOINTS / "nano", "nano", dtype=torch.float32)


def ids(count: int, seed: int) -> torch.Tensor:
    return torch.randint(10, 8000, (1, count), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("context", "canvas"), [(1, 1), (7, 5), (288, 96)])
@torch.inference_mode()
def test_canvas_logits_are_those_of_transformers(published: Any, twin: NanoInfiller, context: int, canvas: int) -> None:
    read, draft = ids(context, 1), ids(canvas, 2)
    free = torch.ones(1, canvas, dtype=torch.bool)
    theirs = published(input_ids=read, decoder_input_ids=draft)
    encoded = twin.encode(read[0].tolist())
    ours = twin.logits(encoded, draft, free, free, None)
    torch.testing.assert_close(ours, theirs.logits[0], atol=TOLERANCE, rtol=TOLERANCE)

    again = published(
        past_key_values=theirs.past_key_values, decoder_input_ids=draft, self_conditioning_logits=theirs.logits
    )
    conditioned = twin.logits(encoded, draft, free, free, twin.network.soft_embed(ours.softmax(-1)))
    torch.testing.assert_close(conditioned, again.logits[0], atol=TOLERANCE, rtol=TOLERANCE)
    assert not torch.allclose(conditioned, ours, atol=TOLERANCE), "self-conditioning changed nothing"


@torch.inference_mode()
def test_scores_are_those_of_the_published_encoder(published: Any, twin: NanoInfiller) -> None:
    read, rows = ids(30, 3)[0].tolist(), [ids(6, 4)[0].tolist(), ids(3, 5)[0].tolist(), []]
    ours = twin.score(twin.encode(read), rows)
    for row, scores in zip(rows, ours, strict=True):
        whole = torch.tensor([read + row])
        hidden = published.model.encoder(input_ids=whole).last_hidden_state
        logits = torch.tanh(published.lm_head(hidden) / 30) * 30
        logs = logits.log_softmax(-1)[0, len(read) - 1 : len(read) - 1 + len(row)]
        theirs = logs.gather(1, torch.tensor(row, dtype=torch.long)[:, None])[:, 0]
        torch.testing.assert_close(scores, theirs, atol=TOLERANCE, rtol=TOLERANCE)


@torch.inference_mode()
def test_a_row_beside_a_longer_one_gets_the_logits_it_has_alone(twin: NanoInfiller) -> None:
    context = twin.encode(ids(20, 6)[0].tolist())
    short = ids(6, 7)
    alone = torch.ones(1, 6, dtype=torch.bool)
    padded = torch.cat((short, torch.zeros(1, 4, dtype=torch.long)), dim=1)
    both = torch.cat((padded, ids(10, 8)))
    valid = torch.tensor([[True] * 6 + [False] * 4, [True] * 10])
    free = torch.tensor([[True] * 6 + [False] * 4, [False] * 10])
    torch.testing.assert_close(
        twin.logits(context, both, valid, free, None),
        twin.logits(context, short, alone, alone, None),
        atol=TOLERANCE,
        rtol=TOLERANCE,
    )


@torch.inference_mode()
def test_a_pinned_position_has_no_self_conditioning(twin: NanoInfiller) -> None:
    canvas, free = ids(4, 9)[0], torch.tensor([True, True, False, False])
    soft = twin.network.soft_embed(torch.rand(2, twin.tokenizer.vocab_size).softmax(-1))
    plain, conditioned = (twin.network.embed_canvas(canvas, signal, free) for signal in (None, soft))
    torch.testing.assert_close(plain[~free], conditioned[~free])
    assert not torch.isclose(plain[free], conditioned[free]).all(-1).any()


@torch.inference_mode()
def test_the_fused_network_is_the_network_that_is_trained(twin: NanoInfiller) -> None:
    network = NanoDenoiser(NanoConfig(vocab_size=64, hidden_size=32, num_layers=3, num_heads=4, num_kv_heads=2))
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    fused, read, tail = FusedNano(network), ids(9, 10) % 64, ids(4, 11) % 64
    causal = torch.ones(9, 9, dtype=torch.bool).tril()
    hidden, past = network.run(network.embed(read), torch.arange(9)[None], causal[None, None])
    cache = fused.new_cache(1)
    ours = fused.run(fused.embed(read[0]), torch.arange(9), causal, cache)
    torch.testing.assert_close(fused.logits(ours), network.logits(hidden)[0], atol=TOLERANCE, rtol=TOLERANCE)
    cache.length = 9
    behind = torch.arange(9, 13)
    hidden, _ = network.run(network.embed_canvas(tail, None), behind[None], None, past)
    canvas = fused.embed_canvas(tail[0], None, torch.ones(4, dtype=torch.bool))
    for _ in range(2):  # what is not kept is written over
        ours = fused.run(canvas, behind, None, cache)
        torch.testing.assert_close(fused.logits(ours), network.logits(hidden)[0], atol=TOLERANCE, rtol=TOLERANCE)


@torch.inference_mode()
def test_bfloat16_is_near_float32(twin: NanoInfiller) -> None:
    # The layout of matrices, and the form of GELU, are others in bfloat16.
    short = load(CHECKPOINTS / "nano", "nano")
    canvas, free = ids(40, 12), torch.ones(1, 40, dtype=torch.bool)
    exact, near = (
        model.logits(model.encode(ids(100, 13)[0].tolist()), canvas, free, free, None).log_softmax(-1)
        for model in (twin, short)
    )
    divergence = (exact.exp() * (exact - near)).sum(-1)
    assert divergence.mean() < 0.01


def test_names_go_there_and_back() -> None:
    network = NanoDenoiser(
        NanoConfig(vocab_size=64, hidden_size=32, num_layers=2, num_heads=2, num_kv_heads=1, head_dim=16)
    )
    there = published_names(network.state_dict())
    back = to_twin_names(there)
    assert back.keys() == network.state_dict().keys()
    assert all(torch.equal(back[name], value) for name, value in network.state_dict().items())


@pytest.mark.parametrize(("heads", "kv", "head"), [(3, 2, 16), (2, 1, 15)])
def test_sizes_that_do_not_fit_are_refused(heads: int, kv: int, head: int) -> None:
    with pytest.raises(ValueError, match="must be"):
        NanoConfig(vocab_size=64, num_heads=heads, num_kv_heads=kv, head_dim=head)
