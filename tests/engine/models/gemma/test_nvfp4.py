"""Checkpoints in NVFP4, in the two layouts that published files have, and what compressed-tensors writes itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from dgedit.engine.models.gemma import nvfp4
from dgedit.engine.models.gemma.layout import Precision
from dgedit.engine.models.gemma.weights import best_precision, read
from dgedit.engine.types import EngineError
from dgedit.kernels import reference
from dgedit.kernels.formats import Fp8, Nf4

from ....support import tiny_gemma

LEVELS = torch.tensor([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0])
DECODER = "model.decoder."


def test_numbers_are_those_of_the_format() -> None:
    """Every code, by hand: the lower half of a byte comes first, the highest bit of a half is the sign."""
    packed = torch.tensor([[0x10, 0x32, 0x54, 0x76, 0x98, 0xBA, 0xDC, 0xFE]], dtype=torch.uint8)
    found = nvfp4.unpacked(packed, torch.tensor([[2.0]]))
    assert found.tolist() == [[0, 1, 2, 3, 4, 6, 8, 12, -0.0, -1, -2, -3, -4, -6, -8, -12]]


def packed_as(weight: Tensor) -> tuple[Tensor, Tensor, float, Tensor]:
    """Bytes, FP8 scales, the factor of the whole, and the numbers that those stand for."""
    rows, size = weight.shape
    blocks = weight.float().view(rows, size // 16, 16)
    whole = float(blocks.abs().max()) / (448 * 6)
    scale = (blocks.abs().amax(-1) / 6 / whole).to(torch.float8_e4m3fn)
    steps = scale.float() * whole
    codes = ((blocks.abs() / steps.clamp(min=1e-9)[..., None])[..., None] - LEVELS).abs().argmin(-1)
    numbers = LEVELS[codes] * blocks.sign() * steps[..., None]
    codes = (codes + 8 * (blocks < 0)).to(torch.uint8).view(rows, size)
    return codes[:, 0::2] | codes[:, 1::2] << 4, scale, whole, numbers.view(rows, size)


def compressed_tensors(stem: str, weight: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """One matrix as that library names its parts."""
    packed, scale, whole, numbers = packed_as(weight)
    made = {"weight_packed": packed, "weight_scale": scale, "weight_global_scale": torch.tensor([1 / whole])}
    made["input_global_scale"] = torch.tensor([3.0])
    return {f"{stem}.{name}": tensor for name, tensor in made.items()}, numbers


def modelopt(stem: str, weight: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """One matrix as that library names its parts."""
    packed, scale, whole, numbers = packed_as(weight)
    made = {"weight": packed, "weight_scale": scale, "weight_scale_2": torch.tensor(whole)}
    made["input_scale"] = torch.tensor(3.0)
    return {f"{stem}.{name}": tensor for name, tensor in made.items()}, numbers


Writer = Callable[[str, Tensor], tuple[dict[str, Tensor], Tensor]]
WRITERS: dict[str, Writer] = {"compressed-tensors": compressed_tensors, "modelopt": modelopt}


def written(folder: Path, source: Path, writer: Writer) -> dict[str, Tensor]:
    """The checkpoint with every matrix of experts, attention and feed-forward in NVFP4; the numbers by our names."""
    tensors, numbers = load_file(source / "model.safetensors"), dict[str, Tensor]()
    for name in list(tensors):
        if not name.startswith(DECODER) or "_proj" not in name or "self_conditioning" in name or "router" in name:
            continue
        weight, own = tensors.pop(name), name.removeprefix(DECODER)
        if weight.dim() == 2:
            made, numbers[own] = writer(name.removesuffix(".weight"), weight)
            tensors |= made
            continue
        stem, _, kind = name.rpartition(".")
        experts = []
        for number, matrix in enumerate(weight):
            parts = zip(("gate_proj", "up_proj"), matrix.chunk(2), strict=True) if "gate" in kind else [(kind, matrix)]
            pieces = []
            for part, piece in parts:
                made, found = writer(f"{stem}.{number}.{part}", piece)
                tensors |= made
                pieces.append(found)
            experts.append(torch.cat(pieces))
        numbers[own] = torch.stack(experts)
    folder.mkdir()
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_bytes((source / "config.json").read_bytes())
    return numbers


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gemma.save(tiny_gemma.tiny_model(), tmp_path_factory.mktemp("bf16"))


@pytest.mark.parametrize("layout", WRITERS)
def test_both_layouts_are_read_into_every_form(layout: str, source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "nvfp4"
    numbers = written(folder, source, WRITERS[layout])
    assert any("experts" in name for name in numbers)
    assert any("q_proj" in name for name in numbers)
    assert best_precision(folder) is Precision.BF16
    whole, nf4, fp8 = (read(folder, form) for form in (Precision.FLOAT32, Precision.NF4, Precision.FP8))
    for name, expected in numbers.items():
        found = whole[name]
        assert isinstance(found, Tensor)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=0)
        packed, values = nf4[name], fp8[name]
        if isinstance(packed, Nf4):
            assert torch.equal(packed.packed, reference.quantize_nf4(found).packed)
        if isinstance(values, Fp8):
            torch.testing.assert_close(values.scale, reference.quantize_fp8(found).scale)
    assert sum(isinstance(each, Nf4) for each in nf4.values()) > 10


FAULTS: dict[str, tuple[str, Callable[[Tensor], Tensor] | None]] = {
    "the scales are missing": ("weight_scale", None),
    "the scale of the whole is missing": ("weight_global_scale", None),
    "a block too few": ("weight_scale", lambda scale: scale[:, :-1].contiguous()),
    "scales of another type": ("weight_scale", lambda scale: scale.float()),
    "a byte too few": ("weight_packed", lambda packed: packed[:, :-1].contiguous()),
    "two scales of the whole": ("weight_global_scale", lambda scale: torch.cat((scale, scale))),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_does_not_fit_is_named(fault: str, source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "nvfp4"
    written(folder, source, compressed_tensors)
    tensors = load_file(folder / "model.safetensors")
    end, change = FAULTS[fault]
    name = f"{DECODER}layers.0.self_attn.q_proj.{end}"
    kept = tensors.pop(name)
    if change is not None:
        tensors[name] = change(kept)
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(EngineError, match="q_proj"):
        read(folder, Precision.BF16)


def test_a_scale_that_is_no_number_is_an_error(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "nvfp4"
    written(folder, source, compressed_tensors)
    tensors = load_file(folder / "model.safetensors")
    tensors[f"{DECODER}layers.0.self_attn.q_proj.weight_global_scale"] = torch.zeros(1)
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(EngineError, match="q_proj"):
        read(folder, Precision.BF16)


def test_what_compressed_tensors_writes_is_read_as_it_reads_it() -> None:
    base: Any = pytest.importorskip("compressed_tensors.compressors.nvfp4.base")
    quantization: Any = pytest.importorskip("compressed_tensors.quantization")
    arguments = quantization.QuantizationArgs(num_bits=4, type="float", strategy="tensor_group", group_size=16)
    scheme = quantization.QuantizationScheme(targets=["Linear"], weights=arguments)
    weight = torch.randn(8, 64, generator=torch.Generator().manual_seed(0))
    whole = 448 * 6 / weight.abs().max()
    scale = (weight.view(8, 4, 16).abs().amax(-1) / 6 * whole).to(torch.float8_e4m3fn)
    given = {"weight": weight, "weight_scale": scale.float(), "weight_global_scale": whole.view(1)}
    made = base.NVFP4PackedCompressor.compress(given, scheme)
    theirs = base.NVFP4PackedCompressor.decompress(dict(made), scheme)["weight"].float()
    ours = nvfp4.unpacked(made["weight_packed"], made["weight_scale"].float() / whole)
    torch.testing.assert_close(ours, theirs, rtol=5e-3, atol=1e-5)
