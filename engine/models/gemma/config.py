"""Sizes of a DiffusionGemma network, from the config.json of the published class.

What the class acts on and the network does not do is refused here, by the name of the setting; what the class itself
ignores is ignored. It must know nothing of weights: `layout.py` says which tensors follow from the sizes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...types import EngineError

SLIDING, FULL = "sliding_attention", "full_attention"

REMEDY = "use a folder with a DiffusionGemma checkpoint as transformers writes it, or leave --model out"

Settings = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class GemmaConfig:
    """The sizes and constants of a network."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    """Inner size of the dense block of a layer, and of the self-conditioning block."""
    num_layers: int
    num_heads: int
    num_kv_heads: int
    """On sliding layers."""
    head_dim: int
    """On sliding layers."""
    global_num_kv_heads: int
    """On full layers."""
    global_head_dim: int
    """On full layers."""
    sliding_window: int
    """Positions that a sliding layer of the encoder sees, its own counted."""
    layer_types: tuple[str, ...]
    """`SLIDING` or `FULL` for each layer."""
    sliding_rope_theta: float
    full_rope_theta: float
    full_rotary_factor: float
    """Share of the pairs of a full layer's heads that turn with the position; the frequencies of those are spread over
    the whole head size."""
    num_experts: int
    top_k: int
    """Experts that a token is sent to."""
    expert_size: int
    softcap: float
    eps: float
    canvas_length: int
    pad_id: int
    eos_ids: tuple[int, ...]
    bos_id: int

    @classmethod
    def read(cls, folder: Path) -> GemmaConfig:
        """The sizes of the checkpoint in a folder.

        Raises:
            EngineError: when config.json is missing or unreadable, or asks for what the network does not do.
        """
        path = folder / "config.json"
        try:
            settings = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise EngineError(f"{path} is missing", REMEDY) from error
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise EngineError(f"{path} is not readable as JSON: {error}", REMEDY) from error
        try:
            return cls.from_dict(settings)
        except (AttributeError, TypeError, ValueError) as error:
            raise EngineError(f"{path} does not describe a DiffusionGemma checkpoint ({error!r})", REMEDY) from error

    @classmethod
    def from_dict(cls, settings: Settings) -> GemmaConfig:
        """The sizes that the settings of config.json give.

        Raises:
            EngineError: when one is missing, does not fit the others, or asks for what the network does not do.
        """
        text = _supported(settings)
        layer_types = _layer_types(text)
        config = cls(
            vocab_size=_size(text, "vocab_size"),
            hidden_size=_size(text, "hidden_size"),
            intermediate_size=_size(text, "intermediate_size"),
            num_layers=len(layer_types),
            layer_types=layer_types,
            sliding_window=_size(text, "sliding_window"),
            num_experts=_size(text, "num_experts"),
            top_k=_size(text, "top_k_experts"),
            expert_size=_size(text, "moe_intermediate_size"),
            softcap=_number(text, "final_logit_softcapping", 30.0),
            eps=_number(text, "rms_norm_eps", 1e-6),
            canvas_length=_size({"canvas_length": 256, **settings}, "canvas_length"),
            **_heads(text, layer_types),
            **_rope(text),
            **_ids(text),
        )
        _check(config)
        return config

    @classmethod
    def published(cls) -> GemmaConfig:
        """The sizes of the published 26B-A4B, put together from what was reported of it: no file of it was at hand.

        Not seen in any of its files: `global_head_dim` (the class's default), `eps`, `pad_id` and `bos_id` (likewise),
        and `eos_ids` (from another reader of it). With them the sizes give 25.25e9 weights; the model card says 25.2e9.
        """
        return cls(
            vocab_size=262_144,
            hidden_size=2816,
            intermediate_size=2112,
            num_layers=30,
            num_heads=16,
            num_kv_heads=8,
            head_dim=256,
            global_num_kv_heads=2,
            global_head_dim=512,
            sliding_window=1024,
            layer_types=((SLIDING,) * 5 + (FULL,)) * 5,
            sliding_rope_theta=1e4,
            full_rope_theta=1e6,
            full_rotary_factor=0.25,
            num_experts=128,
            top_k=8,
            expert_size=704,
            softcap=30.0,
            eps=1e-6,
            canvas_length=256,
            pad_id=0,
            eos_ids=(1, 106, 50),
            bos_id=2,
        )


DEFAULT_ROPE: Settings = {
    SLIDING: {"rope_type": "default", "rope_theta": 1e4},
    FULL: {"rope_type": "proportional", "rope_theta": 1e6, "partial_rotary_factor": 0.25},
}
"""What the class takes where config.json says nothing."""


def _only(settings: Settings, name: str, allowed: set[object], default: object) -> None:
    value = settings.get(name, default)
    if isinstance(value, (dict, list)) or value not in allowed:
        choices = " or ".join(sorted(map(repr, allowed)))
        raise EngineError(f"config.json: {name} is {value!r}, only {choices} is supported", REMEDY)


def _size(settings: Settings, name: str) -> int:
    value = settings.get(name)
    if type(value) is not int or value < 1:
        raise EngineError(f"config.json: {name} is {value!r}, a whole number above 0 is needed", REMEDY)
    return value


def _number(settings: Settings, name: str, default: object) -> float:
    value = settings.get(name, default)
    if type(value) not in (int, float) or value <= 0:
        raise EngineError(f"config.json: {name} is {value!r}, a number above 0 is needed", REMEDY)
    return float(value)


def _ids(text: Settings) -> dict[str, Any]:
    eos = text.get("eos_token_id", 1)
    ends = eos if isinstance(eos, list) else [eos]
    pad, bos = text.get("pad_token_id", 0), text.get("bos_token_id", 2)
    if not ends or any(type(value) is not int or value < 0 for value in (pad, bos, *ends)):
        raise EngineError(f"config.json: the ids of pad, bos and eos are {pad!r}, {bos!r} and {eos!r}", REMEDY)
    return {"pad_id": pad, "bos_id": bos, "eos_ids": tuple(ends)}


def _layer_types(text: Settings) -> tuple[str, ...]:
    count = _size(text, "num_hidden_layers")
    # Without a list the class has every sixth layer look everywhere.
    types = text.get("layer_types") or [SLIDING if (index + 1) % 6 else FULL for index in range(count)]
    if len(types) != count or not set(types) <= {SLIDING, FULL}:
        raise EngineError(f"config.json: layer_types {types} do not name {count} layers {SLIDING} or {FULL}", REMEDY)
    if types[-1] != FULL:
        raise EngineError(f"config.json: the last of layer_types is {types[-1]}, {FULL} is needed", REMEDY)
    return tuple(types)


def _full_layers(text: Settings, layer_types: tuple[str, ...]) -> Settings:
    """What full layers have in place of the sizes of sliding ones; config.json may list it layer by layer."""
    layers = text.get("per_layer_config")
    if layers is None:
        found = {"head_dim": text.get("global_head_dim", 512)}
        heads = text.get("num_global_key_value_heads")
        return found if heads is None else {**found, "num_key_value_heads": heads}
    given = {int(index): dict(sizes) for index, sizes in layers.items()}
    full = [given.pop(index, {}) for index, kind in enumerate(layer_types) if kind == FULL]
    known = {"head_dim", "num_key_value_heads"}
    if any(given.values()) or any(sizes != full[0] for sizes in full) or not set(full[0]) <= known:
        raise EngineError(f"config.json: per_layer_config is {layers}, only {known} of {FULL} may differ", REMEDY)
    return full[0]


def _heads(text: Settings, layer_types: tuple[str, ...]) -> dict[str, Any]:
    sliding = {name: text.get(name) for name in ("num_key_value_heads", "head_dim")}
    full = {**sliding, **_full_layers(text, layer_types)}
    return {
        "num_heads": _size(text, "num_attention_heads"),
        "num_kv_heads": _size(sliding, "num_key_value_heads"),
        "head_dim": _size(sliding, "head_dim"),
        "global_num_kv_heads": _size(full, "num_key_value_heads"),
        "global_head_dim": _size(full, "head_dim"),
    }


def _rope(text: Settings) -> dict[str, Any]:
    given = text.get("rope_parameters") or DEFAULT_ROPE
    sliding, full = (given.get(kind) or {} for kind in (SLIDING, FULL))
    _only(sliding, "rope_type", {"default"}, "default")
    _only(full, "rope_type", {"default", "proportional"}, "default")
    for rope in (sliding, full):
        _only(rope, "factor", {1, None}, None)
        if rope.get("rope_type", "default") == "default":
            _only(rope, "partial_rotary_factor", {1}, 1)
    return {
        "sliding_rope_theta": _number(sliding, "rope_theta", None),
        "full_rope_theta": _number(full, "rope_theta", None),
        "full_rotary_factor": _number(full, "partial_rotary_factor", 1.0),
    }


def _supported(settings: Settings) -> Settings:
    """The text part, after nothing in either was found that the network does not do."""
    _only(settings, "model_type", {"diffusion_gemma"}, None)
    _only(settings, "tie_word_embeddings", {True}, True)
    text = settings.get("text_config")
    if not isinstance(text, dict):
        raise EngineError("config.json has no text_config", REMEDY)
    _only(text, "tie_word_embeddings", {True}, True)
    _only(text, "hidden_activation", {"gelu_pytorch_tanh"}, "gelu_pytorch_tanh")
    _only(text, "attention_bias", {False}, False)
    _only(text, "use_bidirectional_attention", {None, "vision"}, None)
    return text


def _check(config: GemmaConfig) -> None:
    """What the sizes must be to each other."""
    for heads in (config.num_kv_heads, config.global_num_kv_heads):
        if config.num_heads % heads:
            raise EngineError(f"config.json: {config.num_heads} heads cannot share {heads} key-value heads", REMEDY)
    if config.head_dim % 2 or config.global_head_dim % 2:
        sizes = f"{config.head_dim} and {config.global_head_dim}"
        raise EngineError(f"config.json: head sizes are {sizes}, rotary positions need even ones", REMEDY)
    if config.top_k > config.num_experts:
        raise EngineError(f"config.json: top_k_experts is {config.top_k} of {config.num_experts} experts", REMEDY)
    if config.full_rotary_factor > 1:
        raise EngineError(f"config.json: partial_rotary_factor is {config.full_rotary_factor}, above 1", REMEDY)
    last = max(config.pad_id, config.bos_id, *config.eos_ids)
    if last >= config.vocab_size:
        raise EngineError(f"config.json: token {last} is outside a vocabulary of {config.vocab_size}", REMEDY)
