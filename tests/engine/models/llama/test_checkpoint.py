"""Matrices of a few bits come back, checkpoints load as they were saved, damaged ones say what is wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from dgedit.engine.load import load as load_any
from dgedit.engine.models.llama import checkpoint
from dgedit.engine.models.llama.fused import Arithmetic
from dgedit.engine.models.llama.infiller import LlamaInfiller
from dgedit.engine.models.llama.quantized import BITS, Quantized, dequantize, quantize
from dgedit.engine.tokenizer import EOM, PRE, SUF
from dgedit.engine.types import EngineError

from ....support.llama import FORM, SIZES, infiller, network, weights
from ....support.toy import byte_tokenizer

MODEL = network(5)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    source = folder / "source.json"
    source.write_text(byte_tokenizer()._backend.to_str(), encoding="utf-8")
    checkpoint.save(weights(MODEL), SIZES, source, folder / "tiny", FORM, bits=8, group=16)
    return folder / "tiny"


@pytest.fixture
def copied(saved: Path, tmp_path: Path) -> Path:
    shutil.copytree(saved, tmp_path / "tiny")
    return tmp_path / "tiny"


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("group", [8, 32, 96])
def test_every_weight_comes_back_within_half_a_step(bits: int, group: int) -> None:
    matrix = torch.randn(40, 96, generator=torch.Generator().manual_seed(bits)) * 0.05
    matrix[3] = 0
    matrix[4, 7] = 3.0
    made = quantize(matrix, bits, group)
    assert made.bits == bits
    assert made.codes.nbytes == 40 * 96 * bits // 8
    back = dequantize(made)
    groups, returned = matrix.view(40, -1, group), back.view(40, -1, group)
    peak = groups.abs().amax(-1, keepdim=True)
    step = peak / (1 << (bits - 1))
    # A scale that cuts a group's largest weight is taken only where it leaves less error in all.
    assert bool(((groups - returned).square().mean(-1) <= (0.6 * step[..., 0]) ** 2 + 1e-12).all())
    assert torch.equal(back[3], torch.zeros(96))
    assert torch.equal(dequantize(quantize(back, bits, group))[3], back[3])


def test_integers_of_their_own_scale_are_exact() -> None:
    whole = torch.randint(-16, 16, (16, 64), generator=torch.Generator().manual_seed(1)).float()
    whole[:, 0] = -16
    assert torch.equal(dequantize(quantize(whole * 0.5, 5, 64)), whole * 0.5)


@pytest.mark.parametrize(
    ("weight", "bits", "group"),
    [
        (torch.zeros(2, 60), 5, 20),
        (torch.zeros(2, 64), 4, 32),
        (torch.zeros(2, 64), 5, 48),
        (torch.zeros(2, 64) / 0, 5, 32),
    ],
)
def test_what_cannot_be_packed_is_refused(weight: torch.Tensor, bits: int, group: int) -> None:
    with pytest.raises(ValueError, match=r"bits in groups|finite"):
        quantize(weight, bits, group)


@pytest.mark.parametrize(
    ("codes", "scales", "columns"),
    [
        (torch.zeros(2, 40, dtype=torch.uint8), torch.zeros(3, 2, dtype=torch.float16), 64),
        (torch.zeros(2, 41, dtype=torch.uint8), torch.zeros(2, 2, dtype=torch.float16), 64),
        (torch.zeros(2, 40, dtype=torch.uint8), torch.zeros(2, 5, dtype=torch.float16), 64),
        (torch.zeros(2, 40, dtype=torch.uint8), torch.zeros(2, 2), 64),
    ],
)
def test_parts_that_do_not_fit_are_refused(codes: torch.Tensor, scales: torch.Tensor, columns: int) -> None:
    with pytest.raises(ValueError, match=r"expected|do not|are not"):
        Quantized(codes, scales, columns)


def test_a_saved_checkpoint_is_the_network(saved: Path) -> None:
    loaded = load_any(str(saved))
    assert isinstance(loaded, LlamaInfiller)
    assert loaded.format == FORM
    assert loaded.info.parameters == sum(p.numel() for p in MODEL.parameters())
    assert len(loaded.info.digest) == 12
    exact = checkpoint.load(saved, "tiny", arithmetic=Arithmetic.FLOAT32)
    ids, rows = [SUF, 60, 61, PRE, 70, 71, 72], [[80, 81, EOM], [90, EOM]]
    original = infiller(MODEL)
    theirs = original.score(original.encode(ids), rows)
    for found, expected in zip(exact.score(exact.encode(ids), rows), theirs, strict=True):
        torch.testing.assert_close(found, expected, atol=0.15, rtol=0.03)


@pytest.mark.parametrize("name", ["config.json", "infill_config.json", "tokenizer.json", "model.safetensors"])
@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b"\xff\xfe\x00"])
def test_a_file_that_is_missing_or_garbled_is_named(copied: Path, name: str, content: bytes | None) -> None:
    (copied / name).unlink() if content is None else (copied / name).write_bytes(content)
    with pytest.raises(EngineError, match=name) as raised:
        checkpoint.load(copied, "tiny")
    assert raised.value.hint


@pytest.mark.parametrize(
    ("file", "name", "value", "said"),
    [
        *[("config.json", name, "x", name) for name in checkpoint.PUBLISHED],
        *[("config.json", name, 0, name) for name in checkpoint.PUBLISHED],
        ("config.json", "hidden_size", 1e400, "hidden_size"),
        ("config.json", "hidden_size", 10**12, "hidden_size"),
        ("config.json", "num_hidden_layers", 10**6, "num_hidden_layers"),
        ("config.json", "num_hidden_layers", 4, "layers.3"),
        ("config.json", "num_hidden_layers", 2, "layers.2"),
        ("config.json", "num_key_value_heads", 3, "num_kv_heads"),
        ("config.json", "vocab_size", 300, "tokenizer.json has 266 tokens"),
        ("config.json", "intermediate_size", 1 << 20, "config.json wants"),
        ("config.json", "rope_theta", True, "rope_theta"),
        ("config.json", "model_type", "nano", "model_type"),
        ("config.json", "tie_word_embeddings", False, "tie_word_embeddings"),
        ("infill_config.json", "mask_id", -1, "mask_id"),
        ("infill_config.json", "eom_id", 100, "eom_id"),
        ("infill_config.json", "canvas_tokens", "40", "canvas_tokens"),
        ("infill_config.json", "far_suffix_tokens", 10**5, "leaves no prefix"),
        ("infill_config.json", "near_suffix_tokens", None, "near_suffix_tokens"),
    ],
)
def test_a_wrong_field_is_named(copied: Path, file: str, name: str, value: object, said: str) -> None:
    found = json.loads((copied / file).read_text(encoding="utf-8"))
    (copied / file).write_text(json.dumps(found | {name: value}), encoding="utf-8")
    with pytest.raises(EngineError, match=said) as raised:
        checkpoint.load(copied, "tiny")
    assert raised.value.hint


Tensors = dict[str, torch.Tensor]
QKV = "layers.1.self_attn.qkv_proj.weight"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.pop("norm.weight"), "norm.weight is missing"),
        (lambda t: t.update(spare=torch.zeros(1)), "spare has no place"),
        (lambda t: t.update({f"{QKV}.codes": t[f"{QKV}.codes"][:, :-1].contiguous()}), f"{QKV}: "),
        (lambda t: t.update({f"{QKV}.codes": t[f"{QKV}.codes"][:-1].contiguous()}), f"{QKV}.codes has the shape"),
        (lambda t: t.update({f"{QKV}.scales": t[f"{QKV}.scales"].float()}), f"{QKV}: expected uint8"),
        (lambda t: t.update({f"{QKV}.scales": t[f"{QKV}.scales"] / 0}), f"{QKV}.scales holds a number"),
        (lambda t: t.update({"norm.weight": t["norm.weight"] / 0}), "norm.weight holds a number"),
        (lambda t: t.update({"norm.weight": t["norm.weight"].half()}), "norm.weight is torch.float16"),
    ],
)
def test_wrong_weights_are_named(copied: Path, change: Callable[[Tensors], Any], said: str) -> None:
    tensors = load_file(copied / "model.safetensors")
    change(tensors)
    save_file(tensors, copied / "model.safetensors")
    with pytest.raises(EngineError, match=said) as raised:
        checkpoint.load(copied, "tiny")
    assert raised.value.hint


@pytest.mark.parametrize("keep", [10, 1000, 20_000])
def test_a_file_of_weights_that_was_cut_off_says_so(copied: Path, keep: int) -> None:
    path = copied / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(EngineError, match=r"model\.safetensors is not readable"):
        checkpoint.load(copied, "tiny")


def test_what_does_not_belong_to_the_sizes_is_not_saved(tmp_path: Path) -> None:
    some = weights(MODEL) | {"norm.weight": torch.ones(3)}
    with pytest.raises(ValueError, match=r"norm\.weight must have the shape"):
        checkpoint.save(some, SIZES, tmp_path / "none.json", tmp_path / "out", FORM, group=16)
    assert not (tmp_path / "out").exists()
