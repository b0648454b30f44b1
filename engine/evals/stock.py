"""transformers' own class on tensors that are already there, to be timed beside the engine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ...kernels.formats import Weight
from ..models.gemma.config import FULL, LEAST_VISION, NO_PICTURES, GemmaConfig
from ..models.gemma.layout import ENCODER_SCALAR

STEPS = 8


def published(config: GemmaConfig, weights: dict[str, Weight]) -> Any:
    """The class with these very tensors, nothing copied; none where transformers is not installed."""
    try:
        from transformers import DiffusionGemmaConfig, DiffusionGemmaForBlockDiffusion, DiffusionGemmaTextConfig
        from transformers import Gemma4VisionConfig as VisionConfig
    except ImportError:
        return None
    text = DiffusionGemmaTextConfig(**_text(config))
    vision = VisionConfig(**LEAST_VISION)
    whole = DiffusionGemmaConfig(
        text_config=text, vision_config=vision, canvas_length=config.canvas_length, **NO_PICTURES
    )
    table = weights["embed_tokens.weight"]
    assert isinstance(table, Tensor), "the embedding stays whole"
    with torch.device("meta"):
        model = DiffusionGemmaForBlockDiffusion(whole)
    model.load_state_dict(_state(weights), strict=False, assign=True)
    model.tie_weights()
    del model.model.encoder.vision_tower, model.model.encoder.embed_vision
    _fill(model, table.device)
    return model.eval().requires_grad_(False)


def step_ms(model: Any, ids: Tensor, settle: Callable[[], None]) -> float:
    """Milliseconds a step of `generate` behind a context [1, T]: what more steps add, without the prefill."""
    few, many = (_generate_ms(model, ids, steps, settle) for steps in (2, 2 + STEPS))
    return (many - few) / STEPS


def _generate_ms(model: Any, ids: Tensor, steps: int, settle: Callable[[], None]) -> float:
    times = []
    for _ in range(3):
        settle()
        began = time.perf_counter()
        model.generate(
            ids,
            max_new_tokens=model.config.canvas_length,
            max_denoising_steps=steps,
            confidence_threshold=1e-30,
            eos_token_id=None,
        )
        settle()
        times.append((time.perf_counter() - began) * 1e3)
    return statistics.median(times[1:])


def _text(config: GemmaConfig) -> dict[str, Any]:
    return {
        "vocab_size": config.vocab_size,
        "hidden_size": config.hidden_size,
        "intermediate_size": config.intermediate_size,
        "num_hidden_layers": config.num_layers,
        "num_attention_heads": config.num_heads,
        "num_key_value_heads": config.num_kv_heads,
        "head_dim": config.head_dim,
        "global_head_dim": config.global_head_dim,
        "num_global_key_value_heads": config.global_num_kv_heads,
        "sliding_window": config.sliding_window,
        "layer_types": list(config.layer_types),
        "num_experts": config.num_experts,
        "top_k_experts": config.top_k,
        "moe_intermediate_size": config.expert_size,
        "final_logit_softcapping": config.softcap,
        "rope_parameters": {
            "sliding_attention": {"rope_type": "default", "rope_theta": config.sliding_rope_theta},
            FULL: {
                "rope_type": "proportional",
                "partial_rotary_factor": config.full_rotary_factor,
                "rope_theta": config.full_rope_theta,
            },
        },
    }


def _state(weights: dict[str, Weight]) -> dict[str, Tensor]:
    """The names of the class; the encoder has the same tensors as the decoder."""
    state = dict[str, Tensor]()
    for name, weight in weights.items():
        assert isinstance(weight, Tensor), "the published class holds whole weights"
        if name.endswith(ENCODER_SCALAR):
            state["model.encoder.language_model." + name.replace(ENCODER_SCALAR, "layer_scalar")] = weight
            continue
        state[f"model.decoder.{name}"] = weight
        if not name.startswith("self_conditioning.") and not name.endswith("layer_scalar"):
            state[f"model.encoder.language_model.{name}"] = weight
    return state | {"lm_head.weight": state["model.decoder.embed_tokens.weight"]}


def _fill(model: Any, device: torch.device) -> None:
    """Give the buffers that no file has what the class computes for them."""
    for module in model.modules():
        for name, buffer in [*module.named_buffers(recurse=False)]:
            if buffer.is_meta:
                empty = torch.zeros(buffer.shape, dtype=buffer.dtype, device=device)
                module.register_buffer(name, empty, persistent=False)
                model._init_weights(module)
