"""The network against transformers' own class on tiny random models: passes, scores, `generate`, caches, rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch._subclasses.fake_tensor import DynamicOutputShapeException, FakeTensorMode

from dgedit.engine.catalog import CHECKPOINTS
from dgedit.engine.denoise import denoise
from dgedit.engine.models.gemma import infiller as diffusiongemma
from dgedit.engine.models.gemma.config import GemmaConfig
from dgedit.engine.models.gemma.fixed import FixedPass
from dgedit.engine.models.gemma.infiller import GemmaInfiller, published_settings
from dgedit.engine.models.gemma.layout import Precision
from dgedit.engine.models.gemma.network import GemmaNetwork
from dgedit.engine.models.gemma.tokenizer import GemmaTokenizer
from dgedit.engine.models.gemma.weights import read
from dgedit.engine.models.nano import checkpoint
from dgedit.engine.protocol import CanvasFormat, PackedInfill
from dgedit.engine.settings import Settings
from dgedit.engine.types import ContextUse, EngineError, InfillRequest, ModelInfo
from dgedit.kernels.formats import Choice

from ....support import tiny_gemma
from ....support.runs import read as read_packed
from ....support.runs import starting_noise

TOLERANCE = 3e-4
CONDITIONING = 0.05
"""Random self-conditioning is wild: differences in the last digit would be whole tokens after a few passes."""
FORM = CanvasFormat(
    context_tokens=4096,
    canvas_tokens=16,
    near_suffix_tokens=4,
    far_suffix_tokens=4,
    mask_id=None,
    first_text_id=0,
    eom_id=1,
    pad_id=0,
    suffix_id=0,
    prefix_id=0,
    start_id=2,
)


class Numbers:
    """A tokenizer of a vocabulary that has no text; no token has a role."""

    vocab_size = 256
    roles = torch.zeros(256, dtype=torch.bool)

    def encode(self, text: str) -> list[int]:
        return list(text.encode())

    def begins_line(self) -> torch.Tensor:
        return torch.zeros(256, dtype=torch.bool)

    def begins_with(self, text: str) -> torch.Tensor:
        return torch.zeros(256, dtype=torch.bool)

    def decode(self, ids: Iterable[int]) -> str:
        return bytes(ids).decode("latin-1")


def tame(**overrides: Any) -> Any:
    model = tiny_gemma.tiny_model(**overrides)
    model.model.decoder.self_conditioning.down_proj.weight.data.mul_(CONDITIONING)
    return model


def network_of(model: Any, folder: Path) -> GemmaNetwork:
    tiny_gemma.save(model, folder)
    return GemmaNetwork(GemmaConfig.read(folder), read(folder, Precision.FLOAT32))


@pytest.fixture(scope="module")
def published() -> Any:
    return tame()


@pytest.fixture(scope="module")
def network(published: Any, tmp_path_factory: pytest.TempPathFactory) -> GemmaNetwork:
    return network_of(published, tmp_path_factory.mktemp("tiny"))


def infiller(network: GemmaNetwork, settings: Settings | None = None, *, fixed: bool = False) -> GemmaInfiller:
    info = ModelInfo(name="tiny", parameters=0, device="cpu", digest="")
    return GemmaInfiller(
        network, cast(GemmaTokenizer, Numbers()), FORM, info, settings or published_settings({}), fixed=fixed
    )


def ids(count: int, seed: int) -> torch.Tensor:
    return torch.randint(7, 256, (1, count), generator=torch.Generator().manual_seed(seed))


def everything(canvas: torch.Tensor) -> torch.Tensor:
    return torch.ones_like(canvas, dtype=torch.bool)


def logits_of(network: GemmaNetwork, hidden: torch.Tensor) -> torch.Tensor:
    return torch.tanh(hidden @ network.table.T / 30) * 30


def close(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    torch.testing.assert_close(ours, theirs, atol=TOLERANCE, rtol=TOLERANCE)


@pytest.mark.parametrize("fixed", [False, True], ids=["as long as they are", "fixed shapes"])
@pytest.mark.parametrize(("context", "canvas"), [(1, 1), (7, 5), (11, 16), (12, 16), (13, 3), (90, 16)])
@torch.inference_mode()
def test_a_pass_is_that_of_transformers(
    published: Any, network: GemmaNetwork, context: int, canvas: int, fixed: bool
) -> None:
    model, read_ids, draft = infiller(network, fixed=fixed), ids(context, 1), ids(canvas, 2)
    theirs = published(input_ids=read_ids, decoder_input_ids=draft)
    encoded, free = model.encode(read_ids[0].tolist()), everything(draft)
    ours = logits_of(network, model.hidden(encoded, draft, free, free, None))
    close(ours, theirs.logits[0])

    again = published(
        past_key_values=theirs.past_key_values, decoder_input_ids=draft, self_conditioning_logits=theirs.logits
    )
    soft = ours.softmax(-1) @ network.table
    conditioned = logits_of(network, model.hidden(encoded, draft, free, free, soft))
    close(conditioned, again.logits[0])
    assert not torch.allclose(conditioned, ours, atol=TOLERANCE), "self-conditioning changed nothing"


@torch.inference_mode()
def test_scores_are_those_of_the_published_encoder(published: Any, network: GemmaNetwork) -> None:
    context, rows = ids(30, 3)[0].tolist(), [ids(20, 4)[0].tolist(), ids(3, 5)[0].tolist(), []]
    model = infiller(network)
    ours = model.score(model.encode(context), rows)
    for row, scores in zip(rows, ours, strict=True):
        hidden = published.model.encoder(input_ids=torch.tensor([context + row])).last_hidden_state[0]
        logs = logits_of(network, hidden).log_softmax(-1)[len(context) - 1 : len(context) - 1 + len(row)]
        close(scores, logs.gather(1, torch.tensor(row, dtype=torch.long)[:, None])[:, 0])


GENERATIONS = pytest.mark.parametrize(("steps", "seed", "confidence"), [(5, 1, 0.5), (12, 2, 0.005), (48, 3, 0.5)])


@GENERATIONS
def test_generate_token_for_token(
    published: Any, network: GemmaNetwork, steps: int, seed: int, confidence: float
) -> None:
    same_as_generate(published, network, steps, seed, confidence, cache="dynamic")


@GENERATIONS
def test_fixed_shapes_are_a_static_cache(tmp_path: Path, steps: int, seed: int, confidence: float) -> None:
    # A wide window: behind a narrow one transformers' static cache is not what its dynamic cache is.
    wide = tame(sliding_window=64)
    same_as_generate(wide, network_of(wide, tmp_path), steps, seed, confidence, cache="static")


def same_as_generate(
    published: Any, network: GemmaNetwork, steps: int, seed: int, confidence: float, *, cache: str
) -> None:
    prompt, blocks = ids(21, 9), 2
    generation = {"max_denoising_steps": steps, "confidence_threshold": confidence}
    torch.manual_seed(seed)
    theirs = published.generate(
        prompt,
        max_new_tokens=blocks * FORM.canvas_tokens,
        eos_token_id=None,
        cache_implementation=cache,
        disable_compile=True,
        **generation,
    )
    settings = replace(published_settings(generation), as_multinomial=True)
    model = infiller(network, settings, fixed=cache == "static")
    draws = torch.Generator().manual_seed(seed)
    written, passes = prompt[0].tolist(), 0
    for _ in range(blocks):
        *_, step = denoise(read_packed(model, plain(written)), model.defaults, draws)
        written, passes = written + step.guess[0].tolist(), passes + step.pass_index
    assert written == theirs.sequences[0].tolist()
    assert theirs.tokens_per_forward.item() == pytest.approx(blocks * FORM.canvas_tokens / passes)


def plain(context: list[int]) -> PackedInfill:
    """A canvas with nothing pinned."""
    use = ContextUse(tokens=len(context), limit=4096, prefix_cut=False, suffix_cut=False)
    return PackedInfill(
        context_ids=context,
        suffix_ids=[],
        pinned_ids=[],
        slots=(FORM.canvas_tokens,),
        exact=True,
        starts=((),),
        passes=0,
        borrowed="",
        context=use,
        closing_ids=(),
    )


@torch.inference_mode()
def test_a_cache_kept_across_edits_is_a_fresh_one(network: GemmaNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diffusiongemma, "CHUNK", 32)
    monkeypatch.setattr(diffusiongemma, "LAST_CHUNK", 8)
    kept, text = infiller(network), ids(60, 11)[0].tolist()
    draft, other = ids(9, 12), ids(8, 13)[0].tolist()
    free = everything(draft)
    kept.encode(text)
    edits = [text[:40] + other + text[40:], text[:40] + other, text[:5], text, text[:32], [*other, *text], text[:-1]]
    for edited in (*edits, text):
        context, fresh = kept.encode(edited), infiller(network)
        anew = fresh.encode(edited)
        # To the last bit, or the same file would not always get the same answer.
        assert torch.equal(
            kept.hidden(context, draft, free, free, None), fresh.hidden(anew, draft, free, free, None)
        ), len(edited)
        assert torch.equal(kept.score(context, [other])[0], fresh.score(anew, [other])[0])


@torch.inference_mode()
def test_only_what_an_edit_changes_is_read_again(network: GemmaNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diffusiongemma, "CHUNK", 32)
    monkeypatch.setattr(diffusiongemma, "LAST_CHUNK", 8)
    model, text, read_again = infiller(network), ids(60, 11)[0].tolist(), list[int]()
    run = network.run

    def counted(x: torch.Tensor, *rest: Any) -> torch.Tensor:
        read_again.append(len(x))
        return run(x, *rest)

    monkeypatch.setattr(network, "run", counted)
    for edited in (text, [*text, 9], [*text[:50], 9, *text[50:]], [9, *text]):
        model.encode(edited)
        read_again.append(0)
    assert read_again == [32, 8, 8, 8, 4, 0, 5, 0, 8, 5, 0, 32, 8, 8, 8, 5, 0]


@torch.inference_mode()
def test_an_earlier_context_outlives_later_ones(network: GemmaNetwork) -> None:
    model, draft = infiller(network), ids(9, 12)
    free, text = everything(draft), ids(40, 11)[0].tolist()
    first = model.encode(text)
    before = model.hidden(first, draft, free, free, None)
    model.encode(ids(50, 14)[0].tolist())
    close(model.hidden(first, draft, free, free, None), before)


@pytest.mark.parametrize("rows", [1, 2, 5])
@pytest.mark.parametrize("fixed", [False, True], ids=["as long as they are", "fixed shapes"])
@torch.inference_mode()
def test_rows_beside_each_other_are_as_each_alone(network: GemmaNetwork, rows: int, fixed: bool) -> None:
    model, alone = infiller(network, fixed=fixed), infiller(network)
    text = ids(30, 20)[0].tolist()
    context, lengths = model.encode(text), [4 + 3 * row for row in range(rows)]
    canvas = torch.zeros(rows, max(lengths), dtype=torch.long)
    valid = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    free = valid.clone()
    free[:, 0] = False  # a pinned lead
    for row, length in enumerate(lengths):
        canvas[row, :length] = ids(length, row)
    soft = torch.randn(int(free.sum()), 128, generator=torch.Generator().manual_seed(1))
    counts = [length - 1 for length in lengths]
    together = torch.split(model.hidden(context, canvas, valid, free, soft), counts)
    softs = torch.split(soft, counts)
    for row, length in enumerate(lengths):
        own = slice(row, row + 1)
        single = (canvas[own, :length], valid[own, :length], free[own, :length])
        close(together[row], alone.hidden(alone.encode(text), *single, softs[row]))


@torch.inference_mode()
def test_a_failed_reading_is_not_taken_for_the_next_context(
    network: GemmaNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, one, other = infiller(network), ids(20, 1)[0].tolist(), ids(20, 2)[0].tolist()
    draft = ids(5, 3)
    free = everything(draft)
    model.encode(one)

    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("no room")

    with monkeypatch.context() as patched:
        # The last board, which is made when the cache has the new context already.
        patched.setattr(diffusiongemma, "GemmaContext", full)
        with pytest.raises(torch.OutOfMemoryError):
            model.encode(other)
    fresh = infiller(network)
    close(
        model.hidden(model.encode(other), draft, free, free, None),
        fresh.hidden(fresh.encode(other), draft, free, free, None),
    )


@torch.inference_mode()
def test_a_run_larger_than_the_board_leaves_it_as_it_was(network: GemmaNetwork) -> None:
    model, rows = infiller(network), [ids(1000, seed)[0].tolist() for seed in (1, 2)]
    context = model.encode(ids(20, 1)[0].tolist())
    held = [keys.shape for keys in context.board.keys]
    scores = model.score(context, rows)
    assert [keys.shape for keys in context.board.keys] == held
    close(scores[1], model.score(context, rows[1:])[0])


@torch.inference_mode()
def test_passes_of_fixed_shapes_share_one_board(network: GemmaNetwork) -> None:
    model = infiller(network, fixed=True)
    assert model.fixed is not None
    for length, canvas in ((20, 5), (30, 70), (20, 150), (20, 5)):
        draft = ids(canvas, 1)
        free = everything(draft)
        model.hidden(model.encode(ids(length, 1)[0].tolist()), draft, free, free, None)
    assert len(model.fixed._desks) == 1
    assert [key[0] for key in model.fixed._passes] == [128, 256, 64]
    draft = ids(3000, 1)
    free = everything(draft)
    assert len(model.hidden(model.encode(ids(20, 1)[0].tolist()), draft, free, free, None)) == 3000


@torch.inference_mode()
def test_pinned_positions_get_no_self_conditioning(network: GemmaNetwork) -> None:
    canvas, free = ids(4, 9)[0], torch.tensor([True, False, True, False])
    soft = torch.randn(2, 128)
    plain_x, conditioned = (network.embed_canvas(canvas, signal, free) for signal in (None, soft))
    close(plain_x[~free], conditioned[~free])
    assert not torch.isclose(plain_x[free], conditioned[free]).all(-1).any()


@torch.inference_mode()
def test_a_prediction_is_of_the_logits(network: GemmaNetwork) -> None:
    model, draft = infiller(network), ids(6, 2)
    free, context = everything(draft), model.encode(ids(20, 1)[0].tolist())
    bias = torch.zeros(1, 256)
    bias[0, 100:] = -torch.inf
    choice = Choice(bias=bias, rule=torch.zeros(6, dtype=torch.long), temperature=0.5)
    chosen = model.predict(context, draft, free, free, None, choice, torch.Generator())
    logs = (logits_of(network, model.hidden(context, draft, free, free, None)) / 0.5 + bias).log_softmax(-1)
    assert chosen.tokens.tolist() == logs.argmax(-1).tolist()
    assert max(chosen.tokens.tolist()) < 100
    close(chosen.log_probs, logs.amax(-1))
    close(chosen.entropy, -(logs.exp() * logs.clamp(min=-1e4)).sum(-1))
    close(chosen.soft, logs.exp() @ network.table)


def test_half_precision_and_nf4_are_near(published: Any, network: GemmaNetwork, tmp_path: Path) -> None:
    folder = tiny_gemma.save(published, tmp_path / "tiny")
    exact, draft = infiller(network), ids(16, 2)
    free, context = everything(draft), ids(30, 1)[0].tolist()
    errors = []
    for precision in (Precision.BF16, Precision.NF4):
        other = infiller(GemmaNetwork(GemmaConfig.read(folder), read(folder, precision)))
        logs = [
            logits_of(each.network, each.hidden(each.encode(context), draft, free, free, None)).float().log_softmax(-1)
            for each in (exact, other)
        ]
        errors.append(float((logs[0].exp() * (logs[0] - logs[1])).sum(-1).mean()))
    # Random weights have no outliers to spare and five layers in a row: what holds here is the order.
    assert errors[0] < 0.1
    assert errors[0] < errors[1] < 2.0


def test_published_settings_come_from_the_file() -> None:
    settings = published_settings(
        {"max_denoising_steps": 9, "t_min": 0.1, "t_max": 0.9, "sampler_config": {"entropy_bound": 0.3}}
    )
    assert settings.passes_max == 9
    assert settings.sampler.bound == 0.3
    assert [settings.divisor(number) for number in (1, 9)] == pytest.approx([0.9, 0.1 + 0.8 / 9])
    assert published_settings({}).schedule == (0.8, 0.4)


@pytest.mark.parametrize(
    "generation",
    [
        {"sampler_config": {"threshold": 1}},
        {"sampler_config": 3},
        {"stability_threshold": 3},
        {"t_min": -1.0},
        {"t_min": 0.0},
        {"t_max": "hot"},
    ],
)
def test_a_sampler_that_is_not_known_is_refused(generation: dict[str, Any]) -> None:
    with pytest.raises(EngineError, match=r"generation_config\.json"):
        published_settings(generation)


def test_a_recorded_pass_asks_for_no_value(network: GemmaNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    # A CUDA graph cannot be recorded where the host waits for a number. Tensors without values show such places;
    # of the experts, whose twin asks for some, the kernel is tested by itself.
    monkeypatch.setattr("dgedit.kernels.ops.experts", lambda x, *_rest: torch.zeros_like(x))
    context = infiller(network, fixed=True).encode(ids(20, 1)[0].tolist())
    fixed = FixedPass(network, context.board.twin(64), 64)
    fixed.board.load(context.board)
    with FakeTensorMode(allow_non_fake_inputs=True):
        hidden = fixed._pass()
    assert hidden.shape == (64, 128)
    with FakeTensorMode(allow_non_fake_inputs=True), pytest.raises(DynamicOutputShapeException):
        network.embed_canvas(fixed._ids, fixed._soft, torch.ones(64, dtype=torch.bool))


@torch.inference_mode()
def test_the_bundled_model_runs_in_it_with_its_real_weights() -> None:
    folder = CHECKPOINTS / "nano"
    nano = checkpoint.load(folder, "nano", dtype=torch.float32)
    network = GemmaNetwork(GemmaConfig.read(folder), read(folder, Precision.FLOAT32))
    model = GemmaInfiller(network, cast(GemmaTokenizer, nano.tokenizer), nano.format, nano.info, nano.defaults)
    packed = nano.pack(
        InfillRequest(prefix="import os\n\n\ndef size(path):\n    return ", suffix="\n\n\nprint(size('a'))\n")
    )
    start = starting_noise(packed, nano.format, nano.tokenizer.vocab_size, torch.Generator())
    canvas = (start.canvas, start.valid, start.free)
    ours = logits_of(network, model.hidden(model.encode(packed.context_ids), *canvas, None))
    theirs = nano.logits(nano.encode(packed.context_ids), *canvas, None)
    close(ours, theirs)
    soft = theirs.softmax(-1) @ network.table
    again = logits_of(network, model.hidden(model.encode(packed.context_ids), *canvas, soft))
    close(again, nano.logits(nano.encode(packed.context_ids), *canvas, nano.network.soft_embed(theirs.softmax(-1))))
