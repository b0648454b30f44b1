"""The twin and the published class compute the same: forward pass, self-conditioning, left-to-right scores."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from dgedit.engine.load import CHECKPOINTS
from dgedit.engine.models.nano import NanoConfig, NanoDenoiser
from dgedit.engine.models.nano_checkpoint import NanoInfiller, load, to_twin_names
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
    ours = twin.predict(encoded, draft, free, free, None)
    torch.testing.assert_close(ours, theirs.logits[0], atol=TOLERANCE, rtol=TOLERANCE)

    again = published(
        past_key_values=theirs.past_key_values, decoder_input_ids=draft, self_conditioning_logits=theirs.logits
    )
    conditioned = twin.predict(encoded, draft, free, free, ours.softmax(-1))
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
        twin.predict(context, both, valid, free, None),
        twin.predict(context, short, alone, alone, None),
        atol=TOLERANCE,
        rtol=TOLERANCE,
    )


@torch.inference_mode()
def test_a_pinned_position_has_no_self_conditioning(twin: NanoInfiller) -> None:
    context, canvas = twin.encode(ids(20, 6)[0].tolist()), ids(4, 9)
    valid = torch.ones(1, 4, dtype=torch.bool)
    free = torch.tensor([[True, True, False, False]])
    seen: list[torch.Tensor] = []
    handle = twin.network.self_conditioning.register_forward_pre_hook(lambda _module, args: seen.append(args[1]))
    try:
        first = twin.predict(context, canvas, valid, free, None)
        twin.predict(context, canvas, valid, free, first.softmax(-1))
    finally:
        handle.remove()
    assert (seen[1][0, 2:] == 0).all()
    assert (seen[1][0, :2] != 0).any()


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
