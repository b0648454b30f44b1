"""A whole checkpoint of the published class on disk, tiny and random: loaded, chosen, refused, infilled with."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from dgedit.engine import load, memory
from dgedit.engine.catalog import checkpoint_folder
from dgedit.engine.denoise import denoise
from dgedit.engine.infill import fill, infill, prepare
from dgedit.engine.memory import Memory, needed_bytes, weight_bytes
from dgedit.engine.models.gemma.config import GemmaConfig
from dgedit.engine.models.gemma.infiller import GemmaInfiller
from dgedit.engine.models.gemma.layout import Precision
from dgedit.engine.quantize import convert
from dgedit.engine.types import EngineError, InfillRequest, SlotState

from ....support import gemma_text, tiny_gemma
from ....support.runs import read as read_packed

VOCAB = 2048
CANVAS = 64
PUBLISHED = GemmaConfig.published()
GB = 1e9


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made: Path = tmp_path_factory.mktemp("checkpoint") / "tiny"
    model = tiny_gemma.tiny_model(vocab_size=VOCAB, canvas_length=CANVAS)
    tiny_gemma.save(model, made, dtype=torch.bfloat16)
    (made / "tokenizer.json").write_text(gemma_text.tokenizer_json(), encoding="utf-8")
    (made / "generation_config.json").write_text(json.dumps({"max_denoising_steps": 6}), encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def model(folder: Path) -> GemmaInfiller:
    loaded = load.load(f"{folder}:bf16", device="cpu")
    assert isinstance(loaded, GemmaInfiller)
    return loaded


def request(**values: Any) -> InfillRequest:
    defaults: dict[str, Any] = {"prefix": "def f(x):\n    y = ", "suffix": "\n    return y\n", "max_passes": 4}
    return InfillRequest(**(defaults | values))


def test_what_is_loaded_is_said(folder: Path) -> None:
    lines = list[str]()
    loaded = load.load(str(folder), report=lines.append)
    assert re.fullmatch(r"tiny: bf16 on cpu: needs 1\.\d GB of [\d.]+ GB free", lines[0])
    assert lines[-1].startswith("tiny: loading 100 % of")
    assert loaded.info.name == "tiny bf16"
    assert loaded.info.instructed
    assert loaded.info.passes == 6
    assert loaded.info.parameters == sum(p.numel() for p in tiny_parameters(folder))


def tiny_parameters(folder: Path) -> Iterator[torch.Tensor]:
    transformers = pytest.importorskip("transformers")
    published = transformers.DiffusionGemmaForBlockDiffusion.from_pretrained(folder)
    decoder = published.model.decoder
    yield from decoder.parameters()
    for layers in (decoder.layers, published.model.encoder.language_model.layers):
        yield from (layer.layer_scalar for layer in layers)


def test_all_forms_have_the_same_digest_and_other_weights_another(folder: Path, tmp_path: Path) -> None:
    one, *others = (load.load(f"{folder}:{form}", device="cpu") for form in ("bf16", "fp8", "nf4"))
    assert [other.info.digest for other in others] == [one.info.digest] * 2
    assert [other.info.name for other in (one, *others)] == ["tiny bf16", "tiny FP8", "tiny 4-bit (NF4)"]
    (tmp_path / "model.safetensors").write_bytes(b"other")
    from dgedit.engine.models.gemma.load import digest

    assert digest(tmp_path) != one.info.digest


def test_a_folder_of_our_own_is_loaded_as_it_was_saved(folder: Path, tmp_path: Path) -> None:
    convert(folder, tmp_path / "small")
    loaded, direct = load.load(str(tmp_path / "small"), device="cpu"), load.load(f"{folder}:nf4", device="cpu")
    assert loaded.info.name == "small 4-bit (NF4)"
    assert fill(request(), loaded).text == fill(request(), direct).text
    convert(folder, tmp_path / "half", Precision.FP8)
    loaded, direct = load.load(str(tmp_path / "half"), device="cpu"), load.load(f"{folder}:fp8", device="cpu")
    assert loaded.info.name == "half FP8"
    assert fill(request(), loaded).text == fill(request(), direct).text


def test_an_infill_has_a_frame_a_pass_and_a_ranked_result(model: GemmaInfiller) -> None:
    frames = list(infill(request(), model))
    *passes, last = frames
    assert [frame.pass_index for frame in passes] == list(range(1, len(passes) + 1))
    assert last.result is not None
    texts = [candidate.text for candidate in last.result.candidates]
    assert texts[0] == last.result.text
    assert len(set(texts)) == len(texts) >= 3
    assert not any("<" + role in "".join(texts) for role in ("|turn>", "turn|>", "eos>", "pad>"))


@pytest.mark.parametrize("seed", [0, 3])
def test_the_same_seed_gives_the_same_text(model: GemmaInfiller, seed: int) -> None:
    prefix = "word = 1\n" * 150
    first = fill(request(prefix=prefix, seed=seed), model)
    for other in ("another = ", prefix + "z = ", prefix[:-400], prefix.replace("1", "2", 140)):
        # What is kept of their contexts must not change a bit of ours.
        fill(request(prefix=other), model)
        assert fill(request(prefix=prefix, seed=seed), model).text == first.text


@pytest.mark.parametrize(
    "values",
    [
        {"instruction": "halve it"},
        {"original": "x * 2 + offset(x)", "strength": 0.5},
        {"language": "markdown", "prefix": "| a | b |\n|---|---|\n| ", "suffix": " | 2 |\n\n```python\n```\n"},
        {"prefix": "", "suffix": ""},
        {"expected_tokens": 20},
        {"exact_tokens": 3},
    ],
)
def test_every_kind_of_request_is_filled(model: GemmaInfiller, values: dict[str, Any]) -> None:
    asked = request(**values)
    packed = model.pack(asked)
    *steps, step = denoise(read_packed(model, packed), model.defaults, torch.Generator())
    assert len(steps) < model.defaults.passes_max
    for row, slots in enumerate(packed.slots):
        ids = step.guess[row].tolist()
        behind = len(packed.lead_ids) + slots
        assert tuple(ids[: len(packed.lead_ids)]) == packed.lead_ids
        assert ids[behind : behind + len(packed.pinned_ids)] == packed.pinned_ids
        assert not model.roles[ids[len(packed.lead_ids) : behind]].any()
    assert len(fill(asked, model).candidates) >= 1
    if asked.exact_tokens:
        assert packed.slots == (asked.exact_tokens,)


def test_a_branch_goes_on_from_a_pass(model: GemmaInfiller) -> None:
    from dgedit.engine.types import Start

    first = next(iter(infill(request(), model)))
    branched = fill(request(seed=2, start=Start(slots=first.slots, passes=1)), model)
    assert branched.passes <= 3


def test_a_long_span_takes_several_canvases(model: GemmaInfiller) -> None:
    wanted = 3 * CANVAS
    asked = request(expected_tokens=wanted)
    count = model.canvases(asked)
    assert count >= 3
    frames = list(infill(asked, model))
    result = frames[-1].result
    assert result is not None
    assert len(model.tokenizer.encode(result.text)) > 2 * CANVAS
    assert [frame.pass_index for frame in frames[:-1]] == list(range(1, len(frames)))
    assert result.passes == len(frames) - 1 <= frames[0].passes_max == 4 * count
    # What an earlier canvas wrote stands in every later frame, and begins the answer.
    later = [frame for frame in frames if frame.spans[0].state is SlotState.FIXED and len(frame.spans[0].text) > CANVAS]
    assert later
    # A canvas may end within a letter of several bytes, and an answer has no blank behind one that stands there.
    assert all(result.text.startswith(frame.spans[0].text.rstrip("\ufffd").lstrip()) for frame in later)
    assert prepare(asked, model).known == ()


def test_a_text_too_long_to_mend_is_refused(model: GemmaInfiller) -> None:
    with pytest.raises(EngineError, match=r"the span has \d+ tokens"):
        fill(request(original="word " * 200, strength=0.5), model)


def test_an_uncached_model_is_named_with_the_command_that_fetches_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(EngineError, match="google/diffusiongemma-26B-A4B-it is not on this machine") as caught:
        load.load("diffusiongemma")
    assert caught.value.hint.endswith("(51.7 GB): hf download google/diffusiongemma-26B-A4B-it")
    assert str(tmp_path) in str(caught.value)
    with pytest.raises(EngineError, match="some/thing is not on this machine"):
        load.load("some/thing")


@pytest.mark.parametrize(
    "repository", ["google/diffusiongemma-26B-A4B-it", "someone/DiffusionGemma-26B-it-FP8-dynamic"]
)
def test_a_cached_model_is_found(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, repository: str
) -> None:
    revision = "0" * 40
    home = tmp_path / f"models--{repository.replace('/', '--')}"
    (home / "snapshots").mkdir(parents=True)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(revision)
    (home / "snapshots" / revision).symlink_to(folder)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert load.load("diffusiongemma:nf4", device="cpu").info.name == "diffusiongemma 4-bit (NF4)"


def test_auto_says_why_it_takes_nano(monkeypatch: pytest.MonkeyPatch, folder: Path, tmp_path: Path) -> None:
    lines = list[str]()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr(
        load, "find", lambda name, _report=None: folder if name == "diffusiongemma" else checkpoint_folder(name)
    )
    monkeypatch.setattr(memory, "memories", lambda: [Memory(device="cpu", free_bytes=10**12)])
    assert load.load("auto", report=lines.append).info.name == "nano"
    assert lines == ["auto: nano, for no GPU was found, and the large model takes minutes an infill without one"]


def test_auto_takes_a_fetched_model_that_has_room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    shutil.copytree(checkpoint_folder("nano"), tmp_path / "dgedit" / "models" / "coder")
    held = (checkpoint_folder("nano") / "model.safetensors").stat().st_size * load.HELD
    for free_bytes, taken in ((int(held) + 1, "coder"), (int(held) - 1, "nano")):
        lines = list[str]()
        monkeypatch.setattr(memory, "memories", lambda free=free_bytes: [Memory(device="cpu", free_bytes=free)])
        assert load.load("auto", report=lines.append).info.name == taken
        assert lines[0].startswith(f"auto: {taken}, for ")


@pytest.mark.parametrize(
    ("free_gb", "form"),
    [
        *[(130, Precision.BF16), (55.8, Precision.BF16), (55.6, Precision.FP8), (31.3, Precision.FP8)],
        *[(31.2, Precision.NF4), (20.5, Precision.NF4)],
    ],
)
def test_the_best_form_that_fits_is_taken(free_gb: float, form: Precision) -> None:
    chosen = memory.choose(PUBLISHED, [Memory(device="cuda", free_bytes=int(free_gb * GB))], 8192)
    assert chosen.precision is form
    assert f"of {free_gb:.1f} GB free" in chosen.why
    assert ("bf16 would need 55.7 GB" in chosen.why) == (form is not Precision.BF16)
    assert ("FP8 would need 31.3 GB" in chosen.why) == (form is Precision.NF4)


def test_files_in_fp8_are_held_in_fp8_or_below() -> None:
    def form(device: str, free_gb: float, wanted: Precision | None = None) -> Precision:
        found = [Memory(device=device, free_bytes=int(free_gb * GB))]
        return memory.choose(PUBLISHED, found, 8192, wanted, best=Precision.FP8).precision

    assert [form("cuda", free) for free in (130, 32, 31)] == [Precision.FP8, Precision.FP8, Precision.NF4]
    assert form("cuda", 130, Precision.BF16) is Precision.BF16
    # Where FP8 cannot be held, bf16 loses nothing of it.
    assert [form("mps", free) for free in (100, 32)] == [Precision.BF16, Precision.NF4]


def test_fp8_is_not_for_mps() -> None:
    mps, cpu = (Memory(device=device, free_bytes=10**11) for device in ("mps", "cpu"))
    small = replace(mps, free_bytes=40 * 10**9)
    chosen = memory.choose(PUBLISHED, [small], 8192)
    assert chosen.precision is Precision.NF4
    assert "FP8" not in chosen.why
    assert memory.choose(PUBLISHED, [mps, cpu], 8192, Precision.FP8).device == "cpu"
    with pytest.raises(EngineError, match="torch has no FP8 on mps") as caught:
        memory.choose(PUBLISHED, [mps], 8192, Precision.FP8)
    assert ":nf4" in caught.value.hint
    with pytest.raises(EngineError, match=r"it needs bf16 55\.7 GB, 4-bit \(NF4\) 20\.5 GB; free: mps 1\.0 GB"):
        memory.choose(PUBLISHED, [replace(mps, free_bytes=10**9)], 8192)
    with pytest.raises(EngineError, match=r"FP8 31\.3 GB.*free: nothing"):
        memory.choose(PUBLISHED, [], 8192)


def test_a_small_card_is_passed_over_for_a_large_machine() -> None:
    found = [Memory(device="cuda", free_bytes=8 * 10**9), Memory(device="cpu", free_bytes=10**11)]
    assert memory.choose(PUBLISHED, found, 8192).device == "cpu"


@pytest.mark.parametrize("wanted", [None, Precision.BF16, Precision.FP8])
def test_what_does_not_fit_is_refused_with_the_numbers(wanted: Precision | None) -> None:
    with pytest.raises(EngineError) as caught:
        memory.choose(PUBLISHED, [Memory(device="cuda", free_bytes=12 * 10**9)], 8192, wanted)
    need = needed_bytes(PUBLISHED, wanted or Precision.NF4, 8192)
    assert f"{need / GB:.1f} GB" in str(caught.value)
    assert "free: cuda 12.0 GB" in str(caught.value)


def test_four_bits_fit_the_target() -> None:
    assert weight_bytes(PUBLISHED, Precision.NF4) <= 16 * GB
    assert needed_bytes(PUBLISHED, Precision.NF4, 8192) <= 24 * GB
    assert weight_bytes(replace(PUBLISHED, num_experts=64), Precision.NF4) < weight_bytes(PUBLISHED, Precision.NF4)
