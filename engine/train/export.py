"""Writes a trained network as a checkpoint that plain transformers loads as `DiffusionGemmaForBlockDiffusion`.

The published class has parts that nano does not use: a vision tower (made as small as it can be and left at zero),
a router over one expert (its choice is always that one). They are a few kilobytes of the file.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..models.gemma.config import LEAST_VISION, NO_PICTURES
from ..models.nano.checkpoint import PREFIX
from ..models.nano.network import NanoConfig, NanoDenoiser
from ..protocol import CanvasFormat
from ..tokenizer import BOS, EOS, MASK, PAD, own_format
from .data import FAR_SUFFIX_TOKENS, NEAR_SUFFIX_TOKENS

WINDOW = 4096
"""Sliding window of the exported class: longer than any context and canvas of nano, so it never slides."""

LANGUAGES = ["python"]
"""What the corpus is written in."""


def canvas_format(context_tokens: int, *, mask_share: float) -> CanvasFormat:
    """The format that `data.Sampler` trains."""
    return own_format(
        context_tokens=context_tokens,
        canvas_tokens=96,
        near_suffix_tokens=NEAR_SUFFIX_TOKENS,
        far_suffix_tokens=FAR_SUFFIX_TOKENS,
        mask_id=MASK if mask_share > 0 else None,
    )


def published_config(config: NanoConfig, form: CanvasFormat) -> Any:
    """A `DiffusionGemmaConfig` of nano's sizes."""
    from transformers import DiffusionGemmaConfig, DiffusionGemmaTextConfig, Gemma4VisionConfig

    rope = {"rope_type": "default", "rope_theta": config.rope_theta}
    text = DiffusionGemmaTextConfig(
        vocab_size=config.vocab_size,
        hidden_size=config.hidden_size,
        intermediate_size=config.intermediate_size,
        num_hidden_layers=config.num_layers,
        num_attention_heads=config.num_heads,
        num_key_value_heads=config.num_kv_heads,
        head_dim=config.head_dim,
        global_head_dim=config.head_dim,
        max_position_embeddings=WINDOW,
        rms_norm_eps=config.norm_eps,
        pad_token_id=PAD,
        eos_token_id=EOS,
        bos_token_id=BOS,
        rope_parameters={"sliding_attention": rope, "full_attention": dict(rope)},
        sliding_window=WINDOW,
        layer_types=["sliding_attention"] * (config.num_layers - 1) + ["full_attention"],
        final_logit_softcapping=config.logit_softcap,
        num_experts=1,
        top_k_experts=1,
        moe_intermediate_size=config.expert_size,
    )
    return DiffusionGemmaConfig(
        text_config=text,
        vision_config=Gemma4VisionConfig(**LEAST_VISION),
        canvas_length=form.canvas_tokens,
        **NO_PICTURES,
    )


def published_model(network: NanoDenoiser, form: CanvasFormat) -> Any:
    """The network inside the published class, float32, on the CPU.

    Raises:
        ValueError: when a weight has no place in the class.
    """
    from transformers import DiffusionGemmaForBlockDiffusion

    model = DiffusionGemmaForBlockDiffusion(published_config(network.config, form)).float()
    weights = {name: torch.zeros_like(value) for name, value in model.state_dict().items() if ".vision_tower." in name}
    weights |= published_names({name: tensor.float().cpu() for name, tensor in network.state_dict().items()})
    unplaced = model.load_state_dict(weights, strict=False).unexpected_keys
    if unplaced:
        raise ValueError(f"no place in the published class for {unplaced[:3]}")
    return model.eval()


def published_names(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The twin's weights under the published class's names; both experts' inputs become one tensor."""
    out: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        match = re.fullmatch(r"(layers\.\d+\.)expert\.(gate|up|down)_proj\.weight", name)
        if match is None:
            out[PREFIX + name] = tensor
        elif match[2] == "down":
            out[f"{PREFIX}{match[1]}experts.down_proj"] = tensor[None]
        elif match[2] == "gate":
            up = weights[name.replace("gate_proj", "up_proj")]
            out[f"{PREFIX}{match[1]}experts.gate_up_proj"] = torch.cat((tensor, up))[None]
    return out


def export(network: NanoDenoiser, tokenizer_file: Path, folder: Path, form: CanvasFormat) -> None:
    """Write model.safetensors (bfloat16), config.json, generation_config.json, tokenizer.json, infill_config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    published_model(network, form).to(torch.bfloat16).save_pretrained(folder, safe_serialization=True)
    (folder / "tokenizer.json").write_bytes(tokenizer_file.read_bytes())
    own = asdict(form) | {"languages": LANGUAGES}
    (folder / "infill_config.json").write_text(json.dumps(own, indent=1) + "\n", encoding="utf-8")
