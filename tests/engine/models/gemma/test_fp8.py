"""Checkpoints in FP8 with a scale a row: read into every form, held as they are, refused when they are damaged."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from dgedit.engine.models.gemma import files
from dgedit.engine.models.gemma.layout import Precision
from dgedit.engine.models.gemma.weights import DECODER, best_precision, read
from dgedit.engine.types import EngineError
from dgedit.kernels import reference
from dgedit.kernels.formats import Fp8, Weight

from ....support import tiny_gemma
from .test_weights import Tensors, assert_same, expected, in_nf4, rewritten


@pytest.fixture(scope="module")
def model() -> Any:
    return tiny_gemma.tiny_model()


@pytest.fixture(scope="module")
def folder(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gemma.save(model, tmp_path_factory.mktemp("whole"))


def fp8_layout(tensors: Tensors) -> Tensors:
    """The checkpoint in FP8 with a scale a row, every expert on its own; embeddings and routers whole."""
    out: Tensors = {}
    for name, tensor in tensors.items():
        if "_proj" not in name or "vision" in name:
            out[name] = tensor
        elif ".experts." in name:
            stem, _, kind = name.rpartition(".")
            for number, expert in enumerate(tensor):
                parts = {"gate_proj": expert.chunk(2)[0], "up_proj": expert.chunk(2)[1]}
                for part, matrix in parts.items() if kind == "gate_up_proj" else [(kind, expert)]:
                    out |= fp8(f"{stem}.{number}.{part}.weight", matrix)
        else:
            out |= fp8(name, tensor)
    return out


def fp8(name: str, matrix: Tensor) -> Tensors:
    scale = matrix.abs().amax(-1, keepdim=True) / 448
    return {name: (matrix / scale).to(torch.float8_e4m3fn), f"{name}_scale": scale.bfloat16()}


def test_the_layout_of_fp8_checkpoints_is_read(model: Any, folder: Path, tmp_path: Path) -> None:
    changed = rewritten(folder, tmp_path / "fp8", fp8_layout)
    stored = load_file(changed / "model.safetensors")
    assert f"{DECODER}layers.0.experts.5.up_proj.weight_scale" in stored
    theirs: Tensors = {}
    for name, weight in expected(model).items():
        theirs[name] = weight
        if "_proj" in name:
            scale = (weight.abs().amax(-1, keepdim=True) / 448).bfloat16().float()
            exact = weight.abs().amax(-1, keepdim=True) / 448
            theirs[name] = (weight / exact).to(torch.float8_e4m3fn).float() * scale
            assert 0.001 < (theirs[name] - weight).norm() / weight.norm() < 0.04
    assert_same(read(changed, Precision.FLOAT32), dict(theirs))
    assert_same(read(changed, Precision.NF4), in_nf4(theirs))

    assert [best_precision(each) for each in (folder, changed)] == [Precision.BF16, Precision.FP8]

    def drop(tensors: Tensors) -> None:
        tensors.pop(f"{DECODER}layers.0.experts.3.up_proj.weight_scale")

    with pytest.raises(EngineError, match=r"experts\.3\.up_proj\.weight_scale"):
        read(rewritten(changed, tmp_path / "lacking", drop), Precision.BF16)


@pytest.mark.parametrize("slice_weights", [1 << 20, 50 * 128])
def test_fp8_checkpoints_are_held_as_they_are(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slice_weights: int
) -> None:
    monkeypatch.setattr(files, "SLICE_WEIGHTS", slice_weights)
    changed = rewritten(folder, tmp_path / "fp8", fp8_layout)
    stored, held = load_file(changed / "model.safetensors"), read(changed, Precision.FP8)
    assert {type(weight) for name, weight in held.items() if "_proj" in name} == {Fp8}

    def assert_is(weight: Weight, rows: slice, name: str) -> None:
        assert isinstance(weight, Fp8)
        values, scale = stored[name].view(torch.uint8), stored[f"{name}_scale"][:, 0].float()
        assert torch.equal(weight.values[rows].view(torch.uint8), values)
        assert torch.equal(weight.scale[rows], scale)

    assert_is(held["layers.1.mlp.up_proj.weight"], slice(None), f"{DECODER}layers.1.mlp.up_proj.weight")
    gate_up, down = held["layers.4.experts.gate_up_proj"], held["layers.4.experts.down_proj"]
    for expert in range(6):
        stem = f"{DECODER}layers.4.experts.{expert}."
        assert isinstance(gate_up, Fp8)
        assert isinstance(down, Fp8)
        one = Fp8(gate_up.values[expert], gate_up.scale[expert])
        assert_is(one, slice(0, 64), f"{stem}gate_proj.weight")
        assert_is(one, slice(64, 128), f"{stem}up_proj.weight")
        assert_is(Fp8(down.values[expert], down.scale[expert]), slice(None), f"{stem}down_proj.weight")


def test_what_an_fp8_checkpoint_left_whole_is_quantised(model: Any, folder: Path, tmp_path: Path) -> None:
    whole = expected(model)["layers.2.experts.gate_up_proj"][3]
    attention = expected(model)["layers.2.self_attn.q_proj.weight"]

    def mixed(tensors: Tensors) -> Tensors:
        out = fp8_layout(tensors)
        for name, value in {"experts.3.up_proj": whole[64:], "self_attn.q_proj": attention}.items():
            out.pop(f"{DECODER}layers.2.{name}.weight_scale")
            out[f"{DECODER}layers.2.{name}.weight"] = value.clone()
        return out

    held = read(rewritten(folder, tmp_path / "mixed", mixed), Precision.FP8)
    gate_up = held["layers.2.experts.gate_up_proj"]
    assert isinstance(gate_up, Fp8)
    assert_same({"": held["layers.2.self_attn.q_proj.weight"]}, {"": reference.quantize_fp8(attention)})
    up = Fp8(gate_up.values[3, 64:], gate_up.scale[3, 64:])
    assert_same({"": up}, {"": reference.quantize_fp8(whole[64:])})


UP = f"{DECODER}layers.0.mlp.up_proj.weight"


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        (UP, lambda t: torch.full(t.shape, torch.nan).to(t.dtype), "not a number"),
        (f"{UP}_scale", lambda t: t.fill_(torch.inf), "not finite"),
        (f"{UP}_scale", lambda t: t.flatten(), "has shape"),
        (f"{UP}_scale", lambda t: t[:1], "has shape"),
    ],
)
def test_damaged_fp8_is_refused(
    folder: Path, tmp_path: Path, name: str, change: Callable[[Tensor], Tensor], said: str
) -> None:
    def damaged(tensors: Tensors) -> Tensors:
        out = fp8_layout(tensors)
        return out | {name: change(out[name]).clone()}

    with pytest.raises(EngineError, match=rf"layers\.0\.mlp\.up_proj\.weight.* {said}"):
        read(rewritten(folder, tmp_path / "damaged", damaged), Precision.FP8)


def test_the_best_form_of_a_damaged_file_is_not_guessed(folder: Path, tmp_path: Path) -> None:
    shutil.copyfile(folder / "config.json", tmp_path / "config.json")
    with pytest.raises(EngineError, match=r"model\.safetensors is missing"):
        best_precision(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"12345678")
    with pytest.raises(EngineError, match="not readable"):
        best_precision(tmp_path)
