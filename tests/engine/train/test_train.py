"""The trainer on a few real files: corpus, batches, a run that is cut and resumed, export."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

import dgedit
from dgedit.engine.load import load
from dgedit.engine.models.nano.checkpoint import NanoInfiller
from dgedit.engine.models.nano.network import NanoConfig, NanoDenoiser
from dgedit.engine.tokenizer import EOM, MASK, PAD, PRE, SUF, TextTokenizer
from dgedit.engine.train import bundle, corpus, data, export, vocabulary
from dgedit.engine.train.objective import DeviceBatch, attention_mask, hidden_states, losses
from dgedit.engine.train.trainer import Recipe, Trainer, learning_rate_factor, matrix_ceiling, training_flops

SIZES = NanoConfig(
    vocab_size=600,
    hidden_size=32,
    num_layers=2,
    num_heads=2,
    num_kv_heads=1,
    head_dim=16,
    intermediate_size=48,
    expert_size=16,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tokens of dgedit's own sources."""
    out = tmp_path_factory.mktemp("corpus")
    root = Path(dgedit.__file__).parent
    paths = sorted([*root.rglob("*.py"), *(root / "engine").resolve().rglob("*.py")])
    texts = [path.read_text(encoding="utf-8") for path in paths if path.stat().st_size > 400]
    assert len(texts) > 20
    (out / "train.txt").write_text("".join(text + corpus.DOCUMENT_SEPARATOR for text in texts), encoding="utf-8")
    vocabulary.train(out / "train.txt", out / "tokenizer.json", vocab_size=SIZES.vocab_size)
    data.pack(out / "train.txt", out, TextTokenizer.load(out / "tokenizer.json"))
    return out


@pytest.fixture(scope="module")
def tokens(folder: Path) -> data.TokenCorpus:
    return data.TokenCorpus.load(folder, TextTokenizer.load(folder / "tokenizer.json"))


SHAPE = data.Shape(rows=6, context=96, canvases=3, canvas=48)


def test_packing_keeps_every_document(folder: Path, tokens: data.TokenCorpus) -> None:
    texts = list(vocabulary.documents(folder / "train.txt"))
    assert len(tokens.starts) == len(texts) + 1
    for index in (0, len(texts) // 2, len(texts) - 1):
        begin, end = tokens.document_at(int(tokens.starts[index]))
        assert tokens.tokenizer.decode(tokens.ids[begin:end].tolist()) == texts[index]


def test_a_batch_is_a_function_of_seed_and_step(tokens: data.TokenCorpus) -> None:
    sampler = data.Sampler(tokens, SHAPE, data.Noise(), seed=3)
    again = data.Sampler(tokens, SHAPE, data.Noise(), seed=3)
    assert np.array_equal(sampler.batch(5).ids, again.batch(5).ids)
    assert not np.array_equal(sampler.batch(5).ids, sampler.batch(6).ids)


def test_canvases_hold_a_span_with_its_end_and_never_see_it_elsewhere(tokens: data.TokenCorpus) -> None:
    batch = data.Sampler(tokens, SHAPE, data.Noise(full_share=1.0, mask_share=1.0), seed=1).batch(0)
    for row in range(SHAPE.rows):
        for number in range(SHAPE.canvases):
            at = slice(SHAPE.context + number * SHAPE.canvas, SHAPE.context + (number + 1) * SHAPE.canvas)
            free = batch.free[row, at]
            target = batch.targets[row, at][free]
            end = int(np.flatnonzero(target == EOM)[0])
            assert (target[end + 1 :] == PAD).all()
            assert (target[:end] >= 10).all()
            assert (batch.ids[row, at][free] == MASK).all(), "full noise hides every slot"
            assert (batch.weights[row, at][~free] == 0).all(), "nothing is learned at pins"
            depth = int(batch.visible[row, at][0])
            assert (batch.visible[row, at] == depth).all()
            assert batch.positions[row, at][0] == depth
            # The context that the canvas sees ends where its span begins: what follows there is the span itself.
            following = batch.ids[row, depth : min(depth + end, SHAPE.context)]
            following = following[: int((following != PAD).sum())]
            said = tokens.tokenizer.decode(target[:end].tolist())
            assert said.startswith(tokens.tokenizer.decode(following.tolist()))


def test_the_encoder_learns_the_span_and_its_end_left_to_right(tokens: data.TokenCorpus) -> None:
    for shape in (SHAPE, data.Shape(rows=6, context=160, canvases=0, canvas=0)):
        batch = data.Sampler(tokens, shape, data.Noise(), seed=5).batch(1)
        for row in range(shape.rows):
            used = int((batch.ids[row, : shape.context] != PAD).sum())
            assert batch.ids[row, used - 1] == EOM
            assert batch.targets[row, used - 2] == EOM
            assert batch.weights[row, used - 2] == 1
            assert (batch.weights[row, used - 1 : shape.context] == 0).all()


def test_a_suffix_in_the_context_goes_on_where_the_span_ends(tokens: data.TokenCorpus) -> None:
    texts = [tokens.tokenizer.decode(tokens.ids[a:b]) for a, b in pairwise(tokens.starts)]
    sampler, seen = data.Sampler(tokens, SHAPE, data.Noise(), seed=6), 0
    for row in (row for step in range(8) for row in sampler.batch(step).ids[:, : SHAPE.context]):
        ids = row[row != PAD].tolist()
        if ids[0] == SUF:
            suffix, rest = ids[1 : ids.index(PRE)], ids[ids.index(PRE) + 1 :]
            # A character may be cut in two at either end.
            whole = (tokens.tokenizer.decode(rest) + tokens.tokenizer.decode(suffix)).strip("\ufffd")
            assert any(whole in text for text in texts)
            seen += 1
    assert seen > 30


def test_a_node_of_the_syntax_tree_is_cut_out_exactly(tokens: data.TokenCorpus) -> None:
    sampler, found = data.Sampler(tokens, SHAPE, data.Noise(), seed=7), 0
    for at in range(200, 1000, 20):
        begin, end = tokens.document_at(at)
        span = sampler._node_span(np.random.default_rng(at), at, begin, end)
        if span is None:
            continue
        found += 1
        pieces = [*span.head, *span.tokens, *span.tail]
        assert tokens.tokenizer.decode(pieces) == tokens.tokenizer.decode(tokens.ids[span.begin : span.after])
        assert tokens.tokenizer.decode(span.tokens).strip()
    assert found > 5


def test_clean_canvases_are_their_targets(tokens: data.TokenCorpus) -> None:
    batch = data.Sampler(tokens, SHAPE, data.Noise(full_share=0.0, level=0.0), seed=1).batch(2)
    assert (batch.ids[batch.free] == batch.targets[batch.free]).all()


def test_the_mask_is_causal_and_keeps_canvases_apart(tokens: data.TokenCorpus) -> None:
    batch = data.Sampler(tokens, SHAPE, data.Noise(), seed=2).batch(0)
    mask = attention_mask(torch.from_numpy(batch.visible), torch.from_numpy(batch.group), SHAPE.context)[:, 0].numpy()
    context = mask[:, : SHAPE.context, : SHAPE.context]
    assert (context == np.tril(np.ones((SHAPE.context, SHAPE.context), dtype=bool))).all()
    assert not mask[:, : SHAPE.context, SHAPE.context :].any(), "the context never sees a canvas"
    for row in range(SHAPE.rows):
        for query in range(SHAPE.context, SHAPE.length):
            seen = np.flatnonzero(mask[row, query])
            inside = seen[seen < SHAPE.context]
            assert len(inside) == batch.visible[row, query]
            others = seen[seen >= SHAPE.context]
            assert (batch.group[row, others] == batch.group[row, query]).all()


def test_what_follows_a_span_cannot_reach_its_canvas(tokens: data.TokenCorpus) -> None:
    network = NanoDenoiser(SIZES)
    batch = DeviceBatch.of(
        data.Sampler(tokens, SHAPE, data.Noise(), seed=4).batch(0), SHAPE.context, torch.device("cpu")
    )
    with torch.autocast("cpu", torch.bfloat16):
        before = hidden_states(network, batch, None)
        cut = int(batch.visible[0, SHAPE.context])
        batch.ids[0, cut : SHAPE.context] = 11
        after = hidden_states(network, batch, None)
    first = slice(SHAPE.context, SHAPE.context + SHAPE.canvas)
    torch.testing.assert_close(before[0, first], after[0, first])


@pytest.mark.parametrize(
    ("done", "step", "expected"),
    [(0.0, 0, 0.01), (0.1, 99, 1.0), (0.74, 5000, 1.0), (0.875, 5000, 0.55), (1.0, 5000, 0.1), (1.2, 5000, 0.1)],
)
def test_the_learning_rate_warms_up_holds_and_decays(done: float, step: int, expected: float) -> None:
    assert learning_rate_factor(done, step, Recipe()) == pytest.approx(expected)


def make(out: Path, tokens: data.TokenCorpus, recipe: Recipe, sizes: NanoConfig = SIZES) -> Trainer:
    return Trainer(out, sizes, recipe, tokens, tokens, device=torch.device("cpu"), compile_model=False)


def train_steps(trainer: Trainer, count: int) -> None:
    batches = trainer._batches()
    for _ in range(count):
        trainer._step(next(batches))


@pytest.mark.parametrize("causal_share", [1.0, 0.0])
def test_a_resumed_run_is_the_run_that_was_not_cut(
    tmp_path: Path, tokens: data.TokenCorpus, causal_share: float
) -> None:
    recipe = Recipe(rows=2, context=64, causal_share=causal_share, warmup_steps=2, million_tokens=0.002)
    whole = make(tmp_path / "whole", tokens, recipe)
    train_steps(whole, 6)
    cut = make(tmp_path / "cut", tokens, recipe)
    train_steps(cut, 3)
    cut.save()
    resumed = make(tmp_path / "cut", tokens, recipe)
    assert resumed.progress.step == 3
    train_steps(resumed, 3)
    assert resumed.progress.tokens == whole.progress.tokens
    for (name, a), (_, b) in zip(whole.model.state_dict().items(), resumed.model.state_dict().items(), strict=True):
        assert torch.equal(a, b), name


def test_a_budget_of_tokens_is_spent_by_tokens_alone(tmp_path: Path, tokens: data.TokenCorpus) -> None:
    trainer = make(tmp_path, tokens, Recipe(rows=2, context=64, causal_share=0.0, million_tokens=0.002))
    trainer.progress.seconds = 1e6
    assert trainer.done == 0
    trainer.progress.tokens = 1000
    assert trainer.done == pytest.approx(0.5)


def test_a_leg_ends_at_its_time_and_the_next_one_goes_on(tmp_path: Path, tokens: data.TokenCorpus) -> None:
    recipe = Recipe(rows=2, context=64, causal_share=0.5, warmup_steps=2, million_tokens=0.004)
    whole = make(tmp_path / "whole", tokens, recipe)
    whole.run()
    legs = 0
    while (leg := make(tmp_path / "legs", tokens, recipe)).done < 1:
        leg.run(stop_at_time=0.0)  # long past: one step, and all is saved
        legs += 1
    assert legs == whole.progress.step > 2
    for (name, a), (_, b) in zip(whole.model.state_dict().items(), leg.model.state_dict().items(), strict=True):
        assert torch.equal(a, b), name
    reported = [row for row in whole.progress.log if "mfu" in row]
    assert reported
    assert all(0 < row["mfu"] < 1 for row in reported)


def test_operations_of_a_token_are_those_of_the_matrices_and_of_attention() -> None:
    sizes = NanoConfig(vocab_size=64, hidden_size=32, num_layers=2, num_heads=2, num_kv_heads=1, head_dim=16)
    model = NanoDenoiser(sizes)
    layer = 32 * (32 + 16 + 16) + 32 * 32 + 3 * 32 * (sizes.intermediate_size + sizes.expert_size)
    last = layer - 32 * 16  # values are the keys
    matrices = 64 * 32 + layer + last + 3 * 32 * sizes.intermediate_size
    assert training_flops(model, 10) == 6 * matrices + 6 * 2 * 10 * 32
    assert matrix_ceiling(torch.device("cpu"), size=64, runs=2) > 0


def test_a_bundle_is_the_corpus_on_another_machine(tmp_path: Path, folder: Path) -> None:
    home, file, away = tmp_path / "home", tmp_path / "corpus.tar.xz", tmp_path / "away"
    for split in ("train", "heldout"):
        (home / split).mkdir(parents=True)
        for name in ("tokens.bin", "starts.npy"):
            (home / split / name).write_bytes((folder / name).read_bytes())
    (home / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
    with pytest.raises(FileNotFoundError, match=r"manifest\.json"):
        bundle.write(home, file)
    assert not file.exists()
    (home / "manifest.json").write_text("[]")
    assert bundle.write(home, file) == file.stat().st_size
    away.mkdir()
    (away / "manifest.json").write_text("mine")
    bundle.read(file, away)
    assert (away / "manifest.json").read_text() == "mine"
    assert all((away / name).read_bytes() == (home / name).read_bytes() for name in bundle.MEMBERS[2:])
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(ValueError, match="not readable as a bundle"):
        bundle.read(file, tmp_path / "other")


def test_training_learns(tmp_path: Path, tokens: data.TokenCorpus) -> None:
    trainer = make(tmp_path, tokens, Recipe(rows=4, context=64, causal_share=0.0, warmup_steps=2))
    before = trainer.heldout_losses()
    train_steps(trainer, 40)
    after = trainer.heldout_losses()
    assert after["causal"] < before["causal"] - 0.5
    assert after["full_noise"] < before["full_noise"] - 0.5


def test_a_run_of_other_sizes_is_not_overwritten(tmp_path: Path, tokens: data.TokenCorpus) -> None:
    make(tmp_path, tokens, Recipe(rows=2, context=64)).save()
    other = NanoConfig(vocab_size=600, hidden_size=48, num_layers=2, num_heads=2, num_kv_heads=1, head_dim=16)
    with pytest.raises(ValueError, match="other sizes"):
        make(tmp_path, tokens, Recipe(rows=2, context=64), other)


def test_an_exported_network_is_loaded_by_the_engine(tmp_path: Path, folder: Path, tokens: data.TokenCorpus) -> None:
    pytest.importorskip("transformers")
    network = NanoDenoiser(SIZES).eval()
    form = export.canvas_format(96, mask_share=0.0)
    export.export(network, folder / "tokenizer.json", tmp_path / "out", form)
    model = load(str(tmp_path / "out"))
    assert model.format == form
    assert model.format.mask_id is None, "a uniform checkpoint says so"
    context = model.encode([6, 2, 20, 30])
    free = torch.ones(1, 3, dtype=torch.bool)
    assert isinstance(model, NanoInfiller)
    logits = model.logits(context, torch.tensor([[11, 12, 13]]), free, free, None)
    assert logits.shape == (3, SIZES.vocab_size)
    assert torch.isfinite(logits).all()


def test_both_losses_have_a_gradient(tokens: data.TokenCorpus) -> None:
    network = NanoDenoiser(SIZES)
    batch = DeviceBatch.of(
        data.Sampler(tokens, SHAPE, data.Noise(), seed=4).batch(0), SHAPE.context, torch.device("cpu")
    )
    soft = torch.randn(SHAPE.rows, SHAPE.canvases * SHAPE.canvas, SIZES.hidden_size)
    with torch.autocast("cpu", torch.bfloat16):
        causal, denoising = losses(network, batch, soft)
    (causal + denoising).backward()  # type: ignore[no-untyped-call]
    missing = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum()]
    assert missing == []


def install(root: Path, name: str, licence: str, files: dict[str, str]) -> None:
    info = root / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\nLicense-Expression: {licence}\n"
    )
    for relative, text in files.items():
        path = root / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (info / "RECORD").write_text("".join(f"{relative},,\n" for relative in files))


def source(word: str, lines: int = 30) -> str:
    return "".join(f"def {word}_{n}(value, other):\n    return value.{word}(other) + {n}\n\n" for n in range(lines))


def test_a_corpus_keeps_licences_and_packages_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "standard_library", lambda: iter(()))
    root, out = tmp_path / "site", tmp_path / "out"
    install(root, "flask", "BSD-3-Clause", {"flask/app.py": source("route")})
    install(root, "good", "MIT", {"good/a.py": source("apple"), "good/vendored.py": source("route")})
    install(root, "free", "GPL-3.0-or-later", {"free/a.py": source("pear")})
    install(root, "bench", "MIT", {"bench/a.py": "def has_close_elements(x):\n" + source("plum")})
    rows = {row.name: row for row in corpus.build([root], out)}
    assert rows["flask"].split == "heldout"
    assert rows["free"].split == "excluded"
    assert rows["good"].files == 1
    assert "bench" not in rows
    train = (out / "train.txt").read_text()
    assert "apple_1" in train
    for absent in ("route_1", "pear_1", "plum_1"):
        assert absent not in train
    manifest = json.loads((out / "manifest.json").read_text())
    assert {row["licence"] for row in manifest} == {"BSD-3-Clause", "MIT", "GPL-3.0-or-later"}


def test_no_source_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "standard_library", lambda: iter(()))
    with pytest.raises(ValueError, match="no permissively licensed"):
        corpus.build([tmp_path], tmp_path / "out")


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("MIT", True),
        ("BSD-3-Clause", True),
        ("Apache-2.0", True),
        ("Apache-2.0 OR BSD-3-Clause", True),
        ("LGPL-2.1-or-later", False),
        ("GNU General Public License v3", False),
        ("MPL-2.0 AND MIT", False),
        ("", False),
    ],
)
def test_licences(licence: str, expected: bool) -> None:
    assert corpus.is_permissive(licence) is expected
