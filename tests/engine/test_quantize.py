"""What NF4 and FP8 cost: figures are recomputed, conversion is read back, nano goes through them and back."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from dgedit.engine.catalog import CHECKPOINTS
from dgedit.engine.models.gemma.config import GemmaConfig
from dgedit.engine.models.gemma.layout import Precision, WeightPart, plan
from dgedit.engine.models.gemma.tokenizer import GemmaTokenizer
from dgedit.engine.models.gemma.weights import read
from dgedit.engine.models.nano.checkpoint import load
from dgedit.engine.quantize import denoised_code, logits_error, main, nano_exact_match, report, requantized_nano, text
from dgedit.kernels import reference
from dgedit.kernels.formats import Fp8, Nf4, Weight

from ..support import gemma_text, tiny_gemma


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = tiny_gemma.tiny_model()
    return tiny_gemma.save(model, tmp_path_factory.mktemp("tiny"), dtype=torch.bfloat16)


def test_converting_writes_what_reading_gives(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(folder), str(tmp_path / "out")]) == 0
    ours, theirs = read(tmp_path / "out", Precision.NF4), read(folder, Precision.NF4)
    for name, weight in theirs.items():
        found = ours[name]
        if isinstance(weight, Nf4):
            assert isinstance(found, Nf4)
            assert torch.equal(found.packed, weight.packed)
            assert torch.equal(found.absmax, weight.absmax)
        else:
            assert isinstance(found, Tensor)
            assert isinstance(weight, Tensor)
            assert torch.equal(found, weight)
    assert main([str(folder), str(tmp_path / "out")]) == 2
    assert "not empty" in capsys.readouterr().err
    assert main([str(tmp_path / "none"), "--report"]) == 2
    assert "config.json is missing" in capsys.readouterr().err


def test_converting_to_fp8(folder: Path, tmp_path: Path) -> None:
    assert main([str(folder), str(tmp_path / "out"), "--fp8"]) == 0
    ours, theirs = read(tmp_path / "out", Precision.FP8), read(folder, Precision.FP8)
    assert any(isinstance(weight, Fp8) for weight in theirs.values())
    for name, weight in theirs.items():
        assert type(ours[name]) is type(weight)
        assert torch.equal(reference.dense(ours[name], torch.float32), reference.dense(weight, torch.float32))


@pytest.mark.parametrize("arguments", [[], ["folder"], ["folder", "--nano-exact-match", "1"]])
def test_a_command_that_asks_for_nothing_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)


def test_the_report_says_what_was_lost(folder: Path) -> None:
    before = read(folder, Precision.FLOAT32)
    asked = list[dict[str, Weight]]()

    def logits(config: GemmaConfig, weights: dict[str, Weight]) -> Tensor:
        assert config.num_experts == 6
        asked.append(weights)
        return reference.linear(torch.eye(128), weights["layers.0.mlp.up_proj.weight"])

    found = report(folder, logits=logits)
    assert found.bytes_before == plan(GemmaConfig.read(folder), Precision.BF16)
    assert found.bytes_after == plan(GemmaConfig.read(folder), Precision.NF4)
    assert found.layer_errors.keys() == set(range(len(tiny_gemma.LAYER_TYPES)))
    assert all(0.05 < error < 0.15 for error in found.layer_errors.values())
    assert found.errors.keys() == {
        WeightPart.ATTENTION,
        WeightPart.DENSE,
        WeightPart.EXPERTS,
        WeightPart.SELF_CONDITIONING,
    }
    matrices = [value for name, value in before.items() if "experts" in name]
    flat = torch.cat([value.flatten() for value in matrices if isinstance(value, Tensor)])
    rounded = reference.dequantize_nf4(reference.quantize_nf4(flat[None]), torch.float32)[0]
    assert found.errors[WeightPart.EXPERTS] == pytest.approx(((rounded - flat).norm() / flat.norm()).item(), rel=1e-4)
    assert [any(isinstance(value, Nf4) for value in weights.values()) for weights in asked] == [True, False]
    assert found.logits is not None
    assert 0.05 < found.logits.relative < 0.15
    for said in ("experts", "peak while reading", "same token in"):
        assert said in text(found)


def test_fp8_loses_less(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    four, eight = (report(folder, precision) for precision in (Precision.NF4, Precision.FP8))
    assert eight.bytes_after == plan(GemmaConfig.read(folder), Precision.FP8)
    assert eight.errors.keys() == four.errors.keys()
    for part, error in eight.errors.items():
        assert 0.02 < error < four.errors[part] / 3
    before = read(folder, Precision.FLOAT32)
    matrices = [value for name, value in before.items() if "experts" in name and isinstance(value, Tensor)]
    lost = sum((reference.dense(reference.quantize_fp8(one), one.dtype) - one).square().sum() for one in matrices)
    size = sum(one.square().sum() for one in matrices)
    assert eight.errors[WeightPart.EXPERTS] == pytest.approx(float(lost / size) ** 0.5, rel=1e-4)
    assert main([str(folder), "--report", "--fp8"]) == 0
    assert capsys.readouterr().out.split()[:4] == ["bf16", "GB", "FP8", "GB"]


def test_the_report_runs_both_forms_over_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tokenizer.json").write_text(gemma_text.tokenizer_json(), encoding="utf-8")
    model = tiny_gemma.tiny_model(vocab_size=GemmaTokenizer.load(tmp_path).vocab_size)
    model.model.decoder.embed_tokens.weight.data.mul_(0.3)
    tiny_gemma.save(model, tmp_path, dtype=torch.bfloat16)
    assert main([str(tmp_path), "--report", "--logits"]) == 0
    said = capsys.readouterr().out.splitlines()[-1]
    assert said.startswith("logits: error ")
    found = report(tmp_path, logits=denoised_code(tmp_path)).logits
    assert found is not None
    assert found.divergence > 0
    assert 0.02 < found.relative < 2


def test_logits_are_compared_row_by_row() -> None:
    before = torch.tensor([[0.0, 0.0], [2.0, 0.0]])
    same = logits_error(before, before.clone())
    assert (same.relative, same.divergence, same.same_choice) == (0.0, 0.0, 1.0)
    other = logits_error(before, torch.tensor([[1.0, 0.0], [0.0, 2.0]]))
    assert other.relative == pytest.approx(3 / 2)
    first = 0.5 * torch.log(torch.tensor(0.25 / (0.7310586 * 0.2689414))).item()
    second = 2 * (0.8807971 - 0.1192029)
    assert other.divergence == pytest.approx((first + second) / 2, rel=1e-4)
    assert other.same_choice == 0.5


@pytest.mark.parametrize(("precision", "distances"), [(Precision.NF4, (0.01, 0.5)), (Precision.FP8, (0.003, 0.15))])
def test_nano_answers_with_its_matrices_rounded(
    tmp_path: Path, precision: Precision, distances: tuple[float, float]
) -> None:
    """The same done by hand, by another rule: every matrix of a layer or of self-conditioning."""
    source = CHECKPOINTS / "nano"
    weights = load_file(source / "model.safetensors")
    rounded = 0
    for name, weight in weights.items():
        if "decoder" in name and weight.dim() > 1 and not any(part in name for part in ("embed_tokens", "router")):
            there = reference.quantize_nf4(weight) if precision is Precision.NF4 else reference.quantize_fp8(weight)
            weights[name] = reference.dense(there, weight.dtype)
            rounded += 1
    assert rounded > 6 * 8
    for path in source.glob("*.json"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    save_file(weights, tmp_path / "model.safetensors")
    by_hand, plain = load(tmp_path, "by hand"), load(source, "nano")
    ids = list(range(100, 140))
    hidden = [model.encode(ids).last_hidden for model in (requantized_nano(precision), by_hand, plain)]
    assert torch.equal(hidden[0], hidden[1])
    distance = (hidden[0] - hidden[2]).float().norm() / hidden[2].float().norm()
    assert distances[0] < distance < distances[1]


def test_the_evaluation_runs_before_and_after() -> None:
    before, after = nano_exact_match(1, Precision.FP8)
    assert (before.spans, after.spans) == (1, 1)
    assert [before.name, after.name] == ["nano", "nano through FP8"]
