"""GGUF files of small random networks, written with gguf-py, and the published classes that they hold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import gguf
import numpy as np
import torch
from transformers import LlamaConfig as PublishedConfig
from transformers import LlamaForCausalLM, PreTrainedModel, Qwen2Config, Qwen2ForCausalLM

from dgedit.engine.models.llama.network import LlamaConfig

Kind = gguf.GGMLQuantizationType
F32, F16, Q8_0, Q4_1, Q4_0 = Kind.F32, Kind.F16, Kind.Q8_0, Kind.Q4_1, Kind.Q4_0
NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
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


def published(sizes: LlamaConfig, seed: int = 0) -> PreTrainedModel:
    """A random network of the published class: Qwen2 where it has biases, else Llama."""
    torch.manual_seed(seed)
    common = {
        "vocab_size": sizes.vocab_size,
        "hidden_size": sizes.hidden_size,
        "intermediate_size": sizes.intermediate_size,
        "num_hidden_layers": sizes.num_layers,
        "num_attention_heads": sizes.num_heads,
        "num_key_value_heads": sizes.num_kv_heads,
        "rope_theta": sizes.rope_theta,
        "rms_norm_eps": sizes.norm_eps,
        "tie_word_embeddings": True,
    }
    made = Qwen2ForCausalLM(Qwen2Config(**common)) if sizes.qkv_bias else LlamaForCausalLM(PublishedConfig(**common))
    model: PreTrainedModel = made.eval()
    for name, parameter in model.named_parameters():
        torch.nn.init.normal_(parameter, mean=float("norm" in name), std=0.1)
    return model


def interleaved(matrix: np.ndarray, heads: int) -> np.ndarray:
    """Rows of queries or keys as files of llama have them: what rotary positions turn together lies side by side."""
    return matrix.reshape(heads, 2, -1, matrix.shape[1]).swapaxes(1, 2).reshape(matrix.shape)


def write(
    path: Path,
    model: PreTrainedModel,
    sizes: LlamaConfig,
    tokens: Sequence[str],
    merges: Sequence[tuple[str, str]],
    *,
    stored: Kind = Kind.F32,
    architecture: str = "",
    controls: frozenset[str] = frozenset(),
    output: torch.Tensor | None = None,
) -> None:
    """Write a model, and give it the weights that the file holds: rounded ones, where it rounds.

    Args:
        architecture: by default what the model is.
        controls: tokens that are written as such.
        output: a table of the output beside that of the input.
    """
    kind_of = "qwen2" if sizes.qkv_bias else "llama"
    writer = gguf.GGUFWriter(path, architecture or kind_of)
    writer.add_embedding_length(sizes.hidden_size)
    writer.add_block_count(sizes.num_layers)
    writer.add_feed_forward_length(sizes.intermediate_size)
    writer.add_head_count(sizes.num_heads)
    writer.add_head_count_kv(sizes.num_kv_heads)
    writer.add_rope_freq_base(sizes.rope_theta)
    writer.add_layer_norm_rms_eps(sizes.norm_eps)
    writer.add_token_list(list(tokens))
    writer.add_token_types([3 if token in controls else 1 for token in tokens])
    writer.add_token_merges([" ".join(pair) for pair in merges])
    if sizes.qkv_bias:
        writer.add_tokenizer_pre("qwen2")
    for name, parameter in model.named_parameters():
        stem, _, what = name.rpartition(".")
        parts = stem.split(".", 3)
        layer, part = (parts[2], parts[3]) if parts[1:2] == ["layers"] else (None, stem)
        file_name = f"{NAMES[part]}.{what}" if layer is None else f"blk.{layer}.{NAMES[part]}.{what}"
        value, kind = parameter.detach().numpy(), stored if parameter.ndim == 2 else Kind.F32
        parameter.data.copy_(torch.tensor(gguf.dequantize(gguf.quantize(value, kind), kind)))
        heads = {"self_attn.q_proj": sizes.num_heads, "self_attn.k_proj": sizes.num_kv_heads}.get(part)
        turned = heads is not None and not sizes.qkv_bias
        told = interleaved(value, heads or 1) if turned else value
        writer.add_tensor(file_name, gguf.quantize(told, kind), raw_dtype=kind)
    if output is not None:
        writer.add_tensor("output.weight", output.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
