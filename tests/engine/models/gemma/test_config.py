"""Sizes from config.json: those of the class, in both spellings; what the network does not do is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from dgedit.engine.catalog import CHECKPOINTS
from dgedit.engine.models.gemma.config import FULL, SLIDING, GemmaConfig
from dgedit.engine.types import EngineError

from ....support import tiny_gemma


@pytest.fixture(scope="module")
def model() -> Any:
    return tiny_gemma.tiny_model()


@pytest.fixture
def settings(model: Any, tmp_path: Path) -> dict[str, Any]:
    """What transformers writes."""
    model.config.save_pretrained(tmp_path)
    found: dict[str, Any] = json.loads((tmp_path / "config.json").read_text())
    return found


def test_the_sizes_are_those_of_the_class(model: Any, settings: dict[str, Any]) -> None:
    config, text = GemmaConfig.from_dict(settings), model.config.text_config
    attention = [layer.self_attn for layer in model.model.decoder.layers]
    for layer, kind in zip(attention, config.layer_types, strict=True):
        full = kind == FULL
        assert layer.head_dim == (config.global_head_dim if full else config.head_dim)
        heads = config.global_num_kv_heads if full else config.num_kv_heads
        assert layer.num_key_value_groups == config.num_heads // heads
    rotary = model.model.decoder.rotary_emb.full_attention_inv_freq
    turned = int(config.full_rotary_factor * config.global_head_dim) // 2
    assert rotary.count_nonzero() == turned
    torch.testing.assert_close(rotary[1].item(), config.full_rope_theta ** (-2 / config.global_head_dim))
    assert (config.num_experts, config.top_k, config.expert_size) == (6, 2, 64)
    assert (config.softcap, config.eps, config.sliding_window) == (30.0, text.rms_norm_eps, text.sliding_window)
    assert (config.pad_id, config.bos_id, config.eos_ids, config.canvas_length) == (0, 2, (1, 6), 16)


def test_both_spellings_of_the_full_layers_sizes_mean_the_same(settings: dict[str, Any]) -> None:
    config, text = GemmaConfig.from_dict(settings), settings["text_config"]
    assert text.pop("per_layer_config")["2"] == {"head_dim": 64, "num_key_value_heads": 1}
    text |= {"global_head_dim": 64, "num_global_key_value_heads": 1}
    assert GemmaConfig.from_dict(settings) == config
    del text["global_head_dim"], text["num_global_key_value_heads"]
    plain = GemmaConfig.from_dict(settings)
    assert (plain.global_head_dim, plain.global_num_kv_heads) == (512, 2)


def test_what_config_json_leaves_out_is_what_the_class_takes(settings: dict[str, Any]) -> None:
    config, text = GemmaConfig.from_dict(settings), settings["text_config"]
    for name in ("rope_parameters", "final_logit_softcapping", "rms_norm_eps", "pad_token_id", "bos_token_id"):
        del text[name]
    assert GemmaConfig.from_dict(settings) == config
    del text["layer_types"], text["eos_token_id"], settings["canvas_length"]
    text |= {"num_hidden_layers": 12, "per_layer_config": {}}
    config = GemmaConfig.from_dict(settings)
    assert config.layer_types == ((SLIDING,) * 5 + (FULL,)) * 2
    assert (config.eos_ids, config.canvas_length, config.global_head_dim) == ((1,), 256, config.head_dim)
    assert GemmaConfig.read(CHECKPOINTS / "nano").full_rotary_factor == 1.0


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"attention_bias": True}, "text_config.attention_bias is true"),
    ({"hidden_activation": "silu"}, '"silu"'),
    ({"use_bidirectional_attention": "all"}, "use_bidirectional_attention"),
    ({"tie_word_embeddings": False}, "tie_word_embeddings"),
    ({"num_experts": None}, "num_experts is null"),
    ({"hidden_size": 0}, "hidden_size is 0"),
    ({"vocab_size": "256"}, 'vocab_size is "256"'),
    ({"top_k_experts": 7}, "top_k_experts is 7; there are 6"),
    ({"num_key_value_heads": 3}, "share 3"),
    ({"head_dim": 31}, "31"),
    ({"layer_types": [FULL]}, "layer_types .* a list of 5"),
    ({"layer_types": [FULL] * 4 + ["linear_attention"]}, "layer_types .* each full_attention or sliding_attention"),
    ({"layer_types": [FULL] * 4 + [SLIDING]}, "last"),
    ({"per_layer_config": {"0": {"head_dim": 64}}}, "per_layer_config"),
    ({"per_layer_config": {"2": {"head_dim": 64}}}, "per_layer_config"),
    ({"per_layer_config": {"2": {"sliding_window": 6}, "4": {"sliding_window": 6}}}, "per_layer_config"),
    ({"rope_parameters": {SLIDING: {"rope_type": "yarn", "rope_theta": 1e4}}}, 'rope_type is "yarn"'),
    ({"rope_parameters": {FULL: {"rope_theta": 1e4, "partial_rotary_factor": 0.5}}}, "partial_rotary_factor"),
    ({"rope_parameters": {FULL: {"rope_type": "proportional", "rope_theta": 1e4, "factor": 8}}}, "factor is 8"),
    ({"rope_parameters": {SLIDING: {"rope_type": "default"}}}, "rope_theta is missing"),
    ({"final_logit_softcapping": None}, "final_logit_softcapping is null"),
    ({"eos_token_id": [1, None]}, "eos"),
    ({"eos_token_id": 256}, "vocabulary of 256"),
    ({"num_hidden_layers": 100_000, "layer_types": None}, "from 1 to 512"),
    ({"hidden_size": 10**400}, "hidden_size is 10+…; a whole number"),
    ({"rms_norm_eps": 10**400}, "rms_norm_eps is 10+…; a number"),
    ({"rms_norm_eps": float("nan")}, "rms_norm_eps is NaN; a number"),
    ({"final_logit_softcapping": float("inf")}, "final_logit_softcapping is Infinity"),
    ({"layer_types": [[FULL]] * 5}, "layer_types"),
    ({"layer_types": {"0": FULL}}, "layer_types"),
    ({"per_layer_config": [1]}, "per_layer_config"),
    ({"per_layer_config": {"2": 7}}, "per_layer_config"),
    ({"per_layer_config": {"100": {}}}, "per_layer_config"),
    ({"rope_parameters": "default"}, 'rope_parameters is "default"; settings'),
    ({"rope_parameters": {SLIDING: [1]}}, "rope_parameters.sliding_attention is "),
    ({"pad_token_id": -1}, "pad_token_id is -1"),
    ({"bos_token_id": True}, "bos_token_id is true"),
]


@pytest.mark.parametrize(("change", "said"), REFUSED)
def test_what_the_network_does_not_do_is_refused(settings: dict[str, Any], change: dict[str, Any], said: str) -> None:
    settings["text_config"] |= change
    with pytest.raises(EngineError, match=said) as caught:
        GemmaConfig.from_dict(settings)
    assert caught.value.hint


def test_other_models_and_files_are_refused(settings: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(EngineError, match='model_type is "gemma4"'):
        GemmaConfig.from_dict(settings | {"model_type": "gemma4"})
    with pytest.raises(EngineError, match="text_config is missing"):
        GemmaConfig.from_dict({"model_type": "diffusion_gemma"})
    odd: dict[str, Any] = {"per_layer_config": {"x": {}}}
    for content in ("{", "[1]", json.dumps(settings | {"text_config": settings["text_config"] | odd})):
        (tmp_path / "config.json").write_text(content)
        with pytest.raises(EngineError, match=r"config\.json"):
            GemmaConfig.read(tmp_path)
