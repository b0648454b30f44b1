"""Text comes back exactly; a checkpoint that does not fit is refused in one clear line."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest

from dgedit.engine.catalog import CHECKPOINTS, bundled_models
from dgedit.engine.load import load
from dgedit.engine.protocol import CanvasFormat, Denoiser
from dgedit.engine.types import EngineError

from ..support.toy import FORMAT


def test_any_text_comes_back(nano: Denoiser) -> None:
    draw = random.Random(1)
    alphabet = list("abcXYZ_0129 ()[]{}.,:=\"'#\t\n\r\f\x0b\x00é€😀\u2028\ufeff<>|")
    for _ in range(300):
        text = "".join(draw.choices(alphabet, k=draw.randrange(60)))
        assert nano.tokenizer.decode(nano.tokenizer.encode(text)) == text


def test_a_line_break_takes_its_indentation_and_nothing_else(nano: Denoiser) -> None:
    pieces = [nano.tokenizer.decode([i]) for i in nano.tokenizer.encode("if x:\n        return self.name\n")]
    assert "\n        " in pieces
    assert " self." in pieces


def test_line_beginnings_are_known(nano: Denoiser) -> None:
    begins = nano.tokenizer.begins_line()
    newline, word = nano.tokenizer.encode("\n    x")[0], nano.tokenizer.encode("return")[0]
    assert bool(begins[newline])
    assert not bool(begins[word])


def test_nano_is_bundled_and_says_what_it_is(nano: Denoiser) -> None:
    assert "nano" in bundled_models()
    assert nano.info.name == "nano"
    assert nano.info.parameters > 5_000_000
    assert len(nano.info.digest) == 12


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    shutil.copytree(CHECKPOINTS / "nano", folder)
    return folder


def refuse(folder: Path | str) -> str:
    with pytest.raises(EngineError) as caught:
        load(str(folder))
    assert caught.value.hint
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_unknown_model_names_the_known_ones() -> None:
    with pytest.raises(EngineError, match="unknown model 'nanno'") as caught:
        load("nanno")
    assert "nano" in caught.value.hint


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_missing_file_is_named(broken: Path, name: str) -> None:
    (broken / name).unlink()
    assert name in refuse(broken) or str(broken) in refuse(broken)


def test_a_folder_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    assert "holds no checkpoint" in refuse(tmp_path)


def test_cut_weights_are_refused(broken: Path) -> None:
    path = broken / "model.safetensors"
    path.write_bytes(path.read_bytes()[:10_000])
    assert "not readable" in refuse(broken)


@pytest.mark.parametrize(("key", "value"), [("hidden_size", 256), ("num_hidden_layers", 3), ("vocab_size", 100)])
def test_weights_of_other_sizes_are_refused(broken: Path, key: str, value: int) -> None:
    config = json.loads((broken / "config.json").read_text())
    config["text_config"][key] = value
    (broken / "config.json").write_text(json.dumps(config))
    refuse(broken)


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_a_malformed_config_is_refused(broken: Path, text: str) -> None:
    (broken / "infill_config.json").write_text(text)
    refuse(broken)


@pytest.mark.parametrize("change", [{"far_suffix_tokens": 40}, {"near_suffix_tokens": 24}])
def test_a_format_whose_parts_do_not_fit_is_refused(change: dict[str, int]) -> None:
    values = {name: getattr(FORMAT, name) for name in CanvasFormat.__slots__} | change
    with pytest.raises(ValueError, match="leaves no"):
        CanvasFormat(**values)
