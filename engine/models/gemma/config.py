"""Sizes of a DiffusionGemma network, from the config.json of the published class.

What the class acts on and the network does not do is refused here, by the name of the setting; what the class itself
ignores is ignored. It must know nothing of weights: `layout.py` says which tensors follow from the sizes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..settings_file import (
    EXPERTS_MAX,
    HEADS_MAX,
    LAYERS_MAX,
    POSITIONS_MAX,
    VOCABULARY_MAX,
    WIDTH_MAX,
    SettingsFile,
)

SLIDING, FULL = "sliding_attention", "full_attention"
LEAST_VISION = {
    **dict.fromkeys(("hidden_size", "intermediate_size", "head_dim"), 8),
    **dict.fromkeys(("num_hidden_layers", "num_attention_heads", "num_key_value_heads"), 1),
    **dict.fromkeys(("patch_size", "position_embedding_size"), 4),
}
"""The tower that the published class insists on, as small as it can be."""
NO_PICTURES = dict.fromkeys(("boi_token_id", "eoi_token_id", "image_token_id"), -1)
"""No token of the vocabulary stands for an image."""

REMEDY = "use a folder with a DiffusionGemma checkpoint as transformers writes it, or leave --model out"


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
        return cls.of(SettingsFile.read(folder / "config.json", REMEDY))

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> GemmaConfig:
        """The sizes that the settings of a config.json give; see `of`."""
        return cls.of(SettingsFile(name="config.json", values=settings, remedy=REMEDY))

    @classmethod
    def of(cls, settings: SettingsFile) -> GemmaConfig:
        """The sizes that the settings give.

        Raises:
            EngineError: when one is missing or out of its bounds, does not fit the others, or asks for what the
                network does not do.
        """
        text = _supported(settings)
        layer_types = _layer_types(text)
        config = cls(
            vocab_size=text.size("vocab_size", VOCABULARY_MAX),
            hidden_size=text.size("hidden_size", WIDTH_MAX),
            intermediate_size=text.size("intermediate_size", WIDTH_MAX),
            num_layers=len(layer_types),
            layer_types=layer_types,
            sliding_window=text.size("sliding_window", POSITIONS_MAX),
            num_experts=text.size("num_experts", EXPERTS_MAX),
            top_k=text.size("top_k_experts", EXPERTS_MAX),
            expert_size=text.size("moe_intermediate_size", WIDTH_MAX),
            softcap=text.number("final_logit_softcapping", default=30.0),
            eps=text.number("rms_norm_eps", most=1.0, default=1e-6),
            canvas_length=settings.size("canvas_length", CANVAS_MAX, 256),
            **_heads(text, layer_types),
            **_rope(text),
            **_ids(text),
        )
        _check(config, text)
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


DEFAULT_ROPE = {
    SLIDING: {"rope_type": "default", "rope_theta": 1e4},
    FULL: {"rope_type": "proportional", "rope_theta": 1e6, "partial_rotary_factor": 0.25},
}
"""What the class takes where config.json says nothing."""
CANVAS_MAX = 1 << 14


def _ids(text: SettingsFile) -> dict[str, Any]:
    eos = text.values.get("eos_token_id", 1)
    ends = eos if isinstance(eos, list) else [eos]
    if not ends or any(type(value) is not int or not 0 <= value < VOCABULARY_MAX for value in ends):
        text.refuse("eos_token_id", "an id, or a list of some, is needed")
    pad, bos = text.index("pad_token_id", VOCABULARY_MAX, 0), text.index("bos_token_id", VOCABULARY_MAX, 2)
    return {"pad_id": pad, "bos_id": bos, "eos_ids": tuple(ends)}


def _layer_types(text: SettingsFile) -> tuple[str, ...]:
    count = text.size("num_hidden_layers", LAYERS_MAX)
    # Without a list the class has every sixth layer look everywhere.
    usual = [SLIDING if (index + 1) % 6 else FULL for index in range(count)]
    types = text.words("layer_types", {SLIDING, FULL}, count, usual)
    if types[-1] != FULL:
        text.refuse("layer_types", f"{FULL} is needed as the last of them")
    return tuple(types)


def _full_layers(text: SettingsFile, layer_types: tuple[str, ...]) -> dict[str, Any]:
    """What full layers have in place of the sizes of sliding ones; config.json may list it layer by layer."""
    layers = text.values.get("per_layer_config")
    if layers is None:
        found = {"head_dim": text.values.get("global_head_dim", 512)}
        heads = text.values.get("num_global_key_value_heads")
        return found if heads is None else {**found, "num_key_value_heads": heads}
    known = {"head_dim", "num_key_value_heads"}
    need = f"a table of layers, of which only {' and '.join(sorted(known))} of {FULL} may differ, is needed"
    numbers = {str(index): index for index in range(len(layer_types))}
    if not isinstance(layers, Mapping) or not all(isinstance(sizes, Mapping) for sizes in layers.values()):
        text.refuse("per_layer_config", need)
    if not set(layers) <= set(numbers):
        text.refuse("per_layer_config", need)
    given = {numbers[index]: dict(sizes) for index, sizes in layers.items()}
    full = [given.pop(index, {}) for index, kind in enumerate(layer_types) if kind == FULL]
    if any(given.values()) or any(sizes != full[0] for sizes in full) or not set(full[0]) <= known:
        text.refuse("per_layer_config", need)
    return full[0]


def _heads(text: SettingsFile, layer_types: tuple[str, ...]) -> dict[str, Any]:
    full = {**text.values, **_full_layers(text, layer_types)}
    of_full = replace(text, values=full, table_name=f"{text.table_name}({FULL}) ")
    return {
        "num_heads": text.size("num_attention_heads", HEADS_MAX),
        "num_kv_heads": text.size("num_key_value_heads", HEADS_MAX),
        "head_dim": text.size("head_dim", WIDTH_MAX),
        "global_num_kv_heads": of_full.size("num_key_value_heads", HEADS_MAX),
        "global_head_dim": of_full.size("head_dim", WIDTH_MAX),
    }


def _rope(text: SettingsFile) -> dict[str, Any]:
    given = text.table("rope_parameters", DEFAULT_ROPE)
    sliding, full = given.table(SLIDING, {}), given.table(FULL, {})
    sliding.only("rope_type", {"default"}, "default")
    full.only("rope_type", {"default", "proportional"}, "default")
    for rope in (sliding, full):
        rope.only("factor", {1, None}, None)
        if rope.values.get("rope_type", "default") == "default":
            rope.only("partial_rotary_factor", (1, 1.0), 1)
    return {
        "sliding_rope_theta": sliding.number("rope_theta", above=1.0),
        "full_rope_theta": full.number("rope_theta", above=1.0),
        "full_rotary_factor": full.number("partial_rotary_factor", most=1.0, default=1.0),
    }


def _supported(settings: SettingsFile) -> SettingsFile:
    """The text part, after nothing in either was found that the network does not do."""
    settings.only("model_type", {"diffusion_gemma"})
    settings.only("tie_word_embeddings", {True}, True)
    text = settings.table("text_config")
    text.only("tie_word_embeddings", {True}, True)
    text.only("hidden_activation", {"gelu_pytorch_tanh"}, "gelu_pytorch_tanh")
    text.only("attention_bias", {False}, False)
    text.only("use_bidirectional_attention", {None, "vision"}, None)
    return text


def _check(config: GemmaConfig, text: SettingsFile) -> None:
    """What the sizes must be to each other."""
    for heads in (config.num_kv_heads, config.global_num_kv_heads):
        if config.num_heads % heads:
            text.refuse("num_attention_heads", f"these heads cannot share {heads} key-value heads")
    if config.head_dim % 2 or config.global_head_dim % 2:
        sizes = f"{config.head_dim} and {config.global_head_dim}"
        text.refuse("head_dim", f"head sizes are {sizes}, rotary positions need even ones")
    if config.top_k > config.num_experts:
        text.refuse("top_k_experts", f"there are {config.num_experts} experts")
    last = max(config.pad_id, config.bos_id, *config.eos_ids)
    if last >= config.vocab_size:
        text.refuse("vocab_size", f"token {last} of pad, bos or eos is outside a vocabulary of {config.vocab_size}")
