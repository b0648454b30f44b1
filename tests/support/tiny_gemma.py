"""Tiny random models of the published class, and their checkpoints: every part of the 26B is there, nothing is trivial.

Both layer types, experts of which some are chosen, other heads on full layers, partial rotary positions, a window that
slides. No scale is 1 and the encoder's layer scalars are not the decoder's. Inner sizes are multiples of 64.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

LAYER_TYPES = ["sliding_attention", "sliding_attention", "full_attention", "sliding_attention", "full_attention"]

TEXT: dict[str, Any] = {
    "vocab_size": 256,
    "hidden_size": 128,
    "intermediate_size": 192,
    "num_hidden_layers": len(LAYER_TYPES),
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "global_head_dim": 64,
    "num_global_key_value_heads": 1,
    "max_position_embeddings": 4096,
    "sliding_window": 12,
    "layer_types": LAYER_TYPES,
    "rope_parameters": {
        "sliding_attention": {"rope_type": "default", "rope_theta": 10_000.0},
        "full_attention": {"rope_type": "proportional", "partial_rotary_factor": 0.25, "rope_theta": 1_000_000.0},
    },
    "num_experts": 6,
    "top_k_experts": 2,
    "moe_intermediate_size": 64,
    "final_logit_softcapping": 30.0,
    "pad_token_id": 0,
    "eos_token_id": [1, 6],
    "bos_token_id": 2,
}

VISION: dict[str, Any] = {
    "hidden_size": 8,
    "intermediate_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 1,
    "num_key_value_heads": 1,
    "head_dim": 8,
    "patch_size": 4,
    "position_embedding_size": 4,
}


def tiny_config(**overrides: Any) -> Any:
    """A `DiffusionGemmaConfig`; overrides are of the text part, but for `canvas_length`."""
    transformers = pytest.importorskip("transformers")
    canvas_length = overrides.pop("canvas_length", 16)
    text = transformers.DiffusionGemmaTextConfig(**{**_copy(TEXT), **overrides})
    vision = transformers.Gemma4VisionConfig(**VISION)
    # No id of the vocabulary stands for a picture.
    ids = dict.fromkeys(("boi_token_id", "eoi_token_id", "image_token_id"), -1)
    return transformers.DiffusionGemmaConfig(text_config=text, vision_config=vision, canvas_length=canvas_length, **ids)


def tiny_model(seed: int = 0, **overrides: Any) -> Any:
    """A random `DiffusionGemmaForBlockDiffusion`, float32, for inference."""
    transformers = pytest.importorskip("transformers")
    model = transformers.DiffusionGemmaForBlockDiffusion(tiny_config(**overrides)).float().eval()
    draw = torch.Generator().manual_seed(seed)
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if not name.endswith(("inv_freq", "embed_scale")):
            tensor.data.copy_(_random(name, tensor, draw))
    return model.requires_grad_(False)


def save(model: Any, folder: Path, *, shard_mb: float | None = None, dtype: torch.dtype | None = None) -> Path:
    """Write it as transformers does, in shards of so many megabytes; a dtype is that of the file and the model."""
    if dtype is not None:
        model = model.to(dtype)
    size = {} if shard_mb is None else {"max_shard_size": int(shard_mb * 1e6)}
    model.save_pretrained(folder, **size)
    return folder


def _random(name: str, tensor: Tensor, draw: torch.Generator) -> Tensor:
    """Scales around 1; matrices that keep the size of what goes through them; routers that make up their mind."""
    if tensor.dim() < 2:
        return torch.empty(tensor.shape).uniform_(0.5, 1.5, generator=draw)
    size = 1.5 if name.endswith("router.proj.weight") else 2 * tensor.shape[-1] ** -0.5
    return torch.randn(tensor.shape, generator=draw) * size


def _copy(values: Any) -> Any:
    """The configuration class writes into what it is given."""
    if isinstance(values, dict):
        return {key: _copy(value) for key, value in values.items()}
    return list(values) if isinstance(values, list) else values
