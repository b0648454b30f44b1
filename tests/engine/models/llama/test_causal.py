"""Networks that fill in the middle: from GGUF as the published class, one text as context, Jacobi on the canvas."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from unittest.mock import ANY

import pytest
import torch
from tokenizers import pre_tokenizers
from torch import Tensor
from transformers import PreTrainedModel

from dgedit.engine.catalog import checkpoint_folder
from dgedit.engine.confidence import RANKING_FILE
from dgedit.engine.infill import fill, infill
from dgedit.engine.load import load as load_any
from dgedit.engine.models.llama import checkpoint, gguf_file
from dgedit.engine.models.llama.causal import DEFAULTS, CausalInfiller, pack
from dgedit.engine.models.llama.convert import FORM, convert
from dgedit.engine.models.llama.fused import Arithmetic
from dgedit.engine.models.llama.network import LlamaConfig
from dgedit.engine.tokenizer import CTX, EOM, PRE, SPECIAL_TOKENS, SUF
from dgedit.engine.types import EngineError, InfillRequest

from ....support import gguf_files

BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())
MERGES = [("d", "e"), ("de", "f"), ("Ġ", "x"), ("r", "e"), (")", "Ċ"), ("Ã", "©")]
ROLES = ["<|endoftext|>", "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|fim_pad|>"]
TOKENS = [*BYTES, *(left + right for left, right in MERGES), *ROLES]
SIZES = LlamaConfig(
    vocab_size=len(TOKENS),
    hidden_size=64,
    num_layers=2,
    num_heads=4,
    num_kv_heads=2,
    head_dim=16,
    intermediate_size=96,
    rope_theta=10_000.0,
    norm_eps=1e-6,
    qkv_bias=True,
)
PREFIX, SUFFIX = 'def ret(x):\n    return {"é": ', "}\n\n\nret(1)\n"


def written(path: Path, **how: object) -> PreTrainedModel:
    model = gguf_files.published(SIZES)
    gguf_files.write(path, model, SIZES, TOKENS, MERGES, controls=frozenset(ROLES), **how)  # type: ignore[arg-type]
    return model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("models")
    written(made / "tiny.gguf")
    convert(made / "tiny.gguf", made / "tiny")
    return made


@pytest.fixture(scope="module")
def model(folder: Path) -> CausalInfiller:
    made = checkpoint.load(folder / "tiny", "tiny", arithmetic=Arithmetic.FLOAT32)
    assert isinstance(made, CausalInfiller)
    return made


@pytest.mark.parametrize("stored", [gguf_files.F32, gguf_files.Q8_0, gguf_files.Q4_0])
def test_a_file_of_qwen2_is_read_as_the_published_class(tmp_path: Path, stored: gguf_files.Kind) -> None:
    published = written(tmp_path / "tiny.gguf", stored=stored)
    found = gguf_file.read(tmp_path / "tiny.gguf")
    assert replace(found.config, norm_eps=round(found.config.norm_eps, 9)) == SIZES
    state = published.state_dict()
    for name, tensor in gguf_file_weights(found).items():
        torch.testing.assert_close(tensor, state[f"model.{name}"], atol=1e-6, rtol=0)


def gguf_file_weights(found: gguf_file.Pretrained) -> dict[str, Tensor]:
    """By the names of the published class."""
    from dgedit.engine.models.llama.network import published

    return published(dict(found.weights), found.config)


def test_scores_are_those_of_the_published_class(folder: Path, model: CausalInfiller, tmp_path: Path) -> None:
    """On prefix, suffix and middle in the order that such networks were trained with."""
    published = written(tmp_path / "same.gguf")
    packed = model.pack(InfillRequest(prefix=PREFIX, suffix=SUFFIX))
    row = [*model.tokenizer.encode(packed.borrowed + "x + 1"), EOM]
    found = model.score(model.encode(packed.context_ids), [row])[0]
    roles = {PRE: "<|fim_prefix|>", SUF: "<|fim_suffix|>", CTX: "<|fim_middle|>", EOM: "<|endoftext|>"}
    spelled = [roles.get(each) or model.tokenizer._backend.id_to_token(each) for each in (*packed.context_ids, *row)]
    ids = [TOKENS.index(str(token)) for token in spelled]
    assert spelled[0] == "<|fim_prefix|>"
    assert spelled.index("<|fim_suffix|>") > 1
    with torch.no_grad():
        logits = published(torch.tensor([ids])).logits[0, -len(row) - 1 : -1]
    for place, (token, log) in enumerate(zip(row, found.tolist(), strict=True)):
        # The cut vocabulary shares out what other tokens had, so ratios are compared.
        against = TOKENS.index("x")
        wanted = float(logits[place, ids[len(packed.context_ids) + place]] - logits[place, against])
        assert log - other(model, packed.context_ids, row, place) == pytest.approx(wanted, abs=0.05), token


def other(model: CausalInfiller, context: list[int], row: list[int], place: int) -> float:
    """The log-probability of "x" instead of a token of a row."""
    x = model.tokenizer.encode("x")[0]
    return float(model.score(model.encode(context), [[*row[:place], x]])[0][-1])


def test_what_was_read_serves_after_an_edit(model: CausalInfiller) -> None:
    long = "".join(f"value_{n} = {n}\n" for n in range(40))
    ids = [model.pack(InfillRequest(prefix=long + more, suffix=SUFFIX)).context_ids for more in ("x", "x = 1", "y")]
    fresh = checkpoint_states(model, ids)
    assert len(ids[0]) > 300
    for each, alone in zip(ids, fresh, strict=True):
        torch.testing.assert_close(model.encode(each).head_hidden, alone, atol=1e-4, rtol=1e-4)


def checkpoint_states(model: CausalInfiller, contexts: list[list[int]]) -> list[Tensor]:
    """Hidden states of contexts that are each read anew."""
    out = []
    for ids in contexts:
        model._last = None
        out.append(model.encode(ids).head_hidden)
    model._last = None
    return out


@pytest.mark.parametrize("slots", [3, 7, 12])
def test_from_noise_a_canvas_comes_to_what_is_written_left_to_right(model: CausalInfiller, slots: int) -> None:
    request = InfillRequest(prefix=PREFIX, suffix=SUFFIX, exact_tokens=slots, max_passes=slots + 2)
    answer = fill(request, model)
    packed = model.pack(request)
    context = model.encode(packed.context_ids)
    ids = list[int]()
    for place in range(slots):
        logs = model.network.logits(context.head_hidden)[0] if not place else following(model, packed.context_ids, ids)
        logs = logs.clone()
        logs[: len(SPECIAL_TOKENS)] = -torch.inf
        if packed.borrowed and not place:
            logs[~model.tokenizer.begins_with(packed.borrowed)] = -torch.inf
        ids.append(int(logs.argmax()))
    assert answer.text == model.tokenizer.decode(ids).removeprefix(packed.borrowed)
    assert answer.passes <= slots + 2


def following(model: CausalInfiller, context: list[int], ids: list[int]) -> Tensor:
    """Log-probabilities behind a row, each asked for by itself."""
    rows = [[*ids, token] for token in range(model.tokenizer.vocab_size)]
    return torch.stack([each[-1] for each in model.score(model.encode(context), rows)])


def test_a_draft_that_is_right_takes_few_passes(model: CausalInfiller) -> None:
    frames = list(infill(InfillRequest(prefix=PREFIX, suffix=SUFFIX, max_passes=DEFAULTS.passes_max), model))
    assert frames[-1].result is not None
    assert frames[-1].result.passes <= DEFAULTS.passes_max


def test_the_layout_is_one_text(model: CausalInfiller) -> None:
    packed = pack(InfillRequest(prefix="a = 1\nb = ", suffix="\nc\n"), model.tokenizer, FORM)
    ids = packed.context_ids
    assert (ids[0], ids[-1]) == (PRE, CTX)
    middle = ids.index(SUF)
    assert model.tokenizer.decode(ids[1:middle]) == "a = 1\nb ="
    assert model.tokenizer.decode(ids[middle + 1 : -1]) == "\nc\n"
    assert packed.borrowed == " "
    assert packed.pinned_ids == []
    assert packed.suffix_ids


def test_long_texts_are_cut_at_the_far_ends(model: CausalInfiller) -> None:
    packed = pack(InfillRequest(prefix="x\n" * 5000, suffix="y\n" * 5000), model.tokenizer, FORM)
    assert len(packed.context_ids) <= FORM.context_tokens
    assert packed.context.prefix_cut
    assert packed.context.suffix_cut


def test_no_character_is_lost_with_the_vocabulary(model: CausalInfiller) -> None:
    text = 'é = "日本 🙂"\r\n\tdef f(x):\n'
    assert model.tokenizer.decode(model.tokenizer.encode(text)) == text
    assert model.tokenizer._backend.token_to_id("Ã©") is None


def test_a_converted_folder_says_what_it_is(folder: Path) -> None:
    loaded = load_any(str(folder / "tiny"))
    assert isinstance(loaded, CausalInfiller)
    assert loaded.info.languages == ()
    assert loaded.info.passes == DEFAULTS.passes_max
    assert json.loads((folder / "tiny" / "config.json").read_text(encoding="utf-8"))["model_type"] == "qwen2"
    assert {path.name for path in folder.iterdir()} == {"tiny", "tiny.gguf"}


def test_an_output_table_of_its_own_is_refused(tmp_path: Path) -> None:
    written(tmp_path / "apart.gguf", output=torch.randn(len(TOKENS), SIZES.hidden_size))
    with pytest.raises(EngineError, match="output table"):
        convert(tmp_path / "apart.gguf", tmp_path / "made")
    assert [path.name for path in tmp_path.iterdir()] == ["apart.gguf"]


def test_the_same_table_twice_is_one(tmp_path: Path) -> None:
    table = gguf_files.published(SIZES).state_dict()["model.embed_tokens.weight"]
    written(tmp_path / "twice.gguf", output=table + 0.001)
    convert(tmp_path / "twice.gguf", tmp_path / "made")
    assert (tmp_path / "made" / "model.safetensors").exists()


def test_a_network_that_fills_no_middle_is_refused(tmp_path: Path) -> None:
    model = gguf_files.published(SIZES)
    plain = [token.replace("fim_middle", "other") for token in TOKENS]
    gguf_files.write(tmp_path / "plain.gguf", model, SIZES, plain, MERGES)
    with pytest.raises(EngineError, match="not trained to fill in the middle") as raised:
        convert(tmp_path / "plain.gguf", tmp_path / "made")
    assert raised.value.hint
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("content", [b"", b"GGUF", b"GGUF" + bytes(64), b"\x00" * 100, b"{}"])
def test_a_file_that_is_none_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.gguf").write_bytes(content)
    with pytest.raises(EngineError, match=r"bad\.gguf"):
        gguf_file.read(tmp_path / "bad.gguf")


def test_a_file_that_lacks_a_layer_is_named(tmp_path: Path) -> None:
    model = gguf_files.published(replace(SIZES, num_layers=1))
    gguf_files.write(tmp_path / "short.gguf", model, SIZES, TOKENS, MERGES)
    with pytest.raises(EngineError, match=r"blk\.1\.attn_norm\.weight is missing"):
        dict(gguf_file.read(tmp_path / "short.gguf").weights)


def test_how_its_answers_are_ranked_comes_with_a_packaged_model(tmp_path: Path) -> None:
    card = tmp_path / "card"
    card.mkdir()
    shutil.copy(checkpoint_folder("mini") / RANKING_FILE, card)
    written(tmp_path / "tiny.gguf")
    convert(tmp_path / "tiny.gguf", tmp_path / "plain")
    convert(tmp_path / "tiny.gguf", tmp_path / "ranked", card)
    plain, ranked = (load_any(str(tmp_path / name)) for name in ("plain", "ranked"))
    assert plain.weights.confidence is None
    assert ranked.weights.confidence is not None
    assert ranked.weights == load_any("mini").weights


def test_a_file_is_a_model_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file, lines = tmp_path / "Tiny.GGUF", list[str]()
    written(file)
    convert(file, tmp_path / "folder")
    request = InfillRequest(prefix=PREFIX, suffix=SUFFIX)
    for times in (1, 1, 2):
        if times == 2:
            written(file)
            os.utime(file, (1, 1))
        found = load_any(str(file), report=lines.append)
        assert found.info.name == "Tiny"
        assert fill(request, found) == replace(fill(request, load_any(str(tmp_path / "folder"))), elapsed_ms=ANY)
        assert sum("converting" in line for line in lines) == times, "once for each file"
    assert len(list((tmp_path / "cache" / "dgedit" / "models").glob("*/*"))) == 1


def test_a_file_that_is_no_model_says_so_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(EngineError, match=r"none\.gguf is not there"):
        load_any(str(tmp_path / "none.gguf"))
    (tmp_path / "bad.gguf").write_bytes(b"GGUF\3\0\0\0")
    with pytest.raises(EngineError, match="not readable as GGUF"):
        load_any(str(tmp_path / "bad.gguf"))
    assert list(tmp_path.glob("cache/dgedit/models/*/*")) == []
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(EngineError, match="cannot write") as raised:
        load_any(str(tmp_path / "bad.gguf"))
    assert "XDG_CACHE_HOME" in raised.value.hint
