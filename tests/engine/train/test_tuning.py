"""Tuning a pretrained network: branches hold what a request would, nothing leaks, a cut run is the run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import dgedit
from dgedit.engine.infill import fill
from dgedit.engine.load import load
from dgedit.engine.models.llama.checkpoint import read
from dgedit.engine.models.llama.layout import FIRST_POSITION
from dgedit.engine.models.llama.network import LlamaConfig, LlamaDenoiser, attention, file_names
from dgedit.engine.tokenizer import EOM, MASK, PAD, PRE, SPECIAL_TOKENS, SUF, TextTokenizer
from dgedit.engine.train import corpus, data, pretrained, start, tuning, vocabulary
from dgedit.engine.train.branch_objective import Objective, to_tensors
from dgedit.engine.train.branches import BranchSampler, BranchShape, balanced, choose
from dgedit.engine.types import InfillRequest

SIZES = LlamaConfig(
    vocab_size=500, hidden_size=64, num_layers=2, num_heads=4, num_kv_heads=2, head_dim=16, intermediate_size=64
)
SHAPE = BranchShape(rows=2, prefix=96, branches=3, suffix=24, answer=24, canvas=28, near_suffix=6)


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> data.TokenCorpus:
    """Tokens of some of dgedit's own sources."""
    out = tmp_path_factory.mktemp("corpus")
    paths = sorted((Path(dgedit.__file__).parent / "text").rglob("*.py"))
    texts = [path.read_text(encoding="utf-8") for path in paths]
    (out / "train.txt").write_text("".join(text + corpus.DOCUMENT_SEPARATOR for text in texts), encoding="utf-8")
    vocabulary.train(out / "train.txt", out / "tokenizer.json", vocab_size=SIZES.vocab_size)
    tokenizer = TextTokenizer.load(out / "tokenizer.json")
    data.pack(out / "train.txt", out, tokenizer)
    return data.TokenCorpus.load(out, tokenizer)


def network(seed: int = 0) -> LlamaDenoiser:
    torch.manual_seed(seed)
    out = LlamaDenoiser(SIZES)
    for parameter in out.parameters():
        torch.nn.init.normal_(parameter, mean=float(parameter.ndim == 1), std=0.2)
    return out


def test_a_branch_is_the_document_with_a_hole(tokens: data.TokenCorpus) -> None:
    decode = tokens.tokenizer.decode
    documents = [decode(tokens.ids[a:b]) for a, b in zip(tokens.starts, tokens.starts[1:], strict=False)]
    sampler = BranchSampler(tokens, SHAPE, seed=3)
    checked = 0
    for step in range(6):
        batch = sampler.batch(step)
        for index, ids in enumerate(batch.ids):
            prefix = batch.prefix_ids[index // SHAPE.branches]
            answer = ids[SHAPE.suffix : SHAPE.suffix + SHAPE.answer]
            first = int(np.flatnonzero(batch.span_weights[index])[0]) - SHAPE.suffix
            count = int((batch.span_weights[index] > 0).sum())
            depth = int(batch.visible[index, SHAPE.suffix, : SHAPE.prefix].sum())
            text = decode(prefix[:depth]) + decode(answer[: first + count])
            suffix = decode(ids[: SHAPE.suffix])
            assert any(text + suffix in document for document in documents), (text[-40:], suffix[:40])
            assert batch.targets[index, SHAPE.suffix + first + count - 1] == EOM
            assert prefix[0] == PRE
            assert ids[0] == SUF
            # The head stands right behind the part of the prefix that is seen, at the place that it has there.
            assert batch.positions[index, SHAPE.suffix] == FIRST_POSITION + depth
            checked += 1
    assert checked == 36


def test_canvas_and_span_predict_the_same_tokens(tokens: data.TokenCorpus) -> None:
    batch = BranchSampler(tokens, SHAPE, seed=4).batch(0)
    canvas = SHAPE.suffix + SHAPE.answer
    noised = 0
    for index in range(len(batch.ids)):
        span = batch.targets[index][batch.span_weights[index] > 0]
        slots = batch.targets[index, canvas:][batch.canvas_weights[index, canvas:] > 0]
        assert slots[: len(span)].tolist() == span.tolist()
        assert set(slots[len(span) :].tolist()) <= {PAD}
        noised += int((batch.ids[index, canvas + 1 : canvas + 1 + len(slots)] == MASK).sum())
    assert noised > 10


def test_nothing_sees_what_it_must_not(tokens: data.TokenCorpus) -> None:
    """Tokens are changed one kind at a time: only what may look at them changes."""
    batch = BranchSampler(tokens, SHAPE, seed=5).batch(1)
    objective = Objective(network(), compiled=False)

    def hidden(ids: np.ndarray, prefix: np.ndarray) -> Tensor:
        changed = replace(batch, ids=ids, prefix_ids=prefix)
        tensors = to_tensors(changed, SHAPE.suffix, torch.device("cpu"), torch.float32)
        return objective.hidden(tensors, objective.model.embed_tokens)

    before = hidden(batch.ids, batch.prefix_ids)
    cut = SHAPE.rows * SHAPE.prefix

    def moved(after: Tensor) -> np.ndarray:
        return ((after - before).abs().amax(-1) > 1e-6).numpy()[cut:].reshape(len(batch.ids), -1)

    answer, canvas = SHAPE.suffix, SHAPE.suffix + SHAPE.answer
    span = batch.ids.copy()
    starts = [int(np.flatnonzero(weights)[0]) + 1 for weights in batch.span_weights]
    for index, at in enumerate(starts):
        span[index, at] = (span[index, at] + 7) % 400 + 20
    changed = moved(hidden(span, batch.prefix_ids))
    assert not changed[:, :answer].any(), "the suffix sees no span"
    assert not changed[:, canvas:].any(), "the canvas sees no span"
    assert all(changed[index, at] for index, at in enumerate(starts))
    slots = batch.ids.copy()
    slots[:, canvas + 1] = 30
    changed = moved(hidden(slots, batch.prefix_ids))
    assert not changed[:, :canvas].any()
    assert changed[:, canvas].all(), "the lead sees the slots behind it"


def test_split_attention_is_one_masked_attention(tokens: data.TokenCorpus) -> None:
    batch = BranchSampler(tokens, SHAPE, seed=6).batch(2)
    model = network(1)
    tensors = to_tensors(batch, SHAPE.suffix, torch.device("cpu"), torch.float32)
    got = Objective(model, compiled=False).hidden(tensors, model.embed_tokens)
    cut = SHAPE.rows * SHAPE.prefix
    for index, (ids, positions, visible) in enumerate(zip(batch.ids, batch.positions, batch.visible, strict=True)):
        row = index // SHAPE.branches
        whole = torch.cat((torch.from_numpy(batch.prefix_ids[row]), torch.from_numpy(ids)))
        places = torch.cat((FIRST_POSITION + torch.arange(SHAPE.prefix), torch.from_numpy(positions)))
        seen = torch.cat(
            (torch.tril(torch.ones(SHAPE.prefix, SHAPE.prefix)), torch.zeros(SHAPE.prefix, SHAPE.branch)), 1
        )
        seen = torch.cat((seen.bool(), torch.from_numpy(visible)))
        # Padding of a suffix is read causally in a batch; nobody sees it.
        mask = torch.zeros(seen.shape).masked_fill(~seen, -torch.inf)[None, None]

        def attend(_layer: int, q: Tensor, k: Tensor, v: Tensor, mask: Tensor = mask) -> Tensor:
            return attention(q[None], k[None], v[None], mask)[0]

        expected = model.run(model.embed(whole), places, attend)[SHAPE.prefix :]
        own = got[cut + index * SHAPE.branch : cut + (index + 1) * SHAPE.branch]
        used = torch.from_numpy(ids != PAD)
        torch.testing.assert_close(own[used], expected[used], atol=2e-5, rtol=1e-4)


def test_roles_learn_and_text_embeddings_stay(tokens: data.TokenCorpus) -> None:
    model = network(2)
    objective = Objective(model, compiled=False)
    roles = model.embed_tokens[: len(SPECIAL_TOKENS)].detach().clone().requires_grad_()
    losses = objective(
        to_tensors(BranchSampler(tokens, SHAPE, 1).batch(0), SHAPE.suffix, torch.device("cpu"), torch.float32), roles
    )
    torch.autograd.backward(losses.text + losses.span + losses.canvas)
    assert model.embed_tokens.grad is None
    assert roles.grad is not None
    assert bool((roles.grad[[EOM, MASK, SUF, PRE]].abs().sum(-1) > 0).all())


def test_a_run_in_two_legs_is_the_run_to_the_bit(
    tokens: data.TokenCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = BranchShape(rows=1, prefix=96, branches=2, suffix=24, answer=40, canvas=44)
    monkeypatch.setattr(tuning, "shapes", lambda: (SHAPE, other))
    monkeypatch.setattr(tuning, "SHORT", SHAPE)
    weights = file_names({name: tensor.detach() for name, tensor in network(3).state_dict().items()})
    # A budget of tokens: the rate is then no function of the clock.
    recipe = tuning.TuningRecipe(million_tokens=0.012, warmup_steps=3)

    def begin(folder: Path) -> tuning.Tuning:
        return tuning.Tuning(folder, SIZES, weights, recipe, tokens, tokens, device=torch.device("cpu"), compiled=False)

    def run(folder: Path, stop: int | None) -> tuning.Tuning:
        out = begin(folder)
        out.run(stop_at_step=stop, report_every=4)
        return out

    whole = run(tmp_path / "whole", None)
    run(tmp_path / "legs", 5)
    legs = run(tmp_path / "legs", None)
    assert whole.progress.step == legs.progress.step > 8
    assert whole.done >= 1
    before = tuning.weights_for_export(begin(tmp_path / "new"))
    for name, tensor in tuning.weights_for_export(whole).items():
        assert torch.equal(tensor, tuning.weights_for_export(legs)[name]), name
        assert not torch.equal(tensor, before[name]), name


@pytest.mark.parametrize(
    ("line", "begin", "ends"),
    [
        ("\n    x = f(a, b)", 9, ["f", "f(a, b)"]),
        ("\n    x = f(a, b)", 11, ["a", "a,", "a, b"]),
        ("\n    x = f(a, b)", 15, []),
        ("\nd[k] = [1]", 1, ["d", "d[k]", "d[k] =", "d[k] = [1]"]),
    ],
)
def test_a_piece_closes_what_it_opens(line: str, begin: int, ends: list[str]) -> None:
    assert [line[begin:end] for end in balanced(line, begin)] == ends


@pytest.fixture(scope="module")
def exported(tokens: data.TokenCorpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a run whose checkpoint was written."""
    out = tmp_path_factory.mktemp("run")
    weights = file_names({name: tensor.detach() for name, tensor in network(4).state_dict().items()})
    recipe = tuning.TuningRecipe(million_tokens=1.0)
    run = tuning.Tuning(out / "run", SIZES, weights, recipe, tokens, tokens, device=torch.device("cpu"), compiled=False)
    (out / "manifest.json").write_text(
        '[{"name": "a", "version": "1", "licence": "MIT", "split": "train", "files": 3, "bytes": 9000}]'
    )
    (out / "tokenizer.json").write_text(tokens.tokenizer._backend.to_str())
    pretrained.write_checkpoint(run, out, start.STARTS["smollm2"], "A note.")
    return out


def test_a_run_writes_a_checkpoint_that_infills(exported: Path) -> None:
    model = load(str(exported / "checkpoint"))
    result = fill(InfillRequest(prefix="def f(x):\n    ", suffix="\n", max_passes=2), model)
    assert result.passes == 2
    card = (exported / "checkpoint" / "README.md").read_text()
    assert "SmolLM2" in card
    assert "Apache-2.0" in card
    assert "A note." in card


def test_a_run_goes_on_from_an_exported_checkpoint(exported: Path, tmp_path: Path) -> None:
    """Without the pretrained start, which another machine need not fetch again."""
    (tmp_path / "manifest.json").write_bytes((exported / "manifest.json").read_bytes())
    for split in ("train", "heldout"):
        (tmp_path / f"{split}.txt").write_text("x = 1\n" * 30 + corpus.DOCUMENT_SEPARATOR)
    checkpoint = exported / "checkpoint"
    config, weights = pretrained.prepare(tmp_path, [], start.STARTS["smollm2"], checkpoint)
    assert config == SIZES
    assert (tmp_path / "tokenizer.json").read_bytes() == (checkpoint / "tokenizer.json").read_bytes()
    stored = read(checkpoint)[1]
    assert weights.keys() == SIZES.shapes().keys()
    assert all(torch.equal(weights[name], tensor) for name, tensor in stored.items())
    again = pretrained.prepare(tmp_path, [], start.STARTS["smollm2"])[1]
    assert all(torch.equal(again[name], tensor) for name, tensor in stored.items())


def test_a_card_names_no_folder_of_this_machine() -> None:
    arguments = ["--start", "smollm2", "--out", "/home/me/runs/mini", "--card-note", "a/b", "--rate", "1e-4"]
    assert pretrained.quoted(arguments) == ["--start", "smollm2", "--out", "mini", "--rate", "1e-4"]


def test_spans_are_worth_filling() -> None:
    rng = np.random.default_rng(0)
    assert all(choose(rng, text, whole=False) is None for text in ("\n", "\n    ", "\n\n"))
    line = "\n    total = sum(values)  "
    chosen = [choose(rng, line, whole=False) for _ in range(200)]
    texts = {line[place[0] : place[1]] for place in chosen if place}
    assert {"    total = sum(values)", "total = sum(values)", "sum(values)", "values"} <= texts
    assert all(text == text.rstrip() and text.strip() for text in texts)
