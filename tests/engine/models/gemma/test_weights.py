"""Weights by name from checkpoints of the published class, and from our own form: equal, checked, within memory."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from dgedit.engine.models.gemma import files
from dgedit.engine.models.gemma import weights as gemma_weights
from dgedit.engine.models.gemma.config import FULL, SLIDING, GemmaConfig
from dgedit.engine.models.gemma.layout import Precision, WeightPart, layout, plan
from dgedit.engine.models.gemma.weights import (
    DECODER,
    ENCODER,
    MARKER,
    best_precision,
    read,
    save,
    stored_precision,
    stream,
)
from dgedit.engine.types import EngineError
from dgedit.kernels import reference
from dgedit.kernels.formats import NF4_LEVELS, Fp8, Nf4, Weight

from ....support import tiny_gemma

Tensors = dict[str, Tensor]


@pytest.fixture(scope="module")
def model() -> Any:
    return tiny_gemma.tiny_model()


@pytest.fixture(scope="module")
def folder(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gemma.save(model, tmp_path_factory.mktemp("whole"))


def rewritten(source: Path, target: Path, change: Callable[[Tensors], Any]) -> Path:
    """The checkpoint in one file, after a change to its tensors; none drops what the change gives back."""
    target.mkdir()
    shutil.copyfile(source / "config.json", target / "config.json")
    tensors = load_file(source / "model.safetensors")
    changed = change(tensors)
    save_file(tensors if changed is None else changed, target / "model.safetensors")
    return target


def expected(model: Any) -> Tensors:
    """What transformers holds, by our names."""
    state = model.state_dict()
    ours = {name.removeprefix(DECODER): value for name, value in state.items() if name.startswith(DECODER)}
    for name, value in state.items():
        if name.startswith(ENCODER) and name.endswith("layer_scalar"):
            ours[name.removeprefix(ENCODER).replace("layer_scalar", "encoder_layer_scalar")] = value
    return ours


def assert_same(ours: dict[str, Weight], theirs: dict[str, Weight]) -> None:
    assert ours.keys() == theirs.keys()
    for name, weight in ours.items():
        other = theirs[name]
        if isinstance(weight, Nf4):
            assert isinstance(other, Nf4), name
            assert torch.equal(weight.packed, other.packed), name
            assert torch.equal(weight.absmax, other.absmax), name
        elif isinstance(weight, Fp8):
            assert isinstance(other, Fp8), name
            assert torch.equal(weight.values.view(torch.uint8), other.values.view(torch.uint8)), name
            assert torch.equal(weight.scale, other.scale), name
        else:
            assert isinstance(other, Tensor), name
            assert weight.dtype == other.dtype, name
            assert torch.equal(weight, other), name


def quantised(weights: Tensors, quantize: Callable[[Tensor], Weight]) -> dict[str, Weight]:
    """The rule, said once more: matrices of attention, feed-forward and experts; rows of whole blocks."""
    out: dict[str, Weight] = {}
    for name, weight in weights.items():
        matrix = "_proj" in name and weight.shape[-1] % 64 == 0
        out[name] = quantize(weight) if matrix else weight.bfloat16()
    return out


def in_nf4(weights: Tensors) -> dict[str, Weight]:
    return quantised(weights, reference.quantize_nf4)


def in_fp8(weights: Tensors) -> dict[str, Weight]:
    return quantised(weights, reference.quantize_fp8)


@pytest.mark.parametrize("shard_mb", [None, 1.0])
def test_a_checkpoint_of_transformers_comes_out_bit_equal(model: Any, tmp_path: Path, shard_mb: float | None) -> None:
    tiny_gemma.save(model, tmp_path, shard_mb=shard_mb)
    assert (len(list(tmp_path.glob("*.safetensors"))) > 1) == (shard_mb is not None)
    theirs = expected(model)
    assert_same(read(tmp_path, Precision.FLOAT32), dict(theirs))
    assert_same(read(tmp_path, Precision.BF16), {name: weight.bfloat16() for name, weight in theirs.items()})
    assert_same(read(tmp_path, Precision.NF4), in_nf4(theirs))
    assert_same(read(tmp_path, Precision.FP8), in_fp8(theirs))


def test_a_tensor_that_is_read_in_slices_is_the_same(model: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "SLICE_WEIGHTS", 50 * 128)
    monkeypatch.setattr(files, "MAPPED_BYTES", 100_000)
    assert list(files.slices((128, 128))) == [(0, 50), (50, 100), (100, 128)]
    assert list(files.slices((2, 128, 128))) == [(0, 1), (1, 2)]
    assert_same(read(folder, Precision.FLOAT32), dict(expected(model)))
    assert_same(read(folder, Precision.NF4), in_nf4(expected(model)))
    assert_same(read(folder, Precision.FP8), in_fp8(expected(model)))


def test_shared_weights_are_found_on_the_encoders_side_and_the_decoders_count(
    model: Any, folder: Path, tmp_path: Path
) -> None:
    def to_encoder(tensors: Tensors) -> Tensors:
        own = ("layer_scalar", "self_conditioning")
        return {n if any(o in n for o in own) else n.replace(DECODER, ENCODER): t for n, t in tensors.items()}

    def on_both(tensors: Tensors) -> Tensors:
        return {name: torch.zeros_like(value) for name, value in to_encoder(tensors).items()} | tensors

    for name, change in {"encoder": to_encoder, "both": on_both}.items():
        changed = rewritten(folder, tmp_path / name, change)
        assert_same(read(changed, Precision.FLOAT32), dict(expected(model)))


def test_pictures_and_the_output_matrix_are_left_alone(model: Any, folder: Path, tmp_path: Path) -> None:
    def more(tensors: Tensors) -> None:
        tensors["model.encoder.vision_tower.more"] = torch.zeros(3, dtype=torch.int64)
        tensors["lm_head.weight"] = tensors[f"{DECODER}embed_tokens.weight"].clone()

    changed = rewritten(folder, tmp_path / "more", more)
    assert_same(read(changed, Precision.FLOAT32), dict(expected(model)))


ROUTER = f"{DECODER}layers.3.router.scale"
DOWN = f"{DECODER}layers.1.experts.down_proj"
SCALAR = f"{ENCODER}layers.2.layer_scalar"

FAULTS: dict[str, tuple[Callable[[Tensors], Any], str]] = {
    "missing": (lambda t: t.pop(ROUTER) is None, ROUTER),
    "the encoder's scalar is missing": (lambda t: t.pop(SCALAR) is None, SCALAR),
    "unknown": (lambda t: t.update({f"{DECODER}layers.0.self_attn.q_proj.bias": torch.zeros(1)}), "q_proj.bias"),
    "unknown outside": (lambda t: t.update({"model.audio.weight": torch.zeros(1)}), "model.audio.weight"),
    "a layer too many": (lambda t: t.update({f"{DECODER}layers.5.layer_scalar": torch.ones(1)}), "layers.5"),
    "shape": (lambda t: t.update({DOWN: t[DOWN].mT.contiguous()}), DOWN),
    "type": (lambda t: t.update({DOWN: t[DOWN].to(torch.int8)}), DOWN),
    "fp8 without scales": (lambda t: t.update({ROUTER: t[ROUTER].to(torch.float8_e4m3fn)}), f"{ROUTER}_scale"),
    "not finite": (lambda t: t[DOWN].view(-1)[777:778].fill_(torch.nan).sum() is None, "layers.1.experts.down_proj"),
}


@pytest.mark.parametrize("precision", [Precision.NF4, Precision.FP8])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_checkpoint_is_refused_by_the_name_of_the_weight(
    folder: Path, tmp_path: Path, fault: str, precision: Precision
) -> None:
    change, name = FAULTS[fault]

    def apply(tensors: Tensors) -> None:
        change(tensors)

    changed = rewritten(folder, tmp_path / "changed", apply)
    with pytest.raises(EngineError, match=name.replace(".", r"\.")) as caught:
        read(changed, precision)
    assert caught.value.hint


def test_damaged_and_missing_files_are_refused(model: Any, tmp_path: Path) -> None:
    folder = tiny_gemma.save(model, tmp_path / "sharded", shard_mb=1.0)
    shard = sorted(folder.glob("*.safetensors"))[1]
    content = shard.read_bytes()
    shard.write_bytes(content[: len(content) // 2])
    with pytest.raises(EngineError, match="not readable"):
        read(folder, Precision.BF16)
    shard.unlink()
    with pytest.raises(EngineError, match=shard.name):
        read(folder, Precision.BF16)
    lists = {"[": "JSON", '{"weight_map": {"x": "../x"}}': "not a file beside it", '{"weight_map": [1]}': "missing"}
    for listed, said in lists.items():
        (folder / "model.safetensors.index.json").write_text(listed)
        with pytest.raises(EngineError, match=said):
            read(folder, Precision.BF16)
    (folder / "config.json").unlink()
    with pytest.raises(EngineError, match=r"config\.json is missing"):
        read(folder, Precision.BF16)


def held_bytes(weights: dict[str, Weight], config: GemmaConfig) -> dict[WeightPart, int]:
    sums = dict.fromkeys(WeightPart, 0)
    for name, weight in weights.items():
        sums[layout(config)[name].part] += weight.nbytes
    return sums


@pytest.mark.parametrize("precision", Precision)
@pytest.mark.parametrize("expert_size", [64, 96])
def test_the_plan_is_what_is_held(tmp_path: Path, precision: Precision, expert_size: int) -> None:
    tiny_gemma.save(tiny_gemma.tiny_model(moe_intermediate_size=expert_size), tmp_path)
    seen = list[tuple[int, int]]()
    weights = read(tmp_path, precision, progress=lambda done, total: seen.append((done, total)))
    config = GemmaConfig.read(tmp_path)
    assert held_bytes(weights, config) == plan(config, precision)
    kind = {Precision.NF4: Nf4, Precision.FP8: Fp8}.get(precision, Tensor) if expert_size == 64 else Tensor
    assert isinstance(weights["layers.0.experts.down_proj"], kind)
    total = sum(plan(config, precision).values())
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert seen[-1] == (total, total)
    assert len(seen) == len(weights)


def test_the_published_model_fits_in_16_gb() -> None:
    config = GemmaConfig.published()
    forms = (Precision.BF16, Precision.FP8, Precision.NF4)
    whole, half, small = (sum(plan(config, precision).values()) for precision in forms)
    assert whole // 2 == pytest.approx(25.25e9, rel=1e-3)
    assert plan(config, Precision.BF16)[WeightPart.EXPERTS] // 2 == pytest.approx(22.8e9, rel=2e-3)
    assert half == 26_067_796_088
    assert small < 15.5e9
    assert [config.layer_types.count(kind) for kind in (SLIDING, FULL)] == [25, 5]


@pytest.mark.parametrize("precision", Precision)
def test_our_own_form_comes_back_bit_equal(
    folder: Path, tmp_path: Path, precision: Precision, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gemma_weights, "SHARD_BYTES", 500_000)
    weights = read(folder, precision)
    save(weights, folder, tmp_path / "out")
    assert len(list((tmp_path / "out").glob("*.safetensors"))) > 1
    assert_same(read(tmp_path / "out", precision), weights)
    assert GemmaConfig.read(tmp_path / "out") == GemmaConfig.read(folder)
    assert (stored_precision(folder), stored_precision(tmp_path / "out")) == (None, precision)
    assert (best_precision(folder), best_precision(tmp_path / "out")) == (Precision.BF16, precision)
    assert (tmp_path / "out" / "generation_config.json").exists()
    other = Precision.BF16 if precision is Precision.NF4 else Precision.NF4
    with pytest.raises(EngineError, match=f"holds {precision.value}, not {other.value}"):
        read(tmp_path / "out", other)


def test_saving_to_a_folder_in_use_or_out_of_a_stream_that_breaks(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(EngineError, match="not empty"):
        save(stream(folder, Precision.NF4), folder, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    with pytest.raises(EngineError, match="cannot be written"):
        save(stream(folder, Precision.NF4), folder, tmp_path / "mine" / "below")

    def breaks(tensors: Tensors) -> None:
        tensors[DOWN].view(-1)[0] = torch.inf

    with pytest.raises(EngineError, match="not finite"):
        save(stream(rewritten(folder, tmp_path / "b", breaks), Precision.NF4), folder, tmp_path / "half")
    assert not (tmp_path / "half" / MARKER).exists()


def test_a_changed_file_of_our_own_form_is_refused(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    save(stream(folder, Precision.NF4), folder, out)
    file, marker = out / "weights-00000.safetensors", json.loads((out / MARKER).read_text())
    tensors = load_file(file)
    name = "layers.0.mlp.up_proj.weight"
    for changed, said in [
        ({key: value for key, value in tensors.items() if key != f"{name}.absmax"}, f"{name}.absmax is missing"),
        (tensors | {f"{name}.nf4": tensors[f"{name}.nf4"][1:]}, f"{name}.nf4 has shape"),
        (tensors | {"more": torch.zeros(1)}, "no place for more"),
        (tensors | {"norm.weight": tensors["norm.weight"].float()}, r"norm\.weight is of type F32"),
    ]:
        save_file({key: value.contiguous() for key, value in changed.items()}, file)
        with pytest.raises(EngineError, match=said):
            read(out, Precision.NF4)
    (out / MARKER).write_text(json.dumps(marker | {"format": 2}))
    with pytest.raises(EngineError, match="format 2"):
        read(out, Precision.NF4)


def test_nf4_of_bitsandbytes_is_the_references_for_every_ratio_of_two_bf16_values() -> None:
    pytest.importorskip("bitsandbytes")
    mantissas = 1 + torch.arange(128) / 128
    below = (mantissas[:, None] * 2.0 ** -torch.arange(9)).flatten()
    rows = []
    for top in mantissas:
        values = torch.cat((below[below <= top], -below[below <= top]))
        values = torch.nn.functional.pad(values, (0, -len(values) % 63)).view(-1, 63)
        rows.append(torch.cat((top.expand(len(values), 1), values), dim=1))
    for exponent in (0, 30, -100):
        blocks = (torch.cat(rows) * 2.0**exponent).bfloat16()
        assert_same({"": files.quantize_by_bitsandbytes(blocks)}, {"": reference.quantize_nf4(blocks)})


def test_nf4_of_bitsandbytes_keeps_shapes_zeros_and_levels() -> None:
    pytest.importorskip("bitsandbytes")
    levels = torch.tensor(NF4_LEVELS).repeat(4)
    stack = torch.stack((levels * 3, torch.zeros(64), -levels)).repeat(2, 5, 2)
    assert_same({"": files.quantize_by_bitsandbytes(stack)}, {"": reference.quantize_nf4(stack)})
    assert files.quantize_by_bitsandbytes(stack).shape == stack.shape


MEASURE = """
import sys
from pathlib import Path
from dgedit.engine.models.gemma.layout import Precision
from dgedit.engine.models.gemma.weights import read
from dgedit.engine.quantize import peak_bytes, restart_peak
small, large = Path(sys.argv[1]), Path(sys.argv[2])
for precision in (Precision.NF4, Precision.FP8, Precision.BF16):
    read(small, precision)  # what libraries take once is not counted
    before = restart_peak("cpu")
    weights = read(large, precision)
    print(peak_bytes("cpu") - before, sum(weight.nbytes for weight in weights.values()))
    del weights
"""

MEGABYTE = 1 << 20


def plain_checkpoint(folder: Path, **sizes: Any) -> Path:
    """Random bf16 weights, without transformers."""
    folder.mkdir()
    settings = {"model_type": "diffusion_gemma", "text_config": {**tiny_gemma.TEXT, **sizes}}
    (folder / "config.json").write_text(json.dumps(settings))
    tensors = {}
    for name, slot in layout(GemmaConfig.read(folder)).items():
        side = ENCODER if "encoder_layer_scalar" in name else DECODER
        full = side + name.replace("encoder_layer_scalar", "layer_scalar")
        tensors[full] = torch.rand(slot.shape, dtype=torch.bfloat16)
    save_file(tensors, folder / "model.safetensors")
    return folder


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_large_checkpoint_is_never_in_memory_twice(tmp_path: Path) -> None:
    small = plain_checkpoint(tmp_path / "small")
    two_layers = {"num_hidden_layers": 2, "layer_types": [SLIDING, FULL]}
    large = plain_checkpoint(
        tmp_path / "large", **two_layers, hidden_size=512, num_experts=64, moe_intermediate_size=512
    )
    file_bytes = (large / "model.safetensors").stat().st_size
    assert file_bytes > 190 * MEGABYTE
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(small), str(large)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    # float32 copies of a slice and its codes in int64 are about 24 bytes a weight
    room = files.MAPPED_BYTES + 24 * files.SLICE_WEIGHTS + 40 * MEGABYTE
    for said, share in zip(done.stdout.splitlines(), (0.3, 0.52, 1.01), strict=True):
        peak, held = map(int, said.split())
        assert held < share * file_bytes
        assert peak < held + room, f"{peak / MEGABYTE:.0f} MB for {held / MEGABYTE:.0f} MB"
